"""The state machine that makes items from the bytes of an event stream (HTML standard, 9.2.6).

``Parser._process_chunk`` holds the rules, in the order of the standard. Lines are decoded after
they are split: CR, LF and colon never occur inside a multi-byte UTF-8 sequence.
"""

from __future__ import annotations

from os import environ
from sys import maxsize

from .errors import EventTooLargeError, ParserClosedError, as_bytes, check_limit, check_text
from .items import DONE, Comment, Ignored, make_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .items import Item

_LF, _CR = 10, 13
_BOM = b"\xef\xbb\xbf"
# A larger chunk is processed in pieces of this many bytes, so that no list of lines is long.
_PIECE = 16384


class Parser:
    """A push-style parser of one event stream (HTML standard, 9.2.6).

    ``last_event_id`` is the initial last event ID string, to resume a stream. A block whose
    data equals ``done``, with up to 16 spaces around it, is returned as DONE; None turns this
    off. ``max_event_size`` limits the bytes buffered for one block and its line in progress;
    None means no limit. With ``report_ignored``, each ignored line is returned as Ignored.
    Raises TypeError or ValueError for invalid arguments.

    >>> Parser().feed(b": hi\\ndata: one\\n\\n")
    [Comment(text='hi'), Event(event='message', data='one', id='', retry=None)]
    """

    __slots__ = (
        "_after_cr", "_block_retry", "_bom", "_closed", "_data", "_done", "_done_size", "_failed",
        "_fast_size", "_id", "_ignored", "_incomplete", "_last_event_id", "_limit", "_line",
        "_line_room", "_piece", "_report_ignored", "_retry", "_stream_start", "_type",
    )  # fmt: skip

    def __init__(
        self,
        *,
        last_event_id: str = "",
        done: str | None = "[DONE]",
        max_event_size: int | None = 64 * 1024 * 1024,
        report_ignored: bool = False,
    ) -> None:
        self._last_event_id = check_text("last_event_id", last_event_id, "\0\r\n")
        self._done = "" if done is None else check_text("done", done, "\r\n")
        # The longest data that is DONE: up to 16 spaces around it do not count.
        self._done_size = -1 if done is None else len(self._done) + 16
        self._limit = maxsize if max_event_size is None else check_limit(max_event_size)
        self._piece = min(self._limit, _PIECE)
        self._report_ignored = bool(report_ignored)
        self._retry: int | None = None
        self._ignored = 0
        self._failed = self._closed = self._incomplete = False
        # Bytes that may begin a byte order mark; None once that is decided.
        self._bom: bytes | None = b""
        # The start of the stream, until it had a comment or a known field; then None.
        self._stream_start: bytes | None = b""
        self._clear()

    def _clear(self) -> None:
        self._line = _LineInProgress()
        self._after_cr = False  # whether an LF that comes next belongs to the CR before it
        # The fields of the block in progress, as received; None: no such field.
        self._data: bytes | bytearray | None = None
        self._type: bytes | bytearray | None = None
        self._id: bytes | bytearray | None = None
        self._block_retry: int | None = None
        # How many bytes a line in progress, and a chunk that is a block, may have in the fast path.
        self._line_room = self._fast_size = 0

    @property
    def last_event_id(self) -> str:
        """The last event ID string; it changes at the blank line that ends a block."""
        return self._last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in milliseconds, or None until the stream sets it."""
        return self._retry

    @property
    def ignored(self) -> int:
        """How many lines were ignored: an unknown name, a bad ``retry``, an ``id`` with NUL."""
        return self._ignored

    @property
    def incomplete(self) -> bool:
        """Whether bytes would be lost if the stream ended now; after close(), if any were."""
        if self._closed:
            return self._incomplete
        held = (self._line or None, self._bom or None, self._data, self._type, self._id)
        return held != (None,) * 5 and not self._ends_with_done()

    def __repr__(self) -> str:
        state = "failed" if self._failed else "closed" if self._closed else "open"
        return f"<sse_stream.Parser pure {state}>"

    def __reduce__(self) -> str:
        raise TypeError("a parser cannot be copied or pickled: use a new parser for each stream")

    def feed(self, data: Buffer) -> list[Item]:
        """Process the next chunk, which may end anywhere; return the items that it completes.

        Raises TypeError for text, EventTooLargeError at the limit (and on every later
        call), ParserClosedError after close().
        """
        try:
            if type(data) is not bytes:
                data = as_bytes(data)
            # Fast path for a chunk inside a line, and for one that is a block of one data line.
            line = self._line
            if line and not (_LF in data or _CR in data or len(line) + len(data) > self._line_room):
                line += data
                return []
            if len(data) <= self._fast_size and data.startswith(b"data: "):
                end = -2 if data.endswith(b"\n\n") else -4 if data.endswith(b"\r\n\r\n") else None
                text = data[6:end].decode("utf-8", "replace")
                if end and "\n" not in text and "\r" not in text:
                    if len(text) <= self._done_size and self._is_done(text):
                        return [DONE]
                    return [make_event("message", text, self._last_event_id, None)]
            if self._closed:
                self._check_open()
            items: list[Item] = []
            if len(data) <= _PIECE:
                self._process_chunk(data, items)
            else:
                for start in range(0, len(data), _PIECE):
                    self._process_chunk(data[start : start + _PIECE], items)
            if self._failed and not items:
                self._check_open()
            return items
        except BaseException as error:
            # What is buffered must not become part of a later event. as_bytes() raises TypeError.
            if not isinstance(error, TypeError):
                self._close(incomplete=True)
            raise

    def close(self, *, flush: bool = False) -> list[Item]:
        """End the stream; return the items that its end completes.

        An unfinished block is discarded (9.2.6), unless it is DONE. ``flush`` treats the
        end as the missing blank line. Raises the same errors as feed().
        """
        self._check_open()
        items: list[Item] = []
        if self._bom:
            # Too few bytes for a byte order mark: they are content.
            content, self._bom = self._bom, None
            items += self.feed(content)
        if flush:
            items += self.feed(b"\n\n")  # the first LF ends the line in progress, if any
        elif self._ends_with_done():
            items.append(DONE)
        self._close(incomplete=self.incomplete)
        return items

    def _process_chunk(self, data: bytes, items: list[Item]) -> None:
        """Process bytes by the rules of the standard; add the items that they complete."""
        if self._stream_start is not None:
            data = self._process_start(data)
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data or self._closed:
            return

        # Lines end at CR, LF or CRLF. For bytes, splitlines() knows these and no others.
        lines = data.splitlines()
        self._after_cr = data[-1] == _CR
        rest = b"" if data[-1] in b"\r\n" else lines.pop()
        near_limit = len(self._line) + len(data) > self._line_room
        if self._line and lines:
            self._line += lines[0]
            small = len(self._line) <= _PIECE
            lines[0] = bytes(self._line) if small else self._line  # type: ignore[assignment]
            self._line = _LineInProgress()

        blank = False
        for line in lines:
            if near_limit and self._retained() + len(line) > self._limit:
                return self._fail()

            if blank := not line:
                # Dispatch the event: the line is blank.
                if self._id is not None:
                    self._last_event_id = self._id.decode("utf-8", "replace")
                    self._id = None
                if self._data is not None:
                    text = self._data.decode("utf-8", "replace")
                    self._data = None
                    if len(text) <= self._done_size and self._is_done(text):
                        items.append(DONE)
                    else:
                        name = self._type.decode("utf-8", "replace") if self._type else "message"
                        items.append(make_event(name, text, self._last_event_id, self._block_retry))
                self._type = self._block_retry = None
                continue

            # Process the field: its name, and its value without one leading space.
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                if self._data is None:
                    self._data = value
                else:
                    if type(self._data) is bytes:
                        self._data = bytearray(self._data)
                    self._data += b"\n"
                    self._data += value
                    if value is line:
                        line.clear()  # type: ignore[attr-defined]  # it is copied: free its memory
            elif field == b"event":
                self._type = value
            elif field == b"":
                items.append(Comment(value.decode("utf-8", "replace")))
            elif field == b"id" and b"\0" not in value:
                self._id = value
            elif field == b"retry" and (retry := _parse_retry(value)) is not None:
                self._retry = self._block_retry = retry
            else:
                self._ignored += 1
                if self._report_ignored:
                    if value is line:
                        line[:0] = line.removed  # type: ignore  # restore the whole line
                    items.append(Ignored(line.decode("utf-8", "replace")))
                if field not in (b"id", b"retry"):
                    continue
            self._stream_start = None

        if rest:
            self._line += rest
            if near_limit and self._retained() + len(self._line) > self._limit:
                return self._fail()
        start = self._stream_start
        if start is None or len(start) == 200:
            self._line_room = self._limit if blank else self._limit - self._retained()
            between_blocks = blank and start is None and not (rest or self._after_cr)
            self._fast_size = self._piece if between_blocks else 0

    def _process_start(self, data: bytes) -> bytes:
        """Discard a leading byte order mark, also if it is split; keep the first 200 bytes."""
        if self._bom is not None:
            data = self._bom + data
            self._bom = data if len(data) < len(_BOM) and _BOM.startswith(data) else None
            if self._bom is not None:
                return b""
        kept = self._stream_start or b""
        self._stream_start = kept + data[: 200 - len(kept)]
        return data if kept else data.removeprefix(_BOM)

    def _is_done(self, data: str) -> bool:
        return self._done in data and data.strip(" ") == self._done.strip(" ")

    def _ends_with_done(self) -> bool:
        """Whether the block in progress would be DONE if it ended now; in constant time."""
        # A character has at most four bytes: longer data cannot be equal to ``done``.
        size = 4 * self._done_size + len(b"data: ")
        data = self._data
        if self._done_size < 0 or len(data or b"") > size:
            return False
        # Another parser reads the same block; it begins with LF, so not with a byte order mark.
        block = b"\n" if data is None else b"\ndata: " + data.replace(b"\n", b"\ndata: ") + b"\n"
        parser = PureParser(done=self._done, max_event_size=None)
        return DONE in parser.feed(block + self._line[:size] + b"\n\n")

    def _retained(self) -> int:
        """How many bytes of the block count for the limit: data with its newlines, type, ID."""
        data = 0 if self._data is None else len(self._data) + 1
        return data + len(self._type or b"") + len(self._id or b"")

    @property
    def _line_start(self) -> bytes:
        """Enough of the line in progress to see whether it may become a known field."""
        return bytes(self._line[:6])

    def _close(self, *, incomplete: bool) -> None:
        if not self._closed:
            self._clear()
            self._closed, self._incomplete, self._bom = True, incomplete, None

    def _fail(self) -> None:
        self._close(incomplete=True)
        self._failed = True

    def _check_open(self) -> None:
        if self._failed:
            raise EventTooLargeError(self._limit, self._last_event_id)
        if self._closed:
            raise ParserClosedError


class _LineInProgress(bytearray):
    """A line in several chunks. If it is longer than _PIECE, these methods avoid copying it."""

    def partition(self, colon: Buffer, /) -> tuple[bytes, bytes, bytearray]:  # type: ignore[override]
        # No known name is longer than five bytes. One space is removed here too.
        name, found, value = bytes(self[:7]).partition(colon)
        self.removed = name + found + value[: value.startswith(b" ")]
        del self[: len(self.removed)]
        return name, found, self

    def removeprefix(self, space: Buffer, /) -> bytearray:
        return self


def _parse_retry(value: bytes | bytearray) -> int | None:
    """Return the reconnection time, or None if it is not ASCII digits below 2**64."""
    # 21 digits are too large already; int() takes long for many more.
    digits = value.lstrip(b"0")[:21] or b"0"
    return time if value.isdigit() and (time := int(digits)) < 2**64 else None


PureParser = Parser  # the class above, also if ``Parser`` becomes the compiled one

if not TYPE_CHECKING and environ.get("SSE_STREAM_PURE", "0") in ("", "0"):
    try:
        from ._speedups import Parser
    except ImportError:
        pass  # not built here
