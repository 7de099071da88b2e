"""With a small limit: the same items and error for every cut, and never more held than allowed."""

from __future__ import annotations

import sys

from engine import fuzz, in_pieces, instrumented, outcome, read

with instrumented():
    from sse_stream import EventTooLargeError, Parser
    from sse_stream.parser import PureParser

# What a bytearray takes without a byte in it, and the eighth by which it grows ahead.
EMPTY = sys.getsizeof(bytearray())


def held(parser: PureParser) -> int:
    """Return the bytes of memory that the two buffers take, beyond what empty ones do."""
    return sys.getsizeof(parser._line) + sys.getsizeof(parser._data) - 2 * EMPTY


def check(data: bytes) -> None:
    """Compare the cuts with each other; then watch the memory, chunk after chunk."""
    given = read(data)
    in_pieces(given.options)
    single = [given.stream[at : at + 1] for at in range(len(given.stream))]
    for kind in {PureParser, Parser}:
        got = [
            outcome(kind(max_event_size=given.limit), chunks, EventTooLargeError)
            for chunks in ([given.stream], given.chunks, single)
        ]
        assert got[0] == got[1] == got[2]

    parser = PureParser(max_event_size=given.limit)
    for chunk in given.chunks:
        try:
            parser.feed(chunk)
        except EventTooLargeError:
            assert held(parser) == 0
        assert len(parser._line) + len(parser._data) <= given.limit
        assert held(parser) <= (given.limit + len(chunk)) * 9 / 8 + 32


if __name__ == "__main__":
    fuzz(check)
