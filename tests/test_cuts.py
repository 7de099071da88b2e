"""The rules as tables: each stream whole, byte by byte, and at every two-way cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_stream import DONE, Comment, Event, EventTooLargeError, Item, Parser

STREAMS: list[tuple[str, bytes, list[Item]]] = [
    ("rule3-mixed-endings", b"data:a\r\rdata:b\r\n\r\ndata:c\n\n", [Event(data=c) for c in "abc"]),
    ("rule3-u2028", "data: a\u2028b\x85\x0b\n\n".encode(), [Event(data="a\u2028b\x85\x0b")]),
    ("rule4-mark", b"\xef\xbb\xbfdata:a\n\n", [Event(data="a")]),
    ("rule4-two-marks", b"\xef\xbb\xbf\xef\xbb\xbfdata:a\n\n", []),
    ("rule4-invalid", b"data:\xff\xe2\x82x\n\n", [Event(data="\ufffd\ufffdx")]),
    ("rule5-no-colon", b"data\n\n", [Event()]),
    ("rule5-two-spaces", b"data:  a\n\n", [Event(data=" a")]),
    ("rule5-two-lines", b"data:a\ndata\ndata:b\n\n", [Event(data="a\n\nb")]),
    ("rule5-retry", b"retry: 007\ndata\n\n", [Event(retry=7)]),
    ("rule5-retry-bad", b"retry: +7\nretry:\nretry:18446744073709551616\ndata\n\n", [Event()]),
    ("rule5-retry-long", b"retry: " + b"9" * 6000 + b"\ndata\n\n", [Event()]),
    ("rule5-id-nul", b"id: a\nid: b\0\ndata\n\n", [Event(id="a")]),
    ("rule5-unknown", b"Data: a\nfoo: b\nevent: e\ndata:x\n\n", [Event(event="e", data="x")]),
    ("rule6-no-leak", b"event:a\n\ndata:b\n\n", [Event(data="b")]),
    ("rule6-id-stays", b"id:1\n\ndata:b\n\n", [Event(data="b", id="1")]),
    ("rule6-retry-alone", b"retry: 5\n\n", []),
    ("rule7-comment", b"data:a\n: hi\n:\n\n", [Comment("hi"), Comment(""), Event(data="a")]),
    ("rule8-done", b"data: [DONE]\n\ndata:a\n\n", [DONE, Event(data="a")]),
    ("rule11-unfinished", b"data:a\n\ndata:b\n", [Event(data="a")]),
]


def fed(parser: Parser, *chunks: bytes) -> list[Item]:
    items: list[Item] = []
    for chunk in chunks:
        items += parser.feed(chunk)
    return items + parser.close()


@pytest.mark.parametrize(("stream", "expected"), [pytest.param(*s[1:], id=s[0]) for s in STREAMS])
def test_rule1_every_cut(stream: bytes, expected: list[Item]) -> None:
    assert fed(Parser(), stream) == expected
    assert fed(Parser(), *(stream[i : i + 1] for i in range(len(stream)))) == expected
    for cut in range(min(len(stream), 200)):
        assert fed(Parser(), stream[:cut], b"", stream[cut:]) == expected


def outcome(chunks: list[bytes], limit: int) -> tuple[list[Item], bool, str, int | None, bool]:
    parser = Parser(max_event_size=limit)
    items: list[Item] = []
    try:
        for chunk in chunks:
            items += parser.feed(chunk)
        items += parser.close()
        broken = False
    except EventTooLargeError:
        broken = True
    return items, broken, parser.last_event_id, parser.retry, parser.incomplete


TOKENS = [b"data", b"id", b"event", b"retry", b":", b" ", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf"]
TOKENS += [b"\xff", b"\0", b"12", b"[DONE]", "\u2028".encode()]


@given(
    st.lists(st.sampled_from(TOKENS) | st.binary(max_size=4), max_size=40).map(b"".join),
    st.lists(st.integers(0, 120), max_size=8),
    st.integers(1, 40),
)
def test_rule1_rule10_any_cut_and_limit(stream: bytes, cuts: list[int], limit: int) -> None:
    ends = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(ends)]
    pieces = [*pieces[:-1], stream[max(ends[:-1]) :]]
    whole = outcome([stream], limit)
    assert outcome(pieces, limit) == whole
    assert outcome([stream[i : i + 1] for i in range(len(stream))], limit) == whole


@pytest.mark.parametrize("start", [b"data:", b":", b"unknown", b"data:\n"], ids=str)
def test_rule10_never_ending(start: bytes) -> None:
    parser = Parser(max_event_size=100)
    with pytest.raises(EventTooLargeError) as caught:
        for _ in range(101):
            parser.feed(start)
    assert caught.value.limit == 100
    with pytest.raises(EventTooLargeError):
        parser.close()


def test_rule2_lone_cr_dispatches_at_once() -> None:
    parser = Parser()
    assert parser.feed(b"data:a\r\r") == [Event(data="a")]
    assert parser.feed(b"\ndata:b\n\n") == [Event(data="b")]


def test_rule9_text_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        Parser().feed("data")  # type: ignore[arg-type]


def test_rule11_flush() -> None:
    parser = Parser()
    assert parser.feed(b"data:a\ndata:b") == []
    assert parser.incomplete
    assert parser.close(flush=True) == [Event(data="a\nb")]
    assert not parser.incomplete
