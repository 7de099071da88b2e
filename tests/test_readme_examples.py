"""Every Python block of the README runs as it stands."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from support.readme import BLOCKS, ROOT
from support.server import Exchange, Server, Step

from sse_stream import Event, Parser

CHAT = (ROOT / "tests" / "data" / "chat.sse").read_bytes()
DATA = [item.data for item in Parser().feed(CHAT) if isinstance(item, Event)]
REMOTE = [name for name, code in BLOCKS.items() if "8000" in code]
LOCAL = [name for name in BLOCKS if name not in REMOTE]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def execute(name: str, code: str, show: Callable[..., None]) -> None:
    """Execute a block with ``show`` in the place of ``print``."""
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
        chunk = CHAT[start : start + 97]
        events = [item for item in parser.feed(chunk) if isinstance(item, Event)]
        steps.append(Step([chunk], len(events)))
    server.exchange = exchange = Exchange(steps, framing)
    printed: list[object] = []

    def show(value: object) -> None:
        printed.append(value)
        exchange.saw()

    execute(name, BLOCKS[name].replace("8000", str(server.port)), show)
    assert not exchange.timed_out
    assert printed == DATA


@pytest.mark.parametrize("name", LOCAL)
def test_a_block_that_needs_no_server_prints_something(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    printed: list[object] = []
    execute(name, BLOCKS[name], lambda *values: printed.extend(values))
    assert printed


def test_resuming_after_each_kind_of_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(stream: str, end: bytes = b"0\r\n\r\n") -> bytes:
        body = stream.encode()
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + end

    answers = [
        # Aborted inside the body, with a reconnection time longer than any sleep.
        answer("id: \u20ac\nretry: 18446744073709551615\ndata: 1\n\n", b""),
        answer("retry: 50\ndata: 2\n\n"),
        answer(""),
        answer("data: [DONE]\n\n"),
    ]
    asked: list[bytes] = []

    def serve() -> None:
        for each in answers:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as file:
                lines = list(iter(file.readline, b"\r\n"))
                asked.extend(line for line in lines if line.lower().startswith(b"last-event-id"))
                connection.sendall(each)

    printed: list[object] = []
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    name = "Resuming with the last event ID 1"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        execute(
            name,
            BLOCKS[name].replace("8000", str(listener.getsockname()[1])),
            printed.append,
        )
        thread.join()
    assert printed == ["1", "2"]
    assert waits == [60, 0.05, 0.05]
    assert asked == [b"Last-Event-Id: \xe2\x82\xac\r\n"] * 3
