"""The items and the state that a stream gives.

The rules of the standard are those of the conformance suite (conformance/cases.json). Each of its
streams, and of the table of what this package adds, is fed as one chunk, byte by byte, as two
chunks with every boundary, with empty chunks in between, and as every kind of bytes-like object.
The size limit is tested in test_max_event_size.py.
"""

from __future__ import annotations

import array
import gc
import mmap
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from conformance.run import load, stream_of
from support.memory import traced_memory
from support.standard import PlainItem, interpret
from support.strategies import single_bytes

from sse_stream import (
    DONE,
    Comment,
    Done,
    Event,
    EventTooLargeError,
    Ignored,
    Item,
    Parser,
    ParserClosedError,
)
from sse_stream.parser import PureParser

BOM = b"\xef\xbb\xbf"


class Case(NamedTuple):
    """A stream, the items that it gives, and the state at its end."""

    stream: bytes
    items: list[Item]
    last_event_id: str = ""
    retry: int | None = None
    incomplete: bool = False
    ignored: int | None = None
    at_end: Sequence[Item] = ()


def message(*data: str) -> list[Item]:
    return [Event(data=text) for text in data]


def retry(digits: bytes, time: int | None) -> Case:
    return Case(b"retry:" + digits + b"\ndata\n\n", [Event(retry=time)], retry=time)


# What the standard does not say. The rest of CASES is the conformance suite.
OWN: dict[str, Case] = {
    # A comment comes out at its own place.
    "comment-at-its-place": Case(
        b"event:e\n: 1\ndata:a\n: 2\nid:3\n:4\ndata:b\n\n: 5\n\n",
        [Comment("1"), Comment("2"), Comment("4"), Event("e", "a\nb", "3"), Comment("5")],
        "3",
    ),
    "comment-between-events": Case(
        b"data:a\n\n: x\n\ndata:b\n\n: y\ndata:c\n\n",
        [Event(data="a"), Comment("x"), Event(data="b"), Comment("y"), Event(data="c")],
    ),
    "comment-tab": Case(b":\tx\n", [Comment("\tx")]),
    "comment-nul": Case(b":a\0b\n", [Comment("a\0b")]),
    "comment-non-ascii": Case(": é\u2028\n".encode(), [Comment("é\u2028")]),
    "comment-unfinished": Case(b": a\n: b", [Comment("a")], incomplete=True),
    "comment-is-no-unfinished-block": Case(b"data:a\n\n: b\n", [Event(data="a"), Comment("b")]),
    # An event has the reconnection time that its own block set, which must be below 2**64.
    "field-retry-many-zeros": retry(b"0" * 300 + b"7", 7),
    "field-retry-only-zeros": retry(b"0" * 300, 0),
    "field-retry-largest": retry(b"18446744073709551615", 2**64 - 1),
    "field-retry-too-large": retry(b"18446744073709551616", None),
    "field-retry-too-large-2": retry(b"99999999999999999999", None),
    "field-retry-21-digits": retry(b"100000000000000000000", None),
    "dispatch-retry-does-not-leak": Case(
        b"retry:5\ndata:a\n\ndata:b\n\n", [Event(data="a", retry=5), Event(data="b")], retry=5
    ),
    "dispatch-retry-of-an-empty-block-does-not-leak": Case(
        b"retry:5\n\ndata:b\n\n", message("b"), retry=5
    ),
    # DONE: an event whose data is the `done` text, with up to 16 spaces around it.
    "field-event-then-done": Case(b"event: e\ndata: [DONE]\n\n", [DONE]),
    "done-alone": Case(b"data: [DONE]\n\n", [DONE]),
    "done-no-space": Case(b"data:[DONE]\n\n", [DONE]),
    "done-crlf": Case(b"data: [DONE]\r\n\r\n", [DONE]),
    "done-cr": Case(b"data: [DONE]\r\r", [DONE]),
    "done-with-comment": Case(b"data: [DONE]\n: c\n\n", [Comment("c"), DONE]),
    "done-two-spaces": Case(b"data:  [DONE]\n\n", [DONE]),
    "done-trailing-space": Case(b"data: [DONE] \n\n", [DONE]),
    "done-spaces-around": Case(b"data:        [DONE]         \n\n", [DONE]),
    "done-16-spaces": Case(b"data:[DONE]" + b" " * 16 + b"\n\n", [DONE]),
    "done-17-spaces": Case(b"data:[DONE]" + b" " * 17 + b"\n\n", message("[DONE]" + " " * 17)),
    "done-tab": Case(b"data: [DONE]\t\n\n", message("[DONE]\t")),
    "done-no-break-space": Case(b"data: [DONE]\xc2\xa0\n\n", message("[DONE]\xa0")),
    "done-no-blank-line": Case(b"data: [DONE]\n", [], at_end=[DONE]),
    "done-no-line-end": Case(b"data: [DONE]", [], at_end=[DONE]),
    "done-no-line-end-cr": Case(b"data: [DONE]\r", [], at_end=[DONE]),
    "done-no-line-end-spaces": Case(b"data:  [DONE]  ", [], at_end=[DONE]),
    "done-no-blank-line-fields": Case(
        b"id: 7\nevent: e\ndata: [DONE]\n: c\nid", [Comment("c")], at_end=[DONE]
    ),
    "done-no-blank-line-long-line": Case(b"data: [DONE]\n:" + b"x" * 300, [], at_end=[DONE]),
    "done-truncated": Case(b"data: [DONE", [], incomplete=True),
    "done-then-truncated-data": Case(b"data: [DONE]\ndata", [], incomplete=True),
    "done-then-bom": Case(b"a\n" + BOM + b"data: [DONE]", [], incomplete=True),
    "done-long-data": Case(b"data: [DONE]" + b"x" * 300, [], incomplete=True),
    # What would be lost if the stream ended.
    "bom-truncated-after-1": Case(b"\xef", [], incomplete=True),
    "bom-truncated-after-2": Case(b"\xef\xbb", [], incomplete=True),
    "end-unfinished-event-field": Case(b"event:e\n", [], incomplete=True),
    "end-unfinished-empty-event-field": Case(b"event\n", [], incomplete=True),
    "end-unfinished-id-field": Case(b"id:1\n", [], incomplete=True),
    "end-unfinished-empty-id-field": Case(b"id\n", [], incomplete=True),
    "end-unfinished-empty-data-field": Case(b"data\n", [], incomplete=True),
    "end-unfinished-unknown-line": Case(b"x", [], incomplete=True),
    "end-unfinished-field-before-a-comment": Case(b"data:a\n:b\n", [Comment("b")], incomplete=True),
    "end-refused-id-is-not-lost": Case(b"id:\0\n", []),
    "end-unknown-field-is-not-lost": Case(b"foo:bar\n", []),
    "end-comment-is-not-lost": Case(b":a\n", [Comment("a")]),
    "end-line-ending-only": Case(b"\r", []),
}


def plain_item(item: PlainItem) -> Item:
    """Return an item of the transcribed standard as one of this package."""
    make: dict[object, Callable[..., Item]] = {"event": Event, "comment": Comment, "done": Done}
    return make[item[0]](*item[1:])


def of_the_suite(case: dict[str, Any]) -> Case:
    """Return a case of the conformance suite, with what this package adds to its answer."""
    stream = stream_of(case)
    outcome = interpret(stream)
    return Case(
        stream,
        [plain_item(item) for item in outcome.items],
        case["last_event_id"],
        case["retry"],
        outcome.incomplete,
        outcome.ignored,
        [DONE] * outcome.done_at_end,
    )


SUITE = {case["name"]: case for case in load()}
CASES = {name: of_the_suite(case) for name, case in SUITE.items()} | OWN
assert len(CASES) == len(SUITE) + len(OWN)

KINDS_OF_CHUNK: dict[str, Callable[[bytes], Any]] = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview-of-bytearray": lambda data: memoryview(bytearray(data)),
    "memoryview-of-part": lambda data: memoryview(b"data:" + data + b"\n\n")[5:-2],
    "memoryview-with-steps": lambda data: memoryview(b"".join(bytes((x, 10)) for x in data))[::2],
    "array": lambda data: array.array("B", data),
    "array-of-char": lambda data: array.array("b", data),
    "array-of-two": lambda data: array.array("H", data) if len(data) % 2 == 0 else data,
    "mmap": lambda data: mapped(data) if data else b"",
    "subclass": lambda data: Bytes(data),
}


class Bytes(bytes):
    """Bytes whose methods give wrong answers: the parser must read the buffer itself."""

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False


def mapped(data: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(data))
    memory[:] = data
    return memory


def check(parser: Parser, chunks: Iterable[Any], case: Case, before: Sequence[Item] = ()) -> None:
    items: list[Item] = []
    for chunk in chunks:
        items += parser.feed(chunk)
    assert items == [*before, *case.items]
    state = (parser.last_event_id, parser.retry, parser.incomplete)
    assert state == (case.last_event_id, case.retry, case.incomplete)
    assert case.ignored is None or parser.ignored == case.ignored
    assert parser.close() == [*case.at_end]
    # close() discards the unfinished block, and `incomplete` tells.
    assert (parser.last_event_id, parser.retry, parser.incomplete) == state


by_case = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in CASES.items()]
)


@pytest.mark.parametrize("name", SUITE)
def test_the_answers_of_the_conformance_suite(name: str) -> None:
    case = SUITE[name]
    for chunks in ([stream_of(case)], single_bytes(stream_of(case))):
        parser = Parser(done=None)
        items = [item for chunk in chunks for item in parser.feed(chunk)] + parser.close()
        events = [item for item in items if isinstance(item, Event)]
        assert [{"type": e.event, "data": e.data, "id": e.id} for e in events] == case["events"]
        comments = [item.text for item in items if isinstance(item, Comment)]
        assert comments == case["extensions"]["comments"]
        assert parser.last_event_id == case["last_event_id"]
        assert parser.retry == case["retry"]
        parser = Parser()
        items = [item for chunk in chunks for item in parser.feed(chunk)]
        items = [item for item in items if not isinstance(item, Comment)]
        done = [number for number, item in enumerate(items) if item is DONE]
        assert done == case["extensions"]["done"]


@by_case
def test_one_chunk(case: Case) -> None:
    check(Parser(), [case.stream], case)


@by_case
def test_byte_by_byte(case: Case) -> None:
    check(Parser(), single_bytes(case.stream), case)
    empty_between = [chunk for byte in single_bytes(case.stream) for chunk in (b"", byte, b"")]
    check(Parser(), empty_between, case)


@by_case
def test_after_a_blank_line_and_in_blocks(case: Case) -> None:
    if case.stream.startswith(b"\xef"):
        pytest.skip("a byte order mark is only recognised at the start")
    # After the first line a parser may use a fast path, above all for a chunk that is one event.
    check(Parser(), [b"\n", case.stream], case)
    check(Parser(), [b"data: 1\n\n", case.stream], case, [Event(data="1")])
    blocks = re.split(rb"(?<=\n\n)|(?<=\r\r)|(?<=\r\n\r\n)", case.stream)
    check(Parser(), [b"\n", *blocks], case)
    check(Parser(), [b"data: 1\n\n", *blocks], case, [Event(data="1")])
    lines = case.stream.splitlines(keepends=True)
    check(Parser(), [b"\n", *lines], case)


@pytest.mark.parametrize(
    "end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n", b"\n", b"\r\n"]
)
@pytest.mark.parametrize(
    "value",
    [
        *[
            b"",
            b"x",
            b" x ",
            b"\0",
            "é\U0001f600".encode(),
            b"\xff",
            b"a\xf0\x9f\x98",
            b"\xef\xbb\xbf",
        ],
        *[b"a\nid: 8", b"a\rid: 8", b"a\r\nid: 8", b"a\n\nid: 8", b"a\n\ndata: b"],
        *[b"[DONE]", b" [DONE]  ", b"[DONE]" + b" " * 16, b"[DONE]" + b" " * 17, b"[DONE]x"],
    ],
)
def test_a_chunk_that_is_one_event_gives_the_same_as_its_bytes(value: bytes, end: bytes) -> None:
    # The chunk that may take the fast path; the bytes of the other parser cannot.
    chunk = b"data: " + value + end
    parser, other = Parser(), Parser()
    for each in (parser, other):
        assert each.feed(b"id: 7\ndata: 1\n\n") == [Event(data="1", id="7")]
    for part in (chunk, b"data: 2\n\n"):
        assert parser.feed(part) == [
            item for byte in single_bytes(part) for item in other.feed(byte)
        ]
        assert parser.last_event_id == other.last_event_id
        assert parser.incomplete == other.incomplete


@by_case
def test_two_chunks_with_every_boundary(case: Case) -> None:
    stream = case.stream
    for boundary in range(len(stream) + 1):
        check(Parser(), [stream[:boundary], stream[boundary:]], case)
        check(Parser(), [b"", stream[:boundary], b"", b"", stream[boundary:], b""], case)


@pytest.mark.parametrize("name", KINDS_OF_CHUNK)
def test_any_bytes_like_object(name: str) -> None:
    make = KINDS_OF_CHUNK[name]
    for case in CASES.values():
        middle = len(case.stream) // 2
        check(Parser(), [make(case.stream)], case)
        check(Parser(), [make(case.stream[:middle]), make(case.stream[middle:])], case)
        check(Parser(), [make(byte) for byte in single_bytes(case.stream)], case)


def test_all_streams_joined_into_one() -> None:
    # A blank line ends each stream, so no block depends on the one before.
    stream = b"".join(case.stream + b"\n\nid\n\n" for case in CASES.values())
    whole = Parser().feed(stream)
    assert len(whole) > len(CASES)
    for size in (1, 2, 3, 7, 64, 1000):
        parser = Parser()
        chunks = (stream[i : i + size] for i in range(0, len(stream), size))
        assert [item for chunk in chunks for item in parser.feed(chunk)] == whole


def test_a_chunk_may_change_after_feed_returns() -> None:
    parser = Parser()
    buffer = bytearray(b"data:abc")
    assert parser.feed(buffer) == []
    # The parser must not hold the buffer: a held bytearray cannot be resized.
    buffer[:] = b"x" * 100
    assert parser.feed(b"\n\n") == message("abc")


# Each chunk gives its items with its last byte, and with no other byte.
ChunksAndItems = list[tuple[bytes, list[Item]]]

PROMPT: dict[str, ChunksAndItems] = {
    "lf": [(b"data:a\n\n", message("a")), (b"data:b\n\n", message("b"))],
    "cr": [(b"data:a\r\r", message("a")), (b"data:b\r\r", message("b"))],
    "crlf-second-cr": [(b"data:a\r\n\r", message("a")), (b"\ndata:b\r\n\r", message("b"))],
    "cr-then-crlf": [(b"data:a\r\r", message("a")), (b"\ndata:b\r\r", message("b"))],
    "lf-then-cr": [(b"data:a\n\r", message("a")), (b"\ndata:b\n\n", message("b"))],
    "lf-after-the-cr-is-its-own": [
        (b"data:a\r\r", message("a")),
        (b"\n", []),
        (b"\ndata:b\r\n\r", message("b")),
    ],
    "comment-lf": [(b": a\n", [Comment("a")]), (b": b\n", [Comment("b")])],
    "comment-cr": [(b": a\r", [Comment("a")]), (b": b\r", [Comment("b")])],
    "comment-crlf": [(b": a\r", [Comment("a")]), (b"\n: b\r", [Comment("b")])],
    "comment-in-a-block": [
        (b"data:a\n: x\n", [Comment("x")]),
        (b": y\r", [Comment("y")]),
        (b"\ndata:b\n\n", message("a\nb")),
    ],
    "done": [(b"data: [DONE]\n\n", [DONE]), (b"data: [DONE]\r\n\r", [DONE])],
    "after-a-bom": [(BOM + b"data:a\n\n", message("a"))],
    "after-a-bom-comment": [(BOM + b":\n", [Comment("")])],
    "after-a-truncated-bom": [(b"\xef\xbb\n:a\n", [Comment("a")])],
    "type-and-id": [(b"id:1\nevent:e\ndata:a\n\n", [Event("e", "a", "1")])],
    "unfinished-character": [(b"data:\xf0\x9f\n\n", message("\ufffd"))],
    "no-data-no-item": [(b"event:e\n\nretry:5\r\rfoo\r\n\r\n:\n", [Comment("")])],
}


@pytest.mark.parametrize(
    "chunks", [pytest.param(chunks, id=name) for name, chunks in PROMPT.items()]
)
def test_an_item_comes_with_its_last_byte(chunks: ChunksAndItems) -> None:
    parser = Parser()
    for chunk, items in chunks:
        *before, last = single_bytes(chunk)
        assert [parser.feed(byte) for byte in before] == [[]] * len(before)
        assert parser.feed(last) == items
    # The same byte completes the item, whatever comes in the same chunk.
    stream = b"".join(chunk for chunk, _ in chunks)
    for start in range(len(stream)):
        parser = Parser()
        seen = len(parser.feed(stream[:start]))
        end = 0
        due = 0
        for chunk, items in chunks:
            end += len(chunk)
            due += len(items)
            if end > start:
                seen += len(parser.feed(stream[max(start, end - len(chunk)) : end]))
                assert seen == due


def test_when_last_event_id_and_retry_change() -> None:
    parser = Parser()
    seen: list[tuple[str, int | None, bool]] = []
    for chunk in (b"id:1\r", b"\nretry:5", b"\r", b"\n", b"\r", b"\n", b"id:2\n\n"):
        parser.feed(chunk)
        seen.append((parser.last_event_id, parser.retry, parser.incomplete))
    assert seen == [
        ("", None, True),
        ("", None, True),
        ("", 5, True),
        ("", 5, True),
        ("1", 5, False),
        ("1", 5, False),
        ("2", 5, False),
    ]


def test_retry_of_any_length_raises_nothing() -> None:
    # More digits than int() accepts by default, and enough to be slow if int() converted them.
    for digits in (b"9" * 5000, b"9" * 300_000):
        assert Parser().feed(b"retry:" + digits + b"\ndata\n\n") == [Event()]
        zeros = b"0" * len(digits)
        assert Parser().feed(b"retry:" + zeros + b"8\ndata\n\n") == [Event(retry=8)]


DONES: dict[str, tuple[str | None, bytes, list[Item]]] = {
    "off": (None, b"data: [DONE]\n\n", message("[DONE]")),
    "off-empty": (None, b"data\n\n", message("")),
    "own": ("END", b"data: END\n\ndata: [DONE]\n\n", [DONE, Event(data="[DONE]")]),
    "own-type-is-not-it": ("END", b"event: END\ndata:a\n\n", [Event("END", "a")]),
    "empty": ("", b"data\n\ndata:a\n\nevent:e\n\ndata:\ndata:\n\n", [DONE, *message("a", "\n")]),
    "space": (" ", b"data:  \n\ndata: \n\n", [DONE, Event()]),
    "spaces-around": (" x ", b"data:  x \n\ndata: x\n\n", [DONE, Event(data="x")]),
    "spaces-more": (" x ", b"data:   x   \n\ndata: x \n\n", [DONE, Event(data="x ")]),
    "non-ascii": ("fin é 😀", "data: fin é 😀\n\n".encode(), [DONE]),
    "u2028": ("\u2028", "data:\u2028\n\n".encode(), [DONE]),
    "replacement": ("\ufffd", b"data:\xff\n\n", [DONE]),
    "nul": ("\0", b"data:\0\n\n", [DONE]),
    "json": ('{"done": true}', b'data: {"done": true}\n\ndata: {}\n\n', [DONE, Event(data="{}")]),
    "longer": ("[DONE]!", b"data: [DONE]\n\ndata: [DONE]!\n\n", [Event(data="[DONE]"), DONE]),
    "with-colon": ("data: x", b"data: data: x\n\ndata: x\n\n", [DONE, Event(data="x")]),
}


@pytest.mark.parametrize(
    ("done", "stream", "items"),
    [pytest.param(*case, id=name) for name, case in DONES.items()],
)
def test_done_parameter(done: str | None, stream: bytes, items: list[Item]) -> None:
    for boundary in range(len(stream) + 1):
        check(Parser(done=done), [stream[:boundary], stream[boundary:]], Case(stream, items))
    check(Parser(done=done), single_bytes(stream), Case(stream, items))


@pytest.mark.parametrize(
    ("done", "stream", "at_end"),
    [
        ("[DONE]", b"data:[DONE]", [DONE]),
        ("", b"data", [DONE]),
        ("", b"event: e\n", []),
        ("", b"data: " + b"x" * 65, []),
        (None, b"data: [DONE]", []),
        ("END", b"data: END\r", [DONE]),
        (" x ", b"data:  x ", [DONE]),
        (" x ", b"data:  x", []),
        ("\U0001f600" * 9, b"data: " + "\U0001f600".encode() * 9 + b" " * 16, [DONE]),
        ("\U0001f600" * 9, b"data: " + "\U0001f600".encode() * 9 + b" " * 17, []),
        ("\ufffd", b"data:\xf0\x9f", [DONE]),
    ],
)
def test_done_needs_no_blank_line(done: str | None, stream: bytes, at_end: list[Item]) -> None:
    for chunks in ([stream], single_bytes(stream)):
        case = Case(stream, [], incomplete=not at_end, at_end=at_end)
        check(Parser(done=done), chunks, case)
    for flush in (False, True):
        parser = Parser(done=done)
        assert parser.feed(b"id: 7\n" + stream) == []
        # Without flush the ID still waits for its blank line.
        assert [item for item in parser.close(flush=flush) if item is DONE] == at_end
        assert parser.last_event_id == ("7" if flush else "")


class Text(str):
    pass


@pytest.mark.parametrize("text", ["", "data: x\n\n", "é", "\ud800", Text("data")], ids=ascii)
@pytest.mark.parametrize("boundary", range(15))
def test_text_is_refused_and_changes_nothing(text: str, boundary: int) -> None:
    stream = BOM + b"id:1\r\ndata:\xc3\xa9\r\n\r\n"
    parser = Parser()
    items = parser.feed(stream[:boundary])
    state = (parser.last_event_id, parser.retry, parser.incomplete)
    with pytest.raises(TypeError, match="bytes"):
        parser.feed(text)  # type: ignore[arg-type]
    assert (parser.last_event_id, parser.retry, parser.incomplete) == state
    items += parser.feed(stream[boundary:])
    assert items == [Event(data="é", id="1")]


@pytest.mark.parametrize("thing", [None, 7, 1.5, [b"data"], object(), iter([b"x"])])
def test_objects_without_bytes_are_refused(thing: Any) -> None:
    parser = Parser()
    parser.feed(b"data:a")
    with pytest.raises(TypeError, match=f"bytes-like object, not {type(thing).__name__}"):
        parser.feed(thing)
    assert parser.feed(b"b\n\n") == message("ab")


class WrongStr(str):
    """A str whose methods give wrong answers."""

    def __iter__(self) -> Iterator[str]:
        return iter("")

    def __contains__(self, text: object) -> bool:
        return False

    def __str__(self) -> str:
        return "no"

    def encode(self, *args: object) -> bytes:
        return b"no"


class WrongInt(int):
    """An int whose methods give wrong answers."""

    def __index__(self) -> int:
        return 100

    def __le__(self, other: object) -> bool:
        return False

    def __lt__(self, other: object) -> bool:
        return False


def test_a_subclass_counts_as_the_value_that_it_holds() -> None:
    parser = Parser(last_event_id=WrongStr("1"), done=WrongStr("end"), max_event_size=WrongInt(9))
    assert type(parser.last_event_id) is str and parser.last_event_id == "1"
    assert parser.feed(b"data: end\n\ndata:no\n\n") == [DONE, Event(data="no", id="1")]
    with pytest.raises(EventTooLargeError, match="limit of 9 bytes"):
        parser.feed(b"0123456789")


@pytest.mark.parametrize(
    "options",
    [
        *[{"last_event_id": WrongStr(text)} for text in ("1\0", "1\r", "1\n", "1\r\ndata: x")],
        *[{"done": WrongStr(text)} for text in ("1\r", "1\n")],
        *[{"max_event_size": WrongInt(size)} for size in (0, -5)],
    ],
    ids=repr,
)
def test_a_subclass_hides_no_wrong_value(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Parser(**options)


def test_an_argument_may_hold_every_other_character() -> None:
    text = "".join(chr(code) for code in range(1, 0x3000) if chr(code) not in "\r\n")
    parser = Parser(last_event_id=text, done=f"\0{text}")
    assert parser.last_event_id == text
    assert parser.feed(f"data: \0{text}\n\n".encode()) == [DONE]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("fails", "before", "chunk"),
    [
        ("make_event", [], b"data: b\n\n"),
        ("make_event", [b"data: a\n"], b": c\ndata: b\n\ndata: c"),
        # A chunk that is one event takes a fast path.
        ("make_event", [b"data: a\n\n"], b"data: b\n\n"),
        ("Comment", [b"event: a\nid: 2\ndata: a\nda"], b"ta\n: b\ndata: b"),
        ("Ignored", [b"data: a"], b"\nx\n"),
        ("as_bytes", [b"data: a"], bytearray(b"b\n\n")),
    ],
)
def test_a_call_that_fails_midway_closes_the_pure_parser(
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    fails: str,
    before: list[bytes],
    chunk: bytes,
) -> None:
    parser = PureParser(report_ignored=True)
    for each in before:
        parser.feed(each)

    def fail(*args: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(f"sse_stream.parser.{fails}", fail)
        with pytest.raises(error):
            parser.feed(chunk)
    # Nothing is left of which a later event could be made.
    assert parser.incomplete and parser.last_event_id == ""
    calls: list[Callable[[], object]] = [
        lambda: parser.feed(b"\n\ndata: x\n\n"),
        lambda: parser.close(flush=True),
    ]
    for call in calls:
        with pytest.raises(ParserClosedError):
            call()


# The items that flush adds, and the last event ID after it.
FLUSHED: dict[str, tuple[bytes, list[Item], str]] = {
    "nothing": (b"", [], ""),
    "line": (b"data:a", message("a"), ""),
    "line-lf": (b"data:a\n", message("a"), ""),
    "line-cr": (b"data:a\r", message("a"), ""),
    "line-crlf": (b"data:a\r\n", message("a"), ""),
    "lines": (b"data:a\ndata:b", message("a\nb"), ""),
    "empty-data": (b"data", message(""), ""),
    "after-a-blank-line": (b"data:a\n\n", [], ""),
    "after-a-blank-line-cr": (b"data:a\r\r", [], ""),
    "comment": (b":a", [Comment("a")], ""),
    "block-then-comment": (b"data:a\n:b", [Comment("b"), Event(data="a")], ""),
    "comment-ended": (b":a\n", [], ""),
    "done": (b"data: [DONE]", [DONE], ""),
    "type-alone": (b"event:e", [], ""),
    "id-alone": (b"id:1", [], "1"),
    "id-ended": (b"id:1\n", [], "1"),
    "id-nul": (b"id:1\0", [], ""),
    "all": (b"id:1\nretry:5\nevent:e\ndata:a", [Event("e", "a", "1", 5)], "1"),
    "unknown": (b"x", [], ""),
    "bom": (BOM, [], ""),
    "truncated-bom": (b"\xef\xbb", [], ""),
    "truncated-character": (b"data:\xf0\x9f", message("\ufffd"), ""),
    "part-of-a-name": (b"data:a\ndat", message("a"), ""),
}


@pytest.mark.parametrize(
    ("stream", "items", "last_event_id"),
    [pytest.param(*case, id=name) for name, case in FLUSHED.items()],
)
def test_flush_treats_the_end_as_a_blank_line(
    stream: bytes, items: list[Item], last_event_id: str
) -> None:
    for chunks in ([stream], single_bytes(stream)):
        parser = Parser()
        for chunk in chunks:
            parser.feed(chunk)
        assert parser.close(flush=True) == items
        assert not parser.incomplete
        assert parser.last_event_id == last_event_id


@pytest.mark.parametrize("flush", [False, True])
def test_calls_after_close_raise(flush: bool) -> None:
    parser = Parser()
    parser.feed(b"id:1\nretry:5\ndata:a\n\ndata")
    parser.close(flush=flush)
    calls: list[Callable[[], object]] = [
        lambda: parser.feed(b""),
        lambda: parser.feed(b"data\n\n"),
        parser.close,
    ]
    for call in calls:
        with pytest.raises(ParserClosedError):
            call()
    assert (parser.last_event_id, parser.retry, parser.incomplete) == ("1", 5, not flush)


def test_done_may_be_longer_than_the_default_limit() -> None:
    done = "x" * (64 << 20)
    parser = Parser(done=done, max_event_size=None)
    assert parser.feed(b"data: " + done.encode()) == []
    assert not parser.incomplete
    assert parser.close() == [DONE]


MIB8 = 8 << 20


def one_line(size: int) -> list[bytes]:
    line = b"data: " + b"x" * MIB8 + b"\n\n"
    return [line[i : i + size] for i in range(0, len(line), size)]


def peak(parser: Parser, chunks: list[bytes]) -> tuple[list[Item], int]:
    """Return the items, and the peak of memory in use beyond the chunks themselves."""
    gc.collect()
    with traced_memory() as memory:
        items = [item for chunk in chunks for item in parser.feed(chunk)]
        return items, memory()[1]


@pytest.mark.parametrize("size", [1460, 65536, MIB8 + 8], ids=["1460", "65536", "whole"])
@pytest.mark.parametrize("limit", [None, MIB8 + 6], ids=["no-limit", "limit"])
def test_peak_memory_for_one_large_event(size: int, limit: int | None) -> None:
    (event,), most = peak(Parser(max_event_size=limit), one_line(size))
    assert isinstance(event, Event) and len(event.data) == MIB8
    assert most <= 2.5 * MIB8


@pytest.mark.parametrize("start", [b"data: ", b": ", b"data: \ndata: ", b"data: \r"])
def test_buffered_bytes_are_in_memory_once(start: bytes) -> None:
    # Copying all buffered bytes for each chunk would double the memory, in quadratic time.
    chunks = [start, *[b"x" * 1460] * (MIB8 // 1460)]
    items, most = peak(Parser(), chunks)
    assert items == [] and MIB8 * 0.99 < most < 1.5 * MIB8


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"], ids=["lf", "cr", "crlf"])
@pytest.mark.parametrize("size", [1460, 1 << 30], ids=["1460", "whole"])
def test_peak_memory_for_many_data_lines(size: int, ending: bytes) -> None:
    stream = (b"data: " + b"x" * 79 + ending) * 100_000 + ending
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    (event,), most = peak(Parser(), chunks)
    assert isinstance(event, Event) and len(event.data) == 8_000_000 - 1
    assert most <= 2.5 * len(event.data)


@pytest.mark.parametrize(
    "start",
    [b"data: \ndata: ", b": ", b":", b"event: ", b"id: ", b"id: \0", b"retry: ", b"foo: ", b"foo"],
)
def test_peak_memory_for_one_large_line(start: bytes) -> None:
    chunks = [start, *[b"x" * 65536] * (MIB8 // 65536), b"\n\n"]
    for report_ignored in (False, True):
        items, most = peak(Parser(report_ignored=report_ignored), chunks)
        assert most <= 2.5 * MIB8
        for item in items:
            if isinstance(item, Ignored):
                assert item.line == start.decode() + "x" * MIB8


def test_a_block_goes_on_after_a_large_line() -> None:
    chunks = [b"data: 1\n\n", b"data: a\n", b"data: ", b"x" * 30_000, b"\n", b"data: y\n\n"]
    parser = Parser(max_event_size=30_010)
    items = [item for chunk in chunks for item in parser.feed(chunk)]
    assert items == message("1", "a\n" + "x" * 30_000 + "\ny")

    parser = Parser(max_event_size=30_010)
    assert [item for chunk in chunks[:-1] for item in parser.feed(chunk)] == message("1")
    with pytest.raises(EventTooLargeError):
        parser.feed(b"data: 12")


@pytest.mark.parametrize(
    "line", [b": x\n", b"foo: bar\n", b"id: 1\n", b"event: e\n", b"retry: 5\n", b"\n", b"\r\n"]
)
def test_discarded_lines_take_no_memory(line: bytes) -> None:
    parser = Parser()
    chunk = line * 100
    with traced_memory() as memory:
        parser.feed(chunk)
        before = memory()[0]
        for _ in range(300):
            parser.feed(chunk)
        # One byte for each line would be 30,000; other threads may allocate a little.
        assert memory()[0] - before < 10_000


GROWING: dict[str, Callable[[int], tuple[bytes, int]]] = {
    "line-by-bytes": lambda n: (b"data: " + b"x" * n + b"\n\n", 1),
    "line-by-chunks": lambda n: (b"data: " + b"x" * (20 * n) + b"\n\n", 16),
    "data-lines-by-bytes": lambda n: (b"data\n" * (n // 4) + b"\n", 1),
    "data-lines-by-chunks": lambda n: (b"data: x\n" * n + b"\n", 16),
    "data-lines-whole": lambda n: (b"data: x\n" * n + b"\n", 1 << 30),
    "events-by-chunks": lambda n: (b"data: x\n\n" * n, 16),
    "events-whole": lambda n: (b"data: x\n\n" * n, 1 << 30),
    "events-cr-by-bytes": lambda n: (b"data:\r\r" * (n // 4), 1),
    "comment-by-bytes": lambda n: (b":" * n, 1),
    "comments-by-bytes": lambda n: (b":\n" * n, 1),
    "fields-in-one-block": lambda n: (b"event: e\nid: 1\nretry: 5\n" * n + b"data\n\n", 64),
    "endings-by-bytes": lambda n: (b"\r\n" * n, 1),
}


@pytest.mark.parametrize("name", GROWING)
def test_steps_grow_linearly_with_the_bytes(name: str) -> None:
    """Count the lines that the pure parser executes, and its calls of built-in functions."""
    steps = 0

    def step(*_: object) -> Any:
        nonlocal steps
        steps += 1
        return step

    def count(size: int) -> int:
        nonlocal steps
        steps = 0
        stream, width = GROWING[name](size)
        chunks = [stream[i : i + width] for i in range(0, len(stream), width)]
        parser = PureParser()
        tracing, profiling = sys.gettrace(), sys.getprofile()
        sys.settrace(step)
        sys.setprofile(step)
        try:
            for chunk in chunks:
                parser.feed(chunk)
        finally:
            sys.setprofile(profiling)
            sys.settrace(tracing)
        return steps

    # If the cost were quadratic, it would be sixteen times as much.
    assert count(2000) < 5 * count(500)


def test_parsers_share_no_state() -> None:
    # One parser for each stream; they are fed one byte each in turn.
    cases = list(CASES.values())
    parsers = [Parser() for _ in cases]
    items: list[list[Item]] = [[] for _ in cases]
    for offset in range(max(len(case.stream) for case in cases)):
        for case, parser, got in zip(cases, parsers, items, strict=True):
            got += parser.feed(case.stream[offset : offset + 1])
    for case, parser, got in zip(cases, parsers, items, strict=True):
        assert got == case.items
        check(parser, [], case._replace(items=[]))


def test_a_new_parser_resumes_from_the_last_event_id() -> None:
    old = Parser()
    old.feed(b"id: 7\ndata: a\n\nid: 8\ndata: cut")
    old.close()
    new = Parser(last_event_id=old.last_event_id)
    assert new.last_event_id == "7" and new.retry is None and not new.incomplete
    assert new.feed(b"ta: b\n\ndata: c\n\n") == [Event(data="c", id="7")]
    assert new.feed(b"id\ndata: d\n\n") == [Event(data="d")] and new.last_event_id == ""
    third = Parser(last_event_id="é 😀")
    assert third.feed(b"id: \0\ndata\n\n") == [Event(id="é 😀")]
