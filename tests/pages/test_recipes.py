"""What the recipes in docs/recipes.md do, also when servers and connections fail."""

from __future__ import annotations

import ast
import asyncio
import email.utils
import http.client
import importlib
import json
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, aclosing, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("httpx")
pytest.importorskip("requests")
pytest.importorskip("urllib3")

import aiohttp
import httpx
import requests
import urllib3
from aiohttp import web
from support.pages import ROOT, Block, blocks, execute, write_modules
from support.server import PATIENCE, Exchange, Server, Step

from sse_stream import (
    Event,
    IncompleteStreamError,
    NotEventStreamError,
    error_message,
    iter_events,
)

RECIPES = {block.name: block for block in blocks("docs/recipes.md")}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def table(heading: str, number: int = 1) -> list[list[str]]:
    """Return the cells of a table below a heading, without its header."""
    text = (ROOT / "docs" / "recipes.md").read_text("utf-8").partition(f"# {heading}\n")[2]
    rows = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)[number - 1].splitlines()[2:]
    return [re.split(r" ?\| ?", row)[1:-1] for row in rows]


def printed_by(block: Block, port: int = 0) -> list[str]:
    printed: list[str] = []
    execute(block, port, lambda *values, **_: printed.extend(map(str, values)))
    return printed


# Answers of models


CHAT = (ROOT / "tests" / "data" / "chat.sse").read_bytes()
TEXT = "".join(
    event.json("choices", 0, "delta", "content", default="") for event in iter_events(CHAT)
)


def chunk(delta: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
# What servers send between the tokens.
ODD = [
    b": keep-alive\n\n",
    b'data: {"choices": []}\n\n',
    b'data: {"choices": null}\n\n',
    b'data: {"usage": {"total_tokens": 9}}\n\n',
    b'data: {"choices": [{"finish_reason": "stop"}]}\n\n',
    b'data: {"choices": [], "error": null}\n\n',
    b"data: null\n\n",
    chunk(None),
    chunk({}),
    chunk({"content": None}),
]


def test_an_answer_is_printed_over_chunks_that_lack_something(server: Server) -> None:
    chunks = [chunk({"content": "Hel"}), *ODD, chunk({"content": "lo"}), DONE]
    server.exchange = Exchange([Step(chunks, 0)])
    assert "".join(printed_by(RECIPES["Print an answer 1"], server.port)) == "Hello"


ANSWERS = {
    "Chat Completions": '{"choices": [{"delta": {"content": "Hel"}}]}',
    "Responses API": '{"type": "response.output_text.delta", "delta": "Hel"}',
    "Anthropic's Messages API": '{"delta": {"type": "text_delta", "text": "Hel"}}',
    "Gemini API": '{"candidates": [{"content": {"parts": [{"text": "Hel"}], "role": "model"}}]}',
}


@pytest.mark.parametrize("row", table("Print an answer"), ids=lambda row: row[0])
def test_the_paths_in_the_table_lead_to_the_text(row: list[str]) -> None:
    path = ast.literal_eval(f"[{row[1].strip('`')}]")
    assert Event(data=ANSWERS[row[0]]).json(*path) == "Hel"


class Answer(Exchange):
    """An answer with a status and a body, which is no stream."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__([])
        self.response = web.Response(status=status, text=body)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return self.response


async def body_in_aiohttp(url: str, code: str) -> object:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await eval(code.removeprefix("await "), {"response": response})


@pytest.mark.parametrize(
    ("client", "cell"), table("Print an answer", 2), ids=lambda text: re.sub("`.*", "", text)
)
def test_the_body_of_an_error_status_can_be_read(client: str, cell: str, server: Server) -> None:
    server.exchange = Answer(401, "bad key")
    url = f"http://127.0.0.1:{server.port}/chat"
    codes = re.findall("`([^`]+)`", cell)
    got: object
    with ExitStack() as stack:
        if client == "aiohttp":
            got = asyncio.run(body_in_aiohttp(url, codes[0]))
        elif client == "urllib.request":
            with pytest.raises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(url)
            got = eval(codes[0], {"error": stack.enter_context(raised.value)})
        else:
            response: Any
            if client == "httpx":
                response = stack.enter_context(httpx.stream("GET", url))
                eval(codes[0], {"response": response})
                codes[0] = codes[1]
            elif client == "curl_cffi":
                client_module = pytest.importorskip("curl_cffi.requests")
                session = stack.enter_context(client_module.Session())
                response = stack.enter_context(session.stream("GET", url))
            elif client == "urllib3":
                response = stack.enter_context(urllib3.request("GET", url, preload_content=False))
            elif client == "http.client":
                connection = http.client.HTTPConnection("127.0.0.1", server.port)
                stack.enter_context(closing(connection)).request("GET", "/chat")
                response = connection.getresponse()
            else:
                assert client == "requests, niquests"
                response = stack.enter_context(requests.get(url, stream=True))
            got = eval(codes[0], {"response": response})
    assert got in ("bad key", b"bad key")


HEL = chunk({"content": "Hel"})


@pytest.mark.parametrize(
    ("exchange", "error", "message"),
    [
        (Answer(401, '{"error": "bad key"}'), SystemExit, 'status 401: {"error": "bad key"}'),
        (Answer(200, '{"error": "bad key"}'), NotEventStreamError, "bad key"),
        (Exchange([Step([HEL, b'data: {"error": "full"}\n\n'], 0)]), SystemExit, "failed: full"),
        (Exchange([Step([HEL, b"event: error\ndata: full\n\n"], 0)]), SystemExit, "failed: full"),
        (Exchange([Step([HEL], 0)]), IncompleteStreamError, "ended before"),
        (Exchange([Step([HEL, b'{"error": "quota"}\n'], 0)]), IncompleteStreamError, "quota"),
    ],
    ids=["401", "JSON", "an error", "an error by type", "truncated", "broken off"],
)
def test_what_the_server_said_is_shown(
    exchange: Exchange, error: type[BaseException], message: str, server: Server
) -> None:
    server.exchange = exchange
    with pytest.raises(error, match=re.escape(message)):
        printed_by(RECIPES["Print an answer 1"], server.port)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, ["Hel", "the server failed:", "upstream went away"]),
        (2, ["Hel", "the server broke off:", '{\n  "error": {"message": "no quota"}\n}\n']),
        (3, ["Hel", "the server failed:", 'error: {"message": "context full"}']),
    ],
)
def test_the_loops_print_the_error(number: int, expected: list[str]) -> None:
    assert printed_by(RECIPES[f"Errors inside a stream {number}"]) == expected


@pytest.mark.parametrize("row", table("Errors inside a stream"), ids=lambda row: row[0])
def test_each_error_in_the_table_is_recognised(row: list[str]) -> None:
    *_, example = re.findall("`([^`]+)`", row[1])
    event = Event("error", "overloaded") if row[0].startswith("type") else Event(data=example)
    assert error_message(event) == "overloaded"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, ["Hello", ""]),
        (2, ["Hello", "", "", "stop", "{'total_tokens': 9}"]),
        (3, ["Hello", ""]),
    ],
)
def test_ends_without_done(number: int, expected: list[str]) -> None:
    assert printed_by(RECIPES[f"Ends without DONE {number}"]) == expected


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_end_before_the_last_event_is_an_error(number: int) -> None:
    block = RECIPES[f"Ends without DONE {number}"]
    lines = block.code.splitlines(keepends=True)
    last = [line for line in lines if '"stop"' in line or '"response.completed"}' in line]
    assert len(last) == 1
    block = block._replace(code=block.code.replace(last[0], ""))
    with pytest.raises(IncompleteStreamError):
        printed_by(block)


@pytest.mark.parametrize(
    ("tail", "events"), [(b"data: 2\n", 2), (b"data: 2", 1), (b"data: 2\n\n", 2), (b": x\n", 1)]
)
def test_a_stream_that_stays_open_after_its_last_line(
    tail: bytes, events: int, server: Server
) -> None:
    server.exchange = Exchange([Step([b"data: 1\n\n", tail], 0)], ending="hold")
    block = RECIPES["Ends without DONE 4"]
    assert "read=15" in block.code
    block = block._replace(code=block.code.replace("read=15", "read=0.5"))
    expected = [repr(Event(data="1")), repr(Event(data="2"))][:events]
    assert [line for line in printed_by(block, server.port) if "Event" in line] == expected


@pytest.mark.parametrize("number", [1, 2, 3])
def test_typed_data_gives_the_same_text(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "".join(printed_by(RECIPES[f"Typed data {number}"])) == TEXT


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


def short_form() -> Any:
    """Return the names of the short form, without running its last lines."""
    block = RECIPES["Resume after a broken connection 1"]
    code, loop, _ = block.code.partition("with httpx.Client(")
    assert loop
    return SimpleNamespace(**execute(block._replace(code=code), 0, print))


LONG = ["resume", "resume_async"]
everywhere = pytest.mark.parametrize("read", [*LONG, "short"], indirect=True)
long = pytest.mark.parametrize("read", LONG, indirect=True)


@pytest.fixture
def read(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    """A function that reads all events with the recipe; it records the waits."""
    recipe: Any
    if request.param == "short":
        recipe = short_form()
    else:
        pytest.importorskip("tenacity")
        write_modules("docs/recipes.md", tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        recipe = importlib.import_module(request.param)
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
            if request.param != "resume_async":
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


END = DONE.decode()


@everywhere
def test_a_broken_stream_is_resumed_after_the_last_event(read: Read) -> None:
    with script(
        stream("id: \u20ac\ndata: 1\n\ndata: 2\n\nid: 3\ndata: half", whole=False),
        stream("id: 4\ndata: 4\n\nid: 5\n"),
        stream(""),
        stream("data: 5\n\n" + END),
    ) as server:
        outcome = read(server)
    assert outcome[:2] == (["1", "2", "4", "5"], "")
    assert server.ids == [None, "\u20ac", "4", "4"]


@everywhere
def test_a_block_with_an_id_alone_moves_the_point_to_resume_from(read: Read) -> None:
    with script(
        stream("id: 1\n\n", whole=False),
        stream("id: 2\ndata: 2\n\nid: 3\n\n: ping\n\n", whole=False),
        stream("id\n\n"),
        stream("data: 5\n\n" + END),
    ) as server:
        outcome = read(server)
    assert outcome[:2] == (["2", "5"], "")
    assert server.ids == [None, "1", "3", None]


@everywhere
def test_a_program_can_go_on_after_the_last_event_that_it_handled(read: Read) -> None:
    with script(
        stream("id: 7\ndata: 7\n\nid: 8\ndata: 8\n\n" + END),
        stream("id: 8\ndata: 8\n\n" + END),
    ) as server:
        assert read(server, most=1).data == ["7"]
        assert read(server, last_event_id="7").data == ["8"]
    assert server.ids == [None, "7"]


@long
def test_the_server_sets_the_least_time_between_two_connections(read: Read) -> None:
    in_100_seconds = email.utils.formatdate(time.time() + 100, usegmt=True)
    with script(
        stream("retry: 30000\n\n", whole=False),
        status("503 Service Unavailable", "Retry-After: 40"),
        status("429 Too Many Requests", f"Retry-After: {in_100_seconds}"),
        status("500 Internal Server Error", "Retry-After: soon"),
        stream("retry: 18446744073709551615\n\n"),
        status("503 Service Unavailable", f"Retry-After: {'9' * 400}"),
        stream("data: 1\n\n" + END),
    ) as server:
        outcome = read(server)
    assert outcome[:2] == (["1"], "")
    first, second, third, *others = outcome.waits
    assert (first, second) == (30, 40)
    assert 90 < third <= 100
    assert others == [30, 300, 300]


@long
def test_the_waits_grow_if_the_server_sets_no_time(read: Read) -> None:
    with script(*[stream("data: again\n\n")] * 9) as server:
        outcome = read(server)
    assert outcome[:2] == (["again"] * 8, "IncompleteStreamError")
    assert len(server.ids) == 8
    for number, wait in enumerate(outcome.waits):
        assert min(2**number, 60) <= wait <= min(2**number + 1, 60)


@long
@pytest.mark.parametrize(
    "answer, error",
    [
        (status("204 No Content"), ""),
        (stream("<!doctype html>", head=("200 OK", "Content-Type: text/html")), "NoStream"),
        (stream(END, head=("200 OK",)), "NoStream"),
        (stream(END, head=("202 Accepted", EVENT_STREAM)), "NoStream"),
        (status("404 Not Found"), "HTTPStatusError"),
        (status("401 Unauthorized"), "HTTPStatusError"),
        (stream("{}"), "NotEventStreamError"),
    ],
)
def test_there_is_no_new_request_after_these_answers(answer: bytes, error: str, read: Read) -> None:
    with script(stream("data: 1\n\n"), answer, stream(END)) as server:
        outcome = read(server)
    assert outcome[:2] == (["1"], error)
    assert len(server.ids) == 2


@everywhere
def test_it_ends_if_the_server_refuses_all_connections(read: Read) -> None:
    with Script([]) as server:
        server.socket.close()
        assert read(server)[:2] == ([], "ConnectError")


def test_the_short_form_has_at_most_20_lines() -> None:
    code = RECIPES["Resume after a broken connection 1"].code
    function = code[code.index("def events") : code.index("with httpx.Client(")]
    assert len(function.strip().splitlines()) <= 20


@pytest.mark.parametrize("read", ["short"], indirect=True)
def test_the_short_form_waits_as_the_server_asks_and_gives_up(read: Read) -> None:
    broken = stream("data: again\n\n", whole=False)
    with script(
        broken, stream("retry: 30000\n\n"), stream("retry: 999999\n\n"), *[broken] * 5
    ) as server:
        outcome = read(server)
    assert outcome == (["again"] * 6, "RemoteProtocolError", [1, 30, 300, 300, 300, 300, 300])
    assert len(server.ids) == 8


@pytest.mark.parametrize("read", ["short"], indirect=True)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status("204 No Content"), ""),
        (status("404 Not Found"), "HTTPStatusError"),
        (stream("{}"), "NotEventStreamError"),
    ],
)
def test_the_short_form_makes_no_new_request_after_these(
    answer: bytes, error: str, read: Read
) -> None:
    with script(stream("data: 1\n\n"), answer, stream(END)) as server:
        assert read(server)[:2] == (["1"], error)
    assert len(server.ids) == 2


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


def test_with_httpx_a_silence_is_reported_and_nothing_is_lost(server: Server) -> None:
    block = RECIPES["Idle timeout 2"]
    assert "timeout=15" in block.code
    block = block._replace(code=block.code.replace("timeout=15", "timeout=0.01"))
    # The server goes on only after the client has reported a silence.
    steps = [Step([b"data: 1\n\n"], 2), Step([b"data: 2\n\n", DONE], 0)]
    server.exchange = exchange = Exchange(steps)
    printed: list[str] = []

    def show(text: str) -> None:
        if text not in printed:
            exchange.saw()
        printed.append(text)

    execute(block, server.port, show)
    assert not exchange.timed_out
    assert [text for text in printed if text != "nothing for 15 seconds"] == ["1", "2"]


class Left(Exception):
    """An error of the program that reads."""


@pytest.mark.parametrize("name", ["curl_cffi 1", "curl as a subprocess 1", "http.client 1"])
def test_an_exception_in_the_loop_closes_the_connection(name: str, server: Server) -> None:
    server.exchange = exchange = Exchange([Step([b"data: 1\n\n"], 0)], ending="hold")
    block = RECIPES[name]
    if "curl_cffi" in name:
        assert "timeout=60" in block.code
        block = block._replace(code=block.code.replace("timeout=60", "timeout=1"))

    def show(text: str) -> None:
        raise Left

    try:
        execute(block, server.port, show)
    except Left:
        # The traceback keeps nothing alive.
        pass
    else:
        pytest.fail("the error was lost")
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out


def test_another_thread_stops_a_loop_that_waits(server: Server) -> None:
    block = RECIPES["Stop from another thread 1"]
    assert "Timer(15, stop)" in block.code
    code = block.code.replace("Timer(15, stop)", "Timer(0.2, stop)")
    server.exchange = exchange = Exchange([Step([b"data: 1\n\n"], 0)], ending="hold")
    assert printed_by(block._replace(code=code), server.port) == ["1"]
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out


@contextmanager
def waiting(client: str, port: int) -> Iterator[dict[str, Any]]:
    """Open a response; return the names that the table uses, and "source"."""
    url = f"http://127.0.0.1:{port}/"
    with ExitStack() as stack:
        if client == "requests":
            response: Any = stack.enter_context(requests.get(url, stream=True, timeout=PATIENCE))
        elif client == "urllib3":
            response = stack.enter_context(urllib3.request("GET", url, preload_content=False))
        elif client == "httpx":
            response = stack.enter_context(httpx.stream("GET", url, timeout=PATIENCE))
        elif client == "http.client":
            connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port)))
            connection.request("GET", "/")
            sock = connection.sock
            response = stack.enter_context(connection.getresponse())
            yield {"source": response, "sock": sock, "socket": socket}
            return
        else:
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            received = b""
            while b"\r\n\r\n" not in received:
                received += plain.recv(1)
            yield {"source": plain, "connection": plain, "socket": socket}
            return
        yield {"source": response, "response": response, "socket": socket}


@pytest.mark.parametrize("row", table("Stop from another thread"), ids=lambda row: row[0])
def test_shutting_the_connection_down_ends_the_loop(row: list[str], server: Server) -> None:
    server.exchange = exchange = Exchange([Step([b"data: 1\n\n"], 0)], ending="hold")
    found = re.match("`([^`]+)`", row[1])
    assert found
    stopped = threading.Event()
    with waiting(row[0], server.port) as names:

        def stop() -> None:
            eval(found[1], names)
            stopped.set()

        for event in closing_errors(iter_events(names["source"])):
            assert event.data == "1"
            # It may also run before the loop waits: the loop ends then too.
            threading.Timer(0.1, stop).start()
        assert stopped.wait(PATIENCE)
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out


def closing_errors(events: Iterator[Event]) -> Iterator[Event]:
    """End where the client's error of a broken connection comes."""
    try:
        yield from events
    except (httpx.TransportError, urllib3.exceptions.HTTPError, http.client.HTTPException):
        pass


# Tests with recorded streams


def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    file = tmp_path / "test_answer.py"
    file.write_text(RECIPES["Tests with recorded streams 1"].code, encoding="utf-8")
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(settings)]
    done = subprocess.run([*command, str(file)], cwd=ROOT, capture_output=True, text=True)
    assert "5 passed" in done.stdout
