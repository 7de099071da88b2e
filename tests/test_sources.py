"""Which objects are sources, how their bytes are read, and what the others are told.

The objects have the methods of those of the clients; tests/clients has the clients themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.sources import AsyncSource, Source, at_once, collect, consume

from sse_stream import (
    Event,
    aiter_chunks,
    aiter_events,
    aiter_items,
    iter_chunks,
    iter_events,
    iter_items,
)
from sse_stream.sources import open_async_source

BODY = [b"data: 1\n", b"\n", b"data: 2\n\n"]
WHOLE = b"".join(BODY)
EVENTS = [Event(data="1"), Event(data="2")]
SYNC: list[Any] = [iter_chunks, iter_items, iter_events]
ASYNC: list[Any] = [aiter_chunks, aiter_items, aiter_events]


def fail(self: object) -> object:
    raise AssertionError("a property was asked for")


class Unread:
    """A response whose properties fail, because they would read the body."""

    content: Any = property(fail)
    text: Any = property(fail)
    stream: Any = property(fail)
    raw: Any = property(fail)
    data: Any = property(fail)
    buffer: Any = property(fail)
    stream_task: Any = property(fail)
    astream_task: Any = property(fail)

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("it waits for the whole body")

    async def aread(self) -> bytes:
        raise AssertionError("it waits for the whole body")

    def iter_lines(self) -> Iterator[str]:
        yield ""

    async def aiter_lines(self) -> AsyncIterator[str]:
        yield ""


class SyncStream:
    def __iter__(self) -> Iterator[bytes]:
        return iter(BODY)


class AsyncStream:
    def __aiter__(self) -> AsyncIterator[bytes]:
        return AsyncSource(BODY)


class InMemory(SyncStream, AsyncStream):
    pass


class HttpxLike(Unread):
    """As a response of httpx, whose stream tells whether it is async."""

    encoding = "utf-8"

    def __init__(self, stream: object) -> None:
        self.stream = stream

    stream: Any = None

    def iter_bytes(self) -> Iterator[bytes]:
        yield from BODY

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        return AsyncSource(BODY)


class SdkLike(Unread):
    """As the sync response of an SDK, which has no stream."""

    def iter_bytes(self) -> Iterator[bytes]:
        yield from BODY


class AsyncSdkLike(Unread):
    async def iter_bytes(self) -> AsyncIterator[bytes]:
        for chunk in BODY:
            yield chunk


class Urllib3Like(Unread):
    """As a response of urllib3; ``read1`` is what is there."""

    closed = False
    chunked = False
    position = 0

    def __init__(self, **attributes: object) -> None:
        self.chunks = iter(BODY)
        self.calls: list[tuple[object, ...]] = []
        vars(self).update(attributes)

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("it waits for the end of a line")

    def supports_chunked_reads(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def read_chunked(self) -> None:
        raise AssertionError("stream() calls it")

    def read1(self, size: int, decode_content: bool) -> bytes:
        self.calls.append(("read1", size, decode_content))
        return next(self.chunks, b"")

    def stream(self, size: int, decode_content: bool) -> Any:
        self.calls.append(("stream", size, decode_content))
        yield from self.chunks


class Urllib3Before22(Urllib3Like):
    """Without read1()."""

    read1: Any = property()


class Urllib3Future(Urllib3Like):
    """As the response of urllib3-future: its read1() may return nothing before the end."""

    trailers = None


class Urllib3Read(Urllib3Like):
    """A response that was read."""

    closed = True
    data: Any = WHOLE


class RequestsLike(Unread):
    """As a response of requests, an iterable of parts of 128 bytes."""

    encoding = "utf-8"

    def __init__(self, raw: object, consumed: bool = False) -> None:
        self.raw = raw
        self._content_consumed = consumed

    raw: Any = None

    def iter_content(self, size: int) -> Iterator[bytes]:
        assert self.raw is None or self._content_consumed, "it waits for that many bytes"
        yield from BODY

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("it waits for 128 bytes")


class NiquestsLike(Unread):
    def __init__(self, raw: object = None) -> None:
        self.raw = raw

    raw: Any = None

    @property
    def lazy(self) -> bool:
        raise AssertionError("a property was asked for")

    def iter_content(self) -> Any:
        yield from BODY


class AsyncUrllib3Future(Urllib3Future):
    async def stream(self, size: int, decode_content: bool) -> Any:
        self.calls.append(("stream", size, decode_content))
        for chunk in self.chunks:
            yield chunk


class AsyncNiquestsLike(NiquestsLike):
    async def iter_content(self) -> Any:
        return AsyncSource(BODY if self.raw is None else [])


class CurlLike(Unread):
    """As a response of curl_cffi; without streaming its content is an attribute."""

    content: Any = None
    stream_task: Any = None
    astream_task: Any = None

    def __init__(self, **attributes: object) -> None:
        vars(self).update(attributes)

    def iter_content(self) -> Iterator[bytes]:
        assert self.stream_task
        yield from BODY

    async def aiter_content(self) -> AsyncIterator[bytes]:
        assert self.astream_task
        for chunk in BODY:
            yield chunk


class File(io.BytesIO):
    """A file that fails if read() is called, which would wait for a full buffer."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("read() waits")


class Unbuffered:
    """A file without read1(): its read() returns what is there."""

    def __init__(self) -> None:
        self.chunks = iter(BODY)

    def read(self, size: int) -> bytes:
        return next(self.chunks, b"")


class SocketLike:
    def __init__(self) -> None:
        self.chunks = iter(BODY)

    def recv(self, size: int) -> bytes:
        return next(self.chunks, b"")

    def recv_into(self, buffer: bytearray) -> int:
        raise AssertionError("it needs a buffer")


class AioReader:
    """As aiohttp.StreamReader: iteration over it gives lines, and so delays the bytes."""

    def iter_any(self) -> AsyncIterator[bytes]:
        return AsyncSource(BODY)

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("it waits for the end of a line")

    async def read(self, size: int = -1) -> bytes:
        raise AssertionError("iter_any() gives the same")


class AiohttpLike:
    def __init__(self) -> None:
        self.content = AioReader()

    async def read(self) -> bytes:
        raise AssertionError("it waits for the whole body")


class AsyncFile:
    """As the files of anyio, which read in threads."""

    def __init__(self, chunks: Iterable[bytes] = BODY) -> None:
        self.chunks = iter(chunks)

    async def read1(self, size: int) -> bytes:
        return next(self.chunks, b"")

    async def read(self, size: int) -> bytes:
        raise AssertionError("read() waits")

    async def readinto(self, buffer: bytearray) -> int:
        raise AssertionError("it needs a buffer")

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("it waits for the end of a line")


class AsyncReader:
    """Has ``async read(n)`` alone."""

    def __init__(self, chunks: Iterable[bytes] = BODY) -> None:
        self.chunks = iter(chunks)

    async def read(self, size: int) -> bytes:
        return next(self.chunks, b"")


class CompiledReader:
    """Has a read() that is not written in Python and returns an awaitable."""

    def __init__(self) -> None:
        self.read = Ignoring(iter([*map(ready, BODY), ready(b"")]).__next__)

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("it waits for the end of a line")


class Ignoring:
    """Calls a function without its argument."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def __call__(self, size: int) -> Any:
        return self.function()


async def ready(value: bytes) -> bytes:
    return value


def asyncio_reader() -> asyncio.StreamReader:
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        reader = asyncio.StreamReader(loop=loop)
    reader.feed_data(WHOLE)
    reader.feed_eof()
    return reader


class AsyncIterable:
    def __aiter__(self) -> AsyncIterator[bytes]:
        return AsyncSource(BODY)


def generator() -> Iterator[bytes]:
    yield from BODY


async def agenerator() -> AsyncIterator[bytes]:
    for chunk in BODY:
        yield chunk


SYNC_SOURCES: dict[str, Callable[[], Any]] = {
    "bytes": lambda: WHOLE,
    "bytearray": lambda: bytearray(WHOLE),
    "memoryview": lambda: memoryview(WHOLE),
    "list": lambda: BODY,
    "tuple": lambda: tuple(BODY),
    "generator": generator,
    "iterator": lambda: map(bytearray, BODY),
    "memoryviews": lambda: map(memoryview, BODY),
    "set of one": lambda: {WHOLE},
    "httpx": lambda: HttpxLike(SyncStream()),
    "httpx in memory": lambda: HttpxLike(InMemory()),
    "response of an SDK": SdkLike,
    "requests": lambda: RequestsLike(Urllib3Like()),
    "requests, chunked": lambda: RequestsLike(Urllib3Like(chunked=True)),
    "requests, read": lambda: RequestsLike(Urllib3Read(), consumed=True),
    "requests, consumed": lambda: RequestsLike(Urllib3Like(chunks=iter(())), consumed=True),
    "requests, a file": lambda: RequestsLike(File(WHOLE)),
    "requests without raw": lambda: RequestsLike(None),
    "niquests": NiquestsLike,
    "curl_cffi": lambda: CurlLike(stream_task=1),
    "curl_cffi, read": lambda: CurlLike(content=WHOLE),
    "urllib3": Urllib3Like,
    "urllib3, chunked": lambda: Urllib3Like(chunked=True),
    "urllib3 before 2.2": Urllib3Before22,
    "urllib3-future": Urllib3Future,
    "urllib3, read": Urllib3Read,
    "BytesIO": lambda: File(WHOLE),
    "unbuffered file": Unbuffered,
    "socket": SocketLike,
}
ASYNC_SOURCES: dict[str, Callable[[], Any]] = {
    "async generator": agenerator,
    "async iterable": AsyncIterable,
    "async iterator": lambda: AsyncSource(BODY),
    "httpx": lambda: HttpxLike(AsyncStream()),
    "httpx in memory": lambda: HttpxLike(InMemory()),
    "response of an SDK": AsyncSdkLike,
    "niquests": AsyncNiquestsLike,
    "niquests with urllib3-future": lambda: AsyncNiquestsLike(AsyncUrllib3Future()),
    "curl_cffi": lambda: CurlLike(astream_task=1),
    "aiohttp": AiohttpLike,
    "aiohttp content": AioReader,
    "asyncio": asyncio_reader,
    "file of anyio": AsyncFile,
    "async read": AsyncReader,
    "read without a coroutine function": CompiledReader,
}


@pytest.mark.parametrize("name", SYNC_SOURCES)
def test_every_sync_source_is_taken_as_it_is(name: str) -> None:
    make = SYNC_SOURCES[name]
    assert b"".join(iter_chunks(make())) == WHOLE
    assert list(iter_items(make())) == list(iter_events(make())) == EVENTS


@pytest.mark.parametrize("name", ASYNC_SOURCES)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_every_async_source_is_taken_as_it_is(name: str) -> None:
    make = ASYNC_SOURCES[name]
    assert b"".join(at_once(collect(aiter_chunks(make())))) == WHOLE
    assert at_once(collect(aiter_items(make()))) == EVENTS
    assert at_once(collect(aiter_events(make()))) == EVENTS


def test_what_is_asked_of_urllib3() -> None:
    plain = Urllib3Like()
    assert list(iter_chunks(plain, size=9)) == BODY
    assert plain.calls == [("read1", 9, True)] * 4
    chunked = Urllib3Like(chunked=True)
    assert list(iter_chunks(chunked, size=9)) == BODY and chunked.calls == [("stream", 9, True)]
    # Its decoder of transfer chunks has to begin at the first one.
    begun = Urllib3Like(chunked=True, position=1)
    assert list(iter_chunks(begun, size=9)) == BODY and begun.calls[0] == ("read1", 9, True)
    old = Urllib3Before22()
    assert list(iter_chunks(old)) == BODY and old.calls == [("stream", 1, True)]
    future = Urllib3Future()
    assert list(iter_chunks(future)) == BODY and future.calls == [("stream", -1, True)]
    # Read without a body, as that of HEAD.
    read = Urllib3Read(data=None)
    assert list(iter_chunks(read)) == []


def test_the_chunks_are_those_of_the_source() -> None:
    for source in (BODY, HttpxLike(SyncStream()), SocketLike(), Unbuffered()):
        assert list(iter_chunks(source)) == BODY
    # An empty chunk is no chunk, and each is of type bytes.
    given: list[Any] = [b"", bytearray(b"a"), memoryview(b"bc")[::-1], b""]
    assert list(iter_chunks(given)) == [b"a", b"cb"]
    assert {type(chunk) for chunk in iter_chunks(given)} == {bytes}
    assert at_once(collect(aiter_chunks(AsyncSource(given)))) == [b"a", b"cb"]


def test_size_is_how_much_is_asked_for_at_once() -> None:
    assert list(iter_chunks(File(b"abcde"), size=2)) == [b"ab", b"cd", b"e"]
    assert list(iter_chunks(File(b"ab"), size=1)) == [b"a", b"b"]
    assert list(iter_chunks([b"abcde"], size=2)) == [b"abcde"]
    reader = asyncio_reader()
    assert at_once(collect(aiter_chunks(reader, size=10))) == [WHOLE[:10], WHOLE[10:]]


@pytest.mark.parametrize("size", [0, -1])
def test_size_must_be_positive(size: int) -> None:
    sources: list[tuple[Any, Any]] = [(iter_chunks, b""), (aiter_chunks, AsyncReader())]
    for call, source in sources:
        with pytest.raises(ValueError, match=f"size must be positive, not {size}"):
            call(source, size=size)


@pytest.mark.parametrize("size", [True, 1.5, None, "1"])
def test_size_must_be_an_int(size: Any) -> None:
    sources: list[tuple[Any, Any]] = [(iter_chunks, b""), (aiter_chunks, AsyncReader())]
    for call, source in sources:
        with pytest.raises(TypeError, match=f"size must be an int, not {type(size).__name__}"):
            call(source, size=size)


def test_nothing_is_read_before_the_iteration() -> None:
    class Watched(File):
        def read1(self, size: int | None = -1) -> bytes:
            read.append(size)
            return super().read1(size)

    read: list[int | None] = []
    for call in SYNC:
        items = call(Watched(WHOLE))
        assert read == []
        next(items)
        assert read == [65536]
        read.clear()


def test_what_is_opened_is_an_async_iterable() -> None:
    for name in ASYNC_SOURCES:
        opened = open_async_source(ASYNC_SOURCES[name](), "aiter_chunks", 9)
        assert b"".join(at_once(collect(opened))) == WHOLE


# Files, pipes and sockets of the system.


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(WHOLE)
    for buffering in (-1, 0, 3):
        with open(path, "rb", buffering=buffering) as file:
            assert list(iter_events(file)) == EVENTS
            # A file that was read to its end is closed by its owner.
            assert not file.closed
    with tempfile.TemporaryFile() as other, tempfile.SpooledTemporaryFile() as spooled:
        for temporary in (other, spooled):
            temporary.write(WHOLE)
            temporary.seek(0)
            assert list(iter_events(temporary)) == EVENTS


def test_a_process() -> None:
    program = f"import sys; sys.stdout.buffer.write({WHOLE!r})"
    for buffering in (-1, 0):
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, bufsize=buffering
        ) as process:
            assert process.stdout is not None
            assert list(iter_events(process.stdout)) == EVENTS


def test_sockets() -> None:
    here, there = socket.socketpair()
    with here, there:
        chunks = iter_chunks(here)
        for chunk in BODY:
            there.sendall(chunk)
            assert next(chunks) == chunk
        there.close()
        assert list(chunks) == [] and here.fileno() != -1


@pytest.mark.skipif(sys.platform == "win32", reason="pipes block there")
def test_no_data_yet_is_not_the_end() -> None:
    for buffering in (-1, 0):
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        with open(reading, "rb", buffering=buffering) as file, open(writing, "wb", 0) as pipe:
            chunks = iter_chunks(file)
            pipe.write(b"a")
            assert next(chunks) == b"a"
            if buffering == 0:
                with pytest.raises(BlockingIOError, match="non-blocking and has no data now"):
                    next(chunks)
                assert file.closed


def test_an_async_read_that_returns_none_is_not_the_end() -> None:
    events = aiter_events(AsyncReader([None]))  # type: ignore[list-item]
    with pytest.raises(BlockingIOError, match="non-blocking and has no data now"):
        at_once(collect(events))
    assert at_once(collect(events)) == []


# Wrong sources.


class AsyncTextFile:
    encoding = "utf-8"

    async def read(self, size: int = -1) -> str:
        return ""


class JsProxy:
    """As the body of a JavaScript response in Pyodide."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("its chunks are objects of JavaScript")

    __iter__ = __aiter__


async def coroutine() -> object:
    return HttpxLike(AsyncStream())


class Awaitable:
    """As what a call of aiohttp returns: to be awaited, or entered."""

    def __await__(self) -> Iterator[None]:
        yield

    # As an asyncio.Future, which is an iterable of no bytes.
    __iter__ = __await__

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("it was not awaited")

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *exc_info: object) -> None: ...


class Process:
    """As subprocess.Popen, which can be entered too."""

    stdout = io.BytesIO()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exc_info: object) -> None: ...


@contextlib.contextmanager
def not_entered() -> Iterator[object]:
    yield HttpxLike(SyncStream())


@contextlib.asynccontextmanager
async def not_entered_async() -> AsyncIterator[object]:
    yield HttpxLike(AsyncStream())


def iter_lines() -> Iterator[bytes]:
    yield from BODY


BYTES = "call {}(data) with data of type bytes"
PYODIDE = "pass the chunks of its body, as docs/recipes.md shows for Pyodide"
LINES = "it removes the line ends: pass the response itself"
BINARY = "open it in binary mode, or pass its .buffer"
AWAIT = "await it first"
ENTER = "enter it with `with` or `async with`, and pass what that gives"
OPEN = "open it in binary mode, and pass the file"
STDOUT = "pass its .stdout"
CALL = "call it, and pass what it returns"
OTHER = "pass a response, a file or an iterable of bytes"
ASYNC_OTHER = "pass a response, a file or an async iterable of bytes"
# What the sync calls say about an object, and the async ones; {} is the name of the sync call.
WRONG: dict[str, tuple[Callable[[], Any], str, str]] = {
    "text": (lambda: "data: 1\n\n", BYTES, BYTES),
    "StringIO": (lambda: io.StringIO("data: 1\n\n"), BINARY, BINARY),
    "text wrapper": (lambda: io.TextIOWrapper(io.BytesIO(WHOLE)), BINARY, BINARY),
    "async text file": (AsyncTextFile, BINARY, BINARY),
    "lines": (iter_lines, LINES, LINES),
    "lines of httpx": (lambda: SdkLike().iter_lines(), LINES, LINES),
    "async lines of httpx": (lambda: SdkLike().aiter_lines(), LINES, LINES),
    "method of lines": (lambda: SdkLike().iter_lines, LINES, LINES),
    "coroutine": (coroutine, AWAIT, AWAIT),
    "awaitable": (Awaitable, AWAIT, AWAIT),
    "context manager": (not_entered, ENTER, ENTER),
    "async context manager": (not_entered_async, ENTER, ENTER),
    "JavaScript": (JsProxy, PYODIDE, PYODIDE),
    "method": (lambda: SdkLike().iter_bytes, CALL, CALL),
    "function": (lambda: generator, CALL, CALL),
    "class": (lambda: HttpxLike, CALL, CALL),
    "class of context managers": (lambda: io.BytesIO, CALL, CALL),
    "path": (lambda: Path("stream"), OPEN, OPEN),
    "process": (Process, STDOUT, STDOUT),
    "int": (lambda: 7, OTHER, ASYNC_OTHER),
    "None": (lambda: None, OTHER, ASYNC_OTHER),
    "object": (object, OTHER, ASYNC_OTHER),
}
# That its read() is not async, only its result shows.
UNKNOWN = {"unbuffered file"}
BOTH = {"httpx", "response of an SDK", "niquests", "curl_cffi"}
ONE_KIND = (set(SYNC_SOURCES) ^ set(ASYNC_SOURCES) | BOTH) - UNKNOWN


@pytest.mark.filterwarnings("ignore:coroutine", "ignore:unclosed")
@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("call", [*SYNC, *ASYNC])
def test_a_wrong_source_is_told_what_to_do(call: Any, name: str) -> None:
    make, *advice = WRONG[name]
    source = make()
    with pytest.raises(TypeError) as caught:
        call(source)
    start = f"{call.__name__}() was given a source of type {type(source).__name__}: "
    assert str(caught.value) == start + advice[call in ASYNC].format(call.__name__.lstrip("a"))


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("name", sorted(ONE_KIND & set(ASYNC_SOURCES)))
@pytest.mark.parametrize("call", SYNC)
def test_an_async_source_in_a_sync_call(call: Any, name: str) -> None:
    advice = rf"^{call.__name__}\(\) was given .*: call a{call.__name__}\(source\)$"
    with pytest.raises(TypeError, match=advice):
        call(ASYNC_SOURCES[name]())


@pytest.mark.parametrize("name", sorted(ONE_KIND & set(SYNC_SOURCES)))
@pytest.mark.parametrize("call", ASYNC)
def test_a_sync_source_in_an_async_call(call: Any, name: str) -> None:
    other = call.__name__.removeprefix("a")
    thing = "data" if name in ("bytes", "bytearray", "memoryview") else "source"
    with pytest.raises(TypeError, match=rf": call {other}\({thing}\)$"):
        call(SYNC_SOURCES[name]())


@pytest.mark.parametrize("call", ASYNC)
def test_a_sync_read_in_an_async_call_is_refused_when_it_returns(call: Any) -> None:
    class Reader:
        def read(self, size: int) -> bytes:
            return BODY[0]

    with pytest.raises(TypeError, match="not async: call the function without `a`"):
        at_once(collect(call(Reader())))


def test_a_wrong_source_is_refused_before_anything_is_closed() -> None:
    class Lines(Source):
        __name__ = "iter_lines"

    source = Lines(BODY)
    for call in (*SYNC, *ASYNC):
        with pytest.raises(TypeError):
            call(source)
    assert source.closed == source.chunks_read == 0


@pytest.mark.parametrize("call", [iter_items, iter_events, aiter_items, aiter_events])
@pytest.mark.parametrize(
    ("chunk", "message"),
    [("data: x\n\n", "takes bytes, not str"), (1, "not int"), (None, "NoneType")],
)
def test_an_iterable_of_something_else_is_refused_at_its_first_chunk(
    call: Any, chunk: Any, message: str
) -> None:
    got = consume(call, [b"data: 1\n\n", chunk, b"data: 2\n\n"])
    assert got.items == [Event(data="1")] and got.source.closed == 1
    assert isinstance(got.error, TypeError) and message in str(got.error)
