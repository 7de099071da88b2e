"""`max_event_size`: the parser fails at one exact byte, for every chunking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet
from hypothesis import given
from hypothesis import strategies as st
from support.memory import traced_memory
from support.strategies import CHUNK_BOUNDARIES, STREAMS, single_bytes, split_at

from sse_stream import DONE, Comment, Event, EventTooLargeError, Item, Parser

BOM = b"\xef\xbb\xbf"


class Case(NamedTuple):
    """A stream whose last byte exceeds the limit, or one that needs exactly the limit."""

    limit: int
    stream: bytes
    items: Sequence[Item] = ()
    last_event_id: str = ""
    retry: int | None = None


EXCEEDING = {
    "one-byte": Case(1, b"da"),
    "line": Case(10, b"xxxxxxxxxx" + b"x"),
    "line-after-bom": Case(10, BOM + b"data:12345" + b"6"),
    "line-after-truncated-bom": Case(10, b"\xef\xbb" + b"12345678" + b"9"),
    "truncated-bom-and-one": Case(2, b"\xef\xbb" + b"x"),
    "bom-later": Case(10, b"data:" + BOM + b"12" + b"3"),
    "second-bom": Case(3, BOM + BOM + b"x"),
    "event-then-data": Case(20, b"event: e\ndata: 1234567890abc" + b"d"),
    "data": Case(10, b"data:12345" + b"6"),
    "data-with-space": Case(10, b"data: 1234" + b"5"),
    "comment": Case(10, b":123456789" + b"0"),
    "comment-after-comment": Case(10, b":12345678\n:123456789" + b"0", [Comment("12345678")]),
    "unknown-field": Case(10, b"other:1234" + b"5"),
    "event-field": Case(10, b"event:1234" + b"5"),
    "id-field": Case(10, b"id:1234567" + b"8"),
    "retry-field": Case(10, b"retry:0000" + b"0"),
    "spaces": Case(3, b"   " + b" "),
    "colons": Case(3, b":::" + b":"),
    "nul": Case(3, b"\0\0\0" + b"\0"),
    "invalid-utf8": Case(3, b"\xff\xff\xff" + b"\xff"),
    "inside-a-character": Case(10, b"data:" + "éé".encode() + b"\xf0" + b"\x9f"),
    # A data line buffers its value and a newline, here 3 bytes; the line in progress counts too.
    "data-lines-lf": Case(12, b"data:aa\n" + b"data:1234" + b"5"),
    "data-lines-cr": Case(12, b"data:aa\r" + b"data:1234" + b"5"),
    "data-lines-crlf": Case(12, b"data:aa\r\n" + b"data:1234" + b"5"),
    "data-lines-space": Case(12, b"data: aa\n" + b"data:1234" + b"5"),
    "data-lines-empty": Case(10, b"data:\n" * 6 + b"data" + b":"),
    "data-lines-no-colon": Case(10, b"data\n" * 6 + b"data" + b":"),
    "data-then-comment": Case(10, b"data:123\n:12345" + b"6"),
    "data-then-comments": Case(
        10, b"data:123\n:1\n:2\n:12345" + b"6", [Comment("1"), Comment("2")]
    ),
    "data-then-unknown": Case(10, b"data:123\nother:" + b"1"),
    "data-then-id": Case(10, b"id:1\ndata:123\nid:12" + b"3"),
    # A comment, a retry and an ignored line do not count once their line has ended.
    "other-lines-are-not-buffered": Case(
        10, b":12\nretry:7\nxyz\nid:\0\n" * 3 + b"data:12345" + b"6", [Comment("12")] * 3, retry=7
    ),
    # The values of the type and of the ID count until the blank line, the last of each.
    "type-then-data": Case(20, b"event:abc\ndata:123456789012" + b"3"),
    "type-then-type": Case(14, b"event:abcdefgh\nevent:" + b"a"),
    "last-type": Case(14, b"event:abcdefgh\nevent:\nevent:abc\n:1234567890" + b"1", []),
    "id-then-data": Case(20, b"id: 123\ndata:123456789012" + b"3"),
    "last-id": Case(14, b"id:12345678\nid:\nid:123\n:1234567890" + b"1"),
    "type-then-id": Case(12, b"event: abcde\nid: 123" + b"4"),
    "type-id-and-data": Case(12, b"event: abcde\nid: 1\n" + b"data:0" + b"1"),
    "type-and-id-reset": Case(
        13, b"event:abcde\nid: 6789\n\n" * 2 + b"data: 1234567" + b"8", [], "6789"
    ),
    "blank-line-resets": Case(
        10, b"data:12345\n\n" * 2 + b"data:12345" + b"6", [Event(data="12345")] * 2
    ),
    "blank-line-resets-crlf": Case(
        10, b"data:12345\r\n\r\n" * 2 + b"data:12345" + b"6", [Event(data="12345")] * 2
    ),
    "blank-line-resets-cr": Case(
        10, b"data:12345\r\r" * 2 + b"data:12345" + b"6", [Event(data="12345")] * 2
    ),
    "items-first": Case(
        12,
        b":a\nid:1\nretry:5\ndata:b\n\ndata:[DONE]\n\n:c\nid:2\ndata:1234\ndata:1" + b"2",
        [Comment("a"), Event(data="b", id="1", retry=5), DONE, Comment("c")],
        "1",
        5,
    ),
    "retry-of-the-failed-block": Case(12, b"retry: 5\ndata:1234567" + b"8", retry=5),
    "line-over-64-kib": Case(70_000, b"data:" + b"x" * 69_995 + b"x"),
    "data-lines-over-64-kib": Case(140_000, b"data:\n" * 139_990 + b"data:" + b"12345" + b"6"),
    "events-over-64-kib": Case(
        100,
        b"data:12345\n\n" * 8_000 + b"data:" + b"x" * 95 + b"x",
        [Event(data="12345")] * 8_000,
    ),
}
SHORT = {name: case for name, case in EXCEEDING.items() if len(case.stream) < 1000}

FITTING = {
    "event": Case(10, b"data:12345\n\n", [Event(data="12345")]),
    "event-crlf": Case(10, b"data:12345\r\n\r\n", [Event(data="12345")]),
    "event-cr": Case(10, b"data:12345\r\r", [Event(data="12345")]),
    "after-a-bom": Case(10, BOM + b"data:12345\n\n", [Event(data="12345")]),
    "shorter-than-a-bom": Case(1, BOM + b":\n\n", [Comment("")]),
    "two-lines": Case(12, b"data:aa\ndata:1234\n\n", [Event(data="aa\n1234")]),
    "many-lines": Case(10, b"data\n" * 7 + b"\n", [Event(data="\n" * 6)]),
    "comment": Case(10, b":123456789\n", [Comment("123456789")]),
    "multi-byte": Case(10, "data:éé".encode() + b"1\n\n", [Event(data="éé1")]),
    "done": Case(11, b"data:[DONE]\n\n", [DONE]),
    "type-and-id": Case(14, b"event:abc\nid:7\ndata:12345\n\n", [Event("abc", "12345", "7")]),
    "large-chunk": Case(10, b"data:12345\n\n" * 8_000, [Event(data="12345")] * 8_000),
    "large-chunk-cr": Case(10, b"data:12345\r\r" * 8_000, [Event(data="12345")] * 8_000),
    "large-event": Case(200_000, b"data:" + b"x" * 199_995 + b"\n\n", [Event(data="x" * 199_995)]),
}


def named(cases: dict[str, Case]) -> list[ParameterSet]:
    return [pytest.param(case, id=name) for name, case in cases.items()]


def fed(parser: Parser, chunks: list[bytes]) -> list[Item]:
    """Feed the chunks until the parser fails; return the items before that."""
    items: list[Item] = []
    try:
        for chunk in chunks:
            items += parser.feed(chunk)
        items += parser.close()
    except EventTooLargeError:
        pass
    return items


def check_failed(parser: Parser, limit: int) -> None:
    """Every later call gives the same error."""
    calls: list[Callable[[], object]] = [
        lambda: parser.feed(b"\n\ndata: x\n\n"),
        lambda: parser.feed(b""),
        parser.close,
    ]
    for call in calls:
        with pytest.raises(EventTooLargeError, match=f" {limit} bytes") as caught:
            call()
        assert caught.value.limit == limit
    with pytest.raises(EventTooLargeError):
        parser.close(flush=True)
    assert parser.incomplete


def state(parser: Parser) -> tuple[str, int | None, bool]:
    return parser.last_event_id, parser.retry, parser.incomplete


@pytest.mark.parametrize("case", named(EXCEEDING))
def test_fails_at_the_exact_byte(case: Case) -> None:
    parser = Parser(max_event_size=case.limit)
    assert parser.feed(case.stream[:-1]) == [*case.items]
    with pytest.raises(EventTooLargeError) as caught:
        parser.feed(case.stream[-1:])
    assert caught.value.limit == case.limit
    assert caught.value.last_event_id == case.last_event_id
    check_failed(parser, case.limit)
    assert state(parser) == (case.last_event_id, case.retry, True)


@pytest.mark.parametrize("after", [b"", b"\n\n", b"\r\n\r\ndata: never\n\n:x\n", b"x" * 100])
@pytest.mark.parametrize("case", named(EXCEEDING))
def test_items_before_the_error_come_first(case: Case, after: bytes) -> None:
    parser = Parser(max_event_size=case.limit)
    if case.items:
        assert parser.feed(case.stream + after) == [*case.items]
    else:
        with pytest.raises(EventTooLargeError):
            parser.feed(case.stream + after)
    check_failed(parser, case.limit)
    assert state(parser) == (case.last_event_id, case.retry, True)


@pytest.mark.parametrize("case", named(SHORT))
def test_chunk_boundaries_do_not_matter(case: Case) -> None:
    parser = Parser(max_event_size=case.limit)
    *before, last = single_bytes(case.stream)
    assert [item for byte in before for item in parser.feed(byte)] == [*case.items]
    with pytest.raises(EventTooLargeError):
        parser.feed(last)
    stream = case.stream + b"\n\ndata: never\n\n"
    for position in range(len(stream)):
        parser = Parser(max_event_size=case.limit)
        assert fed(parser, [stream[:position], b"", stream[position:]]) == [*case.items]
        check_failed(parser, case.limit)
        assert state(parser) == (case.last_event_id, case.retry, True)


@pytest.mark.parametrize("case", named(SHORT))
def test_fails_also_where_the_chunk_ends_the_line_or_the_block(case: Case) -> None:
    # After the first line a parser may use a fast path, and the limit must hold in each.
    before = [] if case.stream.startswith(BOM[:1]) else [b"\n"]
    for ending in (b"\n", b"\n\n", b"\r\r"):
        for position in range(len(case.stream)):
            parser = Parser(max_event_size=case.limit)
            items = [item for chunk in before for item in parser.feed(chunk)]
            items += parser.feed(case.stream[:position])
            rest = case.stream[position:] + ending
            if len(items) < len(case.items):
                items += parser.feed(rest)
            else:
                with pytest.raises(EventTooLargeError):
                    parser.feed(rest)
            assert items == [*case.items]
            check_failed(parser, case.limit)


@pytest.mark.parametrize("case", named(FITTING))
def test_a_block_of_exactly_the_limit_is_accepted(case: Case) -> None:
    limit, stream, items = case.limit, case.stream, [*case.items]
    # Twice: nothing of the first block may count for the second.
    for chunks in ([stream], [stream, stream.removeprefix(BOM)]):
        parser = Parser(max_event_size=limit)
        assert [item for chunk in chunks for item in parser.feed(chunk)] == items * (
            2 if len(chunks) == 2 else 1
        )
        assert not parser.incomplete and parser.close() == []
    if len(stream) < 1000:
        for position in range(len(stream)):
            parser = Parser(max_event_size=limit)
            assert fed(parser, [stream[:position], stream[position:]]) == items
            assert not parser.incomplete
        assert fed(Parser(max_event_size=limit), single_bytes(stream)) == items
    if limit > 1:
        smaller = Parser(max_event_size=limit - 1)
        fed(smaller, [stream])
        check_failed(smaller, limit - 1)


@pytest.mark.parametrize(
    ("start", "buffered"),
    [(b"data:", 5), (b":", 1), (b"o:", 2), (b"", 0), (b"data:x\n", 2), (b"id:1\ndata:\nx", 3)],
)
@pytest.mark.parametrize("more", [b"x", b"\xff", "é".encode(), b"data", b"xxxxxxx"])
def test_a_line_without_end(start: bytes, buffered: int, more: bytes) -> None:
    parser = Parser(max_event_size=1000)
    parser.feed(start)
    for _ in range((1000 - buffered) // len(more)):
        assert parser.feed(more) == []
    with pytest.raises(EventTooLargeError):
        parser.feed(more)
    check_failed(parser, 1000)


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"])
def test_data_lines_without_a_blank_line(ending: bytes) -> None:
    parser = Parser(max_event_size=1000)
    for _ in range(99):
        parser.feed(b"data: 123456789" + ending)
    # 990 bytes are buffered, and 10 of the next line fit.
    parser.feed(b"data: 1234")
    with pytest.raises(EventTooLargeError):
        parser.feed(b"5")


def test_a_truncated_bom_counts_at_the_end() -> None:
    parser = Parser(max_event_size=1)
    assert parser.feed(b"\xef\xbb") == [] and parser.incomplete
    with pytest.raises(EventTooLargeError):
        parser.close()
    check_failed(parser, 1)
    fits = Parser(max_event_size=2)
    assert fits.feed(b"\xef\xbb") == fits.close() == []


def test_the_default_is_64_mib() -> None:
    parser = Parser()
    chunk = b"x" * (1 << 20)
    for _ in range(64):
        parser.feed(chunk)
    with pytest.raises(EventTooLargeError) as caught:
        parser.feed(b"x")
    assert caught.value.limit == 64 * 1024 * 1024


def test_none_is_no_limit() -> None:
    parser = Parser(max_event_size=None)
    chunk = b"x" * (1 << 20)
    parser.feed(b"data:")
    for _ in range(65):
        parser.feed(chunk)
    (event,) = parser.feed(b"\n\n")
    assert isinstance(event, Event) and len(event.data) == 65 << 20


@pytest.mark.parametrize(
    ("start", "more"),
    [(b"", b"x" * 1000), (b"data:\n", b"data:" + b"x" * 994 + b"\n"), (b"data:", b"x" * 1000)],
)
def test_a_failed_parser_holds_no_buffers(start: bytes, more: bytes) -> None:
    with traced_memory() as memory:
        parser = Parser(max_event_size=1_000_000)
        before = memory()[0]
        parser.feed(start)
        for _ in range(900):
            parser.feed(more)
        assert memory()[0] - before > 800_000
        with pytest.raises(EventTooLargeError):
            for _ in range(200):
                parser.feed(more)
        assert memory()[0] - before < 8_000


def failing_offset(stream: bytes, limit: int) -> int | None:
    """Count byte by byte; return the offset at which the limit is exceeded, or None."""
    line = b""
    # What the values of the fields that wait for the blank line count.
    sizes = {b"data": 0, b"event": 0, b"id": 0}
    after_cr = False
    start = 3 if stream.startswith(BOM) else 0
    for offset in range(start, len(stream)):
        byte = stream[offset : offset + 1]
        if byte == b"\n" and after_cr:
            after_cr = False
        elif byte in (b"\r", b"\n"):
            after_cr = byte == b"\r"
            name, _, value = line.partition(b":")
            size = len(value.removeprefix(b" "))
            if line == b"":
                sizes = dict.fromkeys(sizes, 0)
            elif name == b"data":
                sizes[name] += size + 1
            elif name == b"event" or (name == b"id" and b"\0" not in value):
                sizes[name] = size
            line = b""
        else:
            after_cr = False
            line += byte
            if sum(sizes.values()) + len(line) > limit:
                return offset
    return None


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES, limit=st.integers(1, 40))
def test_any_stream_fails_at_the_exact_byte(
    stream: bytes, boundaries: list[int], limit: int
) -> None:
    offset = failing_offset(stream, limit)
    unlimited = Parser(max_event_size=None)
    expected = unlimited.feed(stream[:offset])
    failed = offset is not None
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        parser = Parser(max_event_size=limit)
        # fed() catches EventTooLargeError only, so any other exception fails the test.
        assert fed(parser, chunks) == expected
        assert state(parser) == (
            unlimited.last_event_id,
            unlimited.retry,
            failed or unlimited.incomplete,
        )
        if failed:
            check_failed(parser, limit)
    if offset is not None and offset > 1:
        # All bytes before the offset fit; the byte at the offset does not.
        parser = Parser(max_event_size=limit)
        parser.feed(stream[:offset])
        with pytest.raises(EventTooLargeError):
            parser.feed(stream[offset : offset + 1])


def test_nothing_follows_a_long_line_in_two_chunks_that_fails() -> None:
    # A line of this length is processed apart from the other lines of its chunk.
    parser = Parser(max_event_size=70_000)
    assert parser.feed(b"data: " + b"x" * 60_000) == []
    with pytest.raises(EventTooLargeError):
        parser.feed(b"x" * 10_001 + b"\n\ndata: after\n\n")
    with pytest.raises(EventTooLargeError):
        parser.feed(b"")
