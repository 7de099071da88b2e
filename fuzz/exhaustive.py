"""Every stream of up to five tokens gives what the transcription of the standard gives.

    tox -e exhaustive                            402,234 streams, in every form that there is
    python fuzz/exhaustive.py --tokens 3         shorter streams only

Each stream is fed whole and a token a chunk. No fuzzer is needed. The first stream that differs
is printed, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import product

import engine  # noqa: F401  where the package and the helpers of the tests are
from support.standard import decode, interpret, split

from sse_stream import Comment, Event, Ignored, Parser
from sse_stream.parser import PureParser

# Field names, the characters of the syntax, two values, and what decoders get wrong.
TOKENS = [b"data", b"id", b"event", b"retry", b":", b" ", b"\r", b"\n", b"x", b"7"]
TOKENS += [b"\0", b"\xef\xbb\xbf", b"\xff"]
# A value that is a token too, so that short streams have DONE; "x" is the data of the others.
DONE = "7"
FORMS: dict[str, type[Parser]] = {"pure": PureParser}
if Parser is not PureParser:
    FORMS["compiled"] = Parser

# Items, last event ID, retry, incomplete, number of ignored lines, in_line.
Result = tuple[list[tuple[object, ...]], str, int | None, bool, int, bool]


def expected(stream: bytes) -> Result:
    """Return what the transcription gives."""
    found = interpret(stream, done=DONE, report_ignored=True)
    items = found.items + [("done",)] * found.done_at_end
    in_line = split(decode(stream))[1] != ""
    return items, found.last_event_id, found.retry, found.incomplete, found.ignored, in_line


def result(form: type[Parser], chunks: Iterable[bytes]) -> Result:
    """Return what the parser gives."""
    parser = form(done=DONE, report_ignored=True)
    items = [item for chunk in chunks for item in parser.feed(chunk)]
    items += parser.close()
    state = parser.last_event_id, parser.retry, parser.incomplete, parser.ignored
    return [plain(item) for item in items], *state, parser.in_line


def plain(item: object) -> tuple[object, ...]:
    """Return an item in the form that the transcription gives."""
    match item:
        case Event(event, data, id, retry):
            return ("event", event, data, id, retry)
        case Comment(text):
            return ("comment", text)
        case Ignored(line):
            return ("ignored", line)
    return ("done",)


def streams(tokens: int) -> Iterator[tuple[bytes, ...]]:
    """Yield all sequences of up to that many tokens, the shorter ones first."""
    for length in range(tokens + 1):
        yield from product(TOKENS, repeat=length)


def difference(tokens: int, forms: dict[str, type[Parser]]) -> tuple[int, str]:
    """Return the number of streams that agree, and the first one that does not, or nothing."""
    count = 0
    for chunks in streams(tokens):
        stream = b"".join(chunks)
        wanted = expected(stream)
        for name, form in forms.items():
            for way in ((stream,), chunks):
                if (found := result(form, way)) != wanted:
                    return count, f"{name}, {way}: {found}, not {wanted}"
        count += 1
    return count, ""


def main() -> int:
    options = argparse.ArgumentParser(description="Compare all short streams with the standard.")
    options.add_argument("--tokens", type=int, default=5, help="the most in a stream (5)")
    count, wrong = difference(options.parse_args().tokens, FORMS)
    print(f"{count} streams agree with the transcription: {', '.join(FORMS)}")
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
