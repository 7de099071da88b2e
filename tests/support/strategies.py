"""Random streams and chunk boundaries for hypothesis, and functions that split a stream."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

FIELD_NAMES = [b"data", b"event", b"id", b"retry", b"Data", b"dat", b"datax", b"x"]
SEPARATORS = [b":", b": ", b" ", b"\0", b"\t", b"\xef\xbb\xbf", b"\xef", b"\xbb", b"\xbf"]
LINE_ENDINGS = [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r"]
VALUES = [b"[DONE]", b"0", b"12", b"18446744073709551615", b"18446744073709551616", b"{}", b"+"]
# str.splitlines() and str.isdigit() accept these; the standard has no such line ending or digit.
VALUES += ["\u2028".encode(), "\x85\u2029\v\f\x1c".encode(), "\u0663".encode(), "😀é".encode()]
INVALID_UTF8 = [b"\xff", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\x80", b"\xed\xa0\x80"]
INVALID_UTF8 += [b"\xf4\x90\x80\x80"]
LINES_AND_BLOCKS = [b"data: x\n\n", b"event: e\ndata: y\n\n", b"data: [DONE]\n\n", b"id: 7\n"]
LINES_AND_BLOCKS += [b": hi\n", b"data:x\r\n", b"data\n", b"event\n", b"retry:5\r", b"data: "]

STREAMS = st.lists(
    st.sampled_from(FIELD_NAMES)
    | st.sampled_from(SEPARATORS)
    | st.sampled_from(LINE_ENDINGS)
    | st.sampled_from(VALUES + INVALID_UTF8)
    | st.sampled_from(LINES_AND_BLOCKS)
    | st.binary(max_size=4),
    max_size=40,
).map(b"".join) | st.binary(max_size=200)

CHUNK_BOUNDARIES = st.lists(st.integers(0, 250), max_size=12)


def split_at(stream: bytes, boundaries: list[int]) -> list[bytes]:
    """Split a stream at these offsets; equal ones and those past the end give empty chunks."""
    ends = [0, *sorted(min(offset, len(stream)) for offset in boundaries), len(stream)]
    return [stream[start:end] for start, end in pairwise(ends)]


def single_bytes(stream: bytes) -> list[bytes]:
    """Return a chunk for each byte."""
    return [stream[i : i + 1] for i in range(len(stream))]
