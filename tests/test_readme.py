"""Every Python block of the README runs as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server import Exchange, Server, Step

from sse_stream import Event, Parser

ROOT = Path(__file__).resolve().parent.parent
CHAT = (ROOT / "tests" / "data" / "chat.sse").read_bytes()
DATA = [item.data for item in Parser().feed(CHAT) if isinstance(item, Event)]


def blocks() -> Iterator[tuple[str, str]]:
    """The nearest heading, made one of its kind, and the code of each block."""
    heading = ""
    number = 0
    pattern = r"^#+ ([^\n]+)$|^```python\n(.*?)^```$"
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for found in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        if found[1]:
            heading, number = found[1], 0
        else:
            number += 1
            yield f"{heading} {number}", found[2]


BLOCKS = dict(blocks())
REMOTE = [name for name, code in BLOCKS.items() if "8000" in code]
LOCAL = [name for name in BLOCKS if name not in REMOTE]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def execute(name: str, code: str, show: Callable[..., None]) -> None:
    """Run a block; what it prints is shown in its place."""
    exec(compile(code, f"README.md: {name}", "exec"), {"__name__": "__main__", "print": show})


@pytest.mark.parametrize("framing", ["chunked", "closed", "chunked gzip", "closed gzip"])
@pytest.mark.parametrize("name", REMOTE)
def test_a_recipe_prints_each_event_before_the_next_is_sent(
    name: str, framing: str, server: Server
) -> None:
    if "import pycurl" in BLOCKS[name]:
        pytest.importorskip("pycurl")
    parser = Parser()
    steps: list[Step] = []
    for start in range(0, len(CHAT), 97):
        piece = CHAT[start : start + 97]
        events = [item for item in parser.feed(piece) if isinstance(item, Event)]
        steps.append(Step([piece], len(events)))
    server.exchange = exchange = Exchange(steps, framing)
    printed: list[object] = []

    def show(value: object) -> None:
        printed.append(value)
        exchange.saw()

    execute(name, BLOCKS[name].replace("8000", str(server.port)), show)
    assert not exchange.waited_in_vain
    assert printed == DATA


@pytest.mark.parametrize("name", LOCAL)
def test_a_block_that_needs_no_server_prints_something(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    printed: list[object] = []
    execute(name, BLOCKS[name], lambda *values: printed.extend(values))
    assert printed
