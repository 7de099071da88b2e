"""Lines that the standard tells a parser to ignore: counted, reported, and kept at the end.

``recognised``, ``ignored_tail`` and ``in_line`` tell what an end of the stream means.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.standard import interpret
from support.strategies import CHUNK_BOUNDARIES, STREAMS, single_bytes, split_at

from sse_stream import DONE, Comment, Event, EventTooLargeError, Ignored, Item, Parser

BOM = b"\xef\xbb\xbf"
NAMES = [b"data", b"event", b"id", b"retry"]

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


class End(NamedTuple):
    """What the parser says of the end of the bytes so far."""

    in_line: bool
    recognised: bool
    ignored_tail: bytes


def end_of(parser: Parser) -> End:
    return End(parser.in_line, parser.recognised, parser.ignored_tail)


def expected(stream: bytes) -> End:
    """Return the same, from the whole stream at once."""
    if len(stream) < 3 and BOM.startswith(stream):
        return End(bool(stream), False, b"")
    *lines, rest = re.split(rb"\r\n|\r|\n", stream.removeprefix(BOM))
    recognised, only_known = False, True
    tail: list[bytes] = []
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name in NAMES:
            recognised, tail = True, []
            ignored = (name == b"id" and b"\0" in value) or (
                name == b"retry" and not (value.isdigit() and int(value) < 2**64)
            )
            only_known = only_known and not ignored
        elif line and name:
            tail.append(line + b"\n")
            only_known = False
        elif line and only_known:
            recognised = True  # a comment before any ignored line
    name, colon, _ = rest.partition(b":")
    if colon and name in NAMES:
        return End(True, True, b"")
    may_become_known = not name or (not colon and any(each.startswith(name) for each in NAMES))
    tail.append(b"" if may_become_known else rest)
    return End(bool(rest), recognised, b"".join(tail)[:200])


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES)
@example(stream=b"x" * 500, boundaries=[1, 199, 200, 201])
@example(stream=b"x\n" * 150 + b"data", boundaries=[150, 301])
@example(stream=BOM + b'{"a":\r\n 1}', boundaries=[1, 2])
@example(stream=b"\xef\xbbx", boundaries=[1])
@example(stream=b"id: \0\nx", boundaries=[3])
@example(stream=b"retry: x\n:\nx", boundaries=[3])
@example(stream=b"foo\n:\nx", boundaries=[3])
@example(stream=b"id: \0\nfoo\n:\n", boundaries=[3])
def test_the_end_is_the_same_for_any_chunking(stream: bytes, boundaries: list[int]) -> None:
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        for flush in (False, True):
            parser = Parser()
            so_far = b""
            for chunk in chunks:
                parser.feed(chunk)
                so_far += chunk
                assert end_of(parser) == expected(so_far)
            # close() does not change it.
            parser.close(flush=flush)
            assert end_of(parser) == expected(stream)


@pytest.mark.parametrize(
    ("stream", "end"),
    [
        (b"", End(False, False, b"")),
        (b"\n\n", End(False, False, b"")),
        (b": a\n", End(False, True, b"")),
        (b": a", End(True, False, b"")),
        (b"foo\n: a\n", End(False, False, b"foo\n")),
        (b": a\nfoo\n", End(False, True, b"foo\n")),
        (b"dat", End(True, False, b"")),
        (b"datum", End(True, False, b"datum")),
        (b"data", End(True, False, b"")),
        (b"data:", End(True, True, b"")),
        (b"data\n", End(False, True, b"")),
        (b"retry: soon\n", End(False, True, b"")),
        (b"id: \0\n", End(False, True, b"")),
        (b"foo\nretry: so", End(True, True, b"")),
        (b"data\n\nfoo\n\n: a\r\nbar\rba", End(True, True, b"foo\nbar\nba")),
        (b"foo\ndata\nbar\n", End(False, True, b"bar\n")),
        (b"\xef\xbb", End(True, False, b"")),
        (b"\xef\xbbx", End(True, False, b"\xef\xbbx")),
        (BOM + b"x", End(True, False, b"x")),
    ],
)
def test_what_an_end_looks_like(stream: bytes, end: End) -> None:
    for chunks in chunkings(stream):
        parser = Parser()
        fed(parser, chunks)
        assert end_of(parser) == end == expected(stream)


@given(st.integers(1, 300))
def test_the_tail_has_at_most_200_bytes(size: int) -> None:
    for line in (b"x" * size, b"x" * size + b"\n", b"x\n" * size, b"x" * size + b"\ny"):
        parser = Parser()
        fed(parser, single_bytes(b"data: 1\n\n" + line))
        assert parser.ignored_tail == line[:200]
