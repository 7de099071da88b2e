"""Each transport with a real server: no item is delayed or lost, every connection is closed."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import inspect
import itertools
import socket
import urllib.request
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any

import aiohttp
import httpcore
import httpx
import pytest
import requests
import urllib3
from support.server import PATIENCE, Exchange, Server, Step

from sse_stream import (
    DONE,
    Comment,
    Dispatcher,
    Event,
    IncompleteStreamError,
    Item,
    aiter_events,
    aiter_items,
    aread_chunks,
    iter_events,
    iter_items,
    read_chunks,
)

try:
    import pycurl
except ImportError:  # no wheel for some platforms
    pycurl = None  # type: ignore[assignment]

# The chunk boundaries are inside the byte order mark, names, characters and line endings.
BEGIN = Step([b"\xef\xbb", b"\xbf: wai", b"ting\r", b"\n"], 1)
FIRST = Step([b"da", b"ta: caf\xc3", b"\xa9 \xf0\x9f", b"\x98\x80\r\n", b"\r"], 1)
SECOND = Step([b"\nid", b": 7\r", b"\ndata: t", b"wo\n", b"\n"], 1)
TRUNCATED = Step([b"data: ha", b"lf\n"], 0)
LAST = Step([b"data: [DO", b"NE]\r", b"\n\r"], 1)

# Sent by clients that do not decompress by themselves; their functions below do it.
GZIP = {"Accept-Encoding": "gzip"}
# HTTP/1.0, because a client without an HTTP library does not decode chunked coding.
REQUEST = b"GET /chat.sse HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n"

SENT: list[Item] = [Comment("waiting"), Event(data="café 😀"), Event(data="two", id="7")]


class Stop(Exception):
    """Raised by the user's own code in the middle of a stream."""


class Reader:
    """The user's code: processes items, reports each to the server, and may stop at one."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        stop: Callable[[Item], bool] = lambda item: False,
        require_done: bool = False,
        closing: bool = False,
    ) -> None:
        self.got: list[Item] = []
        self._exchange = exchange
        self._stop = stop
        self._require_done = require_done
        self._closing = closing

    def process(self, item: Item) -> bool:
        self.got.append(item)
        self._exchange.saw()
        return self._stop(item)

    def each(self, chunks: Iterable[bytes]) -> None:
        items = iter_events(chunks, require_done=True) if self._require_done else iter_items(chunks)
        with contextlib.closing(items) if self._closing else contextlib.nullcontext():
            for item in items:
                if self.process(item):
                    break

    async def aeach(self, chunks: AsyncIterable[bytes]) -> None:
        items: Any = aiter_items(chunks)
        if self._require_done:
            items = aiter_events(chunks, require_done=True)
        async with items if self._closing else contextlib.nullcontext():
            async for item in items:
                if self.process(item):
                    break


def decoded(chunks: Iterable[bytes], head: object) -> Iterable[bytes]:
    """Return the chunks, decompressed if the head of the response declares gzip."""
    return map(decoder(head), chunks)


async def adecoded(chunks: AsyncIterable[bytes], head: object) -> AsyncIterator[bytes]:
    decode = decoder(head)
    async for chunk in chunks:
        yield decode(chunk)


def decoder(head: object) -> Callable[[bytes], bytes]:
    gzip = "content-encoding: gzip" in str(head).lower()
    return zlib.decompressobj(wbits=31).decompress if gzip else bytes


def with_requests(port: int, reader: Reader) -> None:
    with requests.get(f"http://127.0.0.1:{port}/chat.sse", stream=True) as response:
        response.raw.decode_content = True
        reader.each(read_chunks(response.raw))


def with_httpx(port: int, reader: Reader) -> None:
    with httpx.stream("GET", f"http://127.0.0.1:{port}/chat.sse") as response:
        reader.each(response.iter_bytes())


async def with_httpx_async(port: int, reader: Reader) -> None:
    async with (
        httpx.AsyncClient() as client,
        client.stream("GET", f"http://127.0.0.1:{port}/chat.sse") as response,
    ):
        await reader.aeach(response.aiter_bytes())


async def with_aiohttp(port: int, reader: Reader) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/chat.sse") as response,
    ):
        await reader.aeach(response.content.iter_any())


def with_urllib3(port: int, reader: Reader) -> None:
    url = f"http://127.0.0.1:{port}/chat.sse"
    with urllib3.request("GET", url, headers=GZIP, preload_content=False) as response:
        reader.each(read_chunks(response))


def with_urllib_request(port: int, reader: Reader) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/chat.sse", headers=GZIP)
    with urllib.request.urlopen(request) as response:
        reader.each(decoded(read_chunks(response), response.headers))


def with_http_client(port: int, reader: Reader) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/chat.sse", headers=GZIP)
        response = connection.getresponse()
        reader.each(decoded(read_chunks(response), response.headers))


def with_socket(port: int, reader: Reader) -> None:
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        connection.makefile("rb") as file,
    ):
        connection.sendall(REQUEST)
        head = b"".join(iter(file.readline, b"\r\n"))
        reader.each(decoded(read_chunks(file), head))


async def with_asyncio_streams(port: int, reader: Reader) -> None:
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(REQUEST)
        head = await stream.readuntil(b"\r\n\r\n")
        await reader.aeach(adecoded(aread_chunks(stream), head))
    finally:
        writer.close()


class Client(asyncio.Protocol):
    """Skips the head of an HTTP/1.0 response and hands the rest to a Dispatcher."""

    def __init__(self, reader: Reader) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self.dispatcher = Dispatcher(
            on_event=self.process, on_comment=self.process, on_done=self.process
        )
        self._reader = reader
        self._head: bytes | None = b""
        self._decode: Callable[[bytes], bytes] = bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                return
            self._decode = decoder(self._head)
            self._head = None
        self.dispatcher.feed(self._decode(data))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ended.done():
            return
        if exc is None:
            self.dispatcher.close()
            self.ended.set_result(None)
        else:
            self.ended.set_exception(exc)

    def process(self, item: Item) -> None:
        if self._reader.process(item):
            self.transport.close()


async def with_protocol(port: int, reader: Reader) -> None:
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(lambda: Client(reader), "127.0.0.1", port)
    try:
        await client.ended
    finally:
        transport.close()


def with_pycurl(port: int, reader: Reader) -> None:
    if pycurl is None:
        pytest.skip("pycurl is not installed")
    stopped: list[BaseException | None] = []

    def receive(item: Item) -> None:
        if reader.process(item):
            stopped.append(None)

    def write(data: bytes) -> int:
        # An exception cannot pass through libcurl; any number but len(data) stops the transfer.
        try:
            dispatcher.feed(data)
        except BaseException as error:
            stopped.append(error)
        return -1 if stopped else len(data)

    dispatcher = Dispatcher(on_event=receive, on_comment=receive, on_done=receive)
    with contextlib.closing(pycurl.Curl()) as curl:
        curl.setopt(pycurl.URL, f"http://127.0.0.1:{port}/chat.sse")
        curl.setopt(pycurl.ACCEPT_ENCODING, "")
        curl.setopt(pycurl.WRITEFUNCTION, write)
        try:
            curl.perform()
        except pycurl.error:
            if not stopped:
                raise
    if stopped and stopped[0]:
        raise stopped[0]
    if not stopped:
        dispatcher.close()


Transport = Callable[[int, Reader], Coroutine[None, None, None] | None]

TRANSPORTS: dict[str, tuple[Transport, tuple[type[Exception], ...]]] = {
    "requests": (with_requests, (urllib3.exceptions.ProtocolError,)),
    "httpx": (with_httpx, (httpx.TransportError,)),
    "httpx-async": (with_httpx_async, (httpx.TransportError,)),
    "aiohttp": (with_aiohttp, (aiohttp.ClientError,)),
    "urllib3": (with_urllib3, (urllib3.exceptions.ProtocolError,)),
    "urllib.request": (with_urllib_request, (http.client.IncompleteRead, ConnectionError)),
    "http.client": (with_http_client, (http.client.IncompleteRead, ConnectionError)),
    "socket": (with_socket, (ConnectionError,)),
    "asyncio-streams": (with_asyncio_streams, (ConnectionError,)),
    "asyncio.Protocol": (with_protocol, (ConnectionError,)),
    "pycurl": (with_pycurl, (pycurl.error,) if pycurl else (Exception,)),
}
PUSHED = {"asyncio.Protocol", "pycurl"}
ASYNC = {name for name, (run, _) in TRANSPORTS.items() if inspect.iscoroutinefunction(run)}
CLOSED = ["closed", "closed gzip"]
FRAMINGS = ["chunked", "chunked gzip", *CLOSED]

# aiohttp treats even a reset as the end of a body that ends with the connection.
SILENT = [("aiohttp", framing) for framing in CLOSED]


def run(name: str, server: Server, exchange: Exchange, reader: Reader) -> None:
    server.exchange = exchange
    running = TRANSPORTS[name][0](server.port, reader)
    if running is not None:
        asyncio.run(running)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", TRANSPORTS)
def test_no_item_waits_for_later_bytes(name: str, framing: str, server: Server) -> None:
    # The server sends a step only after the client has seen the items of the step before.
    exchange = Exchange([BEGIN, FIRST, SECOND, LAST], framing)
    reader = Reader(exchange)
    run(name, server, exchange, reader)
    assert not exchange.timed_out
    assert exchange.gzipped == ("gzip" in framing)
    assert reader.got == [*SENT, DONE]


@pytest.mark.parametrize(
    ("name", "framing"),
    [case for case in itertools.product(TRANSPORTS, FRAMINGS) if case not in SILENT],
)
def test_a_dropped_connection_gives_the_transports_own_error_after_all_items(
    name: str, framing: str, server: Server
) -> None:
    exchange = Exchange([BEGIN, FIRST, SECOND, TRUNCATED], framing, "abort")
    reader = Reader(exchange)
    with pytest.raises(TRANSPORTS[name][1]):
        run(name, server, exchange, reader)
    assert not exchange.timed_out
    assert reader.got == SENT


@pytest.mark.parametrize(
    ("name", "framing", "ending"),
    [(name, framing, "end") for name in TRANSPORTS if name not in PUSHED for framing in CLOSED]
    + [(name, framing, "abort") for name, framing in SILENT],
)
def test_require_done_detects_truncation_where_the_transport_cannot(
    name: str, framing: str, ending: str, server: Server
) -> None:
    exchange = Exchange([Step([b": hi\n"], 0), FIRST, SECOND, TRUNCATED], framing, ending)
    reader = Reader(exchange, require_done=True)
    with pytest.raises(IncompleteStreamError) as caught:
        run(name, server, exchange, reader)
    assert caught.value.last_event_id == "7"
    assert reader.got == SENT[1:]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    ("name", "how"),
    [(name, how) for name in TRANSPORTS for how in ("break", "exception")]
    + [(name, "closing") for name in TRANSPORTS if name not in PUSHED]
    + [(name, "cancellation") for name in sorted(ASYNC)],
)
def test_leaving_early_closes_the_connection(
    name: str, how: str, framing: str, server: Server
) -> None:
    def stop(item: Item) -> bool:
        if isinstance(item, Comment):
            return False
        if how == "exception":
            raise Stop
        if how == "cancellation":
            for task in asyncio.all_tasks():
                task.cancel()
        return how in ("break", "closing")

    exchange = Exchange([BEGIN, FIRST], framing, "hold")
    reader = Reader(exchange, stop=stop, closing=how == "closing")
    errors = {"exception": Stop, "cancellation": asyncio.CancelledError}
    with pytest.raises(errors[how]) if how in errors else contextlib.nullcontext():
        run(name, server, exchange, reader)
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out
    assert reader.got == SENT[:2]


def get_with_requests(url: str) -> urllib3.HTTPResponse:
    raw: urllib3.HTTPResponse = requests.get(url, stream=True).raw
    return raw


def get_with_urllib3(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, preload_content=False)


def get_with_urllib_request(url: str) -> http.client.HTTPResponse:
    response: http.client.HTTPResponse = urllib.request.urlopen(url)
    return response


@pytest.mark.parametrize("get", [get_with_requests, get_with_urllib3, get_with_urllib_request])
@pytest.mark.parametrize("framing", ["chunked", "closed"])
def test_closing_the_adapter_closes_the_connection(
    get: Callable[[str], object], framing: str, server: Server
) -> None:
    exchange = server.exchange = Exchange([BEGIN, FIRST], framing, "hold")
    # No ``with`` of the response.
    response = get(f"http://127.0.0.1:{server.port}/chat.sse")
    with contextlib.closing(iter_items(read_chunks(response))) as items:
        for item in items:
            exchange.saw()
            if isinstance(item, Event):
                break
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out


# What follows DONE: a keep-alive comment and the end of the body.
ANSWER = [Step([*FIRST.chunks, *SECOND.chunks, *LAST.chunks, b": bye\n\n"], 0)]


def five_with_httpx(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    with httpx.Client() as client:
        for _ in range(5):
            with client.stream("GET", url) as response:
                answers.append(list(iter_events(response.iter_bytes(), drain=drain)))
    return answers


def five_with_requests(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    with requests.Session() as session:
        for _ in range(5):
            with session.get(url, stream=True) as response:
                answers.append(list(iter_events(read_chunks(response.raw), drain=drain)))
    return answers


def five_with_urllib3(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    with urllib3.PoolManager() as pool:
        for _ in range(5):
            with pool.request("GET", url, preload_content=False) as response:
                answers.append(list(iter_events(read_chunks(response), drain=drain)))
    return answers


async def five_with_httpx_async(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    async with httpx.AsyncClient() as client:
        for _ in range(5):
            async with client.stream("GET", url) as response:
                events = aiter_events(response.aiter_bytes(), drain=drain)
                answers.append([event async for event in events])
    return answers


async def five_with_aiohttp(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    async with aiohttp.ClientSession() as session:
        for _ in range(5):
            async with session.get(url) as response:
                events = aiter_events(response.content.iter_any(), drain=drain)
                answers.append([event async for event in events])
    return answers


FIVE: list[Callable[[str, bool], Any]] = [
    five_with_httpx,
    five_with_requests,
    five_with_urllib3,
    five_with_httpx_async,
    five_with_aiohttp,
]


@pytest.mark.parametrize(
    ("five", "drain"),
    # Without drain, aiohttp keeps the connection if the end of the body has come already.
    [
        (five, drain)
        for five in FIVE
        for drain in (True, False)
        if drain or five is not five_with_aiohttp
    ],
)
def test_drain_lets_the_connection_be_used_again(
    five: Callable[[str, bool], Any], drain: bool, server: Server
) -> None:
    server.exchange = Exchange(ANSWER)
    server.connections.clear()
    answers = five(f"http://127.0.0.1:{server.port}/chat.sse", drain)
    if inspect.iscoroutine(answers):
        answers = asyncio.run(answers)
    assert answers == [SENT[1:]] * 5
    assert len(server.connections) == (1 if drain else 5)


class Silences(httpcore.NetworkStream):
    """Gives its chunks, each after as many seconds of silence, which it only counts."""

    def __init__(self, chunks: list[tuple[float, bytes]]) -> None:
        self.chunks = iter(chunks)
        self.waited = 0.0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        assert timeout is not None
        silence, chunk = next(self.chunks)
        self.waited += min(silence, timeout)
        if silence > timeout:
            raise httpcore.ReadTimeout
        return chunk

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        pass

    def close(self) -> None:
        pass


class Silent(httpcore.NetworkBackend):
    """Connects to such a stream."""

    def __init__(self, stream: Silences) -> None:
        self.stream = stream

    def connect_tcp(self, *args: object, **options: object) -> httpcore.NetworkStream:
        return self.stream


def test_comments_keep_httpx_from_timing_out() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    pings = [(10.0, b": ping\n\n")] * 8
    stream = Silences([(1.0, head), *pings, (10.0, b"data: 1\n\n"), *pings, (99.0, b"data: 2\n\n")])
    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(network_backend=Silent(stream))
    got: list[Item] = []
    with (
        pytest.raises(httpx.ReadTimeout),
        httpx.Client(transport=transport, timeout=httpx.Timeout(5, read=15)) as client,
        client.stream("GET", "http://127.0.0.1/") as response,
    ):
        got.extend(iter_items(response.iter_bytes()))
    # All in all it waited long, but no single silence was too long before the last.
    assert got == [*[Comment("ping")] * 8, Event(data="1"), *[Comment("ping")] * 8]
    assert stream.waited == 1 + 17 * 10 + 15


async def timed_out(items: AsyncIterator[Item]) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(anext(items), 0.001)


def held_back(server: Server) -> Exchange:
    """Make the server wait, after the first comment, until it is told twice that it was seen."""
    server.exchange = Exchange([BEGIN._replace(items=2), FIRST, SECOND, LAST], "closed")
    return server.exchange


def test_after_a_timeout_aiohttp_and_asyncio_streams_go_on(server: Server) -> None:
    async def read(chunks: AsyncIterable[bytes], exchange: Exchange) -> None:
        async with aiter_items(chunks, require_done=True) as items:
            got = [await anext(items)]
            exchange.saw()
            for _ in range(3):
                await timed_out(items)
            exchange.saw()
            async for item in items:
                got.append(item)
                exchange.saw()
        assert got == [*SENT, DONE] and not exchange.timed_out

    async def main() -> None:
        exchange = held_back(server)
        url = f"http://127.0.0.1:{server.port}/chat.sse"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            await read(response.content.iter_any(), exchange)
        exchange = held_back(server)
        stream, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST.replace(b"gzip", b"identity"))
        await stream.readuntil(b"\r\n\r\n")
        await read(aread_chunks(stream), exchange)
        writer.close()

    asyncio.run(main())


def test_after_a_timeout_a_response_of_httpx_looks_incomplete(server: Server) -> None:
    async def main() -> None:
        exchange = held_back(server)
        url = f"http://127.0.0.1:{server.port}/chat.sse"
        async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
            items = aiter_items(response.aiter_bytes(), require_done=True)
            assert await anext(items) == SENT[0]
            await timed_out(items)
            with pytest.raises(IncompleteStreamError):
                await anext(items)
        # httpx closed the connection.
        assert exchange.client_left.wait(PATIENCE) and not exchange.timed_out

    asyncio.run(main())
