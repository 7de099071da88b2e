# SPDX-License-Identifier: MIT
"""Standard output and standard error: what a terminal may get, colours, the status line."""

from __future__ import annotations

import errno
import os
import sys
import time

from .. import Event, Ignored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from .. import Item

DIM, RED, GREEN = 2, 31, 32


class StandardError:
    """Standard error: messages and, in a terminal, a status line that is erased later."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self._status = False

    def complain(self, message: str) -> None:
        """Write an error message, as one line."""
        self._message(_coloured("sse_stream:", RED, sys.stderr), message)

    def note(self, message: str) -> None:
        """Write a message that is not an error, as one line."""
        self._message("sse_stream:", message)

    def show_status(self, text: str) -> None:
        """In a terminal, show a line until something else is written."""
        if self.terminal:
            self._status = True
            # Without line wrapping: only one line can be erased.
            self.write(f"\r\x1b[K\x1b[?7l{text}\x1b[?7h")

    def clear_status(self) -> None:
        """Erase the status line, if there is one."""
        if self._status:
            self._status = False
            self.write("\r\x1b[K")

    def write(self, text: str) -> None:
        """Write text as it is; an error changes nothing."""
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            # The pipe has no reader, or the disk is full: the exit status does not change.
            silence(sys.stderr)

    def _message(self, name: str, message: str) -> None:
        self.clear_status()
        shown = [c if c.isprintable() else c.encode("unicode_escape").decode() for c in message]
        self.write(f"{name} {''.join(shown)}\n")


# Characters that can control a terminal or reorder its text: C0 except TAB and LF, DEL, C1, and the
# marks, embeddings, overrides and isolates of bidirectional text. Written as JSON escapes.
_ESCAPES = {
    code: f"\\u{code:04x}"
    for first, last in (
        *((0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F), (0x061C, 0x061C), (0x200E, 0x200F)),
        *((0x202A, 0x202E), (0x2066, 0x2069)),
    )
    for code in range(first, last + 1)
}


class StandardOutput:
    """Standard output, in UTF-8 for any locale; a terminal gets no control characters."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self.written = False
        self._line_open = False

    def write(self, text: str, colour: int = 0) -> None:
        """Write text; in a terminal, in that colour."""
        self.written = True
        if self.terminal:
            text = text.translate(_ESCAPES)
            self._line_open = not text.endswith("\n")
            if colour:
                text = _coloured(text.removesuffix("\n"), colour, sys.stdout) + "\n"
        data = text.encode()
        while data:
            # With PYTHONUNBUFFERED set, a write may take only a part.
            written = write_out(sys.stdout.buffer.write, data)
            if written is None:
                raise BlockingIOError("standard output is non-blocking and takes no data now")
            data = data[written:]

    def end_line(self) -> None:
        """In a terminal, end the line before other text is written, such as a message."""
        if self._line_open:
            self.write("\n")
            self.flush()

    def flush(self) -> None:
        """Write what is buffered."""
        write_out(sys.stdout.flush)


def write_out(write: Callable[..., int | None], *arguments: bytes) -> int | None:
    """Call a method of standard output; a pipe without a reader is a BrokenPipeError."""
    try:
        return write(*arguments)
    except OSError as error:
        if os.name == "nt" and error.errno == errno.EINVAL:
            # The error of Windows for a pipe without a reader.
            raise BrokenPipeError from error
        raise


def silence(file: TextIO) -> None:
    """Send the rest of the output to the null device.

    What is buffered cannot be written. Python tries it again at exit, and an error there would
    change the exit status.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def _coloured(text: str, colour: int, file: TextIO) -> str:
    if not file.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


class Stats:
    """The figures of --stats, updated in a terminal while the stream is read."""

    def __init__(self, errors: StandardError) -> None:
        self._errors = errors
        # If standard output is a terminal too, there is no free line for the figures.
        self.live = errors.terminal and not sys.stdout.isatty()
        self._start = self._last_event = self._last_chunk = self._shown = time.monotonic()
        self._first: float | None = None
        self._gap = 0.0
        self._bytes = self._events = self._ignored = 0

    def count(self, size: int, items: list[Item]) -> None:
        """Count a chunk and the items that it completed."""
        now = self._last_chunk = time.monotonic()
        self._bytes += size
        self._ignored += sum(isinstance(item, Ignored) for item in items)
        events = sum(isinstance(item, Event) for item in items)
        if events:
            self._events += events
            if self._first is None:
                self._first = now - self._start
            else:
                self._gap = max(self._gap, now - self._last_event)
            self._last_event = now
        if self.live and now - self._shown >= 0.1:
            self.show()

    def show(self) -> None:
        """Show the figures so far and the time since the last chunk, in the status line."""
        self._shown = time.monotonic()
        silent = self._shown - self._last_chunk
        self._errors.show_status(f"{self}, last chunk {silent:.0f} s ago")

    def report(self) -> None:
        """Write the figures of the whole stream."""
        self._errors.write(f"{self}\n")

    def __str__(self) -> str:
        # A coarse clock may not have moved yet.
        seconds = time.monotonic() - self._start or 0.001
        first = "none" if self._first is None else f"{self._first:.3f} s"
        return (
            f"{self._events} events, {self._bytes} bytes, {self._events / seconds:.0f} events/s, "
            f"first event after {first}, longest gap {self._gap:.3f} s, "
            f"{self._ignored} lines ignored"
        )
