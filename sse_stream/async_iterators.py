# SPDX-License-Identifier: MIT
"""aiter_events, aiter_items and aiter_chunks: loops over an async source."""

from __future__ import annotations

from .annotations import Any, AsyncIterable, Callable, Generic, Self, T
from .errors import Buffer
from .event_stream import EventStream
from .items import Event, Item
from .iterators import ChunkStream, events_only
from .parser import Parser
from .sources import AsyncSource, open_async_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator


def aiter_events(
    source: AsyncSource,
    *,
    parser: Parser | None = None,
    until: Callable[[Event], object] | None = None,
    flush: bool = False,
    require_done: bool = False,
    drain: bool = False,
) -> AsyncEvents:
    """Yield the events of an async source; the async form of iter_events().

    The sources are async iterables of bytes, and the async responses, streams and readers of
    HTTP clients, asyncio, anyio and trio. The arguments and errors are those of iter_events().

    The iterator closes the source if it stops before the source ends, in ``aclose()``, and at
    the end of ``async with``. If it is dropped, it closes nothing itself. A call while another
    task waits for the next event is a RuntimeError, and changes nothing.

    If ``anext()`` is cancelled, for example by a timeout, nothing is closed: the next call
    continues if the source can. A source that is an async generator cannot: the stream then
    raises IncompleteStreamError, unless its answer was complete.

    >>> import asyncio
    >>> async def chunks():
    ...     yield b"data: 1\\n\\ndata: [DONE]\\n\\n"
    >>> async def main():
    ...     return [event.data async for event in aiter_events(chunks())]
    >>> asyncio.run(main())
    ['1']
    """
    stream = events_only(parser, until, flush, require_done)
    return AsyncEvents(source, open_async_source(source, "aiter_events", _SIZE), stream, drain)


def aiter_items(
    source: AsyncSource,
    *,
    parser: Parser | None = None,
    until: Callable[[Any], object] | None = None,
    flush: bool = False,
    require_done: bool = False,
    drain: bool = False,
) -> AsyncItems:
    """Yield every item of an async source; the async form of iter_items().

    The iterator can be closed and cancelled like that of aiter_events().

    >>> import asyncio
    >>> async def chunks():
    ...     yield b": hi\\ndata: [DONE]\\n\\n"
    >>> async def main():
    ...     async with aiter_items(chunks()) as items:
    ...         async for item in items:
    ...             print(item)
    >>> asyncio.run(main())
    Comment(text='hi')
    DONE
    """
    stream = EventStream(
        parser=parser, all_items=True, until=until, flush=flush, require_done=require_done
    )
    return AsyncItems(source, open_async_source(source, "aiter_items", _SIZE), stream, drain)


_SIZE = 65536


def aiter_chunks(source: AsyncSource, *, size: int = _SIZE) -> AsyncChunks:
    """Yield the bytes of an async source as they arrive; the async form of iter_chunks().

    The iterator can be closed and cancelled like that of aiter_events().

    >>> import asyncio
    >>> async def main():
    ...     reader = asyncio.StreamReader()
    ...     reader.feed_data(b"data: 1\\n\\n")
    ...     reader.feed_eof()
    ...     return [chunk async for chunk in aiter_chunks(reader)]
    >>> asyncio.run(main())
    [b'data: 1\\n\\n']
    """
    return AsyncChunks(source, open_async_source(source, "aiter_chunks", size), ChunkStream())


class _AsyncLoop(Generic[T]):
    """Reads an async source, and returns what its stream makes of the bytes.

    A class and not an async generator, because a cancelled ``await`` ends a generator.
    """

    __slots__ = (
        "_chunks", "_cut", "_drain", "_error", "_items", "_next", "_over", "_stream", "_to_close",
        "_waiting",
    )  # fmt: skip

    def __init__(
        self,
        source: object,
        chunks: AsyncIterable[Buffer],
        stream: EventStream[Any] | ChunkStream,
        drain: bool = False,
    ) -> None:
        self._stream = stream
        self._drain = drain
        self._chunks = chunks
        self._next: Callable[[], Awaitable[Buffer]] | None = None
        # What must be closed if the source does not end; the last one first.
        self._to_close: list[object] = [source] if chunks is source else [source, chunks]
        self._items: Iterator[T] = iter(())  # completed, not yet returned
        self._over = False  # there are no items after these
        self._error: Exception | None = None  # what comes after them
        self._waiting = False  # another task is in an await of this iterator
        self._cut = False  # a cancelled await ended the source

    def __aiter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def __anext__(self) -> T:
        """Return the next item; nothing is lost if an ``await`` in here is cancelled."""
        while True:
            for item in self._items:
                return item
            if self._waiting:
                raise RuntimeError("anext(): that of another task is still waiting")
            self._waiting = True
            try:
                if self._over:
                    await self._finish()
                chunk = await (self._next or self._open())()
                self._items = iter(self._stream.feed(chunk))
                self._over = self._stream.over
            except StopAsyncIteration:
                if self._over:
                    raise
                self._end_of_source()
            except Exception as error:
                if self._over:
                    raise
                self._over, self._drain, self._error = True, False, error
            except BaseException:
                # Python has ended an async generator in which an await was cancelled.
                self._cut = getattr(self._chunks, "ag_frame", self) is None
                raise
            finally:
                self._waiting = False

    async def aclose(self) -> None:
        """Close the source; there is no next item."""
        if self._waiting:
            raise RuntimeError("aclose(): an anext() of another task is still waiting")
        self._items = iter(())
        self._over, self._error = True, None
        self._waiting = True
        try:
            error = await _close(self._to_close)
        finally:
            self._waiting = False
        if error is not None:
            raise error

    def _open(self) -> Callable[[], Awaitable[Buffer]]:
        """Begin to iterate over the source; return what gives the next chunk."""
        chunks: Any = self._chunks
        if not hasattr(chunks, "__anext__"):
            self._chunks = chunks = chunks.__aiter__()
            self._to_close.append(chunks)
        step: Callable[[], Awaitable[Buffer]] = chunks.__anext__
        self._next = step
        return step

    def _end_of_source(self) -> None:
        self._over = True
        if not self._cut:
            self._to_close.clear()  # it was read to its end, and is its owner's
        try:
            self._items = iter(self._stream.close(cut=self._cut))
        except Exception as error:
            self._error = error

    async def _finish(self) -> None:
        """Discard the rest of the source if asked to, close it, raise what comes at the end."""
        while self._drain and self._to_close:
            try:
                await (self._next or self._open())()
            except StopAsyncIteration:
                self._drain = False
                if not self._cut:
                    self._to_close.clear()
            except Exception:
                self._drain = False
        error = await _close(self._to_close)
        # An error of the source or of the stream comes first.
        error, self._error = self._error or error, None
        raise error or StopAsyncIteration


class AsyncEvents(_AsyncLoop[Event]):
    """What aiter_events() returns: an async iterator of Events, and an async context manager."""

    __slots__ = ()


class AsyncItems(_AsyncLoop[Item]):
    """What aiter_items() returns: an async iterator of items, and an async context manager."""

    __slots__ = ()


class AsyncChunks(_AsyncLoop[bytes]):
    """What aiter_chunks() returns: an async iterator of bytes, and an async context manager."""

    __slots__ = ()


async def _close(objects: list[object]) -> Exception | None:
    """Close the objects, the last one first, and empty the list; return the first error.

    Each is closed with aclose(), or with close() where there is no aclose().

    If the closing of one object is cancelled, the others are closed before that passes through.
    """
    first: Exception | None = None
    try:
        while objects:
            source = objects.pop()
            try:
                close = getattr(source, "aclose", None) or getattr(source, "close", None)
                closing: Any = None if close is None else close()
                if hasattr(closing, "__await__"):
                    await closing
            except Exception as error:
                first = first or error
    finally:
        if objects:
            await _close(objects)
    return first
