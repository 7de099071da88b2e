"""The state machine: bytes of an event stream in, items out.

It follows the HTML standard, section 9.2.6 (interpreting an event stream). A line is cut
from the bytes, since CR, LF and colon never occur inside a multi-byte UTF-8 sequence, and
only then decoded. Between two calls these are kept: the line in progress,
the data, type and ID buffers of the block in progress, whether the last byte was a CR (an
LF that follows belongs to it), and, at the very start, up to two bytes of a byte order mark.
"""

from __future__ import annotations

from os import environ

from .errors import EventTooLargeError, ParserClosedError
from .items import DONE, Comment, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .items import Item

_BOM = b"\xef\xbb\xbf"
_RETRY_BOUND = 2**64
_RETRY_DIGITS = len(str(_RETRY_BOUND))


class Parser:
    """A push-style parser of one event stream (HTML standard, 9.2.6).

    ``last_event_id`` starts the last event ID string, to resume a stream. A block whose
    data equals ``done`` comes out as DONE; None turns that off. ``max_event_size`` bounds
    the bytes retained for one block and its line in progress; None means no limit.

    Raises TypeError or ValueError for arguments that could never work.

    >>> parser = Parser()
    >>> parser.feed(b": hi\\ndata: on")
    [Comment(text='hi')]
    >>> parser.feed(b"e\\n\\n")
    [Event(event='message', data='one', id='', retry=None)]
    """

    __slots__ = (
        "_after_cr",
        "_block_retry",
        "_broken",
        "_closed",
        "_data",
        "_data_size",
        "_done",
        "_event",
        "_id",
        "_incomplete",
        "_last_event_id",
        "_limit",
        "_line",
        "_mark",
        "_retry",
    )

    def __init__(
        self,
        *,
        last_event_id: str = "",
        done: str | None = "[DONE]",
        max_event_size: int | None = 64 * 1024 * 1024,
    ) -> None:
        _check_arguments(last_event_id, done, max_event_size)
        self._last_event_id = last_event_id
        self._done = done
        self._limit = max_event_size
        self._retry: int | None = None
        self._mark: bytes | None = b""  # bytes that may begin a mark; None once decided
        self._after_cr = False
        self._closed = False
        self._broken = False
        self._incomplete = False
        self._line = bytearray()  # the line in progress
        self._data: list[bytes] = []  # the values of the block's data fields
        self._data_size = 0  # their bytes, each with its newline
        self._event: str | None = None  # None: this block has no event field
        self._id: str | None = None  # None: this block has no id field
        self._block_retry: int | None = None

    @property
    def last_event_id(self) -> str:
        """The last event ID string, as committed by the last blank line."""
        return self._last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in milliseconds, or None until the stream sets it."""
        return self._retry

    @property
    def incomplete(self) -> bool:
        """Whether an end now would lose bytes; after close(), whether it did."""
        if self._closed or self._broken:
            return self._incomplete
        return bool(
            self._line
            or self._mark
            or self._data
            or self._event is not None
            or self._id is not None
        )

    def __repr__(self) -> str:
        state = "broken" if self._broken else "closed" if self._closed else "open"
        return f"<sse_stream.Parser pure {state}>"

    def feed(self, data: Buffer) -> list[Item]:
        """Take the next bytes, cut anywhere; return the items that they complete.

        Raises TypeError for text, EventTooLargeError at the limit (and on every later
        call), ParserClosedError after close().
        """
        if type(data) is not bytes:
            data = _as_bytes(data)
        if self._broken or self._closed:
            self._refuse()
        if self._mark is not None:
            data = self._after_mark(data)
        items: list[Item] = []
        if not data:
            return items
        if self._after_cr:
            self._after_cr = False
            if data[0] == 10:
                data = data[1:]
        self._feed_lines(data, items)
        if self._broken and not items:
            self._refuse()
        return items

    def close(self, *, flush: bool = False) -> list[Item]:
        """End the stream; return the items that its end completes.

        An unfinished block is dropped (9.2.6); ``flush`` treats the end as a blank line.
        Raises as feed() does.
        """
        if self._broken or self._closed:
            self._refuse()
        items: list[Item] = []
        if self._mark:
            # Too few bytes for a mark: they are content.
            held, self._mark = self._mark, None
            self._feed_lines(held, items)
            if self._broken:
                self._refuse()
        if flush:
            if self._line:
                self._end_held_line(b"", items)
            self._end_block(items)
        self._incomplete = self.incomplete
        self._closed = True
        self._drop_buffers()
        return items

    def _after_mark(self, data: bytes) -> bytes:
        """Drop one leading byte order mark, whole or cut; hold back what may begin one."""
        start = (self._mark or b"") + data[:3]
        if len(start) < 3 and _BOM.startswith(start):
            self._mark = start
            return b""
        held = self._mark or b""
        self._mark = None
        whole = held + data if held else data
        return whole[3:] if whole.startswith(_BOM) else whole

    def _feed_lines(self, data: bytes, items: list[Item]) -> None:
        # What is retained never outgrows the bytes received: a chunk that cannot reach the
        # limit as a whole needs no look at it, line by line.
        limit = self._limit
        checked = (
            limit is not None and self._data_size + len(self._line) + len(data) > limit
        )
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        # Lines are popped from the end, so that a large one is free before its text is made.
        lines.reverse()
        if self._line and lines:
            line = lines.pop()
            if checked and self._exceeds(len(line)):
                return
            self._end_held_line(line, items)
        while lines:
            line = lines.pop()
            if not line:
                self._end_block(items)
            elif checked and self._exceeds(len(line)):
                return
            else:
                self._take_line(line, items)
        if rest and not (checked and self._exceeds(len(rest))):
            # A bytearray grows geometrically: linear in the bytes for every cut.
            self._line += rest

    def _end_held_line(self, rest: bytes, items: list[Item]) -> None:
        """Process the line in progress, that ``rest`` ends, with one copy of its bytes."""
        line = self._line
        self._line = bytearray()
        line += rest
        if line.startswith(b"data:"):
            del line[: 6 if line.startswith(b" ", 5) else 5]
            self._data.append(bytes(line))
            self._data_size += len(line) + 1
        else:
            self._take_line(bytes(line), items)

    def _exceeds(self, more: int) -> bool:
        """Break the stream if ``more`` bytes of line would not fit."""
        limit = self._limit
        if limit is None or self._data_size + len(self._line) + more <= limit:
            return False
        self._break()
        return True

    def _take_line(self, line: bytes, items: list[Item]) -> None:
        """Process one line that is not blank (9.2.6, process the field)."""
        if line.startswith(b"data:"):
            value = line[6:] if line.startswith(b" ", 5) else line[5:]
            self._data.append(value)
            self._data_size += len(value) + 1
            return
        name, colon, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if colon and not name:
            items.append(Comment(value.decode("utf-8", "replace")))
        elif name == b"data":
            self._data.append(value)
            self._data_size += len(value) + 1
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            digits = value.lstrip(b"0") or b"0"
            if len(digits) <= _RETRY_DIGITS:
                time = int(digits)
                if time < _RETRY_BOUND:
                    self._retry = self._block_retry = time

    def _end_block(self, items: list[Item]) -> None:
        """The blank line: commit the ID, dispatch, reset (9.2.6, dispatch the event)."""
        if self._id is not None:
            self._last_event_id = self._id
            self._id = None
        values = self._data
        if values:
            joined = values[0] if len(values) == 1 else b"\n".join(values)
            # The values go before the text is made: at most two copies live at once.
            self._data = values = []
            self._data_size = 0
            data = joined.decode("utf-8", "replace")
            if data == self._done:
                items.append(DONE)
            else:
                items.append(
                    Event(self._event or "message", data, self._last_event_id, self._block_retry)
                )
        self._event = None
        self._block_retry = None

    def _drop_buffers(self) -> None:
        self._line = bytearray()
        self._mark = None
        self._data = []
        self._data_size = 0
        self._event = None
        self._id = None

    def _break(self) -> None:
        self._incomplete = True
        self._broken = True
        self._drop_buffers()

    def _refuse(self) -> None:
        if self._broken and self._limit is not None:
            raise EventTooLargeError(self._limit)
        raise ParserClosedError


def _as_bytes(data: Buffer) -> bytes:
    if isinstance(data, str):
        raise TypeError(
            "feed() takes bytes, not str: pass the response's bytes, the parser decodes them"
        )
    try:
        return memoryview(data).tobytes()
    except TypeError:
        raise TypeError(
            f"feed() takes a bytes-like object, not {type(data).__name__}"
        ) from None


def _check_arguments(last_event_id: object, done: object, limit: object) -> None:
    if not isinstance(last_event_id, str):
        raise TypeError(f"last_event_id must be a str, not {type(last_event_id).__name__}")
    if any(c in last_event_id for c in "\0\r\n"):
        raise ValueError("last_event_id cannot hold NUL, CR or LF")
    if done is not None:
        if not isinstance(done, str):
            raise TypeError(f"done must be a str or None, not {type(done).__name__}")
        if "\r" in done or "\n" in done:
            raise ValueError("done cannot hold CR or LF: no such data would ever match")
    if limit is not None:
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"max_event_size must be an int or None, not {type(limit).__name__}")
        if limit <= 0:
            raise ValueError(f"max_event_size must be positive, not {limit}")


PureParser = Parser  # this one, whichever ``Parser`` comes to be

if not TYPE_CHECKING and environ.get("SSE_STREAM_PURE", "0") in ("", "0"):
    try:
        from ._speedups import Parser
    except ImportError:
        pass  # not built here
