"""Items are immutable values; error messages are clear; the import loads no other modules."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sse_stream
from sse_stream import (
    DONE,
    Comment,
    Done,
    Event,
    EventTooLargeError,
    IncompleteStreamError,
    Item,
    NotEventStreamError,
    Parser,
    ParserClosedError,
    SSEError,
)

# No two are equal; some differ in one field or in the type only.
ITEMS: list[Item] = [
    Event(),
    Event("a"),
    Event(data="a"),
    Event(id="a"),
    Event(retry=0),
    Event(retry=5),
    Event("a", "1\n2", "é", 2**64 - 1),
    Event(data="[DONE]"),
    Comment(""),
    Comment("a"),
    DONE,
]

items = pytest.mark.parametrize("item", ITEMS, ids=repr)


@items
def test_a_copy_is_equal_and_nothing_else_is(item: Item) -> None:
    copies = [copy.copy(item), copy.deepcopy(item), eval(repr(item))]
    copies += [
        pickle.loads(pickle.dumps(item, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ]
    for copied in copies:
        assert type(copied) is type(item)
        assert copied == item
        assert hash(copied) == hash(item) and repr(copied) == repr(item)
    assert [other for other in ITEMS if other == item] == [item]
    assert {other: n for n, other in enumerate(ITEMS)}[item] == ITEMS.index(item)
    assert item != fields(item) and item not in ("a", None, 0)


def fields(item: Item) -> tuple[object, ...]:
    return tuple(getattr(item, name) for name in type(item).__match_args__)


@items
def test_items_are_immutable(item: Item) -> None:
    before = fields(item)
    for name in (*type(item).__match_args__, "other", "__class__"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(item, name, "b")
        with pytest.raises((AttributeError, TypeError)):
            delattr(item, name)
    assert fields(item) == before
    assert not hasattr(item, "__dict__")


def test_the_order_of_the_fields() -> None:
    match Event("e", "d", "i", 5):
        case Event(event, data, id, retry):
            assert (event, data, id, retry) == ("e", "d", "i", 5)
    match Comment("c"):
        case Comment(text):
            assert text == "c"
    assert Event(event="e", data="d", id="i", retry=5) == Event("e", "d", "i", 5)
    assert fields(Event()) == ("message", "", "", None)


def test_reprs_name_every_field() -> None:
    assert repr(Event()) == "Event(event='message', data='', id='', retry=None)"
    assert repr(Comment("a")) == "Comment(text='a')"
    assert repr(DONE) == "DONE"


def test_done_is_one_object() -> None:
    assert Done() is DONE and copy.copy(DONE) is DONE and copy.deepcopy([DONE])[0] is DONE
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(DONE, protocol)) is DONE
    assert Parser().feed(b"data: [DONE]\n\n")[0] is DONE
    match DONE:
        case Done():
            pass
    assert isinstance(DONE, Done) and not isinstance(DONE, (Event, Comment))


def test_json() -> None:
    assert Event(data='{"a": [1, "é"]}').json() == {"a": [1, "é"]}
    assert Event(data="7").json(loads=float) == 7.0
    assert Event(data="7").json(loads=lambda text: [text]) == ["7"]
    with pytest.raises(json.JSONDecodeError):
        Event(data="x").json()
    with pytest.raises(ZeroDivisionError):
        Event(data="0").json(loads=lambda text: 1 / int(text))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_event_size": 0}, ValueError, "must be positive, not 0"),
        ({"max_event_size": -1}, ValueError, "must be positive, not -1"),
        ({"max_event_size": True}, TypeError, "int or None, not bool"),
        ({"max_event_size": 1.5}, TypeError, "int or None, not float"),
        ({"max_event_size": "1"}, TypeError, "int or None, not str"),
        ({"done": "\r"}, ValueError, "cannot hold (CR|LF)"),
        ({"done": "a\n"}, ValueError, "cannot hold (CR|LF)"),
        ({"done": "a\r\nb"}, ValueError, "cannot hold (CR|LF)"),
        ({"done": b"x"}, TypeError, "must be a str, not bytes"),
        ({"done": 0}, TypeError, "must be a str, not int"),
        ({"done": False}, TypeError, "must be a str, not bool"),
        ({"last_event_id": "a\0"}, ValueError, "cannot hold (NUL|CR|LF)"),
        ({"last_event_id": "a\n"}, ValueError, "cannot hold (NUL|CR|LF)"),
        ({"last_event_id": "\ra"}, ValueError, "cannot hold (NUL|CR|LF)"),
        ({"last_event_id": None}, TypeError, "must be a str, not NoneType"),
        ({"last_event_id": 5}, TypeError, "must be a str, not int"),
        ({"last_event_id": b"5"}, TypeError, "must be a str, not bytes"),
    ],
    ids=str,
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        Parser(**arguments)
    assert next(iter(arguments)) in str(caught.value)


def test_arguments_are_keyword_only() -> None:
    for arguments in (("5",), ("", "[DONE]")):
        with pytest.raises(TypeError):
            Parser(*arguments)


@pytest.mark.parametrize("name", ["last_event_id", "retry", "ignored", "incomplete", "other"])
def test_the_state_of_a_parser_is_read_only(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Parser(), name, "x")


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_parser_cannot_be_copied(way: Callable[[object], object]) -> None:
    # Two copies would share the buffered bytes.
    with pytest.raises(TypeError, match="cannot"):
        way(Parser())


def test_the_repr_of_a_parser_names_its_state() -> None:
    parser = Parser()
    assert "open" in repr(parser)
    parser.close()
    assert "closed" in repr(parser)
    parser = Parser(max_event_size=1)
    with pytest.raises(EventTooLargeError):
        parser.feed(b"xx")
    assert "failed" in repr(parser)


@pytest.mark.parametrize(
    "error",
    [
        EventTooLargeError(5, "7"),
        IncompleteStreamError("7"),
        NotEventStreamError(b"{}"),
        ParserClosedError(),
    ],
    ids=repr,
)
def test_errors_derive_from_sse_error_and_pickle(error: Exception) -> None:
    assert isinstance(error, SSEError)
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(copied) is type(error)
        assert str(copied) == str(error) and vars(copied) == vars(error)


def test_error_messages_and_attributes() -> None:
    assert EventTooLargeError(5).limit == 5 and " 5 bytes" in str(EventTooLargeError(5))
    assert IncompleteStreamError("7").last_event_id == "7" and "'7'" in str(
        IncompleteStreamError("7")
    )
    assert IncompleteStreamError().last_event_id == ""
    assert "closed" in str(ParserClosedError())


def test_the_import_loads_no_other_modules() -> None:
    program = """
import os, sys  # what every start of Python brings
before = set(sys.modules)
import {name}
print(*set(sys.modules) - before, sep="\\n")
"""
    done = subprocess.run(
        # Without the site module: only the imports of the package itself count.
        [sys.executable, "-S", "-c", program.format(name=sse_stream.__name__)],
        cwd=Path(str(sse_stream.__file__)).parents[sse_stream.__name__.count(".") + 1],
        capture_output=True,
        text=True,
        check=True,
    )
    top = sse_stream.__name__.split(".")[0]
    others = {name for name in done.stdout.split() if name.split(".")[0] != top}
    assert others <= {"__future__"}
