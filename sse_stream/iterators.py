# SPDX-License-Identifier: MIT
"""iter_events, iter_items and iter_chunks: loops over a source."""

from __future__ import annotations

from .annotations import Any, Callable, Generator, T
from .errors import Buffer, IncompleteStreamError, as_bytes
from .event_stream import EventStream
from .items import Event, Item
from .parser import Parser
from .sources import Source, open_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


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
    source ends.

    - ``parser``: a new Parser with options of your own; one with ``blocks=True`` is a TypeError.
    - ``until``: it is called once for each event, before the event is returned.
    - ``flush``: treat the end of the source as the missing blank line.
    - ``require_done``: if the source ends before DONE and before the event of ``until``, raise
      IncompleteStreamError.
    - ``drain``: after the end of the answer, read the rest of the source and discard it, with
      any error, so that an HTTP client can use its connection again.

    Raises TypeError for a wrong argument, at once, and the errors of EventStream.feed() and
    EventStream.close(). Errors of the source pass through. Each comes after all events before
    it. The iterator closes the source if it stops before the source ends, is closed or is
    dropped; a source that was read to its end stays open.

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

    ``until`` is called for each event, or for each Block if the parser has ``blocks=True``.
    Otherwise it is like iter_events().

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

    The sources are those of iter_events(), and are closed as there. ``size`` is the number of
    bytes that are asked for at once, where the source is read so; chunks that the source makes
    itself are not cut.

    Raises TypeError for a wrong argument and ValueError for a size that is not positive, at
    once; BlockingIOError if a non-blocking file has no data now. Errors of the source pass
    through.

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
) -> EventStream[Event]:
    """Return an EventStream that gives events alone; refuse a parser that gives Blocks."""
    stream = EventStream(parser=parser, until=until, flush=flush, require_done=require_done)
    if stream.parser.blocks:
        raise TypeError("a parser with blocks=True gives no events: use iter_items or EventStream")
    return stream


class ChunkStream:
    """Takes the place of an EventStream where the chunks themselves are asked for."""

    over = False

    def feed(self, data: Buffer) -> list[Any]:
        chunk = as_bytes(data)
        return [chunk] if chunk else []

    def close(self, *, cut: bool = False) -> list[Any]:
        if cut:
            raise IncompleteStreamError
        return []


def _started(generator: Generator[T, None, None]) -> Generator[T, None, None]:
    """Run a generator to its first yield, so that closing or dropping it closes the source."""
    next(generator)
    return generator


def _read(
    source: object, chunks: Iterable[Buffer], stream: EventStream[Any] | ChunkStream, drain: bool
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


def _discard(chunks: Iterable[Buffer], to_close: list[object]) -> None:
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
