# SPDX-License-Identifier: MIT
"""The state machine that makes items from the bytes of an event stream.

It follows the HTML standard: ``_split_lines`` has the rules of section 9.2.5 (the byte order
mark, the ends of lines), ``_process_lines`` those of section 9.2.6, each under its sentence.
Lines are decoded after they are split: CR, LF and colon never occur inside a multi-byte UTF-8
sequence.

    stream  = [ bom ] *block        block   = *( comment / field ) end-of-line
    comment = ":" *any end-of-line  field   = name [ ":" [ space ] *any ] end-of-line
"""

from __future__ import annotations

from sys import maxsize

from .errors import EventTooLargeError, ParserClosedError, as_bytes, check_limit, check_text
from .items import COMPILED, DONE, Block, Comment, Ignored, make_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from typing_extensions import Buffer

    from .items import Item

_LF, _CR = 10, 13
_BOM = b"\xef\xbb\xbf"
_NAMES = (b"data", b"event", b"id", b"retry")
# How many spaces around the data of DONE are allowed.
_DONE_SPACES = 16
# How many bytes of ignored lines are kept.
_TAIL = 200
# A larger chunk is processed in pieces of this many bytes, so that no list of lines is long.
_PIECE = 16384
# Whether feed() may process a chunk that is one block without splitting it into lines.
FAST_PATH = True


class Parser:
    """A push-style parser of one event stream (HTML standard, 9.2.6).

    ``last_event_id`` is the initial last event ID string, to resume a stream. A block whose
    data equals ``done``, with up to 16 spaces around it, is returned as DONE; None turns this
    off. ``max_event_size`` limits the bytes buffered for one block and its line in progress;
    None means no limit. With ``report_ignored``, each ignored line is returned as Ignored;
    with ``blocks``, each block as a Block, not as an Event. Raises TypeError or ValueError for
    invalid arguments. One thread at a time may use a parser.

    >>> Parser().feed(b": hi\\ndata: one\\n\\n")
    [Comment(text='hi'), Event(event='message', data='one', id='', retry=None)]
    """

    __slots__ = (
        "_after_cr", "_block_retry", "_blocks", "_bom", "_closed", "_data", "_done", "_done_size",
        "_end", "_failed", "_fast_size", "_id", "_ignored", "_ignored_tail", "_incomplete",
        "_last_event_id", "_limit", "_line", "_piece", "_recognised", "_report_ignored", "_retry", "_room",
        "_type",
    )  # fmt: skip

    def __init_subclass__(cls) -> None:
        raise TypeError("Parser is final: it cannot be the base of a class")

    def __init__(
        self,
        *,
        last_event_id: str = "",
        done: str | None = "[DONE]",
        max_event_size: int | None = 64 * 1024 * 1024,
        report_ignored: bool = False,
        blocks: bool = False,
    ) -> None:
        self._last_event_id = check_text("last_event_id", last_event_id, "\0\r\n")
        self._done = "" if done is None else check_text("done", done, "\r\n")
        # The longest data that is DONE.
        self._done_size = -1 if done is None else len(self._done) + _DONE_SPACES
        self._limit = maxsize if max_event_size is None else check_limit(max_event_size)
        self._piece = min(self._limit, _PIECE) if FAST_PATH and not blocks else 0
        self._report_ignored = bool(report_ignored)
        self._blocks = bool(blocks)
        self._retry: int | None = None
        self._ignored = 0
        self._recognised = False
        self._ignored_tail = b""
        self._failed = self._closed = False
        self._incomplete = True  # after a call that failed
        # What in_line, recognised and ignored_tail were when close() was called.
        self._end: tuple[bool, bool, bytes] | None = None
        # Bytes that may begin a byte order mark; None once that is decided.
        self._bom: bytes | None = b""
        self._clear()

    def _clear(self) -> None:
        self._line = bytearray()  # the line in progress
        self._after_cr = False  # whether an LF that comes next belongs to the CR before it
        # The fields of the block in progress, as received; None: no such field.
        self._data: bytes | bytearray | None = None
        self._type: bytes | bytearray | None = None
        self._id: bytes | bytearray | None = None
        self._block_retry: int | None = None
        # How long the line in progress may become before the limit must be checked.
        self._room = self._limit
        # How long a chunk may be for the fast path: 0 except between two blocks.
        self._fast_size = 0

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
        return self._incomplete if self._closed else self._loses_bytes()

    @property
    def blocks(self) -> bool:
        """Whether each block is returned as a Block, not as an Event."""
        return self._blocks

    @property
    def in_line(self) -> bool:
        """Whether the bytes so far end inside a line. close() does not change it."""
        return self._end_state()[0]

    @property
    def recognised(self) -> bool:
        """Whether a line belonged to an event stream. close() does not change it.

        That is a line with the name data, event, id or retry (a line in progress needs its
        colon), or a comment that came before any ignored line.
        """
        return self._end_state()[1]

    @property
    def ignored_tail(self) -> bytes:
        """The first 200 bytes of the ignored lines at the end. close() does not change it.

        These are the lines after the last one with the name data, event, id or retry, each with
        LF, without blank lines and comments. The line in progress is one of them if it cannot
        become a comment or a line with such a name.
        """
        return self._end_state()[2]

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
        if self._closed:
            self._refuse()
        try:
            if type(data) is not bytes:
                data = as_bytes(data)
            # A chunk without the end of a line only continues the line in progress.
            line = self._line
            if line and not (_LF in data or _CR in data or len(line) + len(data) > self._room):
                line += data
                return []
            # The fast path: a chunk that is one block of one data line.
            if len(data) <= self._fast_size and data.startswith(b"data: "):
                end = -2 if data.endswith(b"\n\n") else -4 if data.endswith(b"\r\n\r\n") else None
                text = data[6:end].decode("utf-8", "replace")
                if end and "\n" not in text and "\r" not in text:
                    if len(text) <= self._done_size and self._is_done(text):
                        return [DONE]
                    return [make_event("message", text, self._last_event_id, None)]
            items: list[Item] = []
            if len(data) <= _PIECE:
                self._split_lines(data, items)
            else:
                for start in range(0, len(data), _PIECE):
                    self._split_lines(data[start : start + _PIECE], items)
            if self._failed and not items:
                self._refuse()
            return items
        except TypeError:
            raise  # as_bytes() has refused the argument: nothing has changed
        except BaseException:
            # What is buffered must not become part of a later event.
            self._closed = True
            raise

    def close(self, *, flush: bool = False) -> list[Item]:
        """End the stream; return the items that its end completes.

        An unfinished block is discarded (9.2.6), unless it is DONE. ``flush`` treats the
        end as the missing blank line. Raises the same errors as feed().
        """
        closed, self._closed = self._closed, True
        if closed:
            self._refuse()
        self._end = self._end_state()
        items: list[Item] = []
        if self._bom:
            # Too few bytes for a byte order mark: they are content.
            content, self._bom = self._bom, None
            self._split_lines(content, items)
        if flush and not self._failed:
            self._split_lines(b"\n\n", items)  # the first LF ends the line in progress, if any
        elif self._ends_with_done():
            items.append(DONE)
        if self._failed:
            self._refuse()
        incomplete = self._loses_bytes()
        self._clear()
        self._incomplete = incomplete
        return items

    def _split_lines(self, data: bytes, items: list[Item]) -> None:
        """Split bytes into lines (9.2.5) and process them."""
        # One leading byte order mark is ignored; it may come in several chunks.
        if self._bom is not None:
            data = self._bom + data
            self._bom = data if len(data) < len(_BOM) and _BOM.startswith(data) else None
            if self._bom is not None:
                return
            data = data.removeprefix(_BOM)
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data or self._failed:
            return

        # Lines end at CRLF, LF or CR. For bytes, splitlines() knows these and no others.
        lines = data.splitlines()
        last = data[-1]
        self._after_cr = last == _CR
        rest = b"" if last == _LF or last == _CR else lines.pop()
        near_limit = len(self._line) + len(data) > self._room
        if self._line and lines:
            self._line += lines[0]
            if len(self._line) <= _PIECE:
                lines[0] = bytes(self._line)
                self._line = bytearray()
            else:
                # A long line is processed alone, so that its memory is free afterwards.
                del lines[0]
                self._process_lines([self._line], items, near_limit, is_long=True)
        more = lines and not self._failed
        blank = self._process_lines(lines, items, near_limit) if more else False
        if rest and not self._failed:
            self._line += rest
            if near_limit and self._retained() + len(self._line) > self._limit:
                self._fail()
        between_blocks = blank and not (rest or self._after_cr or self._ignored_tail)
        self._fast_size = self._piece if between_blocks and self._recognised else 0

    def _process_lines(
        self,
        lines: Sequence[bytes | bytearray],
        items: list[Item],
        near_limit: bool,
        is_long: bool = False,
    ) -> bool:
        """Process complete lines (9.2.6); return whether the last one is blank."""
        if is_long:
            self._line = bytearray()
        recognised, ignored_tail = self._recognised, self._ignored_tail
        line: bytes | bytearray = b""
        for line in lines:
            if near_limit and self._retained() + len(line) > self._limit:
                self._fail()
                break

            # "If the line is empty (a blank line): dispatch the event"
            if not line:
                # "Set the last event ID string ... to the value of the last event ID buffer"
                if self._id is not None:
                    self._last_event_id = self._id.decode("utf-8", "replace")
                # "If the data buffer is an empty string, ... return"; here: no data field came.
                if self._data is not None:
                    data = self._data.decode("utf-8", "replace")
                    self._data = None
                    if len(data) <= self._done_size and self._is_done(data):
                        items.append(DONE)
                    elif self._blocks:
                        self._append_block(data, items)
                    else:
                        # "If the event type buffer has a value other than the empty string,
                        # change the type of the newly created event to equal the value"
                        name = self._type.decode("utf-8", "replace") if self._type else "message"
                        items.append(make_event(name, data, self._last_event_id, self._block_retry))
                elif self._blocks:
                    self._append_block(None, items)
                # "Set the data buffer and the event type buffer to the empty string"
                self._type = self._id = self._block_retry = None
                continue

            # "Collect the characters on the line before the first U+003A COLON character (:)
            # ... If value starts with a U+0020 SPACE character, remove it"
            if is_long:
                field, removed = _split_long(line)
                value = line
            else:
                field, _, value = line.partition(b":")
                value = value.removeprefix(b" ")

            # "Process the field": the field names are compared literally
            if field == b"data":
                # "Append the field value to the data buffer, then append a single LF"; the LF
                # at the end is removed when the event is dispatched, so it is added before
                # the next value
                if self._data is None:
                    self._data = value
                else:
                    if type(self._data) is bytes:
                        self._data = bytearray(self._data)
                    self._data += b"\n"
                    self._data += value
            elif field == b"event":
                # "Set the event type buffer to the field value"
                self._type = value
            elif field == b"":
                # "If the line starts with a U+003A COLON character (:): ignore the line"; it is
                # a comment, which this parser returns
                items.append(Comment(value.decode("utf-8", "replace")))
                recognised = recognised or not self._ignored
                continue
            elif field == b"id" and b"\0" not in value:
                # "If the field value does not contain U+0000 NULL, then set the last event ID
                # buffer to the field value. Otherwise, ignore the field"
                self._id = value
            elif field == b"retry" and (retry := _parse_retry(value)) is not None:
                # "If the field value consists of only ASCII digits, then ... set the event
                # stream's reconnection time to that integer. Otherwise, ignore the field"
                self._retry = self._block_retry = retry
            else:
                # "Otherwise: the field is ignored"
                self._ignored += 1
                if is_long:
                    line[:0] = removed
                if self._report_ignored:
                    items.append(Ignored(line.decode("utf-8", "replace")))
                if field != b"id" and field != b"retry":
                    if len(ignored_tail) < _TAIL:
                        ignored_tail += line[:_TAIL] + b"\n"
                    continue
            recognised, ignored_tail = True, b""
        self._recognised, self._ignored_tail = recognised, ignored_tail
        self._room = self._limit if not line else self._limit - self._retained()
        return not line

    def _append_block(self, data: str | None, items: list[Item]) -> None:
        """Add a Block of the fields that came (not in the standard), if any did."""
        name = None if self._type is None else self._type.decode("utf-8", "replace")
        id = None if self._id is None else self._last_event_id
        if (name, data, id, self._block_retry) != (None,) * 4:
            items.append(Block(name, data, id, self._block_retry))

    def _is_done(self, data: str) -> bool:
        return self._done in data and data.strip(" ") == self._done.strip(" ")

    def _ends_with_done(self) -> bool:
        """Whether the block in progress would be DONE if it ended now; in constant time."""
        # A character has at most four bytes: longer data cannot be equal to ``done``.
        size = 4 * self._done_size
        data = self._data
        field, _, value = self._line[: len(b"data: ") + size + 1].partition(b":")
        if field == b"data":
            if data is not None:
                return False  # ``done`` has no newline
            data = value.removeprefix(b" ")
        if data is None or len(data) > size:
            return False
        return self._is_done(data.decode("utf-8", "replace"))

    def _loses_bytes(self) -> bool:
        """Whether an end of the stream now would discard bytes."""
        held = (self._line or None, self._bom or None, self._data, self._type, self._id)
        return held != (None,) * 5 and not self._ends_with_done()

    def _end_state(self) -> tuple[bool, bool, bytes]:
        """Return in_line, recognised and ignored_tail."""
        if self._end is not None:
            return self._end
        in_line = bool(self._line or self._bom)
        start = bytes(self._line[:_TAIL])
        field, colon, _ = start.partition(b":")
        if colon and field in _NAMES:
            return in_line, True, b""
        may_become_known = not colon and any([name.startswith(field) for name in _NAMES])
        ignored = b"" if field == b"" or may_become_known else start
        return in_line, self._recognised, (self._ignored_tail + ignored)[:_TAIL]

    def _retained(self) -> int:
        """How many bytes of the block count for the limit: data with its newlines, type, ID."""
        data = 0 if self._data is None else len(self._data) + 1
        return data + len(self._type or b"") + len(self._id or b"")

    def _fail(self) -> None:
        self._clear()
        self._failed = self._closed = True

    def _refuse(self) -> NoReturn:
        if self._failed:
            raise EventTooLargeError(self._limit, self._last_event_id)
        raise ParserClosedError


def _split_long(line: bytearray) -> tuple[bytes, bytes]:
    """Remove the name, colon and one space from a long line, so that its value is not copied.

    Return the name, and what was removed.
    """
    # No known name is longer than five bytes.
    field, colon, value = bytes(line[:7]).partition(b":")
    removed = field + colon + value[: value.startswith(b" ")]
    del line[: len(removed)]
    return field, removed


def _parse_retry(value: bytes | bytearray) -> int | None:
    """Return the reconnection time, or None if it is not ASCII digits below 2**64."""
    # 21 digits are too large already; int() takes long for many more.
    digits = value.lstrip(b"0")[:21] or b"0"
    return time if value.isdigit() and (time := int(digits)) < 2**64 else None


PureParser = Parser  # the class above, also if ``Parser`` becomes the compiled one

if not TYPE_CHECKING and COMPILED:
    from ._speedups import Parser
