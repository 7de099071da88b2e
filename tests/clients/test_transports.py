"""Each client with a real server: no item is delayed or lost, every connection is closed.

The server sends an event only after the client has seen the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import inspect
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from support.live import (
    ANSWER,
    BARE,
    BEGIN,
    CHUNKED,
    CLOSED,
    FIRST,
    FRAMINGS,
    LAST,
    PLAIN,
    REQUEST,
    SECOND,
    SENT,
    TRUNCATED,
    Reader,
    Stop,
    Transport,
    url,
)
from support.server import PATIENCE, Exchange, Server, Step
from support.sources import interrupt

from sse_stream import (
    DONE,
    Comment,
    Dispatcher,
    Event,
    IncompleteStreamError,
    Item,
    aiter_events,
    aiter_items,
    iter_events,
    iter_items,
)


def with_requests(port: int, reader: Reader) -> None:
    requests = pytest.importorskip("requests")
    with requests.get(url(port), stream=True) as response:
        reader.each(response)


def with_httpx(port: int, reader: Reader, name: str = "httpx") -> None:
    with pytest.importorskip(name).stream("GET", url(port)) as response:
        reader.each(response)


async def with_httpx_async(port: int, reader: Reader, name: str = "httpx") -> None:
    async with (
        pytest.importorskip(name).AsyncClient() as client,
        client.stream("GET", url(port)) as response,
    ):
        await reader.aeach(response)


def with_httpx2(port: int, reader: Reader) -> None:
    with_httpx(port, reader, "httpx2")


async def with_httpx2_async(port: int, reader: Reader) -> None:
    await with_httpx_async(port, reader, "httpx2")


def with_curl_cffi(port: int, reader: Reader) -> None:
    requests = pytest.importorskip("curl_cffi.requests")
    with requests.Session() as session, session.stream("GET", url(port)) as response:
        reader.each(response)


async def with_curl_cffi_async(port: int, reader: Reader) -> None:
    requests = pytest.importorskip("curl_cffi.requests")
    async with (
        requests.AsyncSession() as session,
        session.stream("GET", url(port)) as response,
    ):
        await reader.aeach(response)


async def with_aiohttp(port: int, reader: Reader) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession() as session, session.get(url(port)) as response:
        await reader.aeach(response)


async def with_aiohttp_content(port: int, reader: Reader) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession() as session, session.get(url(port)) as response:
        await reader.aeach(response.content)


def with_urllib3(port: int, reader: Reader) -> None:
    urllib3 = pytest.importorskip("urllib3")
    gzip = {"Accept-Encoding": "gzip"}
    with urllib3.request("GET", url(port), headers=gzip, preload_content=False) as response:
        reader.each(response)


def with_urllib_request(port: int, reader: Reader) -> None:
    with urllib.request.urlopen(url(port)) as response:
        reader.each(response)


def with_http_client(port: int, reader: Reader) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/chat.sse")
        reader.each(connection.getresponse())


def without_head(connection: socket.socket) -> None:
    """Send the request, and read the head of the response byte by byte."""
    connection.sendall(REQUEST)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)


def with_socket(port: int, reader: Reader) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        without_head(connection)
        reader.each(connection)


def with_buffered_file(port: int, reader: Reader) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        without_head(connection)
        with connection.makefile("rb") as file:
            reader.each(file)


def with_unbuffered_file(port: int, reader: Reader) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        without_head(connection)
        with connection.makefile("rb", buffering=0) as file:
            reader.each(file)


async def with_asyncio_streams(port: int, reader: Reader) -> None:
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(REQUEST)
        await stream.readuntil(b"\r\n\r\n")
        await reader.aeach(stream)
    finally:
        writer.close()


async def with_anyio(port: int, reader: Reader) -> None:
    anyio = pytest.importorskip("anyio")
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(REQUEST)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await stream.receive(1)
        await reader.aeach(stream)


def with_trio(port: int, reader: Reader) -> None:
    trio = pytest.importorskip("trio")

    async def main() -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(REQUEST)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await stream.receive_some(1)
            await reader.aeach(stream)

    trio.run(main)


class Client(asyncio.Protocol):
    """Skips the head of an HTTP/1.0 response and hands the rest to a Dispatcher."""

    def __init__(self, reader: Reader) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self.dispatcher = Dispatcher(
            on_event=self.process, on_comment=self.process, on_done=self.process
        )
        self._reader = reader
        self._head: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                return
            self._head = None
        self.dispatcher.feed(data)

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
    pycurl = pytest.importorskip("pycurl", reason="no wheel for some platforms")
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
        curl.setopt(pycurl.URL, url(port))
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


TRANSPORTS = {
    "requests": Transport(with_requests, FRAMINGS),
    "httpx": Transport(with_httpx, FRAMINGS),
    "httpx-async": Transport(with_httpx_async, FRAMINGS),
    "httpx2": Transport(with_httpx2, FRAMINGS),
    "httpx2-async": Transport(with_httpx2_async, FRAMINGS),
    "curl_cffi": Transport(with_curl_cffi, FRAMINGS),
    "curl_cffi-async": Transport(with_curl_cffi_async, FRAMINGS),
    "aiohttp": Transport(with_aiohttp, FRAMINGS),
    "aiohttp-content": Transport(with_aiohttp_content, FRAMINGS),
    "urllib3": Transport(with_urllib3, FRAMINGS),
    "urllib.request": Transport(with_urllib_request, PLAIN),
    "http.client": Transport(with_http_client, PLAIN),
    "socket": Transport(with_socket, BARE),
    "buffered-file": Transport(with_buffered_file, BARE),
    "unbuffered-file": Transport(with_unbuffered_file, BARE),
    "asyncio-streams": Transport(with_asyncio_streams, BARE),
    "anyio": Transport(with_anyio, BARE),
    "trio": Transport(with_trio, BARE),
    "asyncio.Protocol": Transport(with_protocol, BARE),
    "pycurl": Transport(with_pycurl, FRAMINGS),
}
PUSHED = {"asyncio.Protocol", "pycurl"}
OF_ASYNCIO = [
    name for name, transport in TRANSPORTS.items() if inspect.iscoroutinefunction(transport.read)
]
PAIRS = [
    (name, framing) for name, transport in TRANSPORTS.items() for framing in transport.framings
]
# aiohttp treats even a reset as the end of a body that ends with the connection.
SILENT = [(name, framing) for name, framing in PAIRS if "aiohttp" in name and framing in CLOSED]


def errors_of(name: str) -> tuple[type[BaseException], ...]:
    """Return the errors that a client raises when its connection breaks off."""
    client = name.removesuffix("-async").removesuffix("-content")
    if client in ("httpx", "httpx2"):
        return (pytest.importorskip(client).TransportError,)
    if client in ("requests", "urllib3"):
        return (pytest.importorskip("urllib3").exceptions.ProtocolError,)
    if client == "curl_cffi":
        return (pytest.importorskip("curl_cffi.requests").exceptions.RequestException,)
    if client == "aiohttp":
        return (pytest.importorskip("aiohttp").ClientError,)
    if client in ("anyio", "trio"):
        return (pytest.importorskip(client).BrokenResourceError,)
    if client == "pycurl":
        return (pytest.importorskip("pycurl").error,)
    return (http.client.IncompleteRead, ConnectionError)


def run(name: str, server: Server, exchange: Exchange, reader: Reader) -> None:
    server.exchange = exchange
    running = TRANSPORTS[name].read(server.port, reader)
    if running is not None:
        asyncio.run(running)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.mark.parametrize(("name", "framing"), PAIRS)
def test_no_item_waits_for_later_bytes(name: str, framing: str, server: Server) -> None:
    exchange = Exchange([BEGIN, FIRST, SECOND, LAST], framing)
    reader = Reader(exchange)
    run(name, server, exchange, reader)
    assert not exchange.timed_out
    assert exchange.gzipped == ("gzip" in framing)
    assert reader.got == [*SENT, DONE]


@pytest.mark.parametrize(("name", "framing"), [pair for pair in PAIRS if pair not in SILENT])
def test_a_dropped_connection_gives_the_clients_own_error_after_all_items(
    name: str, framing: str, server: Server
) -> None:
    exchange = Exchange([BEGIN, FIRST, SECOND, TRUNCATED], framing, "abort")
    reader = Reader(exchange)
    with pytest.raises(errors_of(name)):
        run(name, server, exchange, reader)
    assert not exchange.timed_out
    assert reader.got == SENT


@pytest.mark.parametrize(
    ("name", "framing", "ending"),
    [
        (name, framing, "end")
        for name, framing in PAIRS
        if name not in PUSHED and framing not in CHUNKED
    ]
    + [(name, framing, "abort") for name, framing in SILENT],
)
def test_require_done_detects_truncation_where_the_client_cannot(
    name: str, framing: str, ending: str, server: Server
) -> None:
    exchange = Exchange([Step([b": hi\n"], 0), FIRST, SECOND, TRUNCATED], framing, ending)
    reader = Reader(exchange, require_done=True)
    with pytest.raises(IncompleteStreamError) as caught:
        run(name, server, exchange, reader)
    assert caught.value.last_event_id == "7"
    assert reader.got == SENT[1:]


# curl_cffi closes a connection only when its next bytes come.
LEFT = [(name, framing) for name, framing in PAIRS if "curl_cffi" not in name]


@pytest.mark.parametrize(
    ("name", "framing", "how"),
    [(*pair, how) for pair in LEFT for how in ("break", "exception")]
    + [(*pair, "closing") for pair in LEFT if pair[0] not in PUSHED]
    + [(*pair, "cancellation") for pair in LEFT if pair[0] in OF_ASYNCIO],
)
def test_leaving_early_closes_the_connection(
    name: str, framing: str, how: str, server: Server
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


@pytest.mark.parametrize("name", ["curl_cffi", "curl_cffi-async"])
@pytest.mark.parametrize("how", ["break", "exception", "closing"])
def test_leaving_curl_cffi_early(name: str, how: str, server: Server) -> None:
    def stop(item: Item) -> bool:
        if how == "exception":
            raise Stop
        return True

    # The server does not wait: it sends the rest, which nobody reads.
    exchange = Exchange([BEGIN._replace(items=0), FIRST._replace(items=0), *ANSWER])
    reader = Reader(exchange, stop=stop, closing=how == "closing")
    with pytest.raises(Stop) if how == "exception" else contextlib.nullcontext():
        run(name, server, exchange, reader)
    assert reader.got == SENT[:1]


# The source is the response: closing the iterator closes the connection.


def response_of_requests(url: str) -> Any:
    return pytest.importorskip("requests").get(url, stream=True)


def response_of_httpx(url: str) -> Any:
    httpx = pytest.importorskip("httpx")
    client = httpx.Client()
    return client.send(client.build_request("GET", url), stream=True)


def response_of_urllib3(url: str) -> Any:
    return pytest.importorskip("urllib3").request("GET", url, preload_content=False)


RESPONSES: list[Callable[[str], Any]] = [
    response_of_requests,
    response_of_httpx,
    response_of_urllib3,
    urllib.request.urlopen,
]


@pytest.mark.parametrize("response_of", RESPONSES)
@pytest.mark.parametrize("framing", PLAIN)
def test_closing_the_iterator_closes_the_connection(
    response_of: Callable[[str], Any], framing: str, server: Server
) -> None:
    exchange = server.exchange = Exchange([BEGIN, FIRST], framing, "hold")
    # No ``with`` of the response.
    with contextlib.closing(iter_items(response_of(url(server.port)))) as items:
        for item in items:
            exchange.saw()
            if isinstance(item, Event):
                break
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out


# Pipes: the next event is written only after the one before was read.


@contextlib.contextmanager
def patience(give_up: Callable[[], object]) -> Iterator[None]:
    """End what a read that waits for too much would wait for."""
    watchdog = threading.Timer(PATIENCE, give_up)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


@pytest.mark.parametrize("buffering", [-1, 0])
def test_no_item_of_a_pipe_waits_for_later_bytes(buffering: int) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=buffering) as pipe, open(writing, "wb", 0) as other:
        items = iter_items(pipe, require_done=True)
        with patience(other.close):
            for step, item in zip([BEGIN, FIRST, SECOND, LAST], [*SENT, DONE], strict=True):
                for chunk in step.chunks:
                    other.write(chunk)
                assert next(items) == item
        other.close()
        assert list(items) == []
        # It was read to its end: its owner closes it.
        assert not pipe.closed


CHILD = """
import sys
for line in sys.stdin:
    sys.stdout.write("data: " + line + "\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("buffering", [-1, 0])
def test_no_item_of_a_process_waits_for_later_bytes(buffering: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=buffering,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        events = iter_events(process.stdout)
        with patience(process.kill):
            for text in ("1", "2", "3"):
                process.stdin.write(text.encode() + b"\n")
                process.stdin.flush()
                assert next(events) == Event(data=text)
        process.stdin.close()
        assert list(events) == []


# A response that is read already gives its content.

CONTENT: list[Item] = [*SENT[1:], DONE, Comment("bye")]


def test_a_response_of_requests_that_was_read(server: Server) -> None:
    requests = pytest.importorskip("requests")
    for framing in FRAMINGS:
        server.exchange = Exchange(ANSWER, framing)
        response = requests.get(url(server.port))
        assert [list(iter_items(response)) for _ in range(2)] == [CONTENT] * 2
        with requests.get(url(server.port), stream=True) as response:
            assert response.content
            assert list(iter_items(response)) == CONTENT
            assert list(iter_events(response)) == SENT[1:]


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_response_of_httpx_that_was_read(name: str, server: Server) -> None:
    httpx = pytest.importorskip(name)

    async def main() -> None:
        async with httpx.AsyncClient() as client:
            response = await client.get(url(server.port))
            for _ in range(2):
                assert [item async for item in aiter_items(response)] == CONTENT
            async with client.stream("GET", url(server.port)) as response:
                await response.aread()
                assert [item async for item in aiter_items(response)] == CONTENT

    for framing in FRAMINGS:
        server.exchange = Exchange(ANSWER, framing)
        response = httpx.get(url(server.port))
        assert [list(iter_items(response)) for _ in range(2)] == [CONTENT] * 2
        with httpx.stream("GET", url(server.port)) as response:
            response.read()
            assert list(iter_items(response)) == CONTENT
        asyncio.run(main())
    # One made in memory is of both kinds.
    response = httpx.Response(200, content=b"data: 1\n\n")
    assert list(iter_items(response)) == [Event(data="1")]


def test_a_response_of_urllib3_that_was_read(server: Server) -> None:
    urllib3 = pytest.importorskip("urllib3")
    for framing in FRAMINGS:
        server.exchange = Exchange(ANSWER, framing)
        response = urllib3.request("GET", url(server.port), headers={"Accept-Encoding": "gzip"})
        assert [list(iter_items(response)) for _ in range(2)] == [CONTENT] * 2


def test_a_response_of_curl_cffi_that_was_read(server: Server) -> None:
    requests = pytest.importorskip("curl_cffi.requests")
    server.exchange = Exchange(ANSWER)
    assert list(iter_items(requests.get(url(server.port)))) == CONTENT


@pytest.mark.parametrize("name", ["httpx", "httpx2", "curl_cffi.requests"])
def test_a_response_of_the_other_kind_is_refused(name: str, server: Server) -> None:
    module = pytest.importorskip(name)

    async def main() -> None:
        session = module.AsyncSession if "curl" in name else module.AsyncClient
        async with session() as client, client.stream("GET", url(server.port)) as response:
            with pytest.raises(TypeError, match=r"^iter_items\(\) .*: call aiter_items\(source\)$"):
                iter_items(response)
            assert [item async for item in aiter_items(response)] == CONTENT

    server.exchange = Exchange(ANSWER)
    asyncio.run(main())
    session = module.Session if "curl" in name else module.Client
    with session() as client, client.stream("GET", url(server.port)) as response:
        with pytest.raises(TypeError, match=r"^aiter_items\(\) .*: call iter_items\(source\)$"):
            aiter_items(response)
        assert list(iter_items(response)) == CONTENT


# Connections that are used again.


def five_with_httpx(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    with pytest.importorskip("httpx").Client() as client:
        for _ in range(5):
            with client.stream("GET", url) as response:
                answers.append(list(iter_events(response, drain=drain)))
    return answers


def five_with_requests(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    with pytest.importorskip("requests").Session() as session:
        for _ in range(5):
            with session.get(url, stream=True) as response:
                answers.append(list(iter_events(response, drain=drain)))
    return answers


def five_with_urllib3(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    with pytest.importorskip("urllib3").PoolManager() as pool:
        for _ in range(5):
            with pool.request("GET", url, preload_content=False) as response:
                answers.append(list(iter_events(response, drain=drain)))
    return answers


async def five_with_httpx_async(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    async with pytest.importorskip("httpx").AsyncClient() as client:
        for _ in range(5):
            async with client.stream("GET", url) as response:
                answers.append([event async for event in aiter_events(response, drain=drain)])
    return answers


async def five_with_aiohttp(url: str, drain: bool) -> list[list[Event]]:
    answers: list[list[Event]] = []
    async with pytest.importorskip("aiohttp").ClientSession() as session:
        for _ in range(5):
            async with session.get(url) as response:
                answers.append([event async for event in aiter_events(response, drain=drain)])
    return answers


FIVE: list[Callable[[str, bool], Any]] = [
    five_with_httpx,
    five_with_requests,
    five_with_urllib3,
    five_with_httpx_async,
]


@pytest.mark.parametrize(
    ("five", "drain"),
    # Without drain, aiohttp keeps the connection if the end of the body has come already.
    [*[(five, drain) for five in FIVE for drain in (True, False)], (five_with_aiohttp, True)],
)
def test_drain_lets_the_connection_be_used_again(
    five: Callable[[str, bool], Any], drain: bool, server: Server
) -> None:
    server.exchange = Exchange(ANSWER)
    server.connections.clear()
    answers = five(url(server.port), drain)
    if inspect.iscoroutine(answers):
        answers = asyncio.run(answers)
    assert answers == [SENT[1:]] * 5
    assert len(server.connections) == (1 if drain else 5)


# Timeouts.


def test_comments_keep_httpx_from_timing_out() -> None:
    httpcore, httpx = pytest.importorskip("httpcore"), pytest.importorskip("httpx")

    class Silences(httpcore.NetworkStream):  # type: ignore[misc, name-defined]
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

    class Silent(httpcore.NetworkBackend):  # type: ignore[misc, name-defined]
        """Connects to such a stream."""

        def connect_tcp(self, *args: object, **options: object) -> object:
            return stream

    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    pings = [(10.0, b": ping\n\n")] * 8
    stream = Silences([(1.0, head), *pings, (10.0, b"data: 1\n\n"), *pings, (99.0, b"data: 2\n\n")])
    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(network_backend=Silent())
    got: list[Item] = []
    with (
        pytest.raises(httpx.ReadTimeout),
        httpx.Client(transport=transport, timeout=httpx.Timeout(5, read=15)) as client,
        client.stream("GET", "http://127.0.0.1/") as response,
    ):
        got.extend(iter_items(response))
    # All in all it waited long, but no single silence was too long before the last.
    assert got == [*[Comment("ping")] * 8, Event(data="1"), *[Comment("ping")] * 8]
    assert stream.waited == 1 + 17 * 10 + 15


def held_back(server: Server) -> Exchange:
    """Make the server wait, after the first comment, until it is told twice that it was seen."""
    server.exchange = Exchange([BEGIN._replace(items=2), FIRST, SECOND, LAST], "closed")
    return server.exchange


async def read_with_interruptions(source: Any, exchange: Exchange) -> None:
    items: AsyncIterator[Item]
    async with aiter_items(source) as items:
        got = [await anext(items)]
        exchange.saw()
        for _ in range(3):
            await interrupt(anext(items))
        exchange.saw()
        async for item in items:
            got.append(item)
            exchange.saw()
    assert got == [*SENT, DONE] and not exchange.timed_out


def test_after_a_timeout_aiohttp_goes_on(server: Server) -> None:
    async def main() -> None:
        for attribute in ("", "content"):
            exchange = held_back(server)
            async with (
                aiohttp.ClientSession() as session,
                session.get(url(server.port)) as response,
            ):
                source = getattr(response, attribute, response)
                await read_with_interruptions(source, exchange)

    aiohttp = pytest.importorskip("aiohttp")
    asyncio.run(main())


def test_after_a_timeout_asyncio_streams_go_on(server: Server) -> None:
    async def main() -> None:
        exchange = held_back(server)
        stream, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        await stream.readuntil(b"\r\n\r\n")
        await read_with_interruptions(stream, exchange)
        writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
@pytest.mark.parametrize("require_done", [False, True])
def test_a_timeout_ends_a_response_of_httpx_which_is_incomplete_then(
    name: str, require_done: bool, server: Server
) -> None:
    httpx = pytest.importorskip(name)

    async def main() -> None:
        exchange = held_back(server)
        async with (
            httpx.AsyncClient() as client,
            client.stream("GET", url(server.port)) as response,
        ):
            items = aiter_items(response, require_done=require_done)
            assert await anext(items) == SENT[0]
            await interrupt(anext(items))
            with pytest.raises(IncompleteStreamError):
                await anext(items)
            with pytest.raises(StopAsyncIteration):
                await anext(items)
        # httpx closed the connection.
        assert exchange.client_left.wait(PATIENCE) and not exchange.timed_out

    asyncio.run(main())
