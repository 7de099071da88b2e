"""in_line, recognised and ignored_tail: what the end of the bytes so far looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from support.strategies import CHUNK_BOUNDARIES, STREAMS, single_bytes, split_at

from sse_stream import EventTooLargeError, Parser

BOM = b"\xef\xbb\xbf"
NAMES = (b"data", b"event", b"id", b"retry")

# The stream, and then in_line, recognised and ignored_tail at its end.
CASES: dict[bytes, tuple[bool, bool, bytes]] = {
    b"": (False, False, b""),
    b"\n\r\n": (False, False, b""),
    b"\xef\xbb": (True, False, b""),
    BOM: (False, False, b""),
    BOM + b"{": (True, False, b"{"),
    b"\xef\xbbx": (True, False, b"\xef\xbbx"),
    b"d": (True, False, b""),
    b"data": (True, False, b""),
    b"data:": (True, True, b""),
    b"data\n": (False, True, b""),
    b"datax": (True, False, b"datax"),
    b"retry: x\n": (False, True, b""),
    b"id: \0\n": (False, True, b""),
    b"foo\n": (False, False, b"foo\n"),
    b"foo\nbar": (True, False, b"foo\nbar"),
    b"foo\n\n: hi\nbar\r": (False, False, b"foo\nbar\n"),
    b"foo\ndat": (True, False, b"foo\n"),
    b"foo\n:": (True, False, b"foo\n"),
    b": hi\n": (False, True, b""),
    b": hi": (True, False, b""),
    b": hi\nfoo\n": (False, True, b"foo\n"),
    b"foo\n: hi\n": (False, False, b"foo\n"),
    b"data: a\n\n{\n": (False, True, b"{\n"),
    b"data: a\n\n{\ndata: b": (True, True, b""),
    b"data: a\n\n{\ndata: b\n": (False, True, b""),
    b"x" * 150 + b"\n" + b"y" * 150: (True, False, b"x" * 150 + b"\n" + b"y" * 49),
    b"x" * 300: (True, False, b"x" * 200),
    b"foo" * 10_000 + b"\n": (False, False, b"foo" * 66 + b"fo"),
}


def position(parser: Parser) -> tuple[bool, bool, bytes]:
    return parser.in_line, parser.recognised, parser.ignored_tail


@pytest.mark.parametrize("flush", [False, True], ids=["close", "close and flush"])
@pytest.mark.parametrize("stream", CASES, ids=lambda stream: repr(stream[:30]))
def test_the_end_of_the_bytes_so_far(stream: bytes, flush: bool) -> None:
    for chunks in ([stream], single_bytes(stream)):
        parser = Parser()
        for chunk in chunks:
            parser.feed(chunk)
        assert position(parser) == CASES[stream]
        parser.close(flush=flush)
        assert position(parser) == CASES[stream], "close() does not change them"


def expected(stream: bytes) -> tuple[bool, bool, bytes]:
    """Return the same by the words of the documentation, for a whole stream."""
    if stream and BOM.startswith(stream) and stream != BOM:
        return True, False, b""
    lines = stream.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    rest = lines.pop()
    recognised = any_ignored = False
    tail = b""
    for line in lines:
        name, colon, value = line.partition(b":")
        if name in NAMES:
            recognised, tail = True, b""
            bad_retry = name == b"retry" and not (value.removeprefix(b" ").isdigit())
            any_ignored |= bad_retry or (name == b"id" and b"\0" in value)
        elif name:
            any_ignored = True
            tail += line + b"\n"
        elif colon:
            recognised |= not any_ignored
    name, colon, _ = rest.partition(b":")
    if colon and name in NAMES:
        return True, True, b""
    if name and (colon or not any(known.startswith(name) for known in NAMES)):
        tail += rest
    return bool(rest), recognised, tail[:200]


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES)
def test_any_stream_in_any_chunks(stream: bytes, boundaries: list[int]) -> None:
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        parser, so_far = Parser(), b""
        for chunk in chunks:
            parser.feed(chunk)
            so_far += chunk
            assert position(parser) == expected(so_far)


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES)
def test_after_the_limit_they_do_not_depend_on_the_chunks(
    stream: bytes, boundaries: list[int]
) -> None:
    found = set()
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        parser = Parser(max_event_size=9)
        try:
            for chunk in chunks:
                parser.feed(chunk)
            parser.feed(b"")
        except EventTooLargeError:
            pass
        found.add(position(parser))
    assert len(found) == 1
