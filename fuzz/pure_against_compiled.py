"""The compiled parser and the pure one agree, call by call."""

from __future__ import annotations

from typing import Any

from engine import fuzz, in_pieces, instrumented, read

with instrumented():
    from sse_stream import EventTooLargeError, Parser
    from sse_stream.parser import PureParser


def call(method: str, parser: PureParser, *args: object, **options: object) -> object:
    """Return the result or the error of the call, and the state after it."""
    try:
        result: object = getattr(parser, method)(*args, **options)
    except EventTooLargeError as error:
        result = repr(error)
    seen = parser.blocks, parser.in_line, parser.recognised, parser.ignored_tail
    return result, parser.last_event_id, parser.retry, parser.incomplete, parser.ignored, seen


def check(data: bytes) -> None:
    """Make the same calls to both parsers, with options that the input chooses."""
    given = read(data)
    in_pieces(given.options)
    options: Any = {
        "done": None if given.options & 1 else "[DONE]",
        "max_event_size": given.limit if given.options & 2 else None,
        "last_event_id": "7" if given.options & 4 else "",
        "report_ignored": bool(given.options & 32),
        "blocks": bool(given.options & 64),
    }
    pure, compiled = PureParser(**options), Parser(**options)
    for chunk in given.chunks:
        form = bytearray if given.options & 8 else bytes
        assert call("feed", pure, form(chunk)) == call("feed", compiled, form(chunk))
    flush = bool(given.options & 16)
    assert call("close", pure, flush=flush) == call("close", compiled, flush=flush)


if __name__ == "__main__":
    if Parser is not PureParser:
        fuzz(check)
    print("the compiled parser is not built here: there is nothing to compare")
