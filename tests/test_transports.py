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

import aiohttp
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
    ) -> None:
        self.got: list[Item] = []
        self._exchange = exchange
        self._stop = stop
        self._require_done = require_done

    def process(self, item: Item) -> bool:
        self.got.append(item)
        self._exchange.saw()
        return self._stop(item)

    def each(self, chunks: Iterable[bytes]) -> None:
        events = iter_events(chunks, require_done=True) if self._require_done else None
        for item in events or iter_items(chunks):
            if self.process(item):
                break

    async def aeach(self, chunks: AsyncIterable[bytes]) -> None:
        events = aiter_events(chunks, require_done=True) if self._require_done else None
        async for item in events or aiter_items(chunks):
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
        return how == "break"

    exchange = Exchange([BEGIN, FIRST], framing, "hold")
    reader = Reader(exchange, stop=stop)
    errors = {"exception": Stop, "cancellation": asyncio.CancelledError}
    with pytest.raises(errors[how]) if how in errors else contextlib.nullcontext():
        run(name, server, exchange, reader)
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out
    assert reader.got == SENT[:2]
