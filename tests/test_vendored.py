"""A copy of the package, or of three of its files, inside another package."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.project import copy_project
from support.replacements import PAGE, code_of

import sse_stream
from sse_stream.parser import PureParser

vendored = pytest.mark.skipif(
    not importlib.util.find_spec("vendoring"), reason="tox -e vendored runs this test"
)

TESTS = Path(__file__).resolve().parent
PACKAGE = Path(str(sse_stream.__file__)).parent
MINIMUM = ["parser", "items", "errors"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a package that holds the three files in _sse, and all of them in _whole."""
    inside = tmp_path / "yourpackage" / "_sse"
    inside.mkdir(parents=True)
    for name in MINIMUM:
        shutil.copy(PACKAGE / f"{name}.py", inside)
    (inside / "__init__.py").touch()
    ignored = shutil.ignore_patterns("_speedups*", "__pycache__")
    shutil.copytree(PACKAGE, inside.parent / "_whole", ignore=ignored)
    (inside.parent / "__init__.py").touch()
    return tmp_path


def run(folder: Path, code: str) -> str:
    """Run code in a process that finds the packages of the folder, but not sse_stream."""
    environment = {name: value for name, value in os.environ.items() if name != "SSE_STREAM_PURE"}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['sse_stream'] = None\n" + code],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


READ = """
def read(stream, sizes, **options):
    parser = Parser(**options)
    seen = []
    for size in sizes:
        seen += parser.feed(stream[:size])
        stream = stream[size:]
    state = parser.last_event_id, parser.retry, parser.incomplete, parser.ignored_tail
    return repr([seen, state, parser.close(flush=True), parser.recognised, parser.in_line])
"""
STREAM = (
    "\ufeffid: 7\ndata: one\r\ndata: zwei \u2028 東京\r\r: hi\nevent: message\n\nretry: 5\n\n"
    "unknown\ndata: [DONE]\n\nid: 8\ndata: the end"
).encode()
CASES: list[dict[str, Any]] = [
    {},
    {"blocks": True, "done": None},
    {"report_ignored": True, "last_event_id": "6"},
]


def test_the_three_files_give_the_same_as_the_package(folder: Path) -> None:
    sizes = [1, 2, 9, 1, 1000]
    printed = run(
        folder,
        "from yourpackage._sse.parser import Parser\n"
        f"{READ}\n"
        f"for options in {CASES!r}:\n"
        f"    print(ascii(read({STREAM!r}, {sizes!r}, **options)))\n",
    )
    names: dict[str, Any] = {"Parser": PureParser}
    exec(READ, names)
    expected = [ascii(names["read"](STREAM, sizes, **options)) for options in CASES]
    assert printed.splitlines() == expected
    assert "zwei" in expected[0] and "Block(event='message'" in expected[1]


def test_the_three_files_import_nothing_else_of_the_package(folder: Path) -> None:
    printed = run(
        folder,
        "import yourpackage._sse.parser, yourpackage._sse.items, yourpackage._sse.errors\n"
        "print(repr(yourpackage._sse.parser.Parser()))\n"
        "print(sorted(name for name in sys.modules if name.startswith('yourpackage')))\n",
    )
    names = ["yourpackage", "yourpackage._sse"]
    names += sorted(f"yourpackage._sse.{name}" for name in MINIMUM)
    assert printed == f"<sse_stream.Parser pure open>\n{names}\n"


def test_the_errors_and_the_json_of_the_three_files(folder: Path) -> None:
    printed = run(
        folder,
        "from yourpackage._sse import errors\n"
        "from yourpackage._sse.parser import Parser\n"
        "[event] = Parser().feed(b'data: {\"a\": [1]}\\n\\n')\n"
        "print(event.json('a', 0))\n"
        "parser = Parser(max_event_size=4)\n"
        "for call in (lambda: parser.feed(b'data: 1'), lambda: Parser().feed('data')):\n"
        "    try:\n"
        "        call()\n"
        "    except (errors.EventTooLargeError, TypeError) as error:\n"
        "        print(type(error).__name__)\n",
    )
    assert printed.split() == ["1", "EventTooLargeError", "TypeError"]


def test_the_block_of_the_page(folder: Path) -> None:
    assert run(folder, code_of("vendored")).splitlines() == ["one", "the end"]


def test_the_size_that_the_page_names() -> None:
    text = (TESTS.parent / PAGE).read_text("utf-8")
    found = re.search(r"three files, less than (\d+) KB", text)
    assert found
    size = sum((PACKAGE / f"{name}.py").stat().st_size for name in MINIMUM)
    assert size < int(found[1]) * 1024


def test_each_file_of_the_package_names_its_licence() -> None:
    files = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".pyi", ".c")]
    assert len(files) >= 12
    for path in files:
        lines = path.read_text("utf-8").splitlines()[:5]
        assert "SPDX-License-Identifier: MIT" in "".join(lines), path


@pytest.fixture
def copies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The three files, and the whole package, as other copies in this process."""
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    minimum = [importlib.import_module(f"yourpackage._sse.{name}") for name in MINIMUM]
    whole = importlib.import_module("yourpackage._whole")
    yield SimpleNamespace(parser=minimum[0], items=minimum[1], errors=minimum[2], whole=whole)
    for name in set(sys.modules) - before:
        if name.startswith("yourpackage"):
            del sys.modules[name]


def test_the_items_of_two_copies_do_not_mix(copies: Any) -> None:
    stream = b": hi\ndata: 1\n\ndata: [DONE]\n\n"
    comment, event, done = copies.parser.Parser().feed(stream)
    ours = sse_stream.Parser().feed(stream)
    for item, other in zip((comment, event, done), ours, strict=True):
        assert repr(item) == repr(other)
        assert item != other
        assert not isinstance(item, type(other))
        with pytest.raises(TypeError, match=type(item).__name__):
            sse_stream.encode(item)
    assert done is copies.items.DONE and done is not sse_stream.DONE
    new = sse_stream.Event(event.event, event.data, event.id, event.retry)
    assert new == ours[1]


def test_the_errors_of_two_copies_do_not_mix(copies: Any) -> None:
    parser = copies.parser.Parser(max_event_size=1)
    with pytest.raises(copies.errors.SSEError) as caught:
        parser.feed(b"data: 1")
    assert not isinstance(caught.value, sse_stream.SSEError)


async def no_chunks() -> AsyncIterator[bytes]:
    chunks: list[bytes] = []
    for chunk in chunks:
        yield chunk


def test_a_parser_or_stream_of_another_copy_is_refused(copies: Any) -> None:
    for other in (copies.parser.Parser(), copies.whole.Parser()):
        for call in (
            lambda parser: sse_stream.EventStream(parser=parser),
            lambda parser: sse_stream.iter_events([], parser=parser),
            lambda parser: sse_stream.iter_items([], parser=parser),
            lambda parser: sse_stream.aiter_items(no_chunks(), parser=parser),
        ):
            with pytest.raises(TypeError, match="parser must be a Parser of this package"):
                call(other)
    with pytest.raises(TypeError, match=r"stream must be an? EventStream"):
        sse_stream.Dispatcher(stream=copies.whole.EventStream())


HOST = "host._vendor.sse_stream"

# Python runs this file at its start. It gives the copy the name that the tests import, and
# blocks the import of any other copy.
ALIAS = f"""
import importlib, pkgutil, sys

class NoOther:
    def find_spec(self, name, path=None, target=None):
        if name == "sse_stream" or name.endswith("._speedups"):
            raise ModuleNotFoundError(f"{{name}} is not the copy in the host", name=name)

sys.meta_path.insert(0, NoOther())
package = sys.modules["sse_stream"] = importlib.import_module("{HOST}")
for module in pkgutil.walk_packages(package.__path__, "{HOST}."):
    if not module.name.endswith(".__main__"):
        name = module.name.replace("{HOST}", "sse_stream")
        sys.modules[name] = importlib.import_module(module.name)
"""


@vendored
def test_the_suite_passes_in_a_vendored_copy(tmp_path: Path) -> None:
    copy = tmp_path.joinpath(*HOST.split("."))
    compiled = shutil.ignore_patterns("_speedups*", "__pycache__")
    shutil.copytree(PACKAGE, copy, ignore=compiled)
    for folder in (copy.parent, copy.parent.parent):
        (folder / "__init__.py").touch()
    (tmp_path / "sitecustomize.py").write_text(ALIAS)
    shutil.copytree(TESTS, tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("benchmarks", "docs", "fuzz"):
        ignore = shutil.ignore_patterns("work", "__pycache__")
        shutil.copytree(TESTS.parent / name, tmp_path / name, ignore=ignore)
    for name in ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(TESTS.parent / name, tmp_path / name)
    # This file would copy itself without end; the replacement checks which copy is tested.
    (tmp_path / "tests" / "test_vendored.py").write_text(
        "import sse_stream\n\n\n"
        "def test_it_is_the_copy() -> None:\n"
        f"    assert sse_stream.__name__ == {HOST!r}\n"
        f"    assert sse_stream.__file__ == {str(copy / '__init__.py')!r}\n"
        '    assert "pure" in repr(sse_stream.Parser())\n'
    )
    # The coverage of the copy does not count.
    environment = {name: value for name, value in os.environ.items() if name[:3] != "COV"}
    done = subprocess.run(
        # Pages and the conformance suite are not part of the copy.
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"),
            *("--ignore=tests/pages", "--ignore=tests/conformance"),
        ],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


SETTINGS = """
[tool.vendoring]
destination = "host/_vendor/"
requirements = "host/_vendor/vendor.txt"
namespace = "host._vendor"
protected-files = ["__init__.py", "vendor.txt"]

[tool.vendoring.transformations]
drop = ["sse_stream/_speedups.*"]
"""


@vendored
def test_the_vendoring_tool_accepts_the_sdist(tmp_path: Path) -> None:
    def run(*command: str, cwd: Path = tmp_path) -> str:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            [sys.executable, *command],
            cwd=cwd,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    if not (TESTS.parent / "pyproject.toml").exists() or not (TESTS.parent / "sse_stream").exists():
        pytest.skip("an sdist is built from a checkout")
    project = copy_project(tmp_path / "project")
    run("-m", "build", "--sdist", "--outdir", str(tmp_path), str(project))
    [sdist] = tmp_path.glob("*.tar.gz")
    vendor = tmp_path / "host" / "_vendor"
    vendor.mkdir(parents=True)
    (vendor / "__init__.py").touch()
    (vendor / "vendor.txt").write_text(f"sse-stream @ {sdist.as_uri()}\n")
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    run("-m", "vendoring", "sync")
    assert (vendor / "sse_stream" / "LICENSE").exists()
    assert not list((vendor / "sse_stream").glob("_speedups*"))
    chat = str(TESTS / "data" / "chat.sse")
    text = run("-m", "host._vendor.sse_stream", "--select", "choices.0.delta.content", chat)
    assert "東京" in text
