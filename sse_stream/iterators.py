# SPDX-License-Identifier: MIT
"""iter_events, iter_items and iter_chunks: loops over a source."""

from __future__ import annotations

from .errors import IncompleteStreamError, as_bytes
from .event_stream import EventStream
from .sources import open_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from typing import Any

    from typing_extensions import Buffer

    from .items import Event, Item
    from .parser import Parser
    from .sources import Source


def iter_events(
    source: Source,
    *,
    parser: Parser | None = None,
    until: Callable[[Event], object] | None = None,
    flush: bool = False,
    require_done: bool = False,
    drain: bool = False,
) -> Generator[Event, None, None]:
    """Yield the events of a response, file, socket, bytes or iterable of bytes, as they arrive.

    It stops at DONE, after the first event for which ``until`` returns true, or where the
    source ends. With ``require_done``, a source that ends before that raises
    IncompleteStreamError. ``flush`` treats the end of the source as the missing blank line.
    ``drain`` reads the rest of the source and discards it, with any error, so that an HTTP
    client can use its connection again.

    Errors of the source pass through, after all events before them. The iterator closes the
    source when it stops before the source ends, is closed or is dropped. Raises TypeError for
    a wrong source, and the errors of EventStream.

    >>> [event.data for event in iter_events([b"data: 1\\n\\ndata: [DONE]\\n\\n"])]
    ['1']
    """
    stream = events_only(parser, until, flush, require_done)
    return _started(_read(source, open_source(source, "iter_events", _SIZE), stream, drain))


def iter_items(
    source: Source,
    *,
    parser: Parser | None = None,
    until: Callable[[Any], object] | None = None,
    flush: bool = False,
    require_done: bool = False,
    drain: bool = False,
) -> Generator[Item, None, None]:
    """Yield every item of a source: also comments and DONE, which does not stop it.

    ``until`` is called for each event (or Block). Otherwise like iter_events().

    >>> list(iter_items([b": hi\\n", b"data: 1\\n\\n"]))
    [Comment(text='hi'), Event(event='message', data='1', id='', retry=None)]
    """
    stream = EventStream(
        parser=parser, all_items=True, until=until, flush=flush, require_done=require_done
    )
    return _started(_read(source, open_source(source, "iter_items", _SIZE), stream, drain))


_SIZE = 65536


def iter_chunks(source: Source, *, size: int = _SIZE) -> Generator[bytes, None, None]:
    """Yield the bytes of a source as they arrive; it never waits until a buffer is full.

    The sources are those of iter_events(). Where the source is read with a number of bytes, a
    chunk has at most ``size`` bytes; chunks that the source makes itself are not cut. A
    non-blocking file that has no data now raises BlockingIOError. The source is closed as with
    iter_events(). Raises TypeError for a wrong source, ValueError for a size that is not
    positive.

    >>> import io
    >>> list(iter_chunks(io.BytesIO(b"data: 1\\n\\n"), size=5))
    [b'data:', b' 1\\n\\n']
    """
    return _started(_read(source, open_source(source, "iter_chunks", size), ChunkStream(), False))


def events_only(
    parser: Parser | None,
    until: Callable[[Event], object] | None,
    flush: bool,
    require_done: bool,
) -> EventStream:
    """Return an EventStream that gives events alone; refuse a parser that gives Blocks."""
    stream = EventStream(parser=parser, until=until, flush=flush, require_done=require_done)
    if stream.parser.blocks:
        raise TypeError("a parser with blocks=True gives no events: use iter_items or EventStream")
    return stream


class ChunkStream:
    """Takes the place of an EventStream where the chunks themselves are asked for."""

    over = False

    def feed(self, data: Buffer) -> list[bytes]:
        chunk = as_bytes(data)
        return [chunk] if chunk else []

    def close(self, *, cut: bool = False) -> list[bytes]:
        if cut:
            raise IncompleteStreamError
        return []


def _started(generator: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """Run a generator to its first yield, so that closing or dropping it closes the source."""
    next(generator)
    return generator


def _read(
    source: object, chunks: Iterable[Buffer], stream: EventStream | ChunkStream, drain: bool
) -> Generator[Any, None, None]:
    # What must be closed if the source does not end; the last one first.
    to_close: list[object] = [source] if chunks is source else [source, chunks]
    try:
        yield None
        iterator = iter(chunks)
        if all([iterator is not each for each in to_close]):
            to_close.append(iterator)
        for chunk in iterator:
            if items := stream.feed(chunk):
                yield from items
            if stream.over:
                break
        else:
            to_close.clear()
            yield from stream.close()
        if drain and to_close:
            _discard(iterator, to_close)
    except GeneratorExit:
        if error := _close(to_close):
            raise error from None
        raise
    except BaseException:
        _close(to_close)  # its error must not hide this one
        raise
    if error := _close(to_close):
        raise error


def _discard(chunks: Iterator[Buffer], to_close: list[object]) -> None:
    """Read the rest of a source whose answer is complete."""
    try:
        for _ in chunks:
            pass
        to_close.clear()
    except Exception:
        pass


def _close(objects: list[object]) -> Exception | None:
    """Close the objects, the last one first, and empty the list; return the first error.

    If the closing of one object is interrupted, the others are closed before that passes through.
    """
    first: Exception | None = None
    try:
        while objects:
            try:
                close = getattr(objects.pop(), "close", None)
                closing: Any = None if close is None else close()
                if hasattr(closing, "__await__") and hasattr(closing, "close"):
                    closing.close()  # an async close() cannot be awaited here
            except Exception as error:
                first = first or error
    finally:
        if objects:
            _close(objects)
    return first
