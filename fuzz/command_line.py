"""The command line ends without a traceback for every stream and all options."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

from engine import fuzz, instrumented, read

with instrumented():
    from sse_stream.cli import main

FOLDER = tempfile.TemporaryDirectory()
FILE = Path(FOLDER.name, "stream")
SWITCHES = ["--no-done", "--require-done", "--stats"]


def check(data: bytes) -> None:
    """Run the command on the stream, with switches, a format and a path that the input chooses."""
    given = read(data)
    FILE.write_bytes(given.stream)
    arguments = [name for bit, name in enumerate(SWITCHES) if given.options & 1 << bit]
    if given.options & 8:
        arguments.append("--data")
    elif given.options & 16:
        path = given.chunks[0].decode("utf-8", "replace")
        arguments.append(f"--select={path}")
    if given.options & 32:
        arguments.append(f"--max-event-size={given.limit}")
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()) as errors:
        status = main([*arguments, str(FILE)])
    assert status in (0, 1, 3), (status, errors.getvalue())


if __name__ == "__main__":
    fuzz(check)
