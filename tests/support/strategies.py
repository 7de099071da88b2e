"""Streams that nobody would send, for hypothesis, and ways to cut any stream."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

NAMES = [b"data", b"event", b"id", b"retry", b"Data", b"dat", b"datax", b"x"]
MARKS = [b":", b": ", b" ", b"\0", b"\t", b"\xef\xbb\xbf", b"\xef", b"\xbb", b"\xbf"]
ENDINGS = [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r"]
VALUES = [b"[DONE]", b"0", b"12", b"18446744073709551615", b"18446744073709551616", b"{}", b"+"]
# No line ending, whatever str.splitlines() says; no digit, whatever str.isdigit() says.
VALUES += ["\u2028".encode(), "\x85\u2029\v\f\x1c".encode(), "\u0663".encode(), "😀é".encode()]
BROKEN = [b"\xff", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]
WHOLE = [b"data: x\n\n", b"event: e\ndata: y\n\n", b"data: [DONE]\n\n", b"id: 7\n", b": hi\n"]
WHOLE += [b"data:x\r\n", b"data\n", b"event\n", b"retry:5\r", b"data: "]

STREAMS = st.lists(
    st.sampled_from(NAMES)
    | st.sampled_from(MARKS)
    | st.sampled_from(ENDINGS)
    | st.sampled_from(VALUES + BROKEN)
    | st.sampled_from(WHOLE)
    | st.binary(max_size=4),
    max_size=40,
).map(b"".join) | st.binary(max_size=200)

CUTS = st.lists(st.integers(0, 250), max_size=12)


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Cut at those offsets; equal ones and those past the end give empty chunks."""
    ends = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(ends)]


def single_bytes(stream: bytes) -> list[bytes]:
    """Cut everywhere."""
    return [stream[i : i + 1] for i in range(len(stream))]
