"""What the harnesses share: how an input is read, how two parsers are compared, how to start."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
# The package, unless it is installed, and the transcription of the standard.
sys.path += [str(ROOT), str(ROOT / "tests")]


def instrumented() -> Any:
    """Have what is imported inside report its coverage; without atheris, just import it."""
    if importlib.util.find_spec("atheris") is None:
        return contextlib.nullcontext()
    import atheris

    return atheris.instrument_imports(include=["sse_stream", "support"])


class Input(NamedTuple):
    """An input's parts: a byte of options, a limit, the cuts and the stream."""

    options: int
    limit: int
    chunks: list[bytes]
    stream: bytes


def read(data: bytes) -> Input:
    """Take an input apart: options, limit, number of cuts, two bytes for each cut, the stream."""
    options, limit, count = data[:3].ljust(3, b"\0")
    cuts, stream = data[3 : 3 + 2 * (count % 16)], data[3 + 2 * (count % 16) :]
    size = len(stream) + 1
    ends = sorted(
        int.from_bytes(cuts[at : at + 2], "little") % size for at in range(0, len(cuts), 2)
    )
    starts = [0, *ends]
    ends.append(len(stream))
    chunks = [stream[start:end] for start, end in zip(starts, ends, strict=True)]
    return Input(options, limit + 1, chunks, stream)


def in_pieces(options: int) -> None:
    """Have the pure parser take large chunks in pieces of few bytes, as no input here is large."""
    from sse_stream import parser

    parser._PIECE = options % 64 + 1 if options & 128 else 65536


class Outcome(NamedTuple):
    """All that can be seen of a parser that was fed a stream."""

    items: list[Any]
    error: str | None
    last_event_id: str
    retry: int | None
    incomplete: bool


def outcome(parser: Any, chunks: Iterable[bytes], errors: Any = (), flush: bool = False) -> Outcome:
    """Feed the chunks and close; an error among ``errors`` ends it, any other is a find."""
    items: list[Any] = []
    error = None
    try:
        for chunk in chunks:
            items += parser.feed(chunk)
        items += parser.close(flush=flush)
    except errors as caught:
        error = repr(caught)
    return Outcome(items, error, parser.last_event_id, parser.retry, parser.incomplete)


def fuzz(check: Callable[[bytes], None]) -> None:
    """Run a harness with the arguments of libFuzzer that the command line has."""
    import atheris

    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
