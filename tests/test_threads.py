"""Parsers share no state, neither between threads nor between interpreters."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import sse_stream
from sse_stream import Event, Item, Parser

THREADS = 16
EVENTS = 300


def stream(seed: int) -> tuple[list[bytes], list[Item]]:
    """Return the chunks of a random stream, of random sizes, and its events."""
    chance = random.Random(seed)
    wanted: list[Item] = []
    text = ""
    for number in range(EVENTS):
        data = "\n".join(chance.choice(["é", "東京", "x" * 50, ""]) for _ in range(3))
        wanted.append(Event(f"type{seed}", data, f"{seed}-{number}"))
        ending = chance.choice(["\n", "\r", "\r\n"])
        lines = [f"id: {seed}-{number}", f"event: type{seed}"]
        lines += [f"data: {line}" for line in data.split("\n")]
        text += ending.join([*lines, "", ""])
    body = text.encode()
    chunks: list[bytes] = []
    while body:
        size = chance.randint(1, 40)
        chunks.append(body[:size])
        body = body[size:]
    return chunks, wanted


def test_one_parser_in_each_of_many_threads() -> None:
    streams = [stream(seed) for seed in range(THREADS)]
    got: list[list[Item]] = [[] for _ in range(THREADS)]
    start = threading.Barrier(THREADS)

    def read(number: int) -> None:
        parser = Parser()
        start.wait()
        for chunk in streams[number][0]:
            got[number] += parser.feed(chunk)
        got[number] += parser.close()

    threads = [threading.Thread(target=read, args=(number,)) for number in range(THREADS)]
    # Switch between the threads as often as possible.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert got == [wanted for _, wanted in streams]


INSIDE = """
import sys
sys.path.insert(0, {path!r})
from {package} import DONE, Comment, Event, Parser
items = Parser().feed(b": a\\ndata: b\\n\\ndata: [DONE]\\n\\n")
assert items == [Comment("a"), Event(data="b"), DONE], items
"""

RUN = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    def run(code):
        number = interpreters.create()
        failed = interpreters.exec(number, code)
        interpreters.destroy(number)
        if failed is not None:
            sys.exit(str(failed))
else:
    import _xxsubinterpreters as interpreters
    def run(code):
        number = interpreters.create()
        interpreters.run_string(number, code)
        interpreters.destroy(number)
code = {code!r}
run(code)
exec(code)
run(code)
run(code)
"""


def test_one_parser_in_each_interpreter() -> None:
    if sys.implementation.name != "cpython" or sys.version_info < (3, 12):
        pytest.skip("needs an interpreter with its own lock: CPython 3.12 or later")
    package = sse_stream.__name__
    folder = Path(str(sse_stream.__file__)).parent
    for _ in package.split("."):
        folder = folder.parent
    code = INSIDE.format(path=str(folder), package=package)
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(code=code)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
