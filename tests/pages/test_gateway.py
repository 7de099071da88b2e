"""The gateways in docs/gateway.md, run unchanged between a client and a server on loopback."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")

import aiohttp
import httpx
import uvicorn
from aiohttp import web
from support.pages import blocks
from support.server import PATIENCE, Exchange, Server, Step

from sse_stream import DONE, Block, Comment, Event, Item, Parser, aiter_items, iter_items

CHANGING, VERBATIM = [block.code for block in blocks("docs/gateway.md")]


class Gateway(uvicorn.Server):
    """Sets an event once it listens."""

    def __init__(self, app: Any) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_level="warning"))
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def page(upstream_port: int, *codes: str) -> dict[str, Any]:
    """Run the code of the page; return its names."""
    names: dict[str, Any] = {"__name__": "gateway"}
    for code in codes:
        code = code.replace("8000", str(upstream_port))
        exec(compile(code, "docs/gateway.md", "exec", dont_inherit=True), names)
    return names


@contextmanager
def gateway(names: dict[str, Any]) -> Iterator[str]:
    """Run the gateway in a thread; return the URL for clients."""
    server = Gateway(names["app"])
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.ready.wait(PATIENCE)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/chat"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def url(upstream: Server) -> Iterator[str]:
    """The gateway that changes events."""
    with gateway(page(upstream.port, CHANGING)) as url:
        yield url


@pytest.fixture(scope="module")
def verbatim(upstream: Server) -> Iterator[str]:
    """The gateway that passes the bytes on."""
    with gateway(page(upstream.port, CHANGING, VERBATIM)) as url:
        yield url


@pytest.fixture(scope="module", params=["changing", "verbatim"])
def impatient(request: Any, upstream: Server) -> Iterator[str]:
    """Both gateways, with a heartbeat after a very short silence."""
    codes = (CHANGING, VERBATIM) if request.param == "verbatim" else (CHANGING,)
    names = page(upstream.port, *codes)
    assert names["HEARTBEAT"] == 15
    names["HEARTBEAT"] = 0.01
    with gateway(names) as url:
        yield url


HEARTBEAT = Comment("heartbeat")


@contextmanager
def answer(url: str, blocks: bool = False) -> Iterator[Iterator[Item]]:
    with httpx.stream("POST", url, json={"stream": True}, timeout=PATIENCE) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield iter_items(response, parser=Parser(blocks=blocks))


def delta(text: str) -> bytes:
    data = {"choices": [{"delta": {"content": text}}], "system_fingerprint": "fp"}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def sent_on(text: str, id: str = "") -> Event:
    return Event(data=json.dumps({"choices": [{"delta": {"content": text}}]}), id=id)


def test_each_item_is_sent_on_before_the_next_is_sent_upstream(url: str, upstream: Server) -> None:
    steps = [
        Step([b": wai", b"ting\n\n"], 1),
        Step([delta("one")], 1),
        Step([delta("two\u2028")[:9], delta("two\u2028")[9:]], 1),
        Step([b"data: [DONE]\n\n"], 1),
    ]
    upstream.exchange = exchange = Exchange(steps)
    got: list[Item] = []
    with answer(url) as items:
        for item in items:
            got.append(item)
            exchange.saw()
    assert got == [Comment("waiting"), sent_on("one"), sent_on("two\u2028"), DONE]
    assert not exchange.timed_out


def test_what_it_does_not_change_is_passed_on_as_it_is(url: str, upstream: Server) -> None:
    sent = [
        b"retry: 3000\n\n",
        b"id: 7\n\n",
        b"event: message\n" + delta("one"),
        b"id\n\n",
        b"event: ping\ndata: {}\n\n",
        b"id: 8\nevent: message\nretry: 5\n\n",
        b"data: [DONE]\n\n",
    ]
    upstream.exchange = Exchange([Step(sent, 0)])
    with answer(url, blocks=True) as items:
        assert list(items) == [
            Block(retry=3000),
            Block(id="7"),
            Block("message", sent_on("one").data),
            Block(id=""),
            Block("ping", "{}"),
            Block("message", id="8", retry=5),
            DONE,
        ]


@pytest.mark.parametrize("first", [b"", b": thinking\n\n", delta("one")], ids=repr)
def test_a_heartbeat_is_sent_while_the_upstream_is_silent(
    first: bytes, impatient: str, upstream: Server
) -> None:
    # The upstream goes on only after the client has seen a heartbeat.
    steps = [Step([first] if first else [], 1), Step([delta("two"), b"data: [DONE]\n\n"], 0)]
    upstream.exchange = exchange = Exchange(steps)
    got: list[Item] = []
    with answer(impatient) as items:
        for item in items:
            if item == HEARTBEAT and HEARTBEAT not in got:
                exchange.saw()
            got.append(item)
    assert not exchange.timed_out
    assert HEARTBEAT in got
    events = [item.data for item in got if isinstance(item, Event)]
    texts = ["one", "two"] if first.startswith(b"data") else ["two"]
    assert [json.loads(data)["choices"][0]["delta"]["content"] for data in events] == texts
    assert [item for item in got if item in (DONE, Comment("thinking"))] == [
        *([Comment("thinking")] if first.startswith(b":") else []),
        DONE,
    ]


class Answering(Exchange):
    """Sends not even the status before the client has seen one item."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self._loop = asyncio.get_running_loop()
        await asyncio.wait_for(self._seen.acquire(), PATIENCE)
        return await super().answer(request)


def test_a_heartbeat_is_sent_before_the_upstream_answers(impatient: str, upstream: Server) -> None:
    upstream.exchange = exchange = Answering([Step([b"data: [DONE]\n\n"], 0)])
    got: list[Item] = []
    with answer(impatient) as items:
        for item in items:
            if not got:
                exchange.saw()
            got.append(item)
    assert got[0] == HEARTBEAT and got[-1] is DONE


@pytest.mark.parametrize("cut", [1, 3, 6, 9, 20, -2, -1])
def test_a_heartbeat_is_never_inside_an_event(cut: int, impatient: str, upstream: Server) -> None:
    # Nothing tells the client that the upstream is silent inside the event, so it stays silent
    # for many times the interval of the heartbeats. If it were shorter, the test would pass too.
    event = b"id: 7\n" + delta("one")
    upstream.exchange = Pausing([event[:cut], event[cut:], b"data: [DO", b"NE]\n\n"])
    with answer(impatient) as items:
        got = [item for item in items if item != HEARTBEAT]
    [one, done] = got
    assert isinstance(one, Event) and done is DONE
    assert one.id == "7" and one.json("choices", 0, "delta", "content") == "one"


class Pausing(Exchange):
    """Sends the chunks with a pause after each."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        super().__init__([Step([chunk], 0) for chunk in chunks])

    async def _send(self, response: web.StreamResponse, data: bytes) -> None:
        await response.write(data)
        await asyncio.sleep(0.1)


def test_a_client_that_leaves_between_heartbeats_stops_the_upstream(
    impatient: str, upstream: Server, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.exchange = exchange = Exchange([Step([delta("one")], 0)], ending="hold")
    with answer(impatient) as items:
        next(item for item in items if item == HEARTBEAT)
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out
    gc.collect()  # a task whose error nobody has seen is logged when it is freed
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("name", ["httpx", "aiohttp"])
def test_heartbeats_end_the_source_of_no_client(name: str, upstream: Server) -> None:
    names = page(upstream.port, CHANGING)
    names["HEARTBEAT"] = 0.01
    # The upstream goes on only after three heartbeats.
    steps = [Step([delta("one")], 3), Step([delta("two"), b"data: [DONE]\n\n"], 0)]
    upstream.exchange = exchange = Exchange(steps)
    url = f"http://127.0.0.1:{upstream.port}/"
    got: list[Item] = []

    async def read(response: Any) -> None:
        items = aiter_items(response, require_done=True)
        async with aclosing(names["with_heartbeats"](items)) as parts:
            async for item in parts:
                if item == HEARTBEAT and got.count(HEARTBEAT) < 3:
                    exchange.saw()
                got.append(item)

    async def main() -> None:
        if name == "httpx":
            async with (
                httpx.AsyncClient(timeout=PATIENCE) as client,
                client.stream("GET", url) as response,
            ):
                await read(response)
        else:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                await read(response)

    asyncio.run(main())
    assert not exchange.timed_out
    assert got.count(HEARTBEAT) >= 3
    texts = [item.json("choices", 0, "delta", "content") for item in got if isinstance(item, Event)]
    assert texts == ["one", "two"] and got[-1] is DONE


@pytest.mark.parametrize("seen", [1, 2], ids=["while it is silent", "while it sends"])
def test_a_client_that_leaves_stops_the_upstream(seen: int, url: str, upstream: Server) -> None:
    more = [Step([delta(f"text {number}")], 0) for number in range(2000)]
    upstream.exchange = exchange = Exchange(
        [Step([delta("one")], 1), *(more if seen == 2 else [])], ending="hold"
    )
    with answer(url) as items:
        for number, _ in enumerate(items, 1):
            exchange.saw()
            if number == seen:
                break
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out


class Answer(Exchange):
    """Another answer than an event stream."""

    def __init__(self, status: int, content_type: str, body: bytes) -> None:
        super().__init__([])
        self.response = web.Response(status=status, content_type=content_type, body=body)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return self.response


def failure(exchange: Exchange, url: str, upstream: Server) -> tuple[Sequence[Item], Event]:
    """Return the items before the error event, and that event, which has to be the last."""
    upstream.exchange = exchange
    items = []
    with answer(url) as read:
        for item in read:
            items.append(item)
            if exchange.ending == "abort" and item == sent_on("one"):
                exchange.saw()
    *before, last = items
    assert isinstance(last, Event) and last.event == "error"
    return before, last


@pytest.mark.parametrize(
    ("exchange", "message"),
    [
        (Answer(429, "application/json", b'{"error": "later"}'), "upstream: status 429: later"),
        (Answer(302, "text/html", b""), "upstream: status 302: no data"),
        (Answer(200, "application/json", b'{"error": "no"}'), "upstream: NotEventStreamError: "),
        (Answer(200, "text/html", b"<html>\n</html>\n"), "upstream: NotEventStreamError: "),
        (Answer(200, "text/event-stream", b""), "upstream: IncompleteStreamError: "),
    ],
    ids=["429", "302", "JSON", "a page", "nothing"],
)
def test_an_answer_that_is_no_event_stream_is_an_error_event(
    exchange: Exchange, message: str, url: str, upstream: Server
) -> None:
    before, last = failure(exchange, url, upstream)
    assert before == []
    assert last.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize(
    ("exchange", "message"),
    [
        (Exchange([Step([delta("one")], 1)], "closed", "abort"), "ReadError"),
        (Exchange([Step([delta("one")], 0)], "chunked", "abort"), "RemoteProtocolError"),
        (Exchange([Step([delta("one"), b"data: {"], 0)]), "IncompleteStreamError"),
        (Exchange([Step([delta("one"), b"data: {\n\n"], 0)]), "JSONDecodeError"),
        (Exchange([Step([delta("one"), b"data: []\n\n"], 0)]), "ValueError"),
    ],
    ids=["reset", "broken off", "the end before DONE", "no JSON", "no JSON object"],
)
def test_a_failure_in_the_middle_is_an_error_event(
    exchange: Exchange, message: str, url: str, upstream: Server
) -> None:
    before, last = failure(exchange, url, upstream)
    assert before == [sent_on("one")]
    assert last.json()["error"]["message"].startswith(f"upstream: {message}: ")


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error": {"message": "overloaded"}}\n\n',
        b'event: error\ndata: {"error": {"message": "overloaded"}}\n\n',
    ],
    ids=["JSON", "type"],
)
def test_an_error_of_the_upstream_is_passed_on_and_is_the_last_event(
    error: bytes, url: str, upstream: Server
) -> None:
    steps = [Step([delta("one"), error, delta("two"), b"data: [DONE]\n\n"], 0)]
    before, last = failure(Exchange(steps), url, upstream)
    assert before == [sent_on("one")]
    assert last == Event("error", '{"error": {"message": "overloaded"}}')


def test_an_upstream_that_cannot_be_reached_is_an_error_event() -> None:
    # No server listens at port 1.
    with gateway(page(1, CHANGING)) as url, answer(url) as items:
        [event] = items
    assert isinstance(event, Event) and event.event == "error"
    assert event.json()["error"]["message"].startswith("upstream: ConnectError: ")


# Bytes passed on


RAW = (
    b"retry: 3000\r\n\r\nid: 7\r\rdata:x\nunknown: line\n\n: a comment\n"
    b'event: message\ndata: {"usage": {"total_tokens": 9}}\n\ndata: [DONE]\n\n: after\n\n'
)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_bytes_are_passed_on_unchanged(
    size: int, verbatim: str, upstream: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    chunks = [RAW[start : start + size] for start in range(0, len(RAW), size)]
    upstream.exchange = Exchange([Step(chunks, 0)])
    with httpx.stream("POST", verbatim, timeout=PATIENCE) as response:
        assert response.read() == RAW
    assert capsys.readouterr().out == "tokens: 9\n"


def test_each_chunk_is_passed_on_before_the_next_is_sent(verbatim: str, upstream: Server) -> None:
    steps = [Step([delta("one")], 1), Step([b": wai"], 0), Step([b"ting\n\n"], 1)]
    upstream.exchange = exchange = Exchange([*steps, Step([b"data: [DONE]\n\n"], 1)])
    with answer(verbatim) as items:
        for _ in items:
            exchange.saw()
    assert not exchange.timed_out


def test_an_end_between_two_events_is_an_error_event(verbatim: str, upstream: Server) -> None:
    before, last = failure(Exchange([Step([delta("one")], 0)]), verbatim, upstream)
    assert len(before) == 1
    assert last.json()["error"]["message"].startswith("upstream: the event stream ended before")


def test_an_error_status_is_an_error_event(verbatim: str, upstream: Server) -> None:
    exchange = Answer(429, "application/json", b'{"error": "later"}')
    before, last = failure(exchange, verbatim, upstream)
    assert before == [] and last.json("error", "message") == "upstream: status 429: later"


@pytest.mark.parametrize("tail", [b"data: {", b"data: {}\n", b"id: 7\n"])
def test_an_end_inside_an_event_breaks_the_connection(
    tail: bytes, verbatim: str, upstream: Server
) -> None:
    upstream.exchange = Exchange([Step([delta("one"), tail], 0)])
    got: list[Item] = []
    with pytest.raises(httpx.RemoteProtocolError), answer(verbatim) as items:
        got += items
    assert [item for item in got if isinstance(item, Event) and item.event == "error"] == []
