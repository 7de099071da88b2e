# SPDX-License-Identifier: MIT
"""The opposite of the parser: it makes the bytes of an item (HTML standard, 9.2.5)."""

from __future__ import annotations

from .items import DONE, Block, Comment, Done, Event

_NUL, _LF, _CR = 0, 10, 13
_RETRY_BOUND = 2**64


def encode(item: Event | Block | Comment | Done, *, last_event_id: str = "") -> bytes:
    """Return the bytes of one Event, Block, Comment or DONE, ended by a blank line.

    They are UTF-8 with LF as line end, as the HTML standard, 9.2.5, defines an event stream.
    ``last_event_id`` is the last event ID string that the reader has: the ``id`` of the
    previous event. The ID of an Event is written if it differs; an empty ID resets it. The
    type of an Event is written unless it is ``message``. Of a Block, exactly the fields that
    are not None are written. Data and comments are split at CRLF, CR and LF: each line becomes
    a line of its own. DONE and an item with the data ``[DONE]`` are the same in a stream: the
    ``done`` of the reader's parser decides what it returns.

    Raises TypeError for a value of the wrong type and for an Ignored; ValueError for CR or LF
    in ``event`` or ``id``, NUL in ``id``, a ``retry`` that is negative or not below 2**64, a
    lone surrogate, and a Block of no fields. The message names the attribute.

    >>> encode(Event(data="one\\ntwo", id="7"))
    b'id: 7\\ndata: one\\ndata: two\\n\\n'
    >>> encode(Block(event="message", retry=3000))
    b'event: message\\nretry: 3000\\n\\n'
    """
    if isinstance(item, Event):
        return _encode_event(item, last_event_id)
    if isinstance(item, Block):
        return _encode_block(item)
    if isinstance(item, Comment):
        return b": " + _lines(b": ", "Comment.text", item.text) + b"\n\n"
    if item is DONE:
        return b"data: [DONE]\n\n"
    raise TypeError(
        f"encode() takes an Event, a Block, a Comment or DONE, not {type(item).__name__}"
    )


def _encode_event(item: Event, last_event_id: str) -> bytes:
    event, id, retry = item.event, item.id, item.retry
    fields = b""
    if id != "" or last_event_id != "":
        value = _id("Event.id", id)
        if value != _utf8("last_event_id", last_event_id):
            fields = b"id: " + value + b"\n"
    if event != "message":
        value = _one_line("Event.event", event)
        if value:
            fields += b"event: " + value + b"\n"
    if retry is not None:
        fields += b"retry: %d\n" % _milliseconds("Event.retry", retry)
    return b"".join((fields, b"data: ", _lines(b"data: ", "Event.data", item.data), b"\n\n"))


def _encode_block(item: Block) -> bytes:
    parts: list[bytes] = []
    if item.id is not None:
        parts += b"id: ", _id("Block.id", item.id), b"\n"
    if item.event is not None:
        parts += b"event: ", _one_line("Block.event", item.event), b"\n"
    if item.retry is not None:
        parts.append(b"retry: %d\n" % _milliseconds("Block.retry", item.retry))
    if item.data is not None:
        parts += b"data: ", _lines(b"data: ", "Block.data", item.data), b"\n"
    if not parts:
        raise ValueError("a Block of no fields cannot be written: all of its members are None")
    return b"".join((*parts, b"\n"))


def _utf8(name: str, text: str) -> bytes:
    try:
        # Not text.encode(): a subclass may override it.
        return str.encode(text)
    except TypeError:
        raise TypeError(f"{name} must be a str, not {type(text).__name__}") from None
    except UnicodeEncodeError:
        raise ValueError(f"{name} cannot hold a lone surrogate") from None


def _lines(start: bytes, name: str, text: str) -> bytes:
    """Return a text whose second and later lines begin with ``start``."""
    data = _utf8(name, text)
    if _CR in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.replace(b"\n", b"\n" + start) if _LF in data else data


def _one_line(name: str, text: str) -> bytes:
    line = _utf8(name, text)
    if _LF in line or _CR in line:
        raise ValueError(f"{name} cannot hold CR or LF")
    return line


def _id(name: str, text: str) -> bytes:
    value = _one_line(name, text)
    if _NUL in value:
        raise ValueError(f"{name} cannot hold NUL")
    return value


def _milliseconds(name: str, retry: object) -> int:
    if isinstance(retry, bool) or not isinstance(retry, int):
        raise TypeError(f"{name} must be an int or None, not {type(retry).__name__}")
    number = int.__index__(retry)  # exact: a subclass may compare otherwise
    if not 0 <= number < _RETRY_BOUND:
        raise ValueError(f"{name} must be from 0 to 2**64 - 1")
    return number
