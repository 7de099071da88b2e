# SPDX-License-Identifier: MIT
"""What the end of an event stream means: complete, incomplete, or not an event stream at all.

Everything in this package that reads a stream uses EventStream; no other file knows these rules.
"""

from __future__ import annotations

from .annotations import Any, Callable, Generic, ItemT, overload
from .errors import (
    Buffer,
    EventTooLargeError,
    IncompleteStreamError,
    NotEventStreamError,
    ParserClosedError,
    as_bytes,
    find_signature,
    is_async,
)
from .items import DONE, Block, Event, Item
from .parser import Parser, PureParser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

# How many of the first bytes NotEventStreamError shows.
_START = 4096
# How text begins that is an error page or a JSON error in the middle of an answer.
_FOREIGN = (b"{", b"[{", b"<")


class EventStream(Generic[ItemT]):
    """One event stream from its first chunk to its end, without I/O.

    Feed it each chunk and close it at the end. It returns the events, and raises an error if
    the stream was not complete or not an event stream.

    - ``parser``: a new Parser with options of your own.
    - ``all_items``: return every item, also after DONE.
    - ``until``: it is called once for each event (or Block), before the event is returned. If it
      returns true, the stream is complete, and nothing after that event is returned.
    - ``flush``: treat the end of the source as the missing blank line.
    - ``require_done``: an end before DONE and before the event of ``until`` is an
      IncompleteStreamError.

    Raises TypeError for a wrong argument; an async ``until`` is one. One thread at a time may
    use a stream. For type checkers it is an EventStream[Event], with ``all_items`` an
    EventStream[Item]; for a parser with ``blocks=True``, write EventStream[Block].

    >>> stream = EventStream(require_done=True)
    >>> stream.feed(b"data: 1\\n\\ndata: [DONE]\\n\\n")
    [Event(event='message', data='1', id='', retry=None)]
    >>> stream.over, stream.complete
    (True, True)
    """

    __slots__ = (
        "_all_items", "_closed", "_flush", "_is_reading", "_parser", "_require_done",
        "_start", "_too_large", "_until", "complete", "over",
    )  # fmt: skip

    complete: bool
    """Whether DONE came, or the first event for which ``until`` returned true."""
    over: bool
    """Whether nothing more is returned: after the event of ``until``, after DONE (unless
    ``all_items``), after close() and after an error."""

    @overload
    def __init__(
        self: EventStream[Event],
        *,
        parser: None = None,
        all_items: Literal[False] = False,
        until: Callable[[Event], object] | None = None,
        flush: bool = False,
        require_done: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self,
        *,
        parser: Parser | None,
        all_items: Literal[False] = False,
        until: Callable[[ItemT], object] | None = None,
        flush: bool = False,
        require_done: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: EventStream[Item],
        *,
        parser: Parser | None = None,
        all_items: bool,
        until: Callable[[Any], object] | None = None,
        flush: bool = False,
        require_done: bool = False,
    ) -> None: ...
    def __init__(
        self,
        *,
        parser: Parser | None = None,
        all_items: bool = False,
        until: Callable[[Any], object] | None = None,
        flush: bool = False,
        require_done: bool = False,
    ) -> None:
        if parser is None:
            parser = Parser()
        check_kind("parser must be a Parser", parser, (Parser, PureParser))
        if until is not None and not callable(until):
            raise TypeError(f"until must be a function or None, not {type(until).__name__}")
        if is_async(until):
            raise TypeError("until must not be async: it is called without await")
        self._parser = parser
        self._all_items = bool(all_items)
        self._until = until
        self._flush = bool(flush)
        self._require_done = bool(require_done)
        self.complete = self.over = self._closed = False
        # The error of the limit, which every later call raises again.
        self._too_large: EventTooLargeError | None = None
        # The first bytes, as long as nothing shows that this is an event stream.
        self._start = b""
        # Whether feed() only has to pass the chunk to the parser: not at the start, and not when
        # the stream is over.
        self._is_reading = parser.recognised

    @property
    def parser(self) -> Parser:
        """The parser. When the stream is over, it has read on to the end of the chunk: to resume,
        take the ``id`` of the last event, not the parser's ``last_event_id``."""
        return self._parser

    def feed(self, data: Buffer) -> list[ItemT]:
        """Process the next chunk, which may end anywhere; return the items that it completes.

        Returns an empty list once the stream is over. Raises NotEventStreamError at the first
        bytes of a binary format, what ``until`` raises, the errors of Parser.feed(), and
        ParserClosedError after close() or an error.
        """
        if not self._is_reading:
            if self.over:
                return self._after_the_end()
            data = self._check_start(data)
        try:
            items: list[Any] = self._parser.feed(data)
        except (TypeError, RuntimeError):
            raise  # a wrong argument, or the call of another thread: nothing has changed
        except BaseException as error:
            self._end(error)
            raise
        if not items:
            return items
        if self._until is None:
            for item in items:
                if type(item) is not Event:
                    break
            else:
                return items
        return self._returned(items)

    def close(self, *, cut: bool = False) -> list[ItemT]:
        """End the stream; return the items that its end completes.

        ``cut`` says that the source did not end by itself, for example because of a timeout:
        the stream is then incomplete unless DONE or the event of ``until`` came.

        Raises NotEventStreamError if the stream had lines, but none of an event stream;
        IncompleteStreamError if it was cut, if it broke off with an error page or a JSON error,
        or under ``require_done`` if it is not complete; and the errors of Parser.close().
        Nothing of a truncated event is returned then.
        """
        if self.over:
            nothing = self._after_the_end()
            self._closed = True
            return nothing
        self._end()
        parser = self._parser
        last_event_id = parser.last_event_id
        recognised, tail, in_line = parser.recognised, parser.ignored_tail, parser.in_line
        try:
            items = parser.close(flush=self._flush and not cut)
        except EventTooLargeError as error:
            self._end(error)
            raise
        if self._require_done and in_line:
            # The line had no end: an event that flush made of it may be truncated.
            items = [item for item in items if not isinstance(item, (Event, Block))]
        returned = self._returned(items)
        if self.complete:
            return returned
        if tail and not recognised and not cut:
            raise NotEventStreamError(self._start)
        broken = tail.startswith(_FOREIGN) and not cut
        if cut or broken or self._require_done:
            missing = "[DONE]" if self._require_done else "its final event"
            if self._until is not None:
                missing = "the event that `until` waits for"
            text = tail.decode("utf-8", "replace") if broken else ""
            raise IncompleteStreamError(last_event_id, text, missing)
        return returned

    def _end(self, error: BaseException | None = None) -> None:
        self.over = self._closed = True
        self._is_reading = False
        self._too_large = error if isinstance(error, EventTooLargeError) else None

    def _after_the_end(self) -> list[Any]:
        if self._too_large is not None:
            raise EventTooLargeError(self._too_large.limit, self._too_large.last_event_id)
        if self._closed:
            raise ParserClosedError
        return []

    def _check_start(self, data: Buffer) -> bytes:
        """Keep the first bytes; raise an error if they show a binary format."""
        data = as_bytes(data)
        self._is_reading = self._parser.recognised
        start = self._start + data[: _START - len(self._start)]
        size, _ = find_signature(start)
        if size:
            self._end()
            raise NotEventStreamError(start[:size])
        self._start = start
        return data

    def _returned(self, items: Sequence[Item]) -> list[Any]:
        """Return those of the items that the caller gets, up to the end of the answer."""
        returned: list[Item] = []
        for item in items:
            if isinstance(item, (Event, Block)):
                accepted = self._until is not None and self._ask(self._until, item)
                returned.append(item)
                if accepted:
                    self.complete = self.over = True
                    break
            elif item is DONE:
                self.complete = True
                if not self._all_items:
                    self.over = True
                    break
                returned.append(item)
            elif self._all_items:
                returned.append(item)
        self._is_reading = self._is_reading and not self.over
        return returned

    def _ask(self, until: Callable[[Any], object], event: Event | Block) -> bool:
        try:
            accepted = until(event)
            if accepted and hasattr(accepted, "__await__"):
                raise TypeError("until must not be async: it returned an awaitable")
            return bool(accepted)
        except BaseException as error:
            self._end()
            if isinstance(error, (StopIteration, StopAsyncIteration)):
                # An iterator would take it for the end of its source. As in a generator:
                raise RuntimeError(f"until raised {type(error).__name__}") from error
            raise


def check_kind(rule: str, value: object, kinds: tuple[type, ...]) -> None:
    """Raise TypeError with the ``rule`` if a value is not of this copy of the package."""
    if not isinstance(value, kinds):
        raise TypeError(f"{rule} of this package, not {type(value)!r}")
