"""Lines that the standard tells a parser to ignore: counted, and reported where it is asked for.

From two private attributes of the parser, the adapters learn that a source had only such lines.
They are tested here too.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.standard import interpret
from support.strategies import CHUNK_BOUNDARIES, STREAMS, single_bytes, split_at

from sse_stream import DONE, Comment, Event, EventTooLargeError, Ignored, Item, Parser

BOM = b"\xef\xbb\xbf"
KNOWN = [b"", b"data", b"event", b"id", b"retry"]

# A line, and its text.
IGNORED = {
    "unknown": (b"foo: bar", "foo: bar"),
    "unknown-no-colon": (b"foo", "foo"),
    "json": (b'{"error": {"message": "x"}}', '{"error": {"message": "x"}}'),
    "upper-case": (b"Data: x", "Data: x"),
    "space-before-the-name": (b" data: x", " data: x"),
    "space-alone": (b" ", " "),
    "nul": (b"\0", "\0"),
    "retry-no-number": (b"retry: soon", "retry: soon"),
    "retry-empty": (b"retry:", "retry:"),
    "retry-negative": (b"retry: -1", "retry: -1"),
    "retry-too-large": (b"retry: 18446744073709551616", "retry: 18446744073709551616"),
    "id-with-nul": (b"id: 1\x002", "id: 1\x002"),
    "characters": ("é: 😀".encode(), "é: 😀"),
    "invalid-utf-8": (b"\xff\xe2\x82", "\ufffd\ufffd"),
    "byte-order-mark": (BOM + b"data: x", "\ufeffdata: x"),
    "other-line-ends": ("x\u2028\v\f\x85".encode(), "x\u2028\v\f\x85"),
    "long": (b"x" * 70_000, "x" * 70_000),
}


def fed(parser: Parser, chunks: list[bytes]) -> list[Item]:
    return [item for chunk in chunks for item in parser.feed(chunk)]


def chunkings(stream: bytes) -> list[list[bytes]]:
    return [[stream], single_bytes(stream), split_at(stream, [1, 5, len(stream) - 1])]


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"], ids=["lf", "cr", "crlf"])
@pytest.mark.parametrize("name", IGNORED)
def test_an_ignored_line_is_counted_and_reported(name: str, ending: bytes) -> None:
    line, text = IGNORED[name]
    # Outside of a block, and inside of one.
    stream = b": a\n" + line + ending + b"data: b\n" + line + ending + b"data: c\n\n"
    event = Event(data="b\nc")
    for chunks in chunkings(stream):
        parser = Parser()
        assert fed(parser, chunks) == [Comment("a"), event] and parser.ignored == 2
        parser = Parser(report_ignored=True)
        wanted = [Comment("a"), Ignored(text), Ignored(text), event]
        assert fed(parser, chunks) == wanted and parser.ignored == 2


@pytest.mark.parametrize(
    "line", [b"data", b"data:", b"event: e", b"id", b"id: 1", b"retry: 5", b"retry: 0", b":", b""]
)
def test_no_other_line_is_ignored(line: bytes) -> None:
    parser = Parser(report_ignored=True)
    items = parser.feed(b"data: [DONE]\n\n" + line + b"\n")
    assert parser.ignored == 0 and items == [DONE, *([Comment("")] if line == b":" else [])]


def test_a_line_counts_once_it_has_ended() -> None:
    parser = Parser(report_ignored=True)
    counted = [(parser.feed(chunk), parser.ignored) for chunk in (b"fo", b"o", b"\r", b"\n", b"x")]
    assert counted == [([], 0), ([], 0), ([Ignored("foo")], 1), ([], 1), ([], 1)]
    # close() discards an unfinished line; with flush the line ends.
    assert parser.close() == [] and parser.ignored == 1
    parser = Parser(report_ignored=True)
    assert parser.feed(b"foo\nx") == [Ignored("foo")]
    assert parser.close(flush=True) == [Ignored("x")] and parser.ignored == 2


def test_a_test_for_done_at_the_end_counts_nothing() -> None:
    parser = Parser(report_ignored=True)
    assert parser.feed(b"foo\ndata: [DONE]") == [Ignored("foo")]
    assert not parser.incomplete and not parser.incomplete
    assert parser.close() == [DONE] and parser.ignored == 1


def test_the_count_stays_after_a_failure() -> None:
    parser = Parser(max_event_size=5)
    parser.feed(b"a\nb\n")
    with pytest.raises(EventTooLargeError):
        parser.feed(b"123456")
    assert parser.ignored == 2


def test_report_ignored_is_judged_by_its_truth() -> None:
    assert Parser(report_ignored=1).feed(b"a\n") == [Ignored("a")]  # type: ignore[arg-type]
    assert Parser(report_ignored=0).feed(b"a\n") == []  # type: ignore[arg-type]


def plain(item: Item) -> tuple[object, ...]:
    kind = "done" if item is DONE else type(item).__name__.lower()
    return (kind, *[getattr(item, name) for name in item.__match_args__])


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES)
def test_any_stream_reports_the_lines_that_the_standard_ignores(
    stream: bytes, boundaries: list[int]
) -> None:
    expected = interpret(stream, report_ignored=True)
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        parser = Parser(report_ignored=True)
        assert [plain(item) for item in fed(parser, chunks)] == expected.items
        assert parser.ignored == expected.ignored


def starts(stream: bytes) -> tuple[bytes | None, bytes]:
    """Return what the parser must keep of the start of the stream, and of the line in progress."""
    if len(stream) < 3 and BOM.startswith(stream):
        return b"", b""
    *lines, rest = re.split(rb"\r\n|\r|\n", stream.removeprefix(BOM))
    known = any(line and line.partition(b":")[0] in KNOWN for line in lines)
    return None if known else stream[:200], rest[:6]


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES)
@example(stream=b"x" * 500, boundaries=[1, 199, 200, 201])
@example(stream=b"x\n" * 150 + b"data", boundaries=[150, 301])
@example(stream=BOM + b'{"a":\r\n 1}', boundaries=[1, 2])
@example(stream=b"\xef\xbbx", boundaries=[1])
@example(stream=b"id: \0\nx", boundaries=[3])
@example(stream=b"retry: x\nx", boundaries=[3])
def test_the_starts_are_the_same_for_any_chunking(stream: bytes, boundaries: list[int]) -> None:
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        parser: Any = Parser()
        so_far = b""
        for chunk in chunks:
            parser.feed(chunk)
            so_far += chunk
            assert (parser._stream_start, parser._line_start) == starts(so_far)


@given(st.integers(1, 300))
def test_the_line_in_progress_shows_its_start_however_long_it_is(size: int) -> None:
    parser: Any = Parser()
    for byte in single_bytes(b"data: 1\n\n" + b"retry: " + b"1" * size):
        parser.feed(byte)
    assert (parser._stream_start, parser._line_start) == (None, b"retry:")
