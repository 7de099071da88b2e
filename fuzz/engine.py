"""Code that the harnesses share: reading an input, feeding a parser, starting the fuzzer."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
# The package, unless it is installed, and the helpers of the tests.
sys.path += [str(ROOT), str(ROOT / "tests")]


def instrumented() -> Any:
    """Instrument what is imported inside for coverage; without atheris, only import it."""
    if importlib.util.find_spec("atheris") is None:
        return contextlib.nullcontext()
    import atheris

    return atheris.instrument_imports(include=["sse_stream", "support"])


class Input(NamedTuple):
    """The parts of an input: a byte of options, a limit, the chunks and the whole stream."""

    options: int
    limit: int
    chunks: list[bytes]
    stream: bytes


def read(data: bytes) -> Input:
    """Split an input: options, limit, number of boundaries, two bytes for each, the stream."""
    options, limit, count = data[:3].ljust(3, b"\0")
    boundaries, stream = data[3 : 3 + 2 * (count % 16)], data[3 + 2 * (count % 16) :]
    size = len(stream) + 1
    ends = sorted(
        int.from_bytes(boundaries[at : at + 2], "little") % size
        for at in range(0, len(boundaries), 2)
    )
    starts = [0, *ends]
    ends.append(len(stream))
    chunks = [stream[start:end] for start, end in zip(starts, ends, strict=True)]
    return Input(options, limit + 1, chunks, stream)


def in_pieces(options: int) -> None:
    """Make the pure parser process chunks in parts of few bytes, as no input here is large.

    A part has at least 8 bytes: the parser assumes that a line in progress that is larger than a
    part is longer than any field name with its colon and one space.
    """
    from sse_stream import parser

    parser._PIECE = options % 64 + 8 if options & 128 else 16384


def single_bytes(stream: bytes) -> list[bytes]:
    """Return a chunk for each byte."""
    return [stream[at : at + 1] for at in range(len(stream))]


class Outcome(NamedTuple):
    """All public results of a parser that was fed a stream."""

    items: list[Any]
    error: str | None
    last_event_id: str
    retry: int | None
    incomplete: bool
    ignored: int


def outcome(parser: Any, chunks: Iterable[bytes], errors: Any = (), flush: bool = False) -> Outcome:
    """Feed the chunks and close; one of ``errors`` ends it, any other error is a crash."""
    items: list[Any] = []
    error = None
    try:
        for chunk in chunks:
            items += parser.feed(chunk)
        items += parser.close(flush=flush)
    except errors as caught:
        error = repr(caught)
    return Outcome(
        items, error, parser.last_event_id, parser.retry, parser.incomplete, parser.ignored
    )


def fuzz(check: Callable[[bytes], None]) -> None:
    """Run a harness with the command line's arguments, which are those of libFuzzer."""
    import atheris

    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
