"""Parsing what encode() wrote gives the same items, and no value becomes another field."""

from __future__ import annotations

import copy
import itertools
import sys
from collections.abc import Iterable
from enum import Enum, IntEnum
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripts.compare_encoder import compare, random_cases
from support.standard import interpret
from support.strategies import STREAMS
from test_against_standard import plain
from test_parser import CASES

import sse_stream
from sse_stream import DONE, Block, Comment, Done, Event, Ignored, Item, Parser, encode

Written = Event | Block | Comment | Done


def encoded(items: Iterable[Item], last_event_id: str = "") -> bytes:
    """Encode each item with the last event ID that a reader holds at that place."""
    parts: list[bytes] = []
    for item in items:
        assert not isinstance(item, Ignored)
        parts.append(encode(item, last_event_id=last_event_id))
        if isinstance(item, Event):
            last_event_id = item.id
    return b"".join(parts)


def decoded(
    stream: bytes, last_event_id: str = "", done: str | None = "[DONE]", blocks: bool = False
) -> list[Item]:
    """Parse a whole stream, which has to end at the end of a block."""
    parser = Parser(last_event_id=last_event_id, done=done, max_event_size=None, blocks=blocks)
    items = parser.feed(stream)
    assert not parser.incomplete
    return items


def normalised(data: str) -> str:
    return data.replace("\r\n", "\n").replace("\r", "\n")


@given(
    stream=STREAMS,
    done=st.sampled_from(["[DONE]", None]),
    before=st.sampled_from(["", "41", "é"]),
    held=st.sampled_from(["", "41", "é"]),
)
def test_the_items_of_any_stream_are_read_back(
    stream: bytes, done: str | None, before: str, held: str
) -> None:
    # ``before`` is the ID that the stream was resumed with, ``held`` that of the new reader.
    items = Parser(last_event_id=before, done=done).feed(stream)
    assert decoded(encoded(items, held), held, done) == items


@given(stream=STREAMS, done=st.sampled_from(["[DONE]", None]), held=st.sampled_from(["", "41"]))
def test_the_blocks_of_any_stream_are_read_back(stream: bytes, done: str | None, held: str) -> None:
    # What a Block has is written, whatever ID the reader holds.
    items = Parser(done=done, blocks=True).feed(stream)
    assert decoded(encoded(items, held), held, done, blocks=True) == items


@given(stream=STREAMS, done=st.sampled_from(["[DONE]", None]))
def test_blocks_that_were_passed_on_are_read_as_the_events_of_the_stream(
    stream: bytes, done: str | None
) -> None:
    stream += b"\n\n"  # the last block ends too
    reader, behind = Parser(done=done), Parser(done=done)
    passed_on = encoded(Parser(done=done, blocks=True).feed(stream))
    assert behind.feed(passed_on) == reader.feed(stream)
    assert (behind.last_event_id, behind.retry) == (reader.last_event_id, reader.retry)


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_the_items_of_each_case_are_read_back(name: str, blocks: bool) -> None:
    items = Parser(max_event_size=None, blocks=blocks).feed(CASES[name].stream + b"\n\n")
    assert decoded(encoded(items), blocks=blocks) == items


# Items made by users, not by a parser.
DATA = st.text() | st.text("\r\n \0:a\ufeff\u2028\x85é") | st.just("[DONE]")
LINES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])) | st.text(
    " :a\ufeff\u2028\x85é"
)
RETRIES = st.none() | st.integers(0, 2**64 - 1)
EVENTS = st.builds(Event, LINES, DATA, LINES, RETRIES)
COMMENTS = st.builds(Comment, LINES)
BLOCKS = st.builds(Block, st.none() | LINES, st.none() | DATA, st.none() | LINES, RETRIES).filter(
    lambda block: block != Block()
)


@given(st.lists(EVENTS | COMMENTS), st.sampled_from(["", "41"]))
@example([Event(id="7", data=""), Event(id=""), Event(id=" ")], "")
@example([Comment("\ufeffdata: x")], "")
def test_self_made_items_are_read_back(items: list[Item], held: str) -> None:
    expected = [
        Event(item.event or "message", normalised(item.data), item.id, item.retry)
        if isinstance(item, Event)
        else item
        for item in items
    ]
    stream = encoded(items, held)
    assert decoded(stream, held, done=None) == expected
    # The transcription of the standard shares no code with the parser.
    found = interpret(stream, None, held)
    assert found.items == [plain(item) for item in expected]
    assert not found.incomplete and found.ignored == 0


@given(st.lists(BLOCKS | COMMENTS))
@example([Block(event=""), Block(data=""), Block(id=""), Block(retry=0)])
def test_self_made_blocks_are_read_back(items: list[Item]) -> None:
    expected = [
        item.__replace__(data=normalised(item.data))
        if isinstance(item, Block) and item.data is not None
        else item
        for item in items
    ]
    assert decoded(encoded(items), done=None, blocks=True) == expected


@pytest.mark.parametrize("length", range(5))
def test_every_short_text_as_data(length: int) -> None:
    for characters in itertools.product("\r\n :x\0\ufeff\u2028", repeat=length):
        data = "".join(characters)
        assert decoded(encode(Event(data=data))) == [Event(data=normalised(data))]
        lines = normalised(data).split("\n")
        assert decoded(encode(Comment(data))) == list(map(Comment, lines))


@pytest.mark.parametrize("length", range(5))
def test_every_short_text_in_one_line_is_read_back_or_refused(length: int) -> None:
    for characters in itertools.product("\r\n :x\0\ufeff\u2028", repeat=length):
        text = "".join(characters)
        items: list[tuple[Written, str]] = [
            (Event(text or "message", "x"), "\r\n"),
            (Event(id=text, data="x"), "\r\n\0"),
            (Block(event=text), "\r\n"),
            (Block(id=text), "\r\n\0"),
        ]
        for item, refused in items:
            if any(character in text for character in refused):
                with pytest.raises(ValueError, match="cannot hold"):
                    encode(item)
            else:
                assert decoded(encode(item), blocks=isinstance(item, Block)) == [item]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Event(), b"data: \n\n"),
        (Event(data="a"), b"data: a\n\n"),
        (Event(data=" a"), b"data:  a\n\n"),
        (Event(data="a\nb\rc\r\nd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (Event(data="a\n\rb"), b"data: a\ndata: \ndata: b\n\n"),
        (Event(data="a\r"), b"data: a\ndata: \n\n"),
        (Event(data="\n"), b"data: \ndata: \n\n"),
        (Event(data="a\u2028b\x85c\x0bd\x00"), "data: a\u2028b\x85c\x0bd\x00\n\n".encode()),
        (Event("", "a"), b"data: a\n\n"),
        (Event(" ", "a"), b"event:  \ndata: a\n\n"),
        (Event("e", "a", "i", 5), b"id: i\nevent: e\nretry: 5\ndata: a\n\n"),
        (Event(retry=0), b"retry: 0\ndata: \n\n"),
        (Event(retry=2**64 - 1), b"retry: 18446744073709551615\ndata: \n\n"),
        (Comment(""), b": \n\n"),
        (Comment(" a"), b":  a\n\n"),
        (Comment("a\0é"), ": a\0é\n\n".encode()),
        (Comment("a\nb\rc\r\nd"), b": a\n: b\n: c\n: d\n\n"),
        (Comment("data: x\n"), b": data: x\n: \n\n"),
        (Block(event="message"), b"event: message\n\n"),
        (Block(event=""), b"event: \n\n"),
        (Block(id="7"), b"id: 7\n\n"),
        (Block(id=""), b"id: \n\n"),
        (Block(retry=0), b"retry: 0\n\n"),
        (Block(data=""), b"data: \n\n"),
        (Block(data="a\r\nb"), b"data: a\ndata: b\n\n"),
        (Block("e", "d", "i", 5), b"id: i\nevent: e\nretry: 5\ndata: d\n\n"),
        (DONE, b"data: [DONE]\n\n"),
    ],
    ids=repr,
)
def test_encoded_bytes(item: Written, expected: bytes) -> None:
    assert encode(item) == expected


def test_the_id_is_written_only_if_the_reader_holds_another() -> None:
    assert encode(Event(id="7"), last_event_id="7") == b"data: \n\n"
    assert encode(Event(id="7"), last_event_id="6") == b"id: 7\ndata: \n\n"
    assert encode(Event(id="7"), last_event_id="") == b"id: 7\ndata: \n\n"
    assert encode(Event(id=""), last_event_id="7") == b"id: \ndata: \n\n"
    for item in (Comment("a"), DONE, Block(id="7", data="a"), Block(id="7"), Block(data="a")):
        assert encode(item, last_event_id="7") == encode(item)


def test_a_block_of_no_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="no fields"):
        encode(Block())


def test_an_event_whose_data_is_done_is_written_like_done() -> None:
    # Both are the same bytes in the stream: it is the reader's parser that decides.
    event = Event("e", "[DONE]", "7")
    assert decoded(encode(event)) == [DONE]
    assert decoded(encode(event), done=None) == [event]
    assert decoded(encode(DONE), done=None) == [Event(data="[DONE]")]


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("httpx-sse", "httpx_sse"),
        ("openai", "openai"),
        ("launchdarkly-eventsource", "ld_eventsource"),
    ],
)
def test_other_parsers_read_what_it_writes(name: str, module: str) -> None:
    # python tests/scripts/compare_encoder.py also runs those on Node, and Chromium.
    pytest.importorskip(module)
    assert compare(name, random_cases(200, seed=0))


class Text(str):
    """A str whose own methods return another text."""

    def encode(self, *arguments: object) -> bytes:
        return b"a\nretry: 5"

    def __str__(self) -> str:
        return "a\nretry: 5"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return "a\nretry: 5"


class Negative(int):
    """An int below zero that says that it is not."""

    def __ge__(self, other: object) -> bool:
        return True


class Kind(str, Enum):
    DELTA = "delta"


class Time(IntEnum):
    SHORT = 5


def test_subclasses_of_str_and_int_are_written_as_the_value_that_they_hold() -> None:
    item = Event(Text("e"), Text("d"), Text("i"), Time.SHORT)
    assert encode(item, last_event_id=Text("7")) == b"id: i\nevent: e\nretry: 5\ndata: d\n\n"
    assert encode(item, last_event_id=Text("i")) == b"event: e\nretry: 5\ndata: d\n\n"
    assert encode(Comment(Text("c"))) == b": c\n\n"
    assert encode(Event(Kind.DELTA, Kind.DELTA)) == b"event: delta\ndata: delta\n\n"
    block = Block(Text("message"), Text("d"), Text("i"), Time.SHORT)
    assert encode(block) == b"id: i\nevent: message\nretry: 5\ndata: d\n\n"


TEXTS = ("Event.event", "Event.data", "Event.id", "Comment.text")
OPTIONAL_TEXTS = ("Block.event", "Block.data", "Block.id")
REFUSED: list[tuple[type[Exception], str, str, object]] = [
    *[
        (ValueError, member, "CR or LF", text)
        for member in ("Event.event", "Event.id", "Block.event", "Block.id")
        for text in ("\r", "a\n", "a\r\nb")
    ],
    *[
        (ValueError, member, "NUL", text)
        for member in ("Event.id", "Block.id")
        for text in ("\0", "a\0b")
    ],
    *[
        (ValueError, member, "from 0 to", number)
        for member in ("Event.retry", "Block.retry")
        for number in (-1, Negative(-1), 2**64)
    ],
    *[
        (ValueError, member, "lone surrogate", text)
        for member in (*TEXTS, *OPTIONAL_TEXTS)
        for text in ("\ud800", "a\udfff", "\udc80\ud83d")
    ],
    *[
        (TypeError, member, f"must be a str, not {type(thing).__name__}", thing)
        for member in (*TEXTS, *OPTIONAL_TEXTS)
        for thing in (None, 5, b"a", ["a"], False, 0, b"", {"a": 1})
        if thing is not None or member in TEXTS
    ],
    *[
        (TypeError, member, f"must be an int or None, not {type(thing).__name__}", thing)
        for member in ("Event.retry", "Block.retry")
        for thing in (True, False, "5", 5.0, b"5")
    ],
]


@pytest.mark.parametrize(("error", "member", "message", "value"), REFUSED)
def test_refused_values(error: type[Exception], member: str, message: str, value: Any) -> None:
    kind, _, name = member.partition(".")
    kinds: dict[str, Any] = {"Event": Event, "Block": Block, "Comment": Comment}
    with pytest.raises(error) as caught:
        encode(kinds[kind](**{name: value}))
    assert str(caught.value).startswith(f"{member} ") and message in str(caught.value)
    assert type(caught.value) is error  # not UnicodeEncodeError, which has all the data in it


def test_a_retry_of_more_digits_than_python_writes_is_refused() -> None:
    for item in (Event(retry=10**5000), Block(retry=10**5000)):
        with pytest.raises(ValueError, match=r"\.retry must be from 0 to"):
            encode(item)


@pytest.mark.parametrize("id", ["a\n", "a\0", "\ud800"])
def test_a_wrong_id_is_refused_even_if_it_would_not_be_written(id: str) -> None:
    with pytest.raises(ValueError, match=r"Event\.id"):
        encode(Event(id=id), last_event_id=id)


@pytest.mark.parametrize("thing", [None, 5, b"", b"7", False], ids=repr)
def test_a_last_event_id_of_another_type_is_refused(thing: Any) -> None:
    for id in ("", "7"):
        with pytest.raises(TypeError, match="last_event_id must be a str"):
            encode(Event(id=id), last_event_id=thing)


@pytest.mark.parametrize(
    "thing", [Ignored("x: y"), None, "data", b"data", {"data": "x"}, [Event()], Event], ids=repr
)
def test_nothing_else_is_encoded(thing: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(thing).__name__}"):
        encode(thing)


def test_arguments_have_names() -> None:
    with pytest.raises(TypeError):
        encode(Event(), "7")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "replace",
    [
        lambda item, **changes: item.__replace__(**changes),
        pytest.param(
            lambda item, **changes: copy.replace(item, **changes),  # type: ignore[attr-defined]
            marks=pytest.mark.skipif(sys.version_info < (3, 13), reason="new in Python 3.13"),
        ),
    ],
    ids=["__replace__", "copy.replace"],
)
def test_an_item_with_other_values(replace: Any) -> None:
    event = Event("e", "d", "i", 5)
    assert replace(event, data="x") == Event("e", "x", "i", 5)
    assert replace(event, event="message", retry=None) == Event("message", "d", "i")
    assert replace(event) == event == Event("e", "d", "i", 5)
    assert replace(Comment("a"), text="b") == Comment("b")
    with pytest.raises(TypeError):
        replace(event, text="x")


def test_it_is_exported() -> None:
    assert sse_stream.encode is encode and "encode" in sse_stream.__all__
