"""Adapters between a Parser and any transport; they buffer nothing."""

# Two private attributes of the parser tell how a stream ended.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from sys import get_asyncgen_hooks

from .errors import IncompleteStreamError, NotEventStreamError
from .items import DONE, Comment, Event, Ignored
from .parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
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

    from typing_extensions import Buffer, Self

    from .items import Done, Item

# How a comment and each field of the standard begin.
_BEGINNINGS = (b":", b"data:", b"event:", b"id:", b"retry:")


def iter_items(
    source: Iterable[Buffer],
    *,
    parser: Parser | None = None,
    flush: bool = False,
    require_done: bool = False,
) -> Generator[Item, None, None]:
    """Yield every item of an iterable of bytes until it ends; DONE does not stop it.

    ``flush`` is passed to Parser.close(). With ``require_done``, a source that ends before
    DONE raises IncompleteStreamError, and an event whose last line has no line end is not
    yielded. A source that is not an event stream raises NotEventStreamError at its end. Errors
    of the source pass through, after all items before them. The iterator closes its source
    when it ends or is closed. Raises TypeError for a source that is not an iterable of bytes,
    and the errors of Parser.feed().

    >>> list(iter_items([b": hi\\n", b"data: 1\\n\\n"]))
    [Comment(text='hi'), Event(event='message', data='1', id='', retry=None)]
    """
    _check_source(source, "iter_items")
    return _started(_iterate(source, _parser(parser), flush, require_done, every=True))


def iter_events(
    source: Iterable[Buffer],
    *,
    parser: Parser | None = None,
    flush: bool = False,
    until: Callable[[Event], object] | None = None,
    require_done: bool = False,
    drain: bool = False,
) -> Generator[Event, None, None]:
    """Yield the events of an iterable of bytes, until DONE or the source's end.

    It also stops after the first event for which ``until`` returns true. With
    ``require_done``, a source that ends without DONE and without such an event raises
    IncompleteStreamError. ``drain`` reads the rest of the source and discards it, with any
    error, so that an HTTP client can use its connection again. Otherwise like iter_items().

    >>> [event.data for event in iter_events([b"data: 1\\n\\ndata: [DONE]\\n\\n"])]
    ['1']
    """
    _check_source(source, "iter_events")
    return _started(_iterate(source, _parser(parser), flush, require_done, until, drain))


def _parser(parser: Parser | None, report_ignored: bool = False) -> Parser:
    """Return the parser that was passed, or a new one."""
    return Parser(report_ignored=report_ignored) if parser is None else parser


def _iterate(
    source: Iterable[Buffer],
    parser: Parser,
    flush: bool,
    require_done: bool,
    until: Callable[[Event], object] | None = None,
    drain: bool = False,
    every: bool = False,
) -> Generator[Any, None, None]:
    """Yield every item, or the events up to the last one; see AsyncItems.__anext__()."""
    chunks = None
    done = False
    try:
        yield None
        chunks = iter(source)
        for items in _batches(chunks, parser, flush, require_done):
            for item in items:
                if every:
                    done = done or item is DONE
                    yield item
                elif isinstance(item, Event):
                    yield item
                    if until is not None and until(item):
                        return _drain(chunks) if drain else None
                elif item is DONE:
                    return _drain(chunks) if drain else None
                else:
                    _check_passed_over(item)
        if require_done and not done:
            raise IncompleteStreamError(parser.last_event_id)
    finally:
        _close(source, chunks)


def _started(generator: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """Run a generator to its first yield, so that closing or dropping it runs its ``finally``."""
    next(generator)
    return generator


def _batches(
    chunks: Iterator[Buffer], parser: Parser, flush: bool, require_done: bool
) -> Iterator[list[Item]]:
    # map() and filter() call a compiled parser without running bytecode between the calls.
    yield from filter(None, map(parser.feed, chunks))
    yield _end(parser, flush, require_done)


def _drain(chunks: Iterator[Buffer]) -> None:
    try:
        for _ in chunks:
            pass
    except Exception:
        pass  # The answer is complete.


def _end(parser: Parser, flush: bool, require_done: bool, cut: bool = False) -> list[Item]:
    """Close a parser whose source has ended; return the items that the end completes.

    Raises NotEventStreamError if there was a line, complete or not, but no comment, no known
    field and no beginning of one.
    """
    start, line, ignored = parser._stream_start, parser._line_start, parser.ignored
    items = parser.close(flush=flush)
    # With flush, the last line may have become a known field.
    if start is not None and parser._stream_start is not None and not line.startswith(_BEGINNINGS):
        may_become_field = any([beginning.startswith(line) for beginning in _BEGINNINGS])
        if ignored or not may_become_field:
            raise NotEventStreamError(start)
    if require_done and (line or cut):
        # The event may be truncated: its last line has no line end, or a timeout cut the source.
        return [item for item in items if not isinstance(item, Event)]
    return items


def _check_passed_over(item: Item) -> None:
    """Raise TypeError for an item of an unknown class: it could be an event that is lost."""
    if not isinstance(item, (Comment, Ignored)):
        raise TypeError(f"{type(item)!r} is an item of another copy of this package")


def aiter_items(
    source: AsyncIterable[Buffer],
    *,
    parser: Parser | None = None,
    flush: bool = False,
    require_done: bool = False,
) -> AsyncItems:
    """Yield every item of an async iterable of bytes; the async form of iter_items().

    The iterator is also an async context manager, which closes the source. If ``anext()`` is
    cancelled, for example by a timeout, nothing is closed: the next call continues if the
    source can.

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
    _check_source(source, "aiter_items")
    return AsyncItems(source, _parser(parser), flush, require_done, every=True)


def aiter_events(
    source: AsyncIterable[Buffer],
    *,
    parser: Parser | None = None,
    flush: bool = False,
    until: Callable[[Event], object] | None = None,
    require_done: bool = False,
    drain: bool = False,
) -> AsyncEvents:
    """Yield the events of an async iterable of bytes; the async form of iter_events().

    It is a context manager and can be cancelled, like that of aiter_items().

    >>> import asyncio
    >>> async def chunks():
    ...     yield b"data: 1\\n\\ndata: [DONE]\\n\\n"
    >>> async def main():
    ...     return [event.data async for event in aiter_events(chunks())]
    >>> asyncio.run(main())
    ['1']
    """
    _check_source(source, "aiter_events")
    return AsyncEvents(source, _parser(parser), flush, require_done, until, drain)


class _AsyncAdapter:
    """An async iterator that closes what it reads, also when it is dropped.

    A class and not an async generator, because a cancelled ``await`` ends a generator.
    """

    __slots__ = ("_closing", "_over", "_to_close")

    def __init__(self, source: object) -> None:
        self._to_close = [source]
        self._over = False  # there is no next item
        self._closing: AsyncGenerator[None, None] | None = None
        if get_asyncgen_hooks().finalizer is not None:
            self._start()

    def __aiter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the source; there is no next item."""
        self._over = True
        if any([getattr(source, "ag_running", False) for source in self._to_close]):
            # A running generator cannot be closed: the waiting anext() closes it afterwards.
            raise RuntimeError("aclose(): an anext() of another task is still waiting")
        await self._start().aclose()

    def _start(self) -> AsyncGenerator[None, None]:
        """Start the generator that closes the source; a running event loop closes the generator."""
        if self._closing is None:
            self._closing = _close_at_end(self._to_close)
            next(self._closing.__anext__().__await__(), None)
        return self._closing


async def _close_at_end(objects: list[object]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await _aclose(objects)


class AsyncItems(_AsyncAdapter):
    """What aiter_items() returns."""

    __slots__ = (
        "_chunks", "_cut", "_done", "_drain", "_ended", "_every", "_flush", "_items", "_last",
        "_parser", "_require_done", "_until", "_waiting",
    )  # fmt: skip

    def __init__(
        self,
        source: AsyncIterable[Buffer],
        parser: Parser,
        flush: bool,
        require_done: bool,
        until: Callable[[Event], object] | None = None,
        drain: bool = False,
        every: bool = False,
    ) -> None:
        super().__init__(source)
        self._parser = parser
        self._flush = flush
        self._require_done = require_done
        self._until = until
        self._drain = drain
        self._every = every
        self._chunks: AsyncIterator[Buffer] | None = None
        self._items: Iterator[Item] = iter(())  # of the last chunk, not yet yielded
        self._last: Event | None = None  # the last one yielded, before ``until`` is called with it
        self._done = False  # DONE was yielded
        self._ended = False  # the source has ended
        self._waiting = False  # an anext() waits for the next chunk
        self._cut = False  # the last wait for a chunk was cancelled, which ends a generator

    async def __anext__(self) -> Item:
        """Return the next item or event; nothing is lost if an ``await`` in here is cancelled."""
        try:
            if self._last is not None and self._until is not None:
                last, self._last = self._last, None
                if self._until(last):
                    self._over = True
            while not self._over:
                for item in self._items:
                    if self._every:
                        self._done = self._done or item is DONE
                        return item
                    if isinstance(item, Event):
                        if self._until is not None:
                            self._last = item
                        return item
                    if item is DONE:
                        self._over = True
                        break
                    _check_passed_over(item)
                else:
                    if self._ended:
                        if self._require_done and not self._done:
                            raise IncompleteStreamError(self._parser.last_event_id)
                        break
                    if self._waiting:
                        raise RuntimeError("anext(): that of another task is still waiting")
                    self._waiting = True
                    try:
                        chunk = await self._open().__anext__()
                    except StopAsyncIteration:
                        self._ended = True
                        end = _end(self._parser, self._flush, self._require_done, self._cut)
                        self._items = iter(end)
                    except BaseException:
                        self._cut = True
                        raise
                    else:
                        self._cut = False
                        self._items = iter(self._parser.feed(chunk))
                    finally:
                        self._waiting = False
            while self._drain and not self._ended:
                try:
                    await self._open().__anext__()
                except Exception:
                    self._ended = True  # by its end or by an error: the answer is complete
        except Exception:
            if not self._waiting:
                await self.aclose()
            raise
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the source; there is no next item."""
        self._ended = True
        self._last = None
        await super().aclose()

    def _open(self) -> AsyncIterator[Buffer]:
        """Return the iterator over the source."""
        if self._chunks is None:
            self._start()
            source: Any = self._to_close[0]
            chunks: AsyncIterator[Buffer] = source.__aiter__()
            if chunks is not source:
                self._to_close.insert(0, chunks)
            self._chunks = chunks
        return self._chunks


class AsyncEvents(AsyncItems):
    """What aiter_events() returns."""

    __slots__ = ()

    if TYPE_CHECKING:

        async def __anext__(self) -> Event: ...


def read_chunks(file: Any, size: int = 65536) -> Iterator[bytes]:
    """Yield the bytes of a binary file, a pipe or an http.client response as they arrive.

    Each chunk has at most ``size`` bytes. It never waits until a buffer is full: it calls
    ``read1`` if the file has it. A file that is not read to its end is closed. A
    non-blocking file that has no data now raises BlockingIOError. Raises TypeError for an
    object that is not a binary file, ValueError for a size that is not positive.

    >>> import io
    >>> [event.data for event in iter_events(read_chunks(io.BytesIO(b"data: 1\\n\\n")))]
    ['1']
    """
    return _started(_read_chunks(_check_file(file, "read_chunks", size), file, size))


def _read_chunks(
    read: Callable[[int], bytes | None], file: object, size: int
) -> Generator[bytes | None, None, None]:
    try:
        yield None
        while chunk := _check_chunk(read(size)):
            yield chunk
    except BaseException:
        _close(file)
        raise


def aread_chunks(reader: Any, size: int = 65536) -> AsyncChunks:
    """Yield the bytes of an object with ``async read(n)``, such as an asyncio.StreamReader.

    The iterator is a context manager and can be cancelled, like that of aiter_items(). A
    reader that can be closed and is not read to its end is closed. Raises the same errors as
    read_chunks().

    >>> import asyncio
    >>> async def main():
    ...     reader = asyncio.StreamReader()
    ...     reader.feed_data(b"data: 1\\n\\n")
    ...     reader.feed_eof()
    ...     return [event.data async for event in aiter_events(aread_chunks(reader))]
    >>> asyncio.run(main())
    ['1']
    """
    return AsyncChunks(_check_file(reader, "aread_chunks", size), reader, size)


class AsyncChunks(_AsyncAdapter):
    """What aread_chunks() returns."""

    __slots__ = ("_read", "_size")

    def __init__(
        self, read: Callable[[int], Awaitable[bytes | None]], reader: object, size: int
    ) -> None:
        super().__init__(reader)
        self._read = read
        self._size = size

    async def __anext__(self) -> bytes:
        self._start()
        try:
            chunk = b"" if self._over else _check_chunk(await self._read(self._size))
        except Exception:
            await self.aclose()
            raise
        if not chunk:
            # A reader that was read to its end is not closed.
            self._to_close.clear()
            await self.aclose()
            raise StopAsyncIteration
        return chunk


def _check_chunk(chunk: bytes | None) -> bytes:
    if chunk is None:
        raise BlockingIOError("the file is non-blocking and has no data now: wait until it has")
    return chunk


class Dispatcher:
    """Calls a function for each item, in stream order.

    For transports that call a function when bytes arrive (asyncio.Protocol, pycurl). If a
    callback raises an error, it passes through, and the next call of feed() or close()
    continues with the items after it. With a ``parser``, ``on_ignored`` is called only if
    that parser has ``report_ignored=True``.

    >>> dispatcher = Dispatcher(on_event=lambda event: print(event.data))
    >>> dispatcher.feed(b"data: 1\\n\\n")
    1
    """

    __slots__ = (
        "_done",
        "_items",
        "_on_comment",
        "_on_done",
        "_on_event",
        "_on_ignored",
        "_parser",
    )

    def __init__(
        self,
        *,
        on_event: Callable[[Event], object] | None = None,
        on_comment: Callable[[Comment], object] | None = None,
        on_done: Callable[[Done], object] | None = None,
        on_ignored: Callable[[Ignored], object] | None = None,
        parser: Parser | None = None,
    ) -> None:
        self._on_event = on_event
        self._on_comment = on_comment
        self._on_done = on_done
        self._on_ignored = on_ignored
        self._parser = _parser(parser, report_ignored=on_ignored is not None)
        # Imported here: nothing else needs it.
        import collections

        # The items that no callback has received yet.
        self._items: deque[Item] = collections.deque()
        self._done = False

    def feed(self, data: Buffer) -> None:
        """Process the next bytes, call the callbacks; raises the same errors as Parser.feed()."""
        try:
            self._items += self._parser.feed(data)
        finally:
            self._dispatch()

    def close(self, *, flush: bool = False, require_done: bool = False) -> None:
        """End the stream and call the callbacks for the items that its end completes.

        Raises NotEventStreamError and, with ``require_done``, IncompleteStreamError like
        iter_items(), and the errors of Parser.close().
        """
        try:
            self._items += _end(self._parser, flush, require_done)
        finally:
            self._dispatch()
        if require_done and not self._done:
            raise IncompleteStreamError(self._parser.last_event_id)

    def _dispatch(self) -> None:
        while self._items:
            item = self._items.popleft()
            callback: Any
            if isinstance(item, Event):
                callback = self._on_event
            elif item is DONE:
                self._done = True
                callback = self._on_done
            else:
                _check_passed_over(item)
                callback = self._on_comment if isinstance(item, Comment) else self._on_ignored
            if callback is not None:
                callback(item)


def is_event_stream(content_type: str | None) -> bool:
    """Whether a Content-Type is ``text/event-stream``, with any parameters and case.

    In a header with several values the last valid one counts, as in the Fetch standard
    (extract a MIME type).

    >>> is_event_stream("Text/Event-Stream; charset=utf-8"), is_event_stream(None)
    (True, False)
    """
    found = ""
    # Only parameters have quoted strings, which may contain commas.
    text = (content_type or "").replace("\\\\", "").replace('\\"', "")
    for value in '"'.join(text.split('"')[::2]).split(","):
        essence = value.partition(";")[0].strip(" \t\r\n").lower()
        kind, _, subtype = essence.partition("/")
        if kind and subtype and _TOKEN.issuperset(kind + subtype) and essence != "*/*":
            found = essence
    return found == "text/event-stream"


# The characters of a MIME type and of its subtype, in lower case.
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def _check_source(source: object, caller: str) -> None:
    """Raise TypeError for a wrong source, with a message that says what to call instead."""
    instead = _instead(source, caller.lstrip("a"))
    is_async = caller.startswith("a")
    if not instead and not hasattr(source, "__aiter__" if is_async else "__iter__"):
        other = caller.lstrip("a") if is_async else f"a{caller}"
        if hasattr(source, "__iter__" if is_async else "__aiter__"):
            instead = f"call {other}(source)"
        elif callable(source):
            instead = "call it, and pass what it returns"
        else:
            instead = f"pass an {'async ' if is_async else ''}iterable of bytes"
    if instead:
        raise TypeError(f"{caller}() was given a source of type {type(source).__name__}: {instead}")


def _check_file(file: object, caller: str, size: int) -> Callable[[int], Any]:
    """Return the method that reads the bytes that are available."""
    sync = caller == "read_chunks"
    found: Callable[[int], Any] | None = getattr(file, "read1", None) if sync else None
    found = found or getattr(file, "read", None)
    # An async method can be recognised if it is written in Python.
    wrong = _is_async(found) if sync else not _is_async(found) and hasattr(file, "readinto")
    # The read() of a response of httpx or aiohttp waits for the whole body.
    names = ("iter_bytes", "encoding", "content")
    if found is None or wrong or any(hasattr(file, name) for name in names):
        pass_this = "a binary file" if sync else "an object with an async read(n) that gives bytes"
        instead = _instead(file, "iter_events") or f"pass {pass_this}"
        raise TypeError(f"{caller}() was given an object of type {type(file).__name__}: {instead}")
    if size <= 0:
        raise ValueError(f"size must be positive, not {size}")
    return found


def _instead(source: object, call: str) -> str:
    """What to call for an object that is a wrong source, or "" if it may be a right one.

    Files and responses may be iterable, but they yield lines or parts of a fixed size, and so
    delay the bytes.
    """
    if isinstance(source, (str, bytes, bytearray, memoryview)):
        return f"call {call}([data]) with data of type bytes"
    if getattr(source, "__name__", "") in ("iter_lines", "aiter_lines"):
        # With requests the lines are bytes, which look like chunks.
        return "it removes the line ends: pass the chunks of the body, not its lines"
    if hasattr(source, "__await__"):
        return "await it first"
    if hasattr(source, "iter_bytes"):
        return f"call {call}(response.iter_bytes()) or a{call}(response.aiter_bytes())"
    if hasattr(source, "iter_content"):
        return f"call {call}(read_chunks(response.raw))"
    if hasattr(source, "iter_any"):
        return f"call a{call}(reader.iter_any())"
    if hasattr(getattr(source, "content", None), "iter_any"):
        return f"call a{call}(response.content.iter_any())"
    if hasattr(source, "makefile"):
        return f'call {call}(read_chunks(socket.makefile("rb")))'
    read = getattr(source, "read", None)
    if read is None:
        return ""
    is_text = hasattr(source, "encoding")
    right = f"a{call}(aread_chunks(reader))" if _is_async(read) else f"{call}(read_chunks(file))"
    return f"open it in binary mode, then call {right}" if is_text else f"call {right}"


_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, without the import


def _is_async(method: object) -> bool:
    code = getattr(method, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


def _close(source: Any, chunks: Any = None) -> None:
    """Close an iterator of chunks, and its source even if that raises."""
    try:
        if chunks is not source and hasattr(chunks, "close"):
            chunks.close()
    finally:
        if hasattr(source, "close"):
            source.close()


async def _aclose(objects: list[object]) -> None:
    """Close the objects, the later ones even if closing one raises or is cancelled."""
    if objects:
        try:
            close = getattr(objects[0], "aclose", None) or getattr(objects[0], "close", None)
            closing: Any = close() if close is not None else None
            if hasattr(closing, "__await__"):
                await closing
        finally:
            await _aclose(objects[1:])
