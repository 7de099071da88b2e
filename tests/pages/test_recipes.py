"""What the recipes in docs/recipes.md do when servers and connections fail."""

from __future__ import annotations

import asyncio
import email.utils
import importlib
import json
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from support.pages import ROOT, Block, blocks, execute, write_modules
from support.server import PATIENCE, Exchange, Server, Step

from sse_stream import Event, iter_events

RECIPES = {block.name: block for block in blocks("docs/recipes.md")}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def printed_by(block: Block, port: int = 0) -> list[str]:
    printed: list[str] = []
    execute(block, port, lambda *values, **_: printed.extend(map(str, values)))
    return printed


# Errors inside a stream


def answer(error: object = None, **members: object) -> bytes:
    return json.dumps({"error": error, "choices": [], **members}).encode()


BROKEN = {
    "an object": (b"", answer({"message": "failed", "code": 500}), "failed"),
    "an object without a message": (b"", answer({"code": 500}), "{'code': 500}"),
    "a string": (b"", answer("failed"), "failed"),
    "an array": (b"", answer([{"message": "failed"}]), "[{'message': 'failed'}]"),
    "a flat object": (b"", b'{"type": "error", "message": "failed", "code": 500}', "failed"),
    "object: error": (b"", b'{"object": "error", "message": "failed"}', "failed"),
    "an error in an array": (b"", b'[{"error": {"message": "failed"}}]', "failed"),
    "the type, plain text": (b"error", b"failed", "failed"),
    "the type, a flat object": (b"error", b'{"message": "failed"}', "failed"),
    "the type, a number": (b"error", b"500", "500"),
    "the type, an error": (
        b"error",
        b'{"type": "error", "error": {"message": "failed"}}',
        "failed",
    ),
}
SOUND = {
    "error: null": answer(),
    "a number": b"42",
    "a string": b'"error"',
    "null": b"null",
    "an array": b'[1, "error", null]',
    "an object": b'{"choices": [], "object": "chat.completion.chunk"}',
}


def decoder() -> tuple[Callable[[Event], object], type[Exception]]:
    names = execute(RECIPES["Errors inside a stream 1"], 0, lambda *_: None)
    return names["decode"], names["ServerError"]


def event_of(type: bytes, data: bytes, size: int) -> Event:
    stream = (b"event: " + type + b"\n" if type else b"") + b"data: " + data + b"\n\n"
    [event] = iter_events(stream[start : start + size] for start in range(0, len(stream), size))
    return event


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("name", BROKEN)
def test_an_error_inside_a_stream_is_raised(name: str, size: int) -> None:
    decode, error = decoder()
    type, data, message = BROKEN[name]
    with pytest.raises(error) as raised:
        decode(event_of(type, data, size))
    assert str(raised.value) == message


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("name", SOUND)
def test_what_is_not_an_error_is_returned(name: str, size: int) -> None:
    decode, _ = decoder()
    assert decode(event_of(b"", SOUND[name], size)) == json.loads(SOUND[name])


def test_data_that_is_not_json_raises_the_error_of_the_decoder() -> None:
    decode, _ = decoder()
    with pytest.raises(json.JSONDecodeError):
        decode(Event(data="upstream connect error"))


def test_the_loops_print_the_error() -> None:
    expected = ["Hel", "the server failed:", "upstream went away"]
    assert printed_by(RECIPES["Errors inside a stream 1"]) == expected
    expected = ["Hel", "the server failed:", 'error: {"message": "context full"}']
    assert printed_by(RECIPES["Errors inside a stream 2"]) == expected


def test_two_halves_of_an_emoji_are_joined() -> None:
    printed = printed_by(RECIPES["Emoji split over two events 1"])
    assert "".join(printed) == "smile \N{GRINNING FACE}!"


# Resume


class Script(socketserver.ThreadingTCPServer):
    """Gives the next answer to each connection; closes it if there is none."""

    def __init__(self, answers: Iterable[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = iter(answers)
        self.ids: list[str | None] = []  # the header Last-Event-ID of each request


class Handler(socketserver.StreamRequestHandler):
    server: Script

    def handle(self) -> None:
        sent = None
        while (line := self.rfile.readline()).strip():
            name, _, value = line.decode().partition(":")
            if name.lower() == "last-event-id":
                sent = value.strip()
        self.server.ids.append(sent)
        self.wfile.write(next(self.server.answers, b""))


EVENT_STREAM = "Content-Type: text/event-stream"
# Each answer has its own connection.
CLOSE = "Connection: close"


def stream(
    body: str, *, whole: bool = True, head: tuple[str, ...] = ("200 OK", EVENT_STREAM)
) -> bytes:
    status, *headers = head
    lines = [f"HTTP/1.1 {status}", *headers, "Transfer-Encoding: chunked", CLOSE, "", ""]
    data = body.encode()
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return "\r\n".join(lines).encode() + chunk + (b"0\r\n\r\n" if whole else b"")


def status(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", "Content-Length: 0", CLOSE, *headers, "", ""]).encode()


class Outcome(NamedTuple):
    data: list[str]
    error: str
    waits: list[float]


Read = Callable[..., Outcome]


@pytest.fixture(params=["resume", "resume_async"])
def read(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    """A function that reads all events with the recipe; it records the waits."""
    pytest.importorskip("tenacity")
    write_modules("docs/recipes.md", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    recipe: Any = importlib.import_module(request.param)
    waits: list[float] = []
    here = threading.current_thread()
    sleep, asyncio_sleep = time.sleep, asyncio.sleep

    # Other threads of the process go on sleeping.
    def sync_sleep(seconds: float) -> None:
        if threading.current_thread() is here:
            waits.append(seconds)
        else:
            sleep(seconds)

    async def async_sleep(seconds: float) -> None:
        if threading.current_thread() is here:
            waits.append(seconds)
        else:
            await asyncio_sleep(seconds)

    monkeypatch.setattr(time, "sleep", sync_sleep)
    monkeypatch.setattr(asyncio, "sleep", async_sleep)

    async def read_async(data: list[str], url: str, most: int, last_event_id: str) -> None:
        async with (
            httpx.AsyncClient() as client,
            aclosing(recipe.events(client, url, last_event_id)) as events,
        ):
            async for event in events:
                data.append(event.data)
                if len(data) == most:
                    break

    def read_sync(data: list[str], url: str, most: int, last_event_id: str) -> None:
        with httpx.Client() as client, closing(recipe.events(client, url, last_event_id)) as events:
            for event in events:
                data.append(event.data)
                if len(data) == most:
                    break

    def read(script: Script, most: int = 100, last_event_id: str = "") -> Outcome:
        url = f"http://127.0.0.1:{script.server_address[1]}/"
        data: list[str] = []
        waits.clear()
        error = ""
        try:
            if request.param == "resume":
                read_sync(data, url, most, last_event_id)
            else:
                asyncio.run(read_async(data, url, most, last_event_id))
        except Exception as raised:
            error = type(raised).__name__
        return Outcome(data, error, list(waits))

    yield read
    for name in ("resume", "resume_async"):
        sys.modules.pop(name, None)


@contextmanager
def script(*answers: bytes) -> Iterator[Script]:
    with Script(answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


DONE = "data: [DONE]\n\n"


def test_a_broken_stream_is_resumed_after_the_last_event(read: Read) -> None:
    with script(
        stream("id: \u20ac\ndata: 1\n\ndata: 2\n\nid: 3\ndata: half", whole=False),
        stream("id: 4\ndata: 4\n\nid: 5\n"),
        stream(""),
        stream("data: 5\n\n" + DONE),
    ) as server:
        outcome = read(server)
    assert outcome[:2] == (["1", "2", "4", "5"], "")
    assert server.ids == [None, "\u20ac", "4", "4"]


def test_a_program_can_go_on_after_the_last_event_that_it_handled(read: Read) -> None:
    with script(
        stream("id: 7\ndata: 7\n\nid: 8\ndata: 8\n\n" + DONE),
        stream("id: 8\ndata: 8\n\n" + DONE),
    ) as server:
        assert read(server, most=1).data == ["7"]
        assert read(server, last_event_id="7").data == ["8"]
    assert server.ids == [None, "7"]


def test_the_server_sets_the_least_time_between_two_connections(read: Read) -> None:
    in_100_seconds = email.utils.formatdate(time.time() + 100, usegmt=True)
    with script(
        stream("retry: 30000\n\n", whole=False),
        status("503 Service Unavailable", "Retry-After: 40"),
        status("429 Too Many Requests", f"Retry-After: {in_100_seconds}"),
        status("500 Internal Server Error", "Retry-After: soon"),
        stream("retry: 18446744073709551615\n\n"),
        status("503 Service Unavailable", f"Retry-After: {'9' * 400}"),
        stream("data: 1\n\n" + DONE),
    ) as server:
        outcome = read(server)
    assert outcome[:2] == (["1"], "")
    first, second, third, *others = outcome.waits
    assert (first, second) == (30, 40)
    assert 90 < third <= 100
    assert others == [30, 300, 300]


def test_the_waits_grow_if_the_server_sets_no_time(read: Read) -> None:
    with script(*[stream("data: again\n\n")] * 9) as server:
        outcome = read(server)
    assert outcome[:2] == (["again"] * 8, "IncompleteStreamError")
    assert len(server.ids) == 8
    for number, wait in enumerate(outcome.waits):
        assert min(2**number, 60) <= wait <= min(2**number + 1, 60)


@pytest.mark.parametrize(
    "answer, error",
    [
        (status("204 No Content"), ""),
        (stream("<!doctype html>", head=("200 OK", "Content-Type: text/html")), "NoStream"),
        (stream(DONE, head=("200 OK",)), "NoStream"),
        (stream(DONE, head=("202 Accepted", EVENT_STREAM)), "NoStream"),
        (status("404 Not Found"), "HTTPStatusError"),
        (status("401 Unauthorized"), "HTTPStatusError"),
        (stream("{}"), "NotEventStreamError"),
    ],
)
def test_there_is_no_new_request_after_these_answers(answer: bytes, error: str, read: Read) -> None:
    with script(stream("data: 1\n\n"), answer, stream(DONE)) as server:
        outcome = read(server)
    assert outcome[:2] == (["1"], error)
    assert len(server.ids) == 2


def test_it_ends_if_the_server_refuses_all_connections(read: Read) -> None:
    with Script([]) as server:
        server.socket.close()
        assert read(server)[:2] == ([], "ConnectError")


# Connections


@pytest.mark.parametrize("name", ["anyio", "trio"])
def test_httpx_runs_under_other_event_loops(name: str, server: Server) -> None:
    server.exchange = Exchange([Step([b"data: 1\n\n", b"data: [DONE]\n\n"], 0)])
    block = RECIPES["httpx, async 1"]
    assert "import asyncio" in block.code and "asyncio.run(main())" in block.code
    code = block.code.replace("asyncio.run(main())", f"{name}.run(main)")
    block = block._replace(code=code.replace("import asyncio", f"import {name}"))
    assert printed_by(block, server.port) == ["1"]


@pytest.mark.parametrize("number", [1, 2])
def test_break_closes_the_connection(number: int, server: Server) -> None:
    server.exchange = exchange = Exchange([Step([b"data: 1\n\n"], 0)], ending="hold")
    block = RECIPES[f"Stop early, and close the connection {number}"]
    assert printed_by(block, server.port) == ["1"]
    assert exchange.client_left.wait(PATIENCE)


def test_five_requests_use_one_connection(server: Server) -> None:
    server.exchange = Exchange([Step([b"data: 1\n\ndata: [DONE]\n\n", b": end\n\n"], 0)])
    assert printed_by(RECIPES["Use the connection again 1"], server.port) == ["1"] * 5
    assert len(server.connections) == 1


def test_a_silent_server_is_detected_and_a_comment_is_not_silence(server: Server) -> None:
    block = RECIPES["Idle timeout 1"]
    chunks = [b": keep-alive\n\n", b"data: 1\n\n", b": keep-alive\n\n"]
    server.exchange = Exchange([Step(chunks, 0)], ending="hold")
    assert "timeout=15" in block.code
    block = block._replace(code=block.code.replace("timeout=15", "timeout=0.5"))
    assert printed_by(block, server.port) == ["1", "nothing for 15 seconds"]


# Tests with recorded streams


def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    file = tmp_path / "test_answer.py"
    file.write_text(RECIPES["Tests with recorded streams 1"].code, encoding="utf-8")
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(settings)]
    done = subprocess.run([*command, str(file)], cwd=ROOT, capture_output=True, text=True)
    assert "5 passed" in done.stdout
