"""Whether time and memory grow with the bytes and no faster.

    python benchmarks/linear.py [--large]

Feeds one event of 1, 4 and 16 MiB (and 64 with --large) in small pieces, and streams of many
lines, and prints how time and peak memory (tracemalloc) grow. Status 1 if they grow faster.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from sse_stream import Parser
from sse_stream.parser import PureParser

MIB = 1 << 20
PIECES = [1, 16, 64, 1460]
# What leaving the processor's caches may cost; a quadratic parser shows 16 and 4.
BOUNDS = {16: 3.0, 64: 1.25}
LINES = {
    "data lines": b"data: 0123456789\n",
    "empty data lines": b"data\n",
    "comments": b": 0123456789\n",
    "unknown fields": b"unknown: 0123456789\n",
    "lone CRs": b"\r",
    "CRLFs": b"\r\n",
}
COUNTS = [1_000, 10_000, 100_000]


class Cost(NamedTuple):
    seconds: float
    peak: int


def one_event(size: int, piece: int) -> Iterator[bytes]:
    """Yield an event of that many bytes in pieces, made as they are needed."""
    yield b"data: "
    block = b"x" * piece
    for _ in range(size // piece):
        yield block
    yield b"\n\n"


def many_lines(line: bytes, count: int) -> Iterator[bytes]:
    stream = line * count + b"\n"
    for at in range(0, len(stream), 1460):
        yield stream[at : at + 1460]


def seconds(kind: type[Parser], chunks: list[bytes], rounds: int = 3) -> float:
    """Return the best time of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        parser = kind(max_event_size=None)
        start = time.perf_counter()
        for chunk in chunks:
            parser.feed(chunk)
        best = min(best, time.perf_counter() - start)
    return best


def peak(kind: type[Parser], chunks: Iterator[bytes]) -> int:
    """Return the most memory that was in use beyond what was before."""
    parser = kind(max_event_size=None)
    tracemalloc.start()
    try:
        for chunk in chunks:
            parser.feed(chunk)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def events(kind: type[Parser], sizes: list[int], table: Table) -> bool:
    good = True
    for piece in PIECES:
        per_byte: dict[int, float] = {}
        for mib in sizes:
            chunks = list(one_event(mib * MIB, piece))
            took = seconds(kind, chunks, 1 if piece == 1 else 3)
            per_byte[mib] = took / (mib * MIB)
            # Tracing makes each allocation slow: a byte at a time is traced at 1 MiB.
            memory = peak(kind, iter(chunks)) if piece > 1 or mib == 1 else None
            before = {16: 1, 64: 16}.get(mib)
            growth = per_byte[mib] / per_byte[before] if before else None
            fits = growth is None or growth <= BOUNDS[mib]
            small = memory is None or memory <= 2.5 * mib * MIB + piece + 4096
            good = good and fits and small
            table.add_row(
                name_of(kind),
                f"one event of {mib} MiB, {piece} B pieces",
                f"{took:.3f} s",
                f"{per_byte[mib] * 1e9:.2f} ns/B",
                "" if growth is None else f"{growth:.2f} x {'' if fits else 'TOO MUCH'}",
                "" if memory is None else f"{memory / (mib * MIB):.2f} x the event",
            )
    return good


def lines(kind: type[Parser], table: Table) -> bool:
    good = True
    for name, line in LINES.items():
        first = 0.0
        for count in COUNTS:
            chunks = list(many_lines(line, count))
            took = seconds(kind, chunks)
            size = sum(map(len, chunks))
            memory = peak(kind, iter(chunks))
            first = first or took / count
            growth = took / count / first
            # From a few chunks in the cache to many: three, as for one event.
            fits = growth <= 3.0
            good = good and fits
            table.add_row(
                name_of(kind),
                f"{count} {name}",
                f"{took:.4f} s",
                f"{took / size * 1e9:.2f} ns/B",
                f"{growth:.2f} x {'' if fits else 'TOO MUCH'}",
                f"{memory / size:.2f} x the stream",
            )
    return good


def name_of(kind: type[Parser]) -> str:
    return "pure" if kind is PureParser else "compiled"


def main() -> int:
    # glibc keeps what was freed below a threshold that moves, so that small events would get
    # memory that is warm and large ones pages that the system has to clear first: a difference
    # of three times that is not the parser's. With the threshold fixed, all get fresh pages.
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        environ = os.environ | {"MALLOC_MMAP_THRESHOLD_": "131072"}
        return subprocess.run([sys.executable, *sys.argv], env=environ).returncode
    options = argparse.ArgumentParser(description="Show that cost is linear.")
    options.add_argument("--large", action="store_true", help="one event of 64 MiB too")
    sizes = [1, 4, 16, 64] if options.parse_args().large else [1, 4, 16]
    table = Table("parser", "load", "time", "per byte", "growth per byte", "peak memory")
    good = True
    for kind in dict.fromkeys([Parser, PureParser]):
        good = events(kind, sizes, table) and good
        good = lines(kind, table) and good
    Console(width=130).print(table)
    print("Linear." if good else "Something grows faster than the bytes do.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
