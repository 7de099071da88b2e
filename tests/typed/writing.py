"""What json(), encode() and the errors have and refuse, for type checkers."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from sse_stream import (
    DONE,
    Block,
    Comment,
    Event,
    EventTooLargeError,
    Ignored,
    IncompleteStreamError,
    Item,
    NotEventStreamError,
    SSEError,
    encode,
    error_message,
    is_event_stream,
)


class Model:
    @classmethod
    def validate_json(cls, text: str | bytes) -> Model:
        print(text)
        return cls()


def lines(text: str) -> list[str]:
    return text.splitlines()


def decode(event: Event, block: Block) -> None:
    assert_type(event.json(loads=Model.validate_json), Model)
    assert_type(block.json(loads=lines), list[str])
    assert_type(event.json(), Any)
    assert_type(event.json("choices", 0, "delta", "content", default=""), Any)
    assert_type(event.json("choices", loads=lines), Any)


def write(item: Item, last_event_id: str) -> bytes:
    if isinstance(item, Ignored):
        encode(item)  # type: ignore[arg-type]
        return b""
    return encode(item, last_event_id=last_event_id)


def write_each() -> bytes:
    return encode(Event()) + encode(Block("message")) + encode(Comment("hi")) + encode(DONE)


def explain(error: SSEError) -> str:
    if isinstance(error, EventTooLargeError):
        assert_type(error.limit, int)
        return error.last_event_id
    if isinstance(error, IncompleteStreamError):
        return error.last_event_id + error.tail + error.missing
    if isinstance(error, NotEventStreamError):
        return error.start.decode()
    return str(error)


assert_type(error_message(Event()), str | None)
assert_type(error_message(Block()), str | None)
assert_type(is_event_stream(None), bool)
