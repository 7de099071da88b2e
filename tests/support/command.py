"""The command line as the tests run it: as a process, and as a function."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from sse_stream import cli

ROOT = Path(__file__).resolve().parent.parent.parent
CHAT = str(ROOT / "tests" / "data" / "chat.sse")
PATH = "choices.0.delta.content"
TEXT = "Grüße aus Zürich! 東京ではこんにちは。 First line\u2028second line, and a smile: 😀."
COMMAND = [sys.executable, "-m", "sse_stream"]
# For what would disturb the coverage, or be disturbed by it.
WITHOUT_COVERAGE = {name: value for name, value in os.environ.items() if name[:3] != "COV"}

PYPY = sys.implementation.name == "pypy"
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and devices")


def run(
    *arguments: str, stream: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end, with this standard input."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        input=stream,
        capture_output=True,
        env={**os.environ, **environment},
    )


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
    """Start the command; yield it with its unbuffered standard input and output."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield process, process.stdin, process.stdout
        finally:
            process.kill()


def read_exactly(pipe: IO[bytes], size: int) -> bytes:
    """Read this number of bytes; it waits only if the command delays them."""
    data = b""
    while len(data) < size:
        chunk = pipe.read(size - len(data))
        assert chunk, data
        data += chunk
    return data


def interrupt(process: subprocess.Popen[bytes], send: Callable[[], None] | None = None) -> int:
    """Send Ctrl-C to a process that waits; return its exit status.

    A signal in the moment before a system call does not end the call: then it is sent again.
    """
    while True:
        (send or (lambda: process.send_signal(signal.SIGINT)))()
        try:
            return process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass


class Result:
    """Exit status and output of ``main``, run in this process."""

    def __init__(self, status: int, captured: Any) -> None:
        self.status = status
        self.out: str = captured.out
        self.err: str = captured.err


Main = Callable[..., Result]


def main_on_bytes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Main:
    """Return a function that runs ``main`` with a file of the bytes that it is given.

    A short stream must give the same byte by byte.
    """

    def read_bytes(file: IO[bytes]) -> Iterator[bytes]:
        while byte := file.read(1):
            yield byte

    def call(stream: bytes, *arguments: str) -> Result:
        file = tmp_path / "stream.sse"
        file.write_bytes(stream)
        whole = Result(cli.main([str(file), *arguments]), capfd.readouterr())
        if len(stream) < 2000:
            with monkeypatch.context() as patch:
                patch.setattr(cli.reading, "iter_chunks", read_bytes)
                single = Result(cli.main([str(file), *arguments]), capfd.readouterr())
            assert vars(single) == vars(whole)
        return whole

    return call
