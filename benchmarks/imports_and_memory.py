"""Measure the import time of each parser, and its peak memory for one large event.

python benchmarks/imports_and_memory.py OUTPUT
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

from contenders import MODULES, ours, peers, versions

ROUNDS = max(3, int(30 * float(os.environ.get("SCALE", "1"))))
MIB = 1 << 20


def start(code: str) -> float:
    """Return the milliseconds that an interpreter takes to run this code and end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - began) * 1000


def imports() -> dict[str, float]:
    """Return the shortest start of an interpreter with each module; the modules take turns."""
    codes = {"nothing": "pass"}
    codes |= {name: f"import {MODULES[name]}" for name in versions()}
    best = dict.fromkeys(codes, float("inf"))
    for _ in range(ROUNDS):
        for name, code in codes.items():
            best[name] = min(best[name], start(code))
    return best


def memory() -> dict[str, float]:
    """Return the peak of each parser for one ASCII event of 8 MiB, as a multiple of its size."""
    # Chunks are made one at a time, so that the stream itself is not counted.
    text = b'data: "' + b"x" * (8 * MIB) + b'"\n\n'
    view = memoryview(text)

    class Chunks(list[bytes]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return (bytes(view[at : at + 1460]) for at in range(0, len(text), 1460))

    found = {}
    for name, read in (ours() | peers()).items():
        if name == "assel":
            continue  # quadratic: this would take minutes
        tracemalloc.start()
        read(Chunks())
        found[name] = tracemalloc.get_traced_memory()[1] / (8 * MIB)
        tracemalloc.stop()
    return found


def main() -> None:
    result = {"imports": imports(), "memory": memory(), "versions": versions()}
    Path(sys.argv[1]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
