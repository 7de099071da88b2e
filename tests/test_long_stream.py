"""A long stream through one parser: all events differ, and memory does not grow.

The number of events can be set; -s shows time and memory:

    LONG_STREAM_EVENTS=10_000_000 python -m pytest -s tests/test_long_stream.py
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from sse_stream import DONE, Comment, Event, Parser

EVENTS = int(os.environ.get("LONG_STREAM_EVENTS", "200_000"))
SEVERAL = 20
LINES = b"id: %d\nevent: type %d\ndata: event\ndata: %d\n\n" * SEVERAL
STATM = Path("/proc/self/statm")


def stream() -> Iterator[bytes]:
    """Yield chunks without end, each of several events, with the boundary inside an event."""
    rest = b""
    for first in count(step=SEVERAL):
        numbers = (number for number in range(first, first + SEVERAL) for _ in range(3))
        block = b": %d\n" % first + LINES % (*numbers,)
        block += b"retry: %d\r\ndata: [DONE]\r\n\r\n" % first
        boundary = len(block) - first % 61
        yield rest + block[:boundary]
        rest = block[boundary:]


def memory_in_use() -> tuple[int, int]:
    """Return the memory blocks of Python, and the bytes of the whole process (0 if unknown)."""
    pages = int(STATM.read_text().split()[1]) if STATM.exists() else 0
    return sys.getallocatedblocks(), pages * 4096


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="needs a count of its blocks")
def test_memory_stays_flat() -> None:
    parser = Parser()
    kinds = dict.fromkeys((Event, Comment, type(DONE)), 0)
    before = (0, 0)
    start = time.perf_counter()
    for chunk in stream():
        for item in parser.feed(chunk):
            kinds[type(item)] += 1
        if kinds[Event] >= EVENTS // 10 and not before[0]:
            before = memory_in_use()
        if kinds[Event] >= EVENTS:
            break
    after = memory_in_use()
    print(f"{EVENTS} events, {time.perf_counter() - start:.1f} s; {parser!r}")
    print(f"blocks: {before[0]}, then {after[0]}; bytes of the process: {before[1]}, {after[1]}")
    events, comments = kinds[Event], kinds[Comment]
    assert parser.last_event_id == str(events - 1)
    assert parser.retry is not None and events - parser.retry <= 2 * SEVERAL
    assert comments == -(-events // SEVERAL) and comments - kinds[type(DONE)] in (0, 1)
    # A leak of one block, or of 48 bytes, for each event would be more.
    assert after[0] - before[0] < EVENTS // 100
    assert after[1] - before[1] < EVENTS * 48
