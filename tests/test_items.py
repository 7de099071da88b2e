"""Items are immutable values; errors and wrong arguments speak clearly."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from sse_stream import (
    DONE,
    Comment,
    Done,
    Event,
    EventTooLargeError,
    IncompleteStreamError,
    Item,
    Parser,
    ParserClosedError,
)

ITEMS: list[Item] = [Event("a", "1", "i", 5), Comment("a"), DONE]


@pytest.mark.parametrize("item", ITEMS, ids=repr)
def test_items_are_values(item: Item) -> None:
    for twin in (copy.copy(item), copy.deepcopy(item), pickle.loads(pickle.dumps(item))):
        assert twin == item and hash(twin) == hash(item) and repr(twin) == repr(item)
    assert not hasattr(item, "__dict__")
    assert [other for other in ITEMS if other == item] == [item]
    name = type(item).__match_args__[0] if type(item).__match_args__ else "x"
    with pytest.raises(AttributeError):
        setattr(item, name, "b")
    with pytest.raises(AttributeError):
        delattr(item, name)


def test_done_is_one_object() -> None:
    assert Done() is DONE and copy.deepcopy(DONE) is DONE
    assert pickle.loads(pickle.dumps(DONE)) is DONE
    match DONE:
        case Done():
            pass


def test_json() -> None:
    assert Event(data='{"a": 1}').json() == {"a": 1}
    assert Event(data="7").json(loads=float) == 7.0
    with pytest.raises(ValueError):
        Event(data="x").json()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"max_event_size": 0}, ValueError),
        ({"max_event_size": -1}, ValueError),
        ({"max_event_size": True}, TypeError),
        ({"max_event_size": 1.5}, TypeError),
        ({"done": "a\r"}, ValueError),
        ({"done": "a\r\nb"}, ValueError),
        ({"done": b"x"}, TypeError),
        ({"last_event_id": "a\0"}, ValueError),
        ({"last_event_id": "a\n"}, ValueError),
        ({"last_event_id": None}, TypeError),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Parser(**arguments)


def test_feeding_what_is_not_bytes() -> None:
    parser = Parser()
    assert parser.feed(b"data:a") == []
    with pytest.raises(TypeError, match="bytes-like"):
        parser.feed(7)  # type: ignore[arg-type]
    assert parser.feed(bytearray(b"b\n")) == [] and parser.feed(memoryview(b"\n")) == [
        Event(data="ab")
    ]


def test_a_closed_parser_says_so() -> None:
    parser = Parser()
    assert "open" in repr(parser)
    parser.close()
    assert "closed" in repr(parser)
    for call in (lambda: parser.feed(b"a"), parser.close):
        with pytest.raises(ParserClosedError, match="closed"):
            call()


def test_half_a_mark_is_content_at_the_end() -> None:
    parser = Parser()
    parser.feed(b"\xef\xbb")
    assert parser.incomplete
    assert parser.close(flush=True) == []
    small = Parser(max_event_size=1)
    small.feed(b"\xef\xbb")
    with pytest.raises(EventTooLargeError):
        small.close()
    assert "broken" in repr(small)


def test_an_unlimited_parser_and_one_that_fits_to_the_byte() -> None:
    stream = b"data:" + b"x" * 95 + b"\n\n"
    for limit in (None, 100):
        assert Parser(max_event_size=limit).feed(stream) == [Event(data="x" * 95)]
    parser = Parser(max_event_size=99)
    assert parser.feed(b":a\n" + stream) == [Comment("a")]
    with pytest.raises(EventTooLargeError):
        parser.feed(b"")
    parser = Parser(max_event_size=99)
    parser.feed(b"data:x")
    with pytest.raises(EventTooLargeError):
        parser.feed(b"x" * 94 + b"\n\n")


def test_errors_pickle() -> None:
    for error in (EventTooLargeError(5), IncompleteStreamError("7"), ParserClosedError()):
        twin = pickle.loads(pickle.dumps(error))
        assert str(twin) == str(error) and vars(twin) == vars(error)


def test_comments_held_across_chunks() -> None:
    parser = Parser(last_event_id="4")
    assert parser.feed(b":a") == [] and parser.feed(b"b\nda") == [Comment("ab")]
    assert parser.feed(b"ta: x\n\n") == [Event(data="x", id="4")]
    assert parser.retry is None and not parser.incomplete
