# SPDX-License-Identifier: MIT
"""The opposite of the parser: it makes the bytes of an item (HTML standard, 9.2.5)."""

from __future__ import annotations

from .items import Comment, Done, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .items import Item

_NUL, _LF, _CR = 0, 10, 13
_RETRY_BOUND = 2**64


def encode(item: Item, *, last_event_id: str = "") -> bytes:
    """Return the bytes of one Event, Comment or DONE, ended by a blank line.

    ``last_event_id`` is the last event ID string that the reader has: the ``id`` of the
    previous event. The ID is written if it differs; an empty ID resets it. Data is split at
    CRLF, CR and LF, and each is read back as LF. DONE and an Event with the data ``[DONE]``
    are the same in a stream: the ``done`` of the reader's parser decides what it returns.

    Raises TypeError for a value of the wrong type and for an Ignored; ValueError for CR or
    LF in ``event``, ``id`` or ``text``, NUL in ``id``, a ``retry`` that is negative or not
    below 2**64, and a lone surrogate. The message names the attribute.

    >>> encode(Event(data="one\\ntwo", id="7"))
    b'id: 7\\ndata: one\\ndata: two\\n\\n'
    """
    if isinstance(item, Event):
        event, id, retry = item.event, item.id, item.retry
        fields = b""
        if id != "" or last_event_id != "":
            value = _one_line("Event.id", id)
            if _NUL in value:
                raise ValueError("Event.id cannot hold NUL")
            if value != _utf8("last_event_id", last_event_id):
                fields = b"id: " + value + b"\n"
        if event != "message":
            value = _one_line("Event.event", event)
            if value:
                fields += b"event: " + value + b"\n"
        if retry is not None:
            fields += b"retry: %d\n" % _milliseconds(retry)
        data = _utf8("Event.data", item.data)
        if _CR in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if _LF in data:
            data = data.replace(b"\n", b"\ndata: ")
        return b"".join((fields, b"data: ", data, b"\n\n"))
    if isinstance(item, Comment):
        return b": " + _one_line("Comment.text", item.text) + b"\n\n"
    if isinstance(item, Done):
        return b"data: [DONE]\n\n"
    raise TypeError(f"encode() takes an Event, a Comment or DONE, not {type(item).__name__}")


def _utf8(name: str, text: str) -> bytes:
    try:
        # Not text.encode(): a subclass may override it.
        return str.encode(text)
    except TypeError:
        raise TypeError(f"{name} must be a str, not {type(text).__name__}") from None
    except UnicodeEncodeError:
        raise ValueError(f"{name} cannot hold a lone surrogate") from None


def _one_line(name: str, text: str) -> bytes:
    line = _utf8(name, text)
    if _LF in line or _CR in line:
        raise ValueError(f"{name} cannot hold CR or LF")
    return line


def _milliseconds(retry: object) -> int:
    if isinstance(retry, bool) or not isinstance(retry, int):
        raise TypeError(f"Event.retry must be an int or None, not {type(retry).__name__}")
    number = int.__index__(retry)  # exact: a subclass may compare otherwise
    if not 0 <= number < _RETRY_BOUND:
        raise ValueError("Event.retry must be from 0 to 2**64 - 1")
    return number
