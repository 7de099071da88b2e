"""With a small limit: same items and error for any chunking, and no more buffered than allowed."""

from __future__ import annotations

import sys

from engine import fuzz, in_pieces, instrumented, outcome, read

with instrumented():
    from sse_stream import EventTooLargeError, Parser
    from sse_stream.parser import PureParser

# The memory of an empty bytearray. A bytearray allocates an eighth more than it needs.
EMPTY = sys.getsizeof(bytearray())


def memory_in_use(parser: PureParser) -> int:
    """Return the memory of the two buffers in bytes, without that of empty buffers."""
    return sys.getsizeof(parser._line) + sys.getsizeof(parser._data) - 2 * EMPTY


def check(data: bytes) -> None:
    """Compare three chunkings with each other; then check the memory after each chunk."""
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
            assert memory_in_use(parser) == 0
        assert len(parser._line) + len(parser._data) <= given.limit
        assert memory_in_use(parser) <= (given.limit + len(chunk)) * 9 / 8 + 32


if __name__ == "__main__":
    fuzz(check)
