"""The gateway in docs/gateway.md, run unchanged between a client and a server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from aiohttp import web
from support.pages import blocks
from support.server import PATIENCE, Exchange, Server, Step

from sse_stream import DONE, Comment, Event, Item, iter_items

[CODE] = [block.code for block in blocks("docs/gateway.md")]


class Gateway(uvicorn.Server):
    """Sets an event once it listens."""

    def __init__(self, app: Any) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_level="warning"))
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def gateway(upstream_port: int) -> Iterator[str]:
    """Run the page's code in a thread; return the URL for clients."""
    names: dict[str, Any] = {"__name__": "gateway"}
    code = CODE.replace("8000", str(upstream_port))
    exec(compile(code, "docs/gateway.md", "exec"), names)
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
    with gateway(upstream.port) as url:
        yield url


@contextmanager
def answer(url: str) -> Iterator[Iterator[Item]]:
    with httpx.stream("POST", url, json={"stream": True}, timeout=PATIENCE) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield iter_items(response.iter_bytes())


def delta(text: str) -> bytes:
    data = {"choices": [{"delta": {"content": text}}], "system_fingerprint": "fp"}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def sent_on(text: str, id: str) -> Event:
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
    assert got == [Comment("waiting"), sent_on("one", "1"), sent_on("two\u2028", "2"), DONE]
    assert not exchange.timed_out


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
            if exchange.ending == "abort" and item == sent_on("one", "1"):
                exchange.saw()
    *before, last = items
    assert isinstance(last, Event) and last.event == "error"
    return before, last


@pytest.mark.parametrize(
    ("exchange", "message"),
    [
        (Answer(429, "application/json", b'{"error": "later"}'), "upstream: status 429"),
        (Answer(302, "text/html", b""), "upstream: status 302"),
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
    assert before == [sent_on("one", "1")]
    assert last.json()["error"]["message"].startswith(f"upstream: {message}: ")
    assert last.id == "1"


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
    assert before == [sent_on("one", "1")]
    assert last == Event("error", '{"error": {"message": "overloaded"}}', "1")


def test_an_upstream_that_cannot_be_reached_is_an_error_event() -> None:
    # No server listens at port 1.
    with gateway(1) as url, answer(url) as items:
        [event] = items
    assert isinstance(event, Event) and event.event == "error"
    assert event.json()["error"]["message"].startswith("upstream: ConnectError: ")
