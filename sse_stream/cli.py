"""The command line: an event stream in, a JSON object a line (or text) out."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import time

from .adapters import read_chunks
from .errors import SSEError
from .items import DONE, Comment, Event
from .parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, BinaryIO, TextIO

    from .items import Item

_FRAMES = "|/-\\"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    0 for success, 1 for bad data or a broken stream, 2 for bad use and for what cannot be
    read or written, 3 for a stream that ended before [DONE] under --require-done, 130 for
    Ctrl-C.
    """
    options = _options(argv)
    if not sys.stderr:
        # Closed, as 2>&- does it: what goes there goes nowhere.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (open to the end)
    if not sys.stdout:
        _complain(f"standard output: {os.strerror(errno.EBADF)}")
        return 2
    try:
        file = _open(options.file)
    except OSError as error:
        name = "standard input" if options.file is None else options.file
        _complain(f"{name}: {error.strerror}")
        return 2
    writer = _Writer(options)
    stats = _Stats(writer.status) if options.stats else None
    try:
        return _run(file, writer, stats, options)
    except BrokenPipeError:
        _silence(sys.stdout)
        return 0
    except KeyboardInterrupt:
        _silence(sys.stdout)
        return 130
    except OSError as error:
        _silence(sys.stdout)
        _complain(str(error.strerror or error))
        return 2
    finally:
        writer.status.clear()
        if stats is not None:
            stats.report()
        file.close()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sse_stream",
        description="Read an event stream as it arrives; write a JSON object a line.",
        epilog="example:  curl -sN URL | python -m sse_stream --select choices.0.delta.content",
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="default: standard input")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--data", action="store_true", help="write each event's data alone, one a line"
    )
    form.add_argument(
        "--select", metavar="PATH", help="write the value at PATH (a.0.b) of each event's JSON data"
    )
    parser.add_argument("--no-done", action="store_true", help="take [DONE] for an ordinary event")
    parser.add_argument(
        "--require-done", action="store_true", help="exit with status 3 if [DONE] does not come"
    )
    parser.add_argument(
        "--max-event-size",
        type=_size,
        default=64 * 1024 * 1024,
        metavar="N",
        help="bytes that one event may have (default: 64 MiB)",
    )
    parser.add_argument(
        "--stats", action="store_true", help="count events, bytes and seconds on standard error"
    )
    return parser.parse_args(argv)


def _size(text: str) -> int:
    try:
        size = int(text)
    except ValueError:
        size = 0
    if size <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of bytes")
    return size


def _open(name: str | None) -> BinaryIO:
    # Standard input is opened by its number: a copy that may be closed like any file.
    # Without a buffer, which would take "nothing yet" of a pipe that does not block for its end.
    return open(os.dup(0) if name is None else name, "rb", buffering=0)


def _run(file: BinaryIO, writer: _Writer, stats: _Stats | None, options: argparse.Namespace) -> int:
    parser = Parser(
        done=None if options.no_done else "[DONE]", max_event_size=options.max_event_size
    )
    try:
        for chunk in read_chunks(file):
            items = parser.feed(chunk)
            if stats is not None:
                stats.count(len(chunk), items)
            writer.write(items)
        parser.close()
    except SSEError as error:
        writer.finish()
        _complain(str(error))
        return 1
    writer.finish()
    if options.require_done and not writer.done:
        _complain("the stream ended before [DONE]")
        return 3
    return 1 if writer.failed else 0


def _silence(file: TextIO) -> None:
    # What is left in the file's buffer cannot be written: let Python discard it at exit, where it
    # would otherwise change the exit status.
    os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def _in_colour(file: TextIO) -> bool:
    return file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class _Status:
    """One line on standard error that leaves no trace; nothing where that is no terminal."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()
        self._shown = False

    def show(self, text: str) -> None:
        if self.on:
            self._shown = True
            # Wrapping is off meanwhile: erasing a line does not erase a second one.
            _tell(f"\r\x1b[K\x1b[?7l{text}\x1b[?7h")

    def clear(self) -> None:
        if self._shown:
            self._shown = False
            _tell("\r\x1b[K")


class _Stats:
    """Counts what arrives, for --stats."""

    def __init__(self, status: _Status) -> None:
        self._status = status
        # Text that is written to the same terminal leaves no line for the figures.
        self._live = status.on and not sys.stdout.isatty()
        self._start = self._last = self._shown = time.monotonic()
        self._first: float | None = None
        self._gap = 0.0
        self._bytes = self._events = 0

    def count(self, size: int, items: list[Item]) -> None:
        now = time.monotonic()
        self._bytes += size
        events = sum(isinstance(item, Event) for item in items)
        if events:
            self._events += events
            if self._first is None:
                self._first = now - self._start
            else:
                self._gap = max(self._gap, now - self._last)
            self._last = now
        if self._live and now - self._shown >= 0.1:
            self._shown = now
            self._status.show(str(self))

    def report(self) -> None:
        _tell(f"{self}\n")

    def __str__(self) -> str:
        # A coarse clock may not have moved yet.
        seconds = time.monotonic() - self._start or 0.001
        first = "none" if self._first is None else f"{self._first:.3f} s"
        return (
            f"{self._events} events, {self._bytes} bytes, {self._events / seconds:.0f} events/s, "
            f"first event after {first}, longest gap {self._gap:.3f} s"
        )


class _Writer:
    """Writes items in the form that the options ask for."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.done = False
        self.failed = False
        self.status = _Status()
        self._data: bool = options.data
        select: str | None = options.select
        self._path = None if select is None else select.split(".")
        self._text = False
        self._half = ""
        self._turns = 0
        self._colour = _in_colour(sys.stdout)

    def write(self, items: list[Item]) -> None:
        for item in items:
            if isinstance(item, Comment):
                self._spin(item.text)
            self.done = self.done or item is DONE
            self._put(self._form(item))
        if items:
            sys.stdout.flush()

    def finish(self) -> None:
        self.status.clear()
        if self._half:
            self._put("\ufffd")
            sys.stdout.flush()
        if self._path is not None and self._text and sys.stdout.isatty():
            self._put("\n")
            sys.stdout.flush()

    def _spin(self, text: str) -> None:
        if not self._text:
            # A server's control characters must not reach the terminal.
            shown = "".join(c if c.isprintable() else " " for c in text[:60])
            self.status.show(f"{_FRAMES[self._turns % len(_FRAMES)]} {shown}")
            self._turns += 1

    def _put(self, text: str) -> None:
        if text:
            self.status.clear()
            self._text = True
            # Bytes, so that no locale can refuse or translate them.
            sys.stdout.buffer.write(text.encode())

    def _form(self, item: Item) -> str:
        if self._path is not None:
            return self._selected(item, self._path) if isinstance(item, Event) else ""
        if self._data:
            return f"{item.data}\n" if isinstance(item, Event) else ""
        line = json.dumps(_as_object(item), ensure_ascii=False)
        if self._colour and not isinstance(item, Event):
            # Events plain, comments dim, the end green.
            line = f"\x1b[{2 if isinstance(item, Comment) else 32}m{line}\x1b[0m"
        return line + "\n"

    def _selected(self, event: Event, path: list[str]) -> str:
        try:
            value = event.json()
            for step in path:
                value = _at(value, step)
            if value is None:
                return ""
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        except (ValueError, RecursionError):
            self.status.clear()
            _complain(f"data is not JSON: {event.data[:200]!r}")
            self.failed = True
            return ""
        return self._joined(text)

    def _joined(self, text: str) -> str:
        """Join the halves of a surrogate pair, which JSON lets a server cut between events."""
        text = self._half + text
        whole = len(text) - ("\ud800" <= text[-1:] <= "\udbff")
        self._half = text[whole:]
        return text[:whole].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _at(value: Any, step: str) -> Any:
    try:
        return value[int(step) if isinstance(value, list) else step]
    except (LookupError, TypeError, ValueError):
        return None


def _as_object(item: Item) -> dict[str, object]:
    if isinstance(item, Event):
        return {
            "kind": "event",
            "event": item.event,
            "data": item.data,
            "id": item.id,
            "retry": item.retry,
        }
    if isinstance(item, Comment):
        return {"kind": "comment", "text": item.text}
    return {"kind": "done"}


def _complain(message: str) -> None:
    name = "\x1b[31msse_stream:\x1b[0m" if _in_colour(sys.stderr) else "sse_stream:"
    _tell(f"{name} {message}\n")


def _tell(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)  # Nobody reads it, or the disk is full: that changes no exit status.
