"""Every code block of the README and of the pages in docs/ runs unchanged, except for the port."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.pages import PAGES, ROOT, Block, blocks, execute, write_modules
from support.server import Exchange, Server, Step

from sse_stream import Event, Parser

CHAT = (ROOT / "tests" / "data" / "chat.sse").read_bytes()
EVENTS = [item for item in Parser().feed(CHAT) if isinstance(item, Event)]
# The tests of these pages run their blocks.
TESTED_ELSEWHERE = {
    "docs/command-line.md": "pages/test_command_line_page.py",
    "docs/conformance.md": "conformance/test_conformance.py",
    "docs/gateway.md": "pages/test_gateway.py",
    "docs/moving-over.md": "pages/test_moving_over.py",
    "docs/reference.md": "pages/test_reference.py",
    "docs/replacing-other-parsers.md": "clients/test_other_clients.py",
}
# The tests of these blocks are in test_recipes.py.
OWN_TESTS = re.compile("Resume|Stop |Use the connection again|Idle timeout")

BLOCKS = [block for page in PAGES if page not in TESTED_ELSEWHERE for block in blocks(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
SHELL = [block for block in BLOCKS if block.language == "sh"]
TOKENS = [block for block in PYTHON if "OPENAI_API_KEY" in block.code]
REMOTE = [block for block in PYTHON if "8000" in block.code] + TOKENS
# Those of a copy in another package are run by test_embedding.py.
ELSEWHERE = re.compile("def test_|from yourpackage")
LOCAL = [block for block in PYTHON if block not in REMOTE and not ELSEWHERE.search(block.code)]
CLIENTS = [
    block
    for block in REMOTE
    if "print(event.data" in block.code and not OWN_TESTS.match(block.name)
]


def token(event: Event) -> str:
    text = event.json("choices", 0, "delta", "content", default="")
    assert isinstance(text, str)
    return text


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def demo() -> Iterator[int]:
    """The port of the server that the pages tell the reader to start."""
    command = [sys.executable, "tests/scripts/demo.py", "--serve", "--port", "0", "--pace", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found
        try:
            yield int(found[1])
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("OPENAI_API_KEY", "secret")


def in_small_chunks(is_printed: Callable[[Event], bool]) -> list[Step]:
    """Cut the chat into chunks; the server waits after each until its events were printed."""
    parser = Parser()
    steps: list[Step] = []
    for start in range(0, len(CHAT), 97):
        chunk = CHAT[start : start + 97]
        events = [item for item in parser.feed(chunk) if isinstance(item, Event)]
        steps.append(Step([chunk], sum(map(is_printed, events))))
    return steps


@pytest.mark.parametrize("framing", ["chunked", "closed", "chunked gzip", "closed gzip"])
@pytest.mark.parametrize("block", CLIENTS, ids=str)
def test_a_client_prints_each_event_before_the_next_is_sent(
    block: Block, framing: str, server: Server
) -> None:
    server.exchange = exchange = Exchange(in_small_chunks(lambda event: True), framing)
    printed: list[object] = []

    def show(value: object) -> None:
        printed.append(value)
        exchange.saw()

    execute(block, server.port, show)
    assert not exchange.timed_out
    assert printed == [event.data for event in EVENTS]


@pytest.mark.parametrize("block", TOKENS, ids=str)
def test_an_example_prints_each_token_before_the_next_is_sent(
    block: Block, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.port}/v1")
    server.exchange = exchange = Exchange(in_small_chunks(lambda event: token(event) != ""))
    printed: list[str] = []

    def show(value: str, **options: object) -> None:
        if value:
            printed.append(value)
            exchange.saw()

    execute(block, server.port, show)
    assert not exchange.timed_out
    assert printed == list(filter(None, map(token, EVENTS)))


@pytest.mark.parametrize("block", REMOTE, ids=str)
def test_a_block_runs_with_the_server_that_the_page_names(
    block: Block, demo: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{demo}/v1")
    write_modules(block.page, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    printed: list[object] = []
    execute(block, demo, lambda *values, **_: printed.extend(values))
    assert printed


@pytest.mark.parametrize("block", LOCAL, ids=str)
def test_a_block_that_needs_no_server_prints_something(block: Block) -> None:
    printed: list[object] = []
    execute(block, 0, lambda *values, **_: printed.extend(values))
    assert printed


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_command_runs(block: Block, demo: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("bash") or ("curl" in block.code and not shutil.which("curl")):
        pytest.skip("bash or curl is not installed")
    folder = os.path.dirname(sys.executable)
    monkeypatch.setenv("PATH", folder + os.pathsep + os.environ["PATH"])
    code = re.sub(r"demo\.py(?! --)", "demo.py --pace 0", block.code.replace("8000", str(demo)))
    done = subprocess.run(["bash", "-ec", code], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "\N{LINE SEPARATOR}" in done.stdout.decode()


@pytest.mark.parametrize("page, file", TESTED_ELSEWHERE.items())
def test_the_blocks_of_this_page_are_tested_elsewhere(page: str, file: str) -> None:
    assert Path(page).name in (ROOT / "tests" / file).read_text("utf-8")


def test_every_block_has_a_language_that_is_run() -> None:
    # Those in pycon, with their results, are run by test_docstring_examples.py.
    run = ("python", "sh", "pycon")
    assert not [str(block) for block in BLOCKS if block.language not in run]


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_file_and_a_heading(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\((?!https://)([^)]+)\)", path.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_readme_can_be_read_on_a_package_index() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert text.count("\n") <= 190
    # A package index has neither the files nor the anchors: no pictures, and the text of a link
    # is the path of its file.
    assert "![" not in text
    links = re.findall(r"\[([^\]]+)\]\((?!https://)([^)]+)\)", text)
    assert links
    assert [link for link in links if link[0] != link[1]] == []


def test_the_page_of_the_command_line_has_every_option() -> None:
    command = [sys.executable, "-m", "sse_stream", "--help"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    text = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    option = r"(?<![\w-])--[a-z-]+"
    assert set(re.findall(option, printed)) - {"--help"} <= set(re.findall(option, text))
