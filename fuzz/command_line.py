"""The command line ends without a traceback for every stream and all options.

Its output and status do not depend on the chunk boundaries, a status other than 0 comes with a
message, and no control character of the stream reaches a terminal.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import NamedTuple
from unittest import mock

from engine import fuzz, instrumented, read

with instrumented():
    from sse_stream import cli

# By the bits of an input's options. The figures of --stats depend on the time.
SWITCHES = {1: "--no-done", 2: "--require-done", 4: "--stats", 64: "--flush"}
UNTIL = ["message", "error", "", "x", "a=1", "type=null", "0.a=x", "a.b="]
ERASE = re.compile(r"\r\x1b\[K|\x1b\[\?7[lh]")
CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Outcome(NamedTuple):
    """What a run of the command gave."""

    status: int
    output: str
    messages: str


def run(arguments: list[str], chunks: list[bytes], terminal: bool) -> Outcome:
    """Run the command on these chunks, with its output in a pipe or in a terminal."""
    buffer = io.BytesIO()
    with (
        contextlib.redirect_stdout(io.TextIOWrapper(buffer, encoding="ascii")) as output,
        contextlib.redirect_stderr(io.StringIO()) as messages,
        mock.patch.object(output, "isatty", return_value=terminal),
        mock.patch.object(messages, "isatty", return_value=terminal),
        mock.patch.object(cli.reading, "iter_chunks", lambda file: filter(None, chunks)),
        mock.patch.dict(os.environ, NO_COLOR="1"),
    ):
        status = cli.main([*arguments, os.devnull])
    return Outcome(status, buffer.getvalue().decode(), messages.getvalue())


def check(data: bytes) -> None:
    """Run the command on the stream, with switches, a form and a path that the input chooses."""
    given = read(data)
    arguments = [name for bit, name in SWITCHES.items() if given.options & bit]
    if given.options & 24 == 24:
        arguments.append("--text")
    elif given.options & 8:
        arguments += ["--data", "--join"] if given.limit % 2 else ["--data"]
    elif given.options & 16:
        path = given.chunks[0].decode("utf-8", "replace")
        arguments.append(f"--select={path}")
    if given.options & 32:
        arguments.append(f"--max-event-size={given.limit}")
    if given.options & 128:
        arguments.append(f"--until={UNTIL[given.limit % len(UNTIL)]}")

    whole = run(arguments, [given.stream], terminal=False)
    assert whole.status in (0, 1, 3)
    assert whole.messages or whole.status == 0
    cut = run(arguments, given.chunks, terminal=False)
    if "--stats" not in arguments:
        assert cut == whole
    shown = run(arguments, given.chunks, terminal=True)
    assert shown.status == whole.status
    assert not CONTROLS.search(ERASE.sub("", shown.output + shown.messages))


if __name__ == "__main__":
    fuzz(check)
