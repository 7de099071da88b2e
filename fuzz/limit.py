"""With a small limit, the parser fails at the byte at which a simple count exceeds the limit.

This holds for any chunk boundaries, and the parser never buffers more than it may.
"""

from __future__ import annotations

import re
import sys

from engine import Outcome, fuzz, in_pieces, instrumented, outcome, read, single_bytes

with instrumented():
    from sse_stream import EventTooLargeError, Parser
    from sse_stream.parser import PureParser

BOM = b"\xef\xbb\xbf"


def size_within(stream: bytes, limit: int) -> int:
    """Return how many bytes of the stream come before the one that exceeds the limit."""
    if len(stream) < len(BOM) and BOM.startswith(stream):
        return min(len(stream), limit)
    # What is buffered of the block: data with its newlines, the type, the ID.
    data = kind = id = 0
    start = len(BOM) if stream.startswith(BOM) else 0
    for line in re.finditer(rb"([^\r\n]*)(\r\n|\r|\n|\Z)", stream[start:]):
        if data + kind + id + len(line[1]) > limit:
            return start + line.start() + limit - data - kind - id
        name, _, value = line[1].partition(b":")
        size = len(value.removeprefix(b" "))
        if not line[1]:
            data = kind = id = 0
        elif name == b"data":
            data += size + 1
        elif name == b"event":
            kind = size
        elif name == b"id" and b"\0" not in value:
            id = size
    return len(stream)


def retained(parser: PureParser) -> list[bytes | bytearray]:
    """Return the buffers of the block in progress."""
    buffers = [parser._line, parser._data, parser._type, parser._id]
    return [buffer for buffer in buffers if buffer is not None]


def memory_in_use(parser: PureParser) -> int:
    """Return the memory of the buffers in bytes, without that of empty ones."""
    # PyPy has no size for an object, and returns the default: the length.
    sizes = [
        sys.getsizeof(each, len(each)) - sys.getsizeof(type(each)(), 0) for each in retained(parser)
    ]
    return sum(sizes)


def check(data: bytes) -> None:
    """Compare three chunkings with the simple count; then check the memory after each chunk."""
    given = read(data)
    in_pieces(given.options)
    within = size_within(given.stream, given.limit)
    before = PureParser()
    wanted = outcome(before, [given.stream])
    if within < len(given.stream):
        before = PureParser()
        items = before.feed(given.stream[:within])
        error = repr(EventTooLargeError(given.limit, before.last_event_id))
        wanted = Outcome(items, error, before.last_event_id, before.retry, True, before.ignored)
    for kind in {PureParser, Parser}:
        for chunks in ([given.stream], given.chunks, single_bytes(given.stream)):
            assert outcome(kind(max_event_size=given.limit), chunks, EventTooLargeError) == wanted

    parser = PureParser(max_event_size=given.limit)
    for chunk in given.chunks:
        try:
            parser.feed(chunk)
        except EventTooLargeError:
            assert memory_in_use(parser) == 0
        assert sum(map(len, retained(parser))) <= given.limit
        # A bytearray allocates an eighth more than it needs.
        assert memory_in_use(parser) <= (given.limit + len(chunk)) * 9 / 8 + 64


if __name__ == "__main__":
    fuzz(check)
