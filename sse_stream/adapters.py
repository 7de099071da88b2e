"""Thin adapters between a Parser and any transport; none holds bytes back."""

from __future__ import annotations

from .errors import IncompleteStreamError
from .items import DONE, Comment, Event
from .parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Awaitable,
        Callable,
        Generator,
        Iterable,
        Iterator,
    )
    from typing import Any

    from typing_extensions import Buffer

    from .items import Done, Item

_INSTEAD = (
    "pass an iterable of bytes, such as response.iter_bytes() or aiter_bytes() (httpx), "
    "response.iter_content(chunk_size=None) or read_chunks(response.raw) (requests), "
    "response.content.iter_any() (aiohttp) or, of what has a read method, read_chunks(file) or "
    "aread_chunks(reader)"
)


def iter_items(
    source: Iterable[Buffer], *, parser: Parser | None = None, flush: bool = False
) -> Generator[Item, None, None]:
    """Yield every item of an iterable of bytes until it ends; DONE does not stop it.

    ``flush`` goes to Parser.close(). The source's errors pass through, after all items
    before them; a source left early is closed. Raises TypeError for a source that is not an
    iterable of bytes, and what Parser.feed() raises.

    >>> list(iter_items([b": hi\\n", b"data: 1\\n\\n"]))
    [Comment(text='hi'), Event(event='message', data='1', id='', retry=None)]
    """
    _check_source(source, "__iter__")
    return _iter_items(source, parser if parser is not None else Parser(), flush)


def _iter_items(
    source: Iterable[Buffer], parser: Parser, flush: bool
) -> Generator[Item, None, None]:
    batches = _batches(source, parser, flush)
    try:
        for items in batches:
            yield from items
    finally:
        batches.close()


def _batches(
    source: Iterable[Buffer], parser: Parser, flush: bool
) -> Generator[list[Item], None, None]:
    try:
        # map() and filter() call a compiled parser without a step of the interpreter.
        yield from filter(None, map(parser.feed, source))
        yield parser.close(flush=flush)
    finally:
        _close(source)


def iter_events(
    source: Iterable[Buffer],
    *,
    parser: Parser | None = None,
    flush: bool = False,
    until: Callable[[Event], object] | None = None,
    require_done: bool = False,
) -> Generator[Event, None, None]:
    """Yield the events of an iterable of bytes, until DONE or the source's end.

    It stops too after the first event that ``until`` accepts. With ``require_done`` a
    source that ends before either raises IncompleteStreamError. Else as iter_items().

    >>> [event.data for event in iter_events([b"data: 1\\n\\ndata: [DONE]\\n\\n"])]
    ['1']
    """
    _check_source(source, "__iter__")
    return _iter_events(
        source, parser if parser is not None else Parser(), flush, until, require_done
    )


def _iter_events(
    source: Iterable[Buffer],
    parser: Parser,
    flush: bool,
    until: Callable[[Event], object] | None,
    require_done: bool,
) -> Generator[Event, None, None]:
    batches = _batches(source, parser, flush)
    try:
        for items in batches:
            for item in items:
                if isinstance(item, Event):
                    yield item
                    if until is not None and until(item):
                        return
                elif item is DONE:
                    return
        if require_done:
            raise IncompleteStreamError(parser.last_event_id)
    finally:
        batches.close()


def aiter_items(
    source: AsyncIterable[Buffer], *, parser: Parser | None = None, flush: bool = False
) -> AsyncGenerator[Item, None]:
    """Yield every item of an async iterable of bytes; the async twin of iter_items().

    >>> import asyncio
    >>> async def chunks():
    ...     yield b": hi\\ndata: [DONE]\\n\\n"
    >>> async def main():
    ...     async for item in aiter_items(chunks()):
    ...         print(item)
    >>> asyncio.run(main())
    Comment(text='hi')
    DONE
    """
    _check_source(source, "__aiter__")
    return _aiter_items(source, parser if parser is not None else Parser(), flush)


async def _aiter_items(
    source: AsyncIterable[Buffer], parser: Parser, flush: bool
) -> AsyncGenerator[Item, None]:
    batches = _abatches(source, parser, flush)
    try:
        async for items in batches:
            for item in items:
                yield item
    finally:
        await batches.aclose()


async def _abatches(
    source: AsyncIterable[Buffer], parser: Parser, flush: bool
) -> AsyncGenerator[list[Item], None]:
    feed = parser.feed
    chunks = source.__aiter__()
    try:
        async for chunk in chunks:
            if items := feed(chunk):
                yield items
        yield parser.close(flush=flush)
    finally:
        # An async generator that is left to the garbage collector ends too late.
        await _aclose(chunks)
        if chunks is not source:
            await _aclose(source)


def aiter_events(
    source: AsyncIterable[Buffer],
    *,
    parser: Parser | None = None,
    flush: bool = False,
    until: Callable[[Event], object] | None = None,
    require_done: bool = False,
) -> AsyncGenerator[Event, None]:
    """Yield the events of an async iterable of bytes; the async twin of iter_events().

    >>> import asyncio
    >>> async def chunks():
    ...     yield b"data: 1\\n\\ndata: [DONE]\\n\\n"
    >>> async def main():
    ...     return [event.data async for event in aiter_events(chunks())]
    >>> asyncio.run(main())
    ['1']
    """
    _check_source(source, "__aiter__")
    return _aiter_events(
        source, parser if parser is not None else Parser(), flush, until, require_done
    )


async def _aiter_events(
    source: AsyncIterable[Buffer],
    parser: Parser,
    flush: bool,
    until: Callable[[Event], object] | None,
    require_done: bool,
) -> AsyncGenerator[Event, None]:
    batches = _abatches(source, parser, flush)
    try:
        async for items in batches:
            for item in items:
                if isinstance(item, Event):
                    yield item
                    if until is not None and until(item):
                        return
                elif item is DONE:
                    return
        if require_done:
            raise IncompleteStreamError(parser.last_event_id)
    finally:
        await batches.aclose()


def read_chunks(file: Any, size: int = 65536) -> Iterator[bytes]:
    """Yield what a binary file, a pipe or an http.client response has, up to ``size`` bytes.

    It never waits to fill a buffer: it calls ``read1`` where there is one. A file that is
    not read to its end is closed. A raw file that does not block raises BlockingIOError
    where it has nothing yet. Raises TypeError for what is not a binary file, ValueError for a
    size that is not positive.

    >>> import io
    >>> [event.data for event in iter_events(read_chunks(io.BytesIO(b"data: 1\\n\\n")))]
    ['1']
    """
    read = _check_file(file, "read1", size)
    return _read_chunks(read, file, size)


def _read_chunks(
    read: Callable[[int], bytes | None], file: object, size: int
) -> Generator[bytes, None, None]:
    try:
        while chunk := read(size):
            yield chunk
        if chunk is None:
            raise BlockingIOError("the file does not block: nothing now, and no telling its end")
    except BaseException:
        _close(file)
        raise


def aread_chunks(reader: Any, size: int = 65536) -> AsyncIterator[bytes]:
    """Yield what an object with ``async read(n)`` has, such as an asyncio.StreamReader.

    One that can be closed and is not read to its end is closed. Raises as read_chunks() does.

    >>> import asyncio
    >>> async def main():
    ...     reader = asyncio.StreamReader()
    ...     reader.feed_data(b"data: 1\\n\\n")
    ...     reader.feed_eof()
    ...     return [event.data async for event in aiter_events(aread_chunks(reader))]
    >>> asyncio.run(main())
    ['1']
    """
    read = _check_file(reader, "read", size)
    return _aread_chunks(read, reader, size)


async def _aread_chunks(
    read: Callable[[int], Awaitable[bytes]], reader: object, size: int
) -> AsyncGenerator[bytes, None]:
    try:
        while chunk := await read(size):
            yield chunk
    except BaseException:
        await _aclose(reader)
        raise


class Dispatcher:
    """Calls back in stream order, for transports that push (asyncio.Protocol, pycurl).

    What a callback raises passes through; the items after that one come with the next call.

    >>> dispatcher = Dispatcher(on_event=lambda event: print(event.data))
    >>> dispatcher.feed(b"data: 1\\n\\n")
    1
    """

    __slots__ = ("_left", "_on_comment", "_on_done", "_on_event", "_parser")

    def __init__(
        self,
        *,
        on_event: Callable[[Event], object] | None = None,
        on_comment: Callable[[Comment], object] | None = None,
        on_done: Callable[[Done], object] | None = None,
        parser: Parser | None = None,
    ) -> None:
        self._on_event = on_event
        self._on_comment = on_comment
        self._on_done = on_done
        self._parser = parser if parser is not None else Parser()
        self._left: list[Item] = []  # what is still to be handed out, the next one last

    def feed(self, data: Buffer) -> None:
        """Take the next bytes and call back for each item; raises as Parser.feed() does."""
        self._dispatch()
        self._left += reversed(self._parser.feed(data))
        self._dispatch()

    def close(self, *, flush: bool = False) -> None:
        """End the stream and call back for the items that its end completes."""
        self._dispatch()
        self._left += reversed(self._parser.close(flush=flush))
        self._dispatch()

    def _dispatch(self) -> None:
        while self._left:
            item = self._left.pop()
            if isinstance(item, Event):
                if self._on_event is not None:
                    self._on_event(item)
            elif isinstance(item, Comment):
                if self._on_comment is not None:
                    self._on_comment(item)
            elif self._on_done is not None:
                self._on_done(item)


def is_event_stream(content_type: str | None) -> bool:
    """Whether a Content-Type is ``text/event-stream``, with any parameters and case.

    >>> is_event_stream("Text/Event-Stream; charset=utf-8"), is_event_stream(None)
    (True, False)
    """
    if content_type is None:
        return False
    return content_type.partition(";")[0].strip(" \t\r\n").lower() == "text/event-stream"


def _check_source(source: object, method: str) -> None:
    kind = type(source)
    if issubclass(kind, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"the source is a {kind.__name__}; {_INSTEAD}")
    # Files and whole responses may be iterable, but by lines: they would wait for each LF.
    whole = ("iter_bytes", "iter_content", "iter_any", "read", "status_code")
    if any(hasattr(source, name) for name in whole) or not hasattr(source, method):
        wanted = "an async iterable" if method == "__aiter__" else "an iterable"
        raise TypeError(f"{kind.__name__} is not {wanted} of bytes; {_INSTEAD}")


def _check_file(file: object, method: str, size: int) -> Callable[[int], Any]:
    """Return the method that reads what is there."""
    read = getattr(file, method, None) or getattr(file, "read", None)
    # What has iter_bytes() too is a whole response, whose read() waits for all of it.
    if read is None or hasattr(file, "iter_bytes"):
        raise TypeError(f"{type(file).__name__} is no binary file; {_INSTEAD}")
    if size <= 0:
        raise ValueError(f"size must be positive, not {size}")
    found: Callable[[int], Any] = read
    return found


def _close(source: object) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()


async def _aclose(source: object) -> None:
    close = getattr(source, "aclose", None) or getattr(source, "close", None)
    if close is not None:
        closing = close()
        if hasattr(closing, "__await__"):
            await closing
