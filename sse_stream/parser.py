"""The state machine: bytes of an event stream in, items out.

It follows the HTML standard, section 9.2.6 (interpreting an event stream). Lines are cut
from the bytes, since CR, LF and colon never occur inside a multi-byte UTF-8 sequence, and
are decoded only when they are whole. Between two calls these are kept: the line in
progress; the data, type and ID buffers of the block in progress; whether the last byte was
a CR (an LF that follows belongs to it); and, at the very start, up to two bytes of a byte
order mark.

Every stream can be read by the plain way: feed() → _feed_any() → _feed_piece() →
_feed_lines() → _take_line() and _end_block(). The short ways give the same result for what
most calls bring: feed() itself knows a chunk that is one event, and one in which no line
ends; _feed_fresh() decodes all whole blocks of a chunk at once.
"""

from __future__ import annotations

from os import environ
from sys import maxsize

from .errors import EventTooLargeError, ParserClosedError
from .items import DONE, Comment, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from typing_extensions import Buffer

    from .items import Item

# A larger chunk is taken in pieces of this many bytes.
_PIECE = 65536
_LF, _CR = 10, 13
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
        "_done",
        "_event",
        "_fresh",
        "_id",
        "_incomplete",
        "_last_event_id",
        "_limit",
        "_line",
        "_mark",
        "_piece",
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
        # No buffer can hold sys.maxsize bytes, so None needs no case of its own.
        self._limit = maxsize if max_event_size is None else max_event_size
        self._piece = min(_PIECE, self._limit)
        self._retry: int | None = None
        self._mark: bytes | None = b""  # bytes that may begin a mark; None once decided
        self._after_cr = False
        self._closed = False
        self._broken = False
        self._incomplete = False
        self._line = bytearray()  # the line in progress
        self._data = bytearray()  # the data buffer: each value with its newline
        self._event: str | None = None  # None: this block has no event field
        self._id: str | None = None  # None: this block has no id field
        self._block_retry: int | None = None
        # Whether the short ways are open: nothing is held but, perhaps, the block's first line.
        self._fresh = False

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

    def __reduce__(self) -> NoReturn:
        # A copy would share the buffers; a stream can be read once only anyway.
        raise TypeError("a parser cannot be copied or pickled: one stream, one parser")

    def feed(self, data: Buffer) -> list[Item]:
        """Take the next bytes, cut anywhere; return the items that they complete.

        Raises TypeError for text, EventTooLargeError at the limit (and on every later
        call), ParserClosedError after close().
        """
        if type(data) is not bytes:
            data = _as_bytes(data)
        if not self._fresh or _CR in data:
            return self._feed_any(data)
        line = self._line
        if line:
            if _LF not in data:
                # More of a line in progress: nothing ends here.
                line += data
                if len(line) > self._limit:
                    self._break()
                    self._refuse()
                return []
        elif data.endswith(b"\n\n") and len(data) <= self._piece:
            # One event, whole, as it comes from a model: a data line alone, or after its type.
            if data.startswith(b"data: "):
                text = data[6:-2].decode("utf-8", "replace")
                if "\n" not in text:
                    return [
                        DONE if text == self._done else Event("message", text, self._last_event_id)
                    ]
            elif data.startswith(b"event: "):
                event, _, text = data[7:-2].decode("utf-8", "replace").partition("\ndata: ")
                if text and "\n" not in text and "\n" not in event:
                    event = event or "message"
                    return [DONE if text == self._done else Event(event, text, self._last_event_id)]
        if len(data) > self._piece:
            return self._feed_any(data)
        items: list[Item] = []
        self._feed_fresh(data, items)
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
            self._feed_piece(held, items)
            if self._broken:
                self._refuse()
        if flush:
            # The first LF ends the line in progress, if there is one; the second is the blank line.
            self._feed_lines(b"\n\n", items)
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

    def _feed_any(self, data: bytes) -> list[Item]:
        """Take bytes in every state and with every line ending."""
        if self._broken or self._closed:
            self._refuse()
        if self._mark is not None:
            data = self._after_mark(data)
        items: list[Item] = []
        # In pieces, so that a large chunk is never copied as a whole.
        for start in range(0, len(data), _PIECE):
            self._feed_piece(data[start : start + _PIECE], items)
            if self._broken:
                if not items:
                    self._refuse()
                break
        return items

    def _feed_piece(self, data: bytes, items: list[Item]) -> None:
        """Make every line end with LF, then take the lines; ``data`` is not empty."""
        if self._after_cr:
            self._after_cr = False
            if data[0] == _LF:
                data = data[1:]
        if _CR in data:
            self._after_cr = data[-1] == _CR
            # For bytes, splitlines() knows CR, LF and CRLF and nothing else.
            lines = data.splitlines()
            if self._after_cr or data[-1] == _LF:
                lines.append(b"")
            data = b"\n".join(lines)
        if self._has_fields():
            # First the rest of the block in progress.
            end = data.find(b"\n\n") + 2
            if end == 1:
                end = len(data)
            self._feed_lines(data[:end], items)
            data = data[end:]
        if data and not self._broken:
            self._feed_fresh(data, items)
        self._set_fresh()

    def _feed_lines(self, data: bytes, items: list[Item]) -> None:
        """Take bytes line by line; the last one, that no LF ends, is held."""
        # Bytes that cannot reach the limit all together need no look at it line by line.
        checked = self._exceeds(len(data))
        lines = data.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if checked and self._exceeds(len(line)):
                self._break()
                return
            if self._line:
                self._line += line
                self._end_held_line(items)
            elif line:
                self._take_line(line, items)
            else:
                self._end_block(items)
        if checked and self._exceeds(len(rest)):
            self._break()
            return
        # A bytearray grows geometrically: linear in the bytes for every cut.
        self._line += rest

    def _end_held_line(self, items: list[Item]) -> None:
        """Process the line in progress, now whole; a large data field is not copied."""
        line, self._line = self._line, bytearray()
        if not self._data and line.startswith(b"data:"):
            del line[: 6 if line.startswith(b" ", 5) else 5]
            line += b"\n"
            self._data = line
        else:
            self._take_line(bytes(line), items)

    def _take_line(self, line: bytes, items: list[Item]) -> None:
        """Process one line that is not blank (9.2.6, process the field)."""
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data += value
            self._data += b"\n"
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif not name:
            items.append(Comment(value.decode("utf-8", "replace")))
        elif name == b"id":
            self._take_id(value.decode("utf-8", "replace"))
        elif name == b"retry":
            self._take_retry(value.decode("utf-8", "replace"))

    def _take_id(self, value: str) -> None:
        if "\0" not in value:
            self._id = value

    def _take_retry(self, value: str) -> None:
        # isdigit() alone knows more digits than ASCII's; int() alone takes time for many.
        digits = value.lstrip("0")
        if value.isascii() and value.isdigit() and len(digits) <= _RETRY_DIGITS:
            time = int(digits or "0")
            if time < _RETRY_BOUND:
                self._retry = self._block_retry = time

    def _end_block(self, items: list[Item]) -> None:
        """The blank line (9.2.6, dispatch the event)."""
        if self._data:
            data, self._data = self._data, bytearray()
            del data[-1:]
            self._dispatch(data.decode("utf-8", "replace"), items)
        else:
            self._dispatch(None, items)

    def _dispatch(self, data: str | None, items: list[Item]) -> None:
        """Commit the ID; hand out the event, if there was a data field; reset."""
        if self._id is not None:
            self._last_event_id = self._id
            self._id = None
        if data is not None:
            event = self._event or "message"
            items.append(
                DONE
                if data == self._done
                else Event(event, data, self._last_event_id, self._block_retry)
            )
        self._event = None
        self._block_retry = None

    def _feed_fresh(self, data: bytes, items: list[Item]) -> None:
        """Take lines that end with LF while the block in progress has no field yet."""
        held = len(self._line)
        if held <= _PIECE and held + len(data) <= self._limit:
            if held:
                data = b"".join((self._line, data))
                self._line = bytearray()
            blocks, end, rest = data.rpartition(b"\n\n")
            if end:
                data = rest
                # Most blocks are one data line: one cut before each gives the values.
                values = blocks.decode("utf-8", "replace").split("\n\ndata: ")
                first = values[0]
                if first.startswith("data: "):
                    values[0] = first[6:]
                else:
                    del values[0]
                    self._take_blocks(None, first, items)
                for value in values:
                    if "\n" in value:
                        first, _, lines = value.partition("\n")
                        self._take_blocks(first, lines, items)
                    elif value == self._done:
                        items.append(DONE)
                    else:
                        items.append(Event("message", value, self._last_event_id))
            if _LF not in data:
                self._line += data
                return
        self._feed_lines(data, items)
        self._set_fresh()

    def _take_blocks(self, data: str | None, lines: str, items: list[Item]) -> None:
        """Take the lines of whole blocks, without the last blank line, after a data field.

        The twin of _take_line() and _end_block() for lines that are decoded already.
        """
        event = None
        others = False  # whether the block has an id or retry field
        for line in (*lines.split("\n"), ""):
            if line:
                name, _, value = line.partition(": ")
                if ":" in name:
                    # No space after the first colon.
                    name, _, value = line.partition(":")
                if name == "data":
                    if data is None:
                        data = value
                    else:
                        data += "\n" + value
                elif name == "event":
                    event = value
                elif not name:
                    items.append(Comment(value))
                elif name == "id":
                    self._take_id(value)
                    others = True
                elif name == "retry":
                    self._take_retry(value)
                    others = True
            else:
                if others:
                    self._event = event
                    self._dispatch(data, items)
                    others = False
                elif data is not None:
                    items.append(
                        DONE
                        if data == self._done
                        else Event(event or "message", data, self._last_event_id)
                    )
                data = event = None

    def _has_fields(self) -> bool:
        return bool(
            self._data
            or self._event is not None
            or self._id is not None
            or self._block_retry is not None
        )

    def _set_fresh(self) -> None:
        self._fresh = not (
            self._broken or self._mark is not None or self._after_cr or self._has_fields()
        )

    def _exceeds(self, more: int) -> bool:
        """Whether ``more`` bytes of line would not fit."""
        return len(self._line) + len(self._data) + more > self._limit

    def _break(self) -> None:
        self._incomplete = True
        self._broken = True
        self._drop_buffers()

    def _drop_buffers(self) -> None:
        self._fresh = False
        self._line = bytearray()
        self._mark = None
        self._data = bytearray()
        self._event = None
        self._id = None

    def _refuse(self) -> None:
        if self._broken:
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
        raise TypeError(f"feed() takes a bytes-like object, not {type(data).__name__}") from None


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
