"""Check that time and memory grow linearly with the number of bytes.

    python benchmarks/linear.py [--large]

Feeds one event of 1, 4 and 16 MiB (and 64 with --large) in small pieces, and streams of many
lines, and prints how time and peak memory (tracemalloc) grow. The exit status is 1 if they grow
faster than linearly.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Iterator

from allocator import FRESH, run_with
from both_forms import FORMS
from rich.console import Console
from rich.table import Table

MIB = 1 << 20
PIECES = [1, 16, 64, 1460]
# The most that the time per byte may grow, from 1 to 16 MiB and from 16 to 64: larger data does
# not fit in the processor's caches. A quadratic parser would show 16 and 4.
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


def seconds(form: str, chunks: list[bytes], rounds: int = 3) -> float:
    """Return the shortest time of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        parser = FORMS[form].Parser(max_event_size=None)
        start = time.perf_counter()
        for chunk in chunks:
            parser.feed(chunk)
        best = min(best, time.perf_counter() - start)
    return best


def peak(form: str, chunks: Iterator[bytes]) -> int:
    """Return the peak of the memory allocated from here on."""
    parser = FORMS[form].Parser(max_event_size=None)
    tracemalloc.start()
    try:
        for chunk in chunks:
            parser.feed(chunk)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def events(form: str, sizes: list[int], table: Table) -> bool:
    good = True
    for piece in PIECES:
        per_byte: dict[int, float] = {}
        for mib in sizes:
            chunks = list(one_event(mib * MIB, piece))
            took = seconds(form, chunks, 1 if piece == 1 else 3)
            per_byte[mib] = took / (mib * MIB)
            # Tracing is slow: single bytes are traced at 1 MiB only.
            memory = peak(form, iter(chunks)) if piece > 1 or mib == 1 else None
            before = {16: 1, 64: 16}.get(mib)
            growth = per_byte[mib] / per_byte[before] if before else None
            fits = growth is None or growth <= BOUNDS[mib]
            small = memory is None or memory <= 2.5 * mib * MIB + piece + 4096
            good = good and fits and small
            table.add_row(
                form,
                f"one event of {mib} MiB, {piece} B pieces",
                f"{took:.3f} s",
                f"{per_byte[mib] * 1e9:.2f} ns/B",
                "" if growth is None else f"{growth:.2f} x {'' if fits else 'TOO MUCH'}",
                "" if memory is None else f"{memory / (mib * MIB):.2f} x the event",
            )
    return good


def lines(form: str, table: Table) -> bool:
    good = True
    for name, line in LINES.items():
        first = 0.0
        for count in COUNTS:
            chunks = list(many_lines(line, count))
            took = seconds(form, chunks)
            size = sum(map(len, chunks))
            memory = peak(form, iter(chunks))
            first = first or took / count
            growth = took / count / first
            # The same bound as for one event.
            fits = growth <= BOUNDS[16]
            good = good and fits
            table.add_row(
                form,
                f"{count} {name}",
                f"{took:.4f} s",
                f"{took / size * 1e9:.2f} ns/B",
                f"{growth:.2f} x {'' if fits else 'TOO MUCH'}",
                f"{memory / size:.2f} x the stream",
            )
    return good


def main() -> int:
    options = argparse.ArgumentParser(description="Check that cost is linear.")
    options.add_argument("--large", action="store_true", help="also one event of 64 MiB")
    sizes = [1, 4, 16, 64] if options.parse_args().large else [1, 4, 16]
    # Otherwise small events would get memory that is in the cache, and large ones fresh pages.
    run_with(FRESH)
    table = Table("form", "load", "time", "per byte", "growth per byte", "peak memory")
    good = True
    for form in FORMS:
        good = events(form, sizes, table) and good
        good = lines(form, table) and good
    Console(width=130).print(table)
    print("Linear." if good else "Time or memory grows faster than the number of bytes.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
