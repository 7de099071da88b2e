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
    Block,
    Comment,
    Done,
    Event,
    EventTooLargeError,
    Ignored,
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
    # None, an empty text and the standard's default are three things.
    Block(),
    Block("message"),
    Block(""),
    Block(data=""),
    Block(id=""),
    Block("a", "1\n2", "é", 2**64 - 1),
    Block("message", "", "", None),
    Comment(""),
    Comment("a"),
    Ignored(""),
    Ignored("a"),
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
def test_equality_is_of_values_and_never_of_kinds(item: Item) -> None:
    for other in ITEMS:
        assert (item == other) == (item is other) != (item != other)
    assert item.__eq__(object()) is NotImplemented and item.__ne__(None) is NotImplemented


class Equal:
    """Says that it is equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@items
def test_another_type_may_say_that_it_is_equal(item: Item) -> None:
    assert item == Equal() and Equal() == item


def test_items_with_the_same_values_are_equal() -> None:
    text = "".join(["a", "b"])
    assert Event(data=text) == Event(data="ab") and Event(retry=1) == Event(retry=True)
    assert Comment(text) == Comment("ab") and hash(Comment(text)) == hash(Comment("ab"))
    assert len({Event(data=text), Event(data="ab"), Block(data=text), Comment(text)}) == 3


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


@pytest.mark.parametrize("kind", [Event, Block, Comment, Ignored, Done, Parser])
def test_no_class_has_subclasses(kind: type) -> None:
    def subclass(*bases: type) -> type:
        return type("Sub", bases, {})

    for bases in ((kind,), (str, kind), (kind, Exception)):
        with pytest.raises(TypeError):
            subclass(*bases)
    with pytest.raises(TypeError, match=f"{kind.__name__} is final|is not an acceptable base"):
        subclass(kind)


@items
def test_replace_gives_a_copy_with_other_values(item: Item) -> None:
    if isinstance(item, Done):
        assert not hasattr(item, "__replace__")
        return
    name = type(item).__match_args__[0]
    changed = item.__replace__(**{name: "b"})
    assert type(changed) is type(item) and getattr(changed, name) == "b"
    assert fields(changed)[1:] == fields(item)[1:] and item.__replace__() == item
    with pytest.raises(TypeError):
        item.__replace__(other="b")
    if sys.version_info >= (3, 13):
        assert copy.replace(item, **{name: "b"}) == changed


def test_a_block_has_none_for_what_it_did_not_have() -> None:
    assert fields(Block()) == (None,) * 4
    match Block("e", "d", "i", 5):
        case Block(event, data, id, retry):
            assert (event, data, id, retry) == ("e", "d", "i", 5)
    assert Block(event="e", data="d", id="i", retry=5) == Block("e", "d", "i", 5)
    assert repr(Block("e")) == "Block(event='e', data=None, id=None, retry=None)"
    assert Block("e", "d", "i", 5) != Event("e", "d", "i", 5)


def test_reprs_name_every_field() -> None:
    assert repr(Event()) == "Event(event='message', data='', id='', retry=None)"
    assert repr(Comment("a")) == "Comment(text='a')"
    assert repr(DONE) == "DONE"


def test_done_is_one_object() -> None:
    kind: Any = Done  # for type checkers an Enum
    assert kind() is DONE and copy.copy(DONE) is DONE and copy.deepcopy([DONE])[0] is DONE
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(DONE, protocol)) is DONE
    assert Parser().feed(b"data: [DONE]\n\n")[0] is DONE
    match DONE:
        case Done():
            pass
    assert isinstance(DONE, Done) and not isinstance(DONE, (Event, Comment))


WITH_DATA: list[Any] = [Event, Block]
with_data = pytest.mark.parametrize("kind", WITH_DATA)
CHAT = '{"choices": [{"delta": {"content": "Hi", "null": null}, "index": 0}], "": 1, "0": 2}'


@with_data
def test_json(kind: Any) -> None:
    assert kind(data='{"a": [1, "é"]}').json() == {"a": [1, "é"]}
    assert kind(data="7").json(loads=float) == 7.0
    assert kind(data="7").json(loads=lambda text: [text]) == ["7"]
    assert kind(data="null").json() is None
    # Not a str, but json.loads() takes it.
    assert kind(data=b'{"a": 1}').json("a") == 1
    for value in (' {"a": 1}\n', "\t1 ", "[1, 2]  "):
        assert kind(data=value).json() == json.loads(value)


@with_data
@pytest.mark.parametrize("data", ["", "x", '{"a": 1} x', "{", "\ufeff1", "[1,]"])
def test_json_raises_the_error_of_the_decoder(kind: Any, data: str) -> None:
    with pytest.raises(json.JSONDecodeError) as wanted:
        json.loads(data)
    for path in ((), ("a", 0)):
        with pytest.raises(json.JSONDecodeError) as caught:
            kind(data=data).json(*path)
        assert str(caught.value) == str(wanted.value)
    with pytest.raises(ZeroDivisionError):
        kind(data="0").json("a", loads=lambda text: 1 / int(text), default=3)


@with_data
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("choices", 0, "delta", "content"), "Hi"),
        (("choices", -1, "index"), 0),
        (("choices", 0, "delta"), {"content": "Hi", "null": None}),
        (("",), 1),
        (("0",), 2),
    ],
)
def test_json_with_a_path(kind: Any, path: tuple[Any, ...], value: Any) -> None:
    assert kind(data=CHAT).json(*path) == value
    assert kind(data=CHAT).json(*path, default="x") == value


@with_data
@pytest.mark.parametrize(
    "path",
    [
        ("usage",),
        ("choices", 1),
        ("choices", -2),
        ("choices", "0"),
        ("choices", "delta"),
        (0,),
        ("choices", 0, 0),
        ("choices", 0, "delta", "null"),
        ("choices", 0, "delta", "null", "x"),
        ("choices", 0, "delta", "content", 0),
        ("choices", 0, "delta", "content", "x"),
        ("choices", 0, "index", "x"),
    ],
)
def test_json_gives_the_default_where_a_step_is_missing_null_or_of_another_kind(
    kind: Any, path: tuple[Any, ...]
) -> None:
    assert kind(data=CHAT).json(*path) is None
    default = object()
    assert kind(data=CHAT).json(*path, default=default) is default


def test_json_with_a_path_and_a_decoder() -> None:
    event = Event(data="1,2")
    assert event.json(1, loads=lambda text: text.split(",")) == "2"
    # A value of the decoder's own type has no path.
    assert event.json("x", loads=set, default="no") == "no"
    # Without a path, ``default`` changes nothing.
    assert Event(data="null").json(default=1) is None


def test_a_block_without_data_has_no_json() -> None:
    for path in ((), ("a",)):
        with pytest.raises(ValueError, match="the block has no data"):
            Block("e").json(*path, default=1)
    assert Block(data="1").json() == 1


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


@pytest.mark.parametrize(
    "name",
    [
        *("last_event_id", "retry", "ignored", "incomplete", "in_line", "recognised"),
        *("ignored_tail", "blocks", "other"),
    ],
)
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
        IncompleteStreamError("7", "<html>", "[DONE]"),
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
    error = EventTooLargeError(5)
    assert (error.limit, error.last_event_id) == (5, "")
    assert str(error) == ("an event or a line is larger than the limit of 5 bytes (max_event_size)")
    assert str(ParserClosedError()) == ("the parser is closed: use a new parser for each stream")


def test_the_text_of_an_incomplete_stream_names_what_is_missing() -> None:
    error = IncompleteStreamError()
    assert (error.last_event_id, error.tail, error.missing) == ("", "", "its final event")
    # An empty ID is left out.
    assert str(error) == "the event stream ended before its final event"
    error = IncompleteStreamError("7", "<html>", "[DONE]")
    assert (error.last_event_id, error.tail, error.missing) == ("7", "<html>", "[DONE]")
    assert str(error) == (
        "the event stream ended before [DONE], and its last text is no event: '<html>'"
        " (last event ID '7')"
    )


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
