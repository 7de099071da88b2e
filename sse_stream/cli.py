"""The command line: it reads an event stream and writes one JSON object per line, or text."""

# Private names of the package tell how the stream ended.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import signal
import sys
import time

from . import __version__
from .adapters import _end, read_chunks
from .errors import EventTooLargeError, NotEventStreamError
from .items import DONE, Comment, Done, Event, Ignored
from .parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, BinaryIO, TextIO, TypeAlias

    from .items import Item

    _Json: TypeAlias = dict[str, Any] | list[Any] | str | float | None

_SPINNER = "|/-\\"
_DIM, _RED, _GREEN = 2, 31, 32


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    0: success. 1: the input is not an event stream, or an event is larger than the limit; with
    --select also an error event, data that is not JSON, or a PATH that no event has. 2: wrong
    options, or a file that cannot be read or written. 3: the stream is not complete. 130: Ctrl-C.
    """
    if not sys.stderr:
        # It is closed, as with 2>&- in a shell: what is written to it is discarded.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (open until the process ends)
    errors = _StandardError()
    try:
        return _command(_options(argv), errors)
    except BrokenPipeError:
        _silence(sys.stdout)
        return 0
    except KeyboardInterrupt:
        _silence(sys.stdout)
        return 130
    except OSError as error:
        _silence(sys.stdout)
        errors.complain(str(error.strerror or error))
        return 2


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sse_stream",
        description="Read an event stream as it arrives; write one JSON object per line.",
        epilog="example:\ncurl -sSN --fail-with-body URL | "
        "python -m sse_stream --select choices.0.delta.content",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="standard input if - or missing")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--data", action="store_true", help="write the data of each event")
    form.add_argument(
        "--select", metavar="PATH", help="write the value at PATH (a.0.b) of each event's JSON"
    )
    parser.add_argument("--until", metavar="TYPE", help="end after the first event of this type")
    parser.add_argument("--no-done", action="store_true", help="treat [DONE] as an ordinary event")
    parser.add_argument(
        "--require-done",
        action="store_true",
        help="status 3 if neither [DONE] nor the --until event comes",
    )
    parser.add_argument(
        "--flush", action="store_true", help="treat the end as the missing blank line"
    )
    parser.add_argument(
        "--max-event-size",
        type=_size,
        default=64 * 1024 * 1024,
        metavar="N",
        help="the limit for one event, in bytes (default: 64 MiB)",
    )
    parser.add_argument(
        "--stats", action="store_true", help="write figures to standard error: events, bytes, times"
    )
    parser.add_argument("--version", action="version", version=f"sse-stream {__version__}")
    try:
        return parser.parse_args(argv)
    except SystemExit:
        if sys.stdout:
            # If the output of --help or --version cannot be written, the error must be raised here.
            _write_out(sys.stdout.flush)
        raise


def _size(text: str) -> int:
    try:
        size = int(text)
    except ValueError:
        size = 0
    if size <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of bytes")
    return size


def _command(options: argparse.Namespace, errors: _StandardError) -> int:
    """Open the files, read the stream, report the figures; return the exit status."""
    if not sys.stdout:
        errors.complain(f"standard output: {os.strerror(errno.EBADF)}")
        return 2
    given: str | None = options.file
    if given is None and os.isatty(0):
        errors.note("reading standard input from the terminal; Ctrl-C ends it")
    name = "standard input" if given is None or given == "-" else given
    try:
        # Standard input is opened by its number: a copy that can be closed like any file.
        # Unbuffered: a buffer would treat "no data now" in a non-blocking pipe as the end.
        file = open(name if given == name else os.dup(0), "rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        errors.complain(f"{name}: {error.strerror}")
        return 2
    stats = _Stats(errors) if options.stats else None
    try:
        with _CtrlCRaises():
            return _read(file, _Writer(options, errors, stats), errors, options)
    finally:
        errors.clear_status()
        if stats is not None:
            stats.report()
        file.close()


class _CtrlCRaises:
    """Inside, Ctrl-C raises KeyboardInterrupt, once; outside, it ends the process."""

    def __enter__(self) -> None:
        # Another handler was not set by __main__: it is kept.
        self._ours = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        if self._ours:
            signal.signal(signal.SIGINT, self._interrupt)

    def __exit__(self, *exc_info: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _interrupt(self, *_: object) -> None:
        # A second Ctrl-C must not raise while the first one is handled.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt


def _read(
    file: BinaryIO, writer: _Writer, errors: _StandardError, options: argparse.Namespace
) -> int:
    """Read the stream and write its items; report how it ended; return the exit status."""
    parser = Parser(
        done=None if options.no_done else "[DONE]",
        max_event_size=options.max_event_size,
        report_ignored=True,
    )
    cut = False
    hint = ""
    try:
        for chunk in read_chunks(file):
            writer.write(parser.feed(chunk), len(chunk))
            if writer.stopped:
                break
        else:
            cut = parser.incomplete and not options.flush
            hint = _hint(parser, options.require_done) if cut else ""
            writer.write(_end(parser, options.flush, options.require_done))
    except NotEventStreamError as error:
        # The message shows the start of the stream, and with it the first ignored line.
        writer.complain(str(error))
        return 1
    except EventTooLargeError as error:
        writer.finish()
        writer.complain(f"{error}; see --max-event-size")
        return 1
    writer.finish()

    status = 0
    messages: list[str] = []
    if not writer.complete and (cut or options.require_done):
        where = ["in the middle of an event"] if cut else []
        if options.require_done:
            where.append(f"before {_final_event(options)}")
        messages.append(f"the stream ended {', '.join(where)}{hint}")
        status = 3
    if writer.selection is not None:
        if not_found := writer.selection.not_found():
            messages.append(not_found)
        status = status or int(bool(not_found) or writer.selection.failed)
    ignored = writer.ignored_lines()
    for message in messages:
        writer.complain(f"{message} ({ignored})" if ignored else message)
    if ignored and not messages:
        errors.note(ignored)
    return status


def _final_event(options: argparse.Namespace) -> str:
    until = [] if options.until is None else [f"an event of type {options.until!r}"]
    done = [] if options.no_done and until else ["[DONE]"]
    return " or ".join(done + until)


def _hint(parser: Parser, require_done: bool) -> str:
    """Return a hint at --flush for a stream that ended in the middle of an event, or ""."""
    line = parser._line_start
    if line and require_done:
        return ""  # An unfinished line gives no event then, even with --flush.
    if parser._stream_start is not None and not line.startswith(b"data:"):
        return ""  # No known field yet: with --flush it would not be an event stream.
    events = [item for item in parser.feed(b"\n\n") if isinstance(item, Event)]
    if not events or (line and _is_half_json(events[0].data)):
        return ""
    missing = "perhaps only line ends are" if line else "only its blank line is"
    return f" ({missing} missing: try --flush)"


def _is_half_json(data: str) -> bool:
    if data.startswith(("{", "[")):
        try:
            _decode(data)
        except (ValueError, RecursionError):
            return True
    return False


def _silence(file: TextIO) -> None:
    # The buffered output cannot be written. Python tries it again at exit, and an error there would
    # change the exit status: send it to the null device.
    os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


class _StandardError:
    """Standard error: messages and, in a terminal, a status line that is erased later."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self._status = False

    def complain(self, message: str) -> None:
        """Write an error message, as one line."""
        self._message(_coloured("sse_stream:", _RED, sys.stderr), message)

    def note(self, message: str) -> None:
        """Write a message that is not an error, as one line."""
        self._message("sse_stream:", message)

    def show_status(self, text: str) -> None:
        if self.terminal:
            self._status = True
            # Without line wrapping: only one line can be erased.
            self.write(f"\r\x1b[K\x1b[?7l{text}\x1b[?7h")

    def clear_status(self) -> None:
        if self._status:
            self._status = False
            self.write("\r\x1b[K")

    def _message(self, name: str, message: str) -> None:
        self.clear_status()
        shown = [c if c.isprintable() else c.encode("unicode_escape").decode() for c in message]
        self.write(f"{name} {''.join(shown)}\n")

    def write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            # The pipe has no reader, or the disk is full: the exit status does not change.
            _silence(sys.stderr)


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


class _StandardOutput:
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
            written = _write_out(sys.stdout.buffer.write, data)
            if written is None:
                raise BlockingIOError("standard output is non-blocking and takes no data now")
            data = data[written:]

    def end_line(self) -> None:
        """In a terminal, end the line before other text is written, such as a message."""
        if self._line_open:
            self.write("\n")
            self.flush()

    def flush(self) -> None:
        _write_out(sys.stdout.flush)


def _write_out(write: Callable[..., int | None], *arguments: bytes) -> int | None:
    try:
        return write(*arguments)
    except OSError as error:
        if os.name == "nt" and error.errno == errno.EINVAL:
            # The error of Windows for a pipe without a reader.
            raise BrokenPipeError from error
        raise


def _coloured(text: str, colour: int, file: TextIO) -> str:
    if not file.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


class _Stats:
    """Counts what arrives, for --stats."""

    def __init__(self, errors: _StandardError) -> None:
        self._errors = errors
        # If standard output is a terminal too, there is no free line for the figures.
        self.live = errors.terminal and not sys.stdout.isatty()
        self._start = self._last = self._shown = time.monotonic()
        self._first: float | None = None
        self._gap = 0.0
        self._bytes = self._events = self._ignored = 0

    def count(self, size: int, items: list[Item]) -> None:
        now = time.monotonic()
        self._bytes += size
        self._ignored += sum(isinstance(item, Ignored) for item in items)
        events = sum(isinstance(item, Event) for item in items)
        if events:
            self._events += events
            if self._first is None:
                self._first = now - self._start
            else:
                self._gap = max(self._gap, now - self._last)
            self._last = now
        if self.live and now - self._shown >= 0.1:
            self._shown = now
            self._errors.show_status(str(self))

    def report(self) -> None:
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


class _Writer:
    """Writes items in the form that the options select; remembers what the exit status needs."""

    def __init__(
        self, options: argparse.Namespace, errors: _StandardError, stats: _Stats | None
    ) -> None:
        self.complete = False  # [DONE] or the --until event came
        self.stopped = False  # the --until event came: nothing more is read
        self.selection = (
            None if options.select is None else _Selection(options.select, self.complain)
        )
        self._until: str | None = options.until
        self._data: bool = options.data
        self._output = _StandardOutput()
        self._errors = errors
        self._stats = stats
        self._turns = 0
        self._ignored = 0
        self._first_ignored = ""

    def write(self, items: list[Item], size: int = 0) -> None:
        """Write the items that the next ``size`` bytes completed."""
        if self._stats is not None:
            self._stats.count(size, items)
        for item in items:
            self._write_item(item)
            if isinstance(item, Event) and item.event == self._until:
                self.complete = self.stopped = True
                break
            self.complete = self.complete or item is DONE
        if items:
            self._output.flush()

    def finish(self) -> None:
        """Write what is left after the last item."""
        if self.selection is not None:
            self._put(self.selection.rest())
        self._output.end_line()
        self._output.flush()

    def complain(self, message: str) -> None:
        """Report an error, on its own line if the output is in the same terminal."""
        self._output.end_line()
        self._errors.complain(message)

    def ignored_lines(self) -> str:
        """Return what to report of the lines that the standard says to ignore."""
        if not self._ignored:
            return ""
        lines = "1 line" if self._ignored == 1 else f"{self._ignored} lines, the first"
        return f"ignored {lines}: {_shortened(self._first_ignored)!r}"

    def _write_item(self, item: Item) -> None:
        if isinstance(item, Ignored):
            self._first_ignored = self._first_ignored or item.line
            self._ignored += 1
        elif self.selection is not None or self._data:
            if isinstance(item, Event):
                form = self.selection.text if self.selection is not None else _data_line
                self._put(form(item))
            elif isinstance(item, Comment):
                self._spin(item.text)
        else:
            colour = _DIM if isinstance(item, Comment) else _GREEN if item is DONE else 0
            self._put(json.dumps(_as_object(item), ensure_ascii=False) + "\n", colour)

    def _put(self, text: str, colour: int = 0) -> None:
        if text:
            if self._output.terminal:
                self._errors.clear_status()
            self._output.write(text, colour)

    def _spin(self, text: str) -> None:
        """Show a comment with a spinner, until there is output, and not if figures are shown."""
        if not self._output.written and not (self._stats is not None and self._stats.live):
            shown = "".join(c if c.isprintable() else " " for c in text[:60])
            self._errors.show_status(f"{_SPINNER[self._turns % len(_SPINNER)]} {shown}")
            self._turns += 1


def _data_line(event: Event) -> str:
    return f"{event.data}\n"


def _as_object(item: Event | Comment | Done) -> dict[str, object]:
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


_ABSENT = object()


class _Selection:
    """The value at a path in the JSON of each event, for --select."""

    def __init__(self, path: str, complain: Callable[[str], None]) -> None:
        self.failed = False  # an error in the stream, or data that is not JSON
        self._path = path
        self._steps = path.split(".")
        self._complain = complain
        self._found = False
        self._example = ""  # describes the first JSON value that does not have the path
        self._half = ""  # the first half of a surrogate pair

    def text(self, event: Event) -> str:
        """Return what to write for an event; report an error in it."""
        with_errors = self._steps[0] != "error"
        is_error = with_errors and event.event == "error"
        if not event.data and not is_error:
            return ""
        try:
            value = event.json(loads=_decode)
            is_error = is_error or (with_errors and _is_error(value))
            message = _error_message(value) if is_error else ""
            selected = _at(value, self._steps)
            if selected is not _ABSENT:
                self._found = True
            elif not is_error and not self._example:
                self._example = _description(value)
            text = "" if selected is _ABSENT or selected is None else _as_text(selected)
        except (ValueError, RecursionError) as error:
            if is_error:
                self._fail(f"the stream reports an error: {_shortened(event.data) or 'no data'}")
            else:
                what = "not JSON" if isinstance(error, ValueError) else "JSON nested too deeply"
                self._fail(f"data is {what}: {_shortened(event.data)!r}")
            return ""
        if is_error:
            self._fail(f"the stream reports an error: {message}")
        return self._joined(text)

    def rest(self) -> str:
        """Return what to write after the last event."""
        return "\ufffd" if self._half else ""

    def not_found(self) -> str:
        """Return the message if there was JSON but none had the path, else ""."""
        if self._found or not self._example:
            return ""
        message = f"PATH {self._path!r} is in no event's JSON: {self._example}"
        # The notation of other tools, as in $.choices[0]["delta"].
        steps = ".".join(filter(None, re.split(r"[\[\]\"'.$]+", self._path)))
        return message if steps == self._path else f"{message}; write PATH as {steps!r}"

    def _fail(self, message: str) -> None:
        self.failed = True
        self._complain(message)

    def _joined(self, text: str) -> str:
        """Join the halves of a surrogate pair, which JSON lets a server split between events."""
        text = self._half + text
        whole = len(text) - ("\ud800" <= text[-1:] <= "\udbff")
        self._half = text[whole:]
        return text[:whole].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits  # more than the 4300 digits that Python converts


_decode = json.JSONDecoder(parse_int=_integer).decode


def _at(value: Any, steps: list[str]) -> Any:
    try:
        for step in steps:
            value = value[int(step) if isinstance(value, list) else step]
    except (LookupError, TypeError, ValueError):
        return _ABSENT
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_error(value: _Json) -> bool:
    if not isinstance(value, dict):
        return False
    return bool(value.get("error")) or "error" in (value.get("type"), value.get("object"))


def _error_message(value: _Json) -> str:
    """Return the message of an error: error.message, error or message; otherwise its JSON."""
    texts: list[_Json] = []
    if isinstance(value, dict):
        error: _Json = value.get("error")
        if error and isinstance(error, dict):
            return _error_message(error)
        texts = [error, value.get("message")]
    message = ": ".join([text for text in texts if isinstance(text, str) and text])
    return _shortened(message or _as_text(value))


def _description(value: _Json) -> str:
    if isinstance(value, dict) and value:
        return f"the top-level keys of the first are {_shortened(', '.join(value))}"
    return f"the first is {_shortened(_as_text(value))}"


def _shortened(text: str, size: int = 200) -> str:
    return text if len(text) <= size else f"{text[:size]}..."
