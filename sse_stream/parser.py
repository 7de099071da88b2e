# SPDX-License-Identifier: MIT
"""The state machine that makes items from the bytes of an event stream (HTML standard, 9.2).

``_split_lines`` has the rules of section 9.2.5, ``_process_lines`` those of 9.2.6, each under its
sentence. Lines are decoded after they are split: CR, LF and colon never occur inside a multi-byte
UTF-8 sequence.
"""

from __future__ import annotations

from sys import maxsize

from .errors import Buffer, EventTooLargeError, ParserClosedError, as_bytes, check_limit, check_text
from .items import COMPILED, DONE, Block, Comment, Ignored, Item, final, make_event

TYPE_CHECKING = False
_Bytes = bytes | bytearray
_LF, _CR = 10, 13
_BOM = b"\xef\xbb\xbf"
_NAMES = (b"data", b"event", b"id", b"retry")
_TAIL = 200  # how many bytes of ignored lines are kept
_PIECE = 16384  # a larger chunk is processed in pieces, so that no list of lines is long
FAST_PATH = True  # whether a chunk that is one block may be processed without splitting it


@final
class Parser:
    """A push parser of one event stream (HTML standard, 9.2.5 and 9.2.6), without I/O.

    - ``last_event_id``: the initial last event ID string, to resume a stream.
    - ``done``: a block whose data equals it, with up to 16 spaces around it, is returned as DONE;
      None turns this off.
    - ``max_event_size``: how many bytes of one block, with its line in progress, may be buffered
      (64 MiB by default); None means no limit.
    - ``report_ignored``: return each ignored line as an Ignored.
    - ``blocks``: return each block as a Block, not as an Event.

    Raises TypeError or ValueError for a wrong argument. One thread at a time may use a parser.

    >>> Parser().feed(b": hi\\ndata: one\\n\\n")
    [Comment(text='hi'), Event(event='message', data='one', id='', retry=None)]
    """

    __slots__ = (
        "_after_cr", "_block_retry", "_blocks", "_bom", "_closed", "_data", "_done", "_done_size",
        "_end", "_failed", "_fast_size", "_id", "_ignored", "_ignored_tail", "_incomplete",
        "_last_event_id", "_limit", "_line", "_piece", "_recognised", "_report_ignored", "_retry",
        "_room", "_type",
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
        # The longest data that is DONE: up to 16 spaces are allowed around it.
        self._done_size = -1 if done is None else len(self._done) + 16
        self._limit = maxsize if max_event_size is None else check_limit(max_event_size)
        self._piece = min(self._limit, _PIECE) if FAST_PATH and not blocks else 0
        self._report_ignored = bool(report_ignored)
        self._blocks = bool(blocks)
        self._retry: int | None = None
        self._ignored, self._recognised, self._ignored_tail = 0, False, b""
        self._failed = self._closed = False
        self._incomplete: bool | None = None  # None until the parser is closed
        self._end: tuple[bool, bool, bytes] | None = None  # of _end_state() until close()
        self._bom: bytes | None = b""  # what may begin a byte order mark; None once decided
        self._clear()

    def _clear(self) -> None:
        self._line = bytearray()  # the line in progress
        self._after_cr = False  # whether an LF that comes next belongs to the CR before it
        # The fields of the block in progress, as received; None: no such field.
        self._data: _Bytes | None = None
        self._type: _Bytes | None = None
        self._id: _Bytes | None = None
        self._block_retry: int | None = None
        self._room = self._limit  # below it, a line in progress needs no check of the limit
        self._fast_size = 0  # the longest chunk for the fast path; 0 except between two blocks

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
        """How many lines were ignored: an unknown name, a ``retry`` that is not a number below
        2**64, an ``id`` with NUL."""
        return self._ignored

    @property
    def incomplete(self) -> bool:
        """Whether bytes would be lost if the stream ended now; after close(), if any were."""
        if self._incomplete is not None:
            return self._incomplete
        held = self._line or self._bom or (self._data, self._type, self._id) != (None, None, None)
        return bool(held) and not self._ends_with_done()

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
        """Whether there was a line with the name data, event, id or retry (in a line in progress,
        with its colon), or a comment before any ignored line. close() does not change it."""
        return self._end_state()[1]

    @property
    def ignored_tail(self) -> bytes:
        """The first 200 bytes of the ignored lines after the last line with a known name, each
        with LF, and of a line in progress that can only be ignored. close() does not change it."""
        return self._end_state()[2]

    def __repr__(self) -> str:
        state = "failed" if self._failed else "closed" if self._closed else "open"
        return f"<sse_stream.Parser pure {state}>"

    def __reduce__(self) -> str:
        raise TypeError("a parser cannot be copied or pickled: use a new parser for each stream")

    def feed(self, data: Buffer) -> list[Item]:
        """Process the next chunk, which may end anywhere; return the items that it completes.

        Raises TypeError for text, which changes nothing; EventTooLargeError at the limit and on
        every later call; ParserClosedError after close().
        """
        if self._closed:
            raise self._refusal()
        try:
            if type(data) is not bytes:
                data = as_bytes(data)
            # A chunk without the end of a line only continues the line in progress.
            line = self._line if not (_LF in data or _CR in data) else None
            if line and len(line) + len(data) <= self._room:
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
                raise self._refusal()
            return items
        except TypeError:
            raise  # as_bytes() has refused the argument: nothing has changed
        except BaseException:
            # What is buffered must not become part of a later event.
            self._closed = self._incomplete = True
            raise

    def close(self, *, flush: bool = False) -> list[Item]:
        """End the stream; return the items that its end completes.

        An unfinished block is discarded (9.2.6), unless it is DONE. ``flush``: treat the end as
        the missing blank line. Raises EventTooLargeError and ParserClosedError as feed() does.
        """
        if self._closed:
            raise self._refusal()
        self._closed = True  # first: nothing can be made of the rest if an allocation fails
        self._end = self._end_state()
        items: list[Item] = []
        held, self._bom = self._bom, None
        if held:
            self._split_lines(held, items)  # too few bytes for a byte order mark: content
        if flush and not self._failed:
            self._split_lines(b"\n\n", items)  # the first LF ends the line in progress, if any
        elif self._ends_with_done():
            items.append(DONE)
        if self._failed:
            raise self._refusal()
        self._incomplete = self.incomplete
        self._clear()
        return items

    def _split_lines(self, data: bytes, items: list[Item]) -> None:
        """Split bytes into lines (9.2.5) and process them."""
        # stream = [ bom ] *event; the byte order mark may come in several chunks.
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
        # end-of-line = CRLF / LF / CR. For bytes, splitlines() knows these and no others.
        lines = data.splitlines()
        self._after_cr = data[-1] == _CR
        rest = b"" if data[-1] == _LF or self._after_cr else lines.pop()
        near_limit = len(self._line) + len(data) > self._room
        if self._line and lines:
            self._line += lines[0]
            if len(self._line) <= _PIECE:
                lines[0] = bytes(self._line)
                self._line = bytearray()
            else:
                del lines[0]  # a long line is processed alone: its memory is free afterwards
                self._process_lines([self._line], items, near_limit)
        blank = bool(lines) and not self._failed and self._process_lines(lines, items, near_limit)
        if rest and not self._failed:
            self._line += rest
            if near_limit and self._retained() + len(self._line) > self._limit:
                self._fail()
        between_blocks = blank and not (rest or self._after_cr or self._ignored_tail)
        self._fast_size = self._piece if between_blocks and self._recognised else 0

    def _process_lines(
        self, lines: list[bytes] | list[bytearray], items: list[Item], near_limit: bool
    ) -> bool:
        """Process complete lines (9.2.6); return whether the last one is blank."""
        recognised, ignored_tail = self._recognised, self._ignored_tail
        line: _Bytes = b""
        removed = b""  # the name of a long line, which was cut off it
        for line in lines:
            if near_limit and self._retained() + len(line) > self._limit:
                self._fail()
                break

            # "If the line is empty (a blank line): Dispatch the event"
            if not line:
                # "Set the last event ID string ... to the value of the last event ID buffer"
                if self._id is not None:
                    self._last_event_id = self._id.decode("utf-8", "replace")
                # "If the data buffer is an empty string, ... return": no data field came
                if self._data is not None:
                    data = self._data.decode("utf-8", "replace")
                    self._data = None
                    if len(data) <= self._done_size and self._is_done(data):
                        items.append(DONE)
                    elif self._blocks:
                        self._append_block(data, items)
                    else:
                        # "If the event type buffer has a value other than the empty string"
                        name = self._type.decode("utf-8", "replace") if self._type else "message"
                        items.append(make_event(name, data, self._last_event_id, self._block_retry))
                elif self._blocks:
                    self._append_block(None, items)
                # "Set the data buffer and the event type buffer to the empty string"
                self._type = self._id = self._block_retry = None
                continue
            # "Collect the characters on the line before the first U+003A COLON character (:)" ...
            value: _Bytes
            if isinstance(line, bytes):
                field, _, value = line.partition(b":")
                # "If value starts with a U+0020 SPACE character, remove it from value"
                value = value.removeprefix(b" ")
            else:
                # A long line that came in several chunks: its value is not copied.
                self._line = bytearray()
                field, colon, value = bytes(line[:7]).partition(b":")
                removed = field + colon + value[: value.startswith(b" ")]
                del line[: len(removed)]
                value = line
            # "Process the field": "Field names must be compared literally, with no case folding"
            if field == b"data":
                # "Append the field value to the data buffer, then append a single U+000A LINE
                # FEED (LF)": added here before the next value, since the last one is removed
                if self._data is None:
                    self._data = value
                else:
                    if type(self._data) is bytes:
                        self._data = bytearray(self._data)
                    self._data += b"\n"
                    self._data += value
            elif field == b"event":
                # "Set the event type buffer to field value"
                self._type = value
            elif field == b"":
                # "If the line starts with a U+003A COLON character (:): Ignore the line"
                items.append(Comment(value.decode("utf-8", "replace")))
                recognised = recognised or not self._ignored
                continue
            elif field == b"id" and b"\0" not in value:
                # "If the field value does not contain U+0000 NULL, then set the last event ID ..."
                self._id = value
            elif field == b"retry" and value.isdigit() and _integer(value) < 2**64:
                # "If the field value consists of only ASCII digits, then ... set the event
                # stream's reconnection time to that integer"
                self._retry = self._block_retry = _integer(value)
            else:
                # "Otherwise, ignore the field", and: "Otherwise: The field is ignored"
                self._ignored += 1
                if isinstance(line, bytearray):
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
        field, _, value = bytes(self._line[: len(b"data: ") + size + 1]).partition(b":")
        if field == b"data":
            if data is not None:
                return False  # ``done`` has no newline
            data = value.removeprefix(b" ")
        if data is None or len(data) > size:
            return False
        text = data.decode("utf-8", "replace")
        return len(text) <= self._done_size and self._is_done(text)

    def _end_state(self) -> tuple[bool, bool, bytes]:
        """Return in_line, recognised and ignored_tail."""
        if self._end is not None:
            return self._end
        in_line, start = bool(self._line or self._bom), bytes(self._line[:_TAIL])
        field, colon, _ = start.partition(b":")
        if colon and field in _NAMES:
            return in_line, True, b""
        if field == b"" or (not colon and any([name.startswith(field) for name in _NAMES])):
            start = b""  # a comment, or what may become a known field
        return in_line, self._recognised, (self._ignored_tail + start)[:_TAIL]

    def _retained(self) -> int:
        """How many bytes of the block count for the limit: data with its newlines, type, ID."""
        data = 0 if self._data is None else len(self._data) + 1
        return data + len(self._type or b"") + len(self._id or b"")

    def _fail(self) -> None:
        self._failed = self._closed = self._incomplete = True
        self._clear()

    def _refusal(self) -> Exception:
        if self._failed:
            return EventTooLargeError(self._limit, self._last_event_id)
        return ParserClosedError()


def _integer(digits: _Bytes) -> int:
    # 21 digits are too large already; int() refuses, or takes long for, many more.
    return int(digits.lstrip(b"0")[:21] or b"0")


PureParser = Parser  # the class above, also if ``Parser`` becomes the compiled one

if not TYPE_CHECKING and COMPILED:
    from ._speedups import Parser
