"""Measure the memory of a stream that uses all of max_event_size, for the worst inputs.

    python benchmarks/memory_limit.py [--limit MIB] [--chunk BYTES] [--json FILE] [--page]

Prints, for both forms and in multiples of the limit: what the parser holds while the event is
not complete (open) and the most that was in use up to the event's end (peak), both by
tracemalloc, and on Linux by how much the resident memory of the process grows up to its peak.
tracemalloc sees what is allocated through Python; the resident memory would show anything else.
Each measurement has its own process. With --page, the table of docs/security.md is replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from allocator import FRESH
from both_forms import FORMS
from rich.console import Console
from rich.table import Table

MIB = 1 << 20
EMOJI = "😀".encode()
# Python widens the text to two bytes a character for the first, and then to four for the second.
WIDENED_TWICE = "東😀".encode()
TEXTS = {b"": "ASCII", EMOJI: "one emoji", WIDENED_TWICE: "CJK, then an emoji"}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "security.md"
START, END = "<!-- memory -->\n", "\n<!-- /memory -->"
# Room for the field names.
MARGIN = 64
LINUX = sys.platform == "linux"
COLUMNS = ["open", "peak", "resident"] if LINUX else ["open", "peak"]


class Input(NamedTuple):
    """``begin(size, tail)`` is the stream up to the limit, ``end`` completes the event."""

    begin: Callable[[int, bytes], bytes]
    end: bytes
    texts: tuple[bytes, ...] = (b"", EMOJI)


def line(field: bytes, fill: bytes = b"x") -> Callable[[int, bytes], bytes]:
    return lambda size, tail: field + fill * (size - len(tail)) + tail


def data_lines(size: int, tail: bytes) -> bytes:
    return b"data: 0123456789abcde\n" * (size // 16 - 1) + b"data: " + tail


def empty_data_lines(size: int, tail: bytes) -> bytes:
    return b"data\n" * (size - len(tail) - 1) + b"data: " + tail


def type_and_ids(size: int, tail: bytes) -> bytes:
    """The last event ID has the full size; the new type and ID share the limit."""
    identity = line(b"id: ")
    first = identity(size, tail) + b"\n\n"
    return first + line(b"event: ")(size // 2, tail) + b"\n" + identity(size // 2, tail)


def last_event_id_and_data(size: int, tail: bytes) -> bytes:
    """The last event ID has the full size, and so has the data that follows."""
    identity = line(b"id: ")(size, EMOJI if tail else b"")
    return identity + b"\n\n" + line(b"data: ")(size, tail)


INPUTS = {
    "one data line": Input(line(b"data: "), b"\n\n", tuple(TEXTS)),
    "data lines of 15 bytes": Input(data_lines, b"\n\n"),
    "empty data lines": Input(empty_data_lines, b"\n\n"),
    "one comment": Input(line(b": "), b"\n\n"),
    "one ID": Input(line(b"id: "), b"\ndata\n\n"),
    "one type": Input(line(b"event: "), b"\ndata\n\n"),
    "one ignored line": Input(line(b"unknown: "), b"\n\n"),
    "one retry line of digits": Input(line(b"retry: ", b"1"), b"\n\n"),
    "CR alone": Input(lambda size, tail: b"\r" * size, b"\n\n", (b"",)),
    "type, ID and last event ID": Input(type_and_ids, b"\ndata\n\n"),
    "last event ID, then one data line": Input(
        last_event_id_and_data, b"\n\n", (b"", WIDENED_TWICE)
    ),
}


def chunks(stream: bytes, size: int) -> Iterator[bytes]:
    """Yield the chunks one at a time, so that they are not counted as the parser's memory."""
    view = memoryview(stream)
    for at in range(0, len(stream), size):
        yield bytes(view[at : at + size])


def resident(what: str) -> int:
    """Return bytes of resident memory: now (VmRSS) or at the peak (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith(what)]
    return int(line.split()[1]) * 1024


def measure(form: str, name: str, tail: bytes, limit: int, chunk: int) -> dict[str, float]:
    given = INPUTS[name]
    stream = given.begin(limit - MARGIN, tail)
    package = FORMS[form]

    def feed(parser: object) -> None:
        for piece in chunks(stream, chunk):
            parser.feed(piece)  # type: ignore[attr-defined]

    found = {}
    if LINUX:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
        before = resident("VmRSS")
        parser = package.Parser(max_event_size=limit)
        feed(parser)
        parser.feed(given.end)
        found["resident"] = (resident("VmHWM") - before) / limit
        del parser
    tracemalloc.start()
    parser = package.Parser(max_event_size=limit)
    feed(parser)
    held = tracemalloc.get_traced_memory()[0]
    parser.feed(given.end)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"open": held / limit, "peak": peak / limit, **found}


def in_process(*arguments: object) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", json.dumps(arguments)]
    environ = os.environ | FRESH  # what is freed goes back to the system
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environ, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def write_page(head: list[str], rows: list[list[str]]) -> None:
    """Replace the table of the page by this one, without the resident memory."""
    kept = [number for number, name in enumerate(head) if not name.endswith("resident")]
    lines = [[row[number] for number in kept] for row in [head, *rows]]
    lines.insert(1, ["---", "---", *["---:"] * (len(kept) - 2)])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + START + table + END + after, encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description="Measure memory at the limit.")
    options.add_argument("--limit", type=float, default=4, help="max_event_size in MiB (4)")
    options.add_argument("--chunk", type=int, default=65536, help="bytes in each chunk (65536)")
    options.add_argument("--json", type=Path, help="also write the table to this file")
    options.add_argument("--page", action="store_true", help="replace the table of the page")
    options.add_argument("--one", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        form, name, tail, limit, chunk = json.loads(given.one)
        print(json.dumps(measure(form, name, tail.encode(), limit, chunk)))
        return
    limit = int(given.limit * MIB)
    head = ["input", "text"]
    head += [f"{form}, {what}" for form in FORMS for what in COLUMNS]
    rows = []
    for name, each in INPUTS.items():
        for tail in each.texts:
            cells = [name, TEXTS[tail]]
            for form in FORMS:
                found = in_process(form, name, tail.decode(), limit, given.chunk)
                cells += [f"{value:.2f}" for value in found.values()]
            rows.append(cells)
    table = Table(*head, title=f"multiples of max_event_size ({given.limit:g} MiB)")
    for cells in rows:
        table.add_row(*cells)
    Console(width=130).print(table)
    if given.page:
        write_page(head, rows)
    if given.json:
        given.json.write_text(json.dumps({"limit": limit, "head": head, "rows": rows}))


if __name__ == "__main__":
    main()
