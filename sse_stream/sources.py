# SPDX-License-Identifier: MIT
"""Where the bytes of a stream come from: any response, file, socket or iterable.

An object is recognised by its methods, so that no library is imported, and no property that
could read the body is asked for. Every way that is chosen gives the bytes as they arrive.
"""

from __future__ import annotations

from .errors import is_async

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
    from typing import Any, Protocol, TypeAlias

    from typing_extensions import Buffer, Self

    class _IterBytes(Protocol):
        def iter_bytes(self) -> Iterable[bytes]: ...

    class _IterContent(Protocol):
        def iter_content(self) -> Iterable[Any]: ...

    class _Read(Protocol):
        def read(self, size: int, /) -> bytes | None: ...

    class _Receive(Protocol):
        def recv(self, size: int, /) -> bytes: ...

    class _AiterBytes(Protocol):
        def aiter_bytes(self) -> AsyncIterable[bytes]: ...

    class _AiterContent(Protocol):
        def aiter_content(self) -> AsyncIterable[bytes]: ...

    class _AwaitIterContent(Protocol):
        async def iter_content(self) -> Any: ...

    class _IterAny(Protocol):
        def iter_any(self) -> AsyncIterable[bytes]: ...

    class _HasContent(Protocol):
        @property
        def content(self) -> _IterAny: ...

    class _AsyncRead(Protocol):
        async def read(self, size: int, /) -> bytes | None: ...

    Source: TypeAlias = Iterable[Buffer] | Buffer | _IterBytes | _IterContent | _Read | _Receive
    AsyncSource: TypeAlias = (
        AsyncIterable[Buffer]
        | _AiterBytes
        | _AiterContent
        | _AwaitIterContent
        | _IterAny
        | _HasContent
        | _AsyncRead
    )
else:
    Source = AsyncSource = object  # for typing.get_type_hints()


def open_source(source: Any, caller: str, size: int) -> Iterable[Buffer]:
    """Return an iterable of the source's bytes; nothing is read before it is iterated.

    Raises TypeError for an object that is no source; the message names the ``caller`` and says
    what to do with that object. ``size`` is how many bytes are asked for at once.
    """
    _check_size(size)
    found: Iterable[Buffer] | None = _sync_chunks(source, size)
    if found is None:
        raise TypeError(_advice(source, caller, size))
    return found


def open_async_source(source: Any, caller: str, size: int) -> AsyncIterable[Buffer]:
    """The same for an async source: return an async iterable."""
    _check_size(size)
    found: AsyncIterable[Buffer] | None = _async_chunks(source, size)
    if found is None:
        raise TypeError(_advice(source, caller, size))
    return found


def _check_size(size: object) -> None:
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"size must be an int, not {type(size).__name__}")
    if size <= 0:
        raise ValueError(f"size must be positive, not {size}")


def _sync_chunks(source: Any, size: int) -> Any:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return (source,)
    if _is_no_source(source):
        return None
    if hasattr(source, "iter_bytes"):  # httpx
        stream = _attribute(source, "stream")
        is_sync = stream is None or hasattr(stream, "__iter__")
        return source.iter_bytes() if is_sync and not is_async(source.iter_bytes) else None
    if hasattr(source, "iter_content"):  # requests, niquests, curl_cffi
        is_sync = _attribute(source, "astream_task") is None
        return _contents(source, size) if is_sync and not is_async(source.iter_content) else None
    if hasattr(source, "read_chunked"):
        return _urllib3_chunks(source, size)
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    if read is None and hasattr(source, "recv_into"):
        read = source.recv  # a socket
    if read is not None:
        return None if is_async(read) or hasattr(source, "__aiter__") else _reads(read, size)
    return source if hasattr(source, "__iter__") else None


def _contents(response: Any, size: int) -> Any:
    """Return the chunks of a response of requests, niquests or curl_cffi."""
    if hasattr(response, "aiter_content") and _attribute(response, "stream_task") is None:
        return (response.content,)  # curl_cffi without stream=True: its content is an attribute
    # iter_content() of requests waits for ``size`` bytes, that of the others does not.
    if hasattr(response, "aiter_content") or _has(response, "lazy"):
        return response.iter_content()
    raw = _attribute(response, "raw")
    if getattr(response, "_content_consumed", False):
        return response.iter_content(size)  # it was read before
    return _sync_chunks(raw, size) or response.iter_content(size)


def _urllib3_chunks(response: Any, size: int) -> Any:
    if response.closed:
        return (response.data or b"",)  # it was read before
    if _has(response, "trailers"):
        return response.stream(-1, decode_content=True)  # urllib3-future, that of niquests
    # A server has a whole transfer chunk before it sends it, so nothing waits for later bytes.
    # The decoder of transfer chunks must see the body from its beginning.
    if response.chunked and response.supports_chunked_reads() and response.tell() == 0:
        return response.stream(size, decode_content=True)
    if hasattr(response, "read1"):
        return _reads(lambda size: response.read1(size, decode_content=True), size)
    return response.stream(1, decode_content=True)  # before urllib3 2.2


def _reads(read: Callable[[int], bytes | None], size: int) -> Iterable[bytes]:
    while chunk := _checked(read(size)):
        yield chunk


def _async_chunks(source: Any, size: int) -> Any:
    if _is_no_source(source):
        return None
    if hasattr(source, "aiter_bytes"):  # httpx
        stream = _attribute(source, "stream")
        is_sync = stream is not None and not hasattr(stream, "__aiter__")
        return None if is_sync else source.aiter_bytes()
    if hasattr(source, "iter_bytes"):  # the responses of SDKs
        return source.iter_bytes() if is_async(source.iter_bytes) else None
    if hasattr(source, "aiter_content"):  # curl_cffi
        if _attribute(source, "astream_task") is not None:
            return source.aiter_content()
        return None
    if hasattr(source, "iter_content"):  # niquests
        return _AwaitedChunks(source) if is_async(source.iter_content) else None
    reader = source if hasattr(source, "iter_any") else _attribute(source, "content")
    if hasattr(reader, "iter_any"):
        return reader.iter_any()  # aiohttp
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    if read is not None:
        is_sync = hasattr(source, "readinto") or hasattr(source, "__iter__")
        return _AsyncReads(read, size) if is_async(read) or not is_sync else None
    return source if hasattr(source, "__aiter__") else None


class _AsyncReads:
    """What an object with ``async read(n)`` has, as it comes.

    Not an async generator, which ends when its ``await`` is cancelled.
    """

    __slots__ = ("_read", "_size")

    def __init__(self, read: Callable[[int], Awaitable[bytes | None]], size: int) -> None:
        self._read = read
        self._size = size

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        reading = self._read(self._size)
        if isinstance(reading, (bytes, bytearray, memoryview, str)):
            # Whether a compiled read() is async, only its first call shows.
            raise TypeError("read() of the source is not async: call the function without `a`")
        chunk = _checked(await reading)
        if not chunk:
            raise StopAsyncIteration
        return chunk


class _AwaitedChunks:
    """The chunks of an async response of niquests, which are asked for with ``await``."""

    __slots__ = ("_chunks", "_response")

    def __init__(self, response: Any) -> None:
        self._response = response
        self._chunks: Any = None

    @property
    def ag_frame(self) -> object:
        """As that of the async generator in here: None once it has ended."""
        return getattr(self._chunks, "ag_frame", self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._chunks is None:
            self._chunks = await self._response.iter_content()
            raw = _attribute(self._response, "raw")
            if hasattr(raw, "read_chunked"):
                # iter_content() ends where the decompressor has no bytes yet.
                self._chunks = raw.stream(-1, decode_content=True)
        chunk: bytes = await self._chunks.__anext__()
        return chunk


def _checked(chunk: bytes | None) -> bytes:
    if chunk is None:
        raise BlockingIOError("the file is non-blocking and has no data now: wait until it has")
    return chunk


def _has(source: object, name: str) -> bool:
    """Whether the class of an object has an attribute; it is not asked for."""
    return hasattr(type(source), name)


def _attribute(source: object, name: str) -> Any:
    """Return an attribute that is no property: a property could read the body."""
    kind = getattr(type(source), name, None)
    return None if hasattr(kind, "__get__") else getattr(source, name, None)


def _is_no_source(source: object) -> bool:
    """Whether an object is refused although it has a method of a source."""
    return (
        isinstance(source, (str, bytes, bytearray, memoryview, type))
        or _gives_lines(source)
        or _is_text_file(source)
        or hasattr(source, "__await__")
        or type(source).__name__ == "JsProxy"
    )


def _gives_lines(source: object) -> bool:
    return getattr(source, "__name__", "") in ("iter_lines", "aiter_lines")


def _is_text_file(source: object) -> bool:
    is_response = hasattr(source, "iter_bytes") or hasattr(source, "iter_content")
    return not is_response and hasattr(source, "read") and hasattr(source, "encoding")


def _advice(source: Any, caller: str, size: int) -> str:
    """Return the message for an object that is no source of this function."""
    name: str = type(source).__name__
    call = caller.removeprefix("a")
    if isinstance(source, str):
        advice = f"call {call}(data) with data of type bytes"
    elif isinstance(source, (bytes, bytearray, memoryview)):
        advice = f"call {call}(data)"
    elif _gives_lines(source):
        # With requests the lines are bytes, which look like chunks.
        advice = "it removes the line ends: pass the response itself"
    elif hasattr(source, "__await__"):
        advice = "await it first"
    elif name == "JsProxy":
        advice = "pass the chunks of its body, as docs/recipes.md shows for Pyodide"
    elif _is_text_file(source):
        advice = "open it in binary mode, or pass its .buffer"
    elif caller == call and _async_chunks(source, size) is not None:
        advice = f"call a{call}(source)"
    elif caller != call and _sync_chunks(source, size) is not None:
        advice = f"call {call}(source)"
    elif hasattr(source, "stdout"):
        advice = "pass its .stdout"  # a process
    elif hasattr(source, "__fspath__"):
        advice = "open it in binary mode, and pass the file"
    elif _has(source, "__enter__") or _has(source, "__aenter__"):
        advice = "enter it with `with` or `async with`, and pass what that gives"
    elif callable(source):
        advice = "call it, and pass what it returns"
    else:
        kind = "iterable" if caller == call else "async iterable"
        advice = f"pass a response, a file or an {kind} of bytes"
    return f"{caller}() was given a source of type {name}: {advice}"
