"""Parsers share no state between threads or interpreters; one parser in many threads is safe."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import sse_stream
from sse_stream import Event, Item, Parser, ParserClosedError
from sse_stream.parser import PureParser

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


def run_in_threads(work: Callable[[int], None]) -> None:
    """Call the function with 0, 1 and so on, each in a thread; raise what a call raises."""
    start = threading.Barrier(THREADS)

    def begin(number: int) -> None:
        start.wait()
        work(number)

    # Switch between the threads as often as possible.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(begin, range(THREADS)):
                pass
    finally:
        sys.setswitchinterval(interval)


def test_one_parser_in_each_of_many_threads() -> None:
    streams = [stream(seed) for seed in range(THREADS)]
    got: list[list[Item]] = [[] for _ in range(THREADS)]

    def read(number: int) -> None:
        parser = Parser()
        for chunk in streams[number][0]:
            got[number] += parser.feed(chunk)
        got[number] += parser.close()

    run_in_threads(read)
    assert got == [wanted for _, wanted in streams]


def patiently(call: Callable[[], list[Item]]) -> list[Item]:
    """Call until no other thread is in the middle of a call."""
    while True:
        try:
            return call()
        except RuntimeError as error:
            assert "one thread at a time" in str(error)


needs_compiled = pytest.mark.skipif(
    Parser is PureParser, reason="only the compiled parser may be called from several threads"
)


@needs_compiled
def test_one_parser_in_many_threads_returns_the_events_of_each_call() -> None:
    parser = Parser()
    got: list[list[Item]] = [[] for _ in range(THREADS)]
    wanted: list[list[Item]] = []
    for number in range(THREADS):
        events = [Event(f"type{number}", f"é{n}", f"{number}-{n}", n) for n in range(EVENTS)]
        wanted.append([*events])

    def feed(number: int) -> None:
        for n in range(EVENTS):
            block = f"id: {number}-{n}\nretry: {n}\nevent: type{number}\ndata: é{n}\n\n".encode()
            got[number] += patiently(partial(parser.feed, block))

    run_in_threads(feed)
    assert got == wanted and parser.close() == []


@needs_compiled
def test_one_parser_in_many_threads_keeps_every_line() -> None:
    parser = Parser()

    def feed(number: int) -> None:
        for n in range(EVENTS):
            line = f"data: {number} {n}\n".encode()
            assert patiently(partial(parser.feed, line)) == []
            assert parser.incomplete and parser.retry is None and "open" in repr(parser)

    run_in_threads(feed)
    (event,) = parser.close(flush=True)
    assert isinstance(event, Event)
    lines = [f"{number} {n}" for number in range(THREADS) for n in range(EVENTS)]
    assert sorted(event.data.split("\n")) == sorted(lines)


@needs_compiled
def test_a_parser_that_is_closed_in_another_thread() -> None:
    for _ in range(20):
        parser = Parser()
        got: list[Item] = []

        def feed(number: int, parser: Parser = parser, got: list[Item] = got) -> None:
            try:
                for _ in range(EVENTS):
                    got += patiently(lambda: parser.feed(b"data: x\n\ndata: y\n\n"))
                got += patiently(parser.close)
            except ParserClosedError:
                pass

        run_in_threads(feed)
        assert "closed" in repr(parser) and not parser.incomplete
        assert got.count(Event(data="x")) == got.count(Event(data="y")) == len(got) / 2


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
