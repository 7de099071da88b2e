# SPDX-License-Identifier: MIT
"""The loop over the stream, the items that it writes, and what the end means for the status."""

from __future__ import annotations

import errno
import json
import os
import select
import sys

from .. import (
    DONE,
    Comment,
    Event,
    EventStream,
    EventTooLargeError,
    Ignored,
    IncompleteStreamError,
    NotEventStreamError,
    Parser,
    iter_chunks,
)
from .selection import PathSelection, Selection, Until, is_half_json, shortened
from .terminal import DIM, GREEN, StandardError, StandardOutput, Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from .. import Item
    from .options import Options

_SPINNER = "|/-\\"


def command(options: Options, errors: StandardError) -> int:
    """Open the files, read the stream, report the figures; return the exit status."""
    if not sys.stdout:
        errors.complain(f"standard output: {os.strerror(errno.EBADF)}")
        return 2
    given = options.file
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
    stats = Stats(errors) if options.stats else None
    try:
        return _Reading(options, errors, stats).read(file)
    finally:
        errors.clear_status()
        if stats is not None:
            stats.report()
        file.close()


class _Waiting:
    """A file; --stats shows its figures once a second while no bytes arrive."""

    def __init__(self, file: BinaryIO, stats: Stats) -> None:
        self._file = file
        self._stats = stats

    def read(self, size: int) -> bytes | None:
        while not select.select([self._file], [], [], 1)[0]:
            self._stats.show()
        return self._file.read(size)


class _Reading:
    """Reads one stream, and knows how it ended."""

    def __init__(self, options: Options, errors: StandardError, stats: Stats | None) -> None:
        self._options = options
        self._errors = errors
        self._stats = stats
        self._writer = _Writer(options, errors, stats)
        self._until = None if options.until is None else Until(options.until)
        # The stream is always closed with ``flush``. Without --flush, the event that the end cuts
        # is not written and is not the one of --until, but it shows whether --flush would help.
        self._is_cut_event = False
        self._would_be_accepted = False
        self._tail = ""  # the error page or JSON error that the stream ended with
        self._stream = EventStream(
            parser=Parser(
                done=None if options.no_done else "[DONE]",
                max_event_size=options.max_event_size,
                report_ignored=True,
            ),
            all_items=True,
            until=None if self._until is None else self._accepts,
            flush=True,
            require_done=options.require_done,
        )

    def read(self, file: BinaryIO) -> int:
        """Read the stream and write its items; report how it ended; return the exit status."""
        writer, stream, stats = self._writer, self._stream, self._stats
        source: BinaryIO | _Waiting = file
        # Windows can wait for sockets only.
        if stats is not None and stats.live and os.name == "posix":
            source = _Waiting(file, stats)
        message = ""
        try:
            for chunk in iter_chunks(source):
                writer.write(stream.feed(chunk), len(chunk))
                if stream.over:
                    break
            else:
                message = self._close()
        except NotEventStreamError as error:
            # The message shows the start of the stream, and with it the first ignored line.
            writer.complain(str(error))
            return 1
        except EventTooLargeError as error:
            writer.finish()
            writer.complain(f"{error}; see --max-event-size")
            return 1
        writer.finish()

        status = 3 if message else 0
        messages = [message] if message else []
        if writer.selection is not None:
            if not_found := writer.selection.not_found():
                messages.append(not_found)
            status = status or int(bool(not_found) or writer.selection.failed)
        ignored = writer.ignored_lines(self._tail)
        for message in messages:
            writer.complain(f"{message} ({ignored})" if ignored else message)
        if ignored and not messages:
            self._errors.note(ignored)
        return status

    def _close(self) -> str:
        """End the stream, write what its end completes; return the message if it is cut."""
        options, stream = self._options, self._stream
        parser = stream.parser
        is_cut, in_line = parser.incomplete and not options.flush, parser.in_line
        self._is_cut_event = not options.flush
        items: list[Item] = []
        try:
            items = stream.close()
        except IncompleteStreamError as error:
            self._tail = error.tail
        # Without --flush, the end completes DONE alone.
        self._writer.write([item for item in items if options.flush or item is DONE])
        if stream.complete or not (is_cut or options.require_done or self._tail):
            return ""
        before = f"before {self._final_event()}" if options.require_done else ""
        if self._tail:
            return f"the stream broke off{before and ' '}{before}; it ends with {self._tail!r}"
        where = ["in the middle of an event"] if is_cut else []
        where += [before] if before else []
        hint = ""
        if self._would_be_accepted or (not before and any(map(_is_whole_event, items))):
            missing = "perhaps only line ends are" if in_line else "only its blank line is"
            hint = f" ({missing} missing: try --flush)"
        return f"the stream ended {', '.join(where)}{hint}"

    def _accepts(self, event: Event) -> bool:
        """Whether --until accepts this event."""
        assert self._until is not None
        accepted = self._until(event)
        if self._is_cut_event:
            self._would_be_accepted = accepted and _is_whole_event(event)
            return False
        return accepted

    def _final_event(self) -> str:
        until = [] if self._until is None else [self._until.name]
        done = [] if self._options.no_done and until else ["[DONE]"]
        return " or ".join(done + until)


def _is_whole_event(item: Item) -> bool:
    return isinstance(item, Event) and not is_half_json(item.data)


class _Writer:
    """Writes items in the form that the options select."""

    def __init__(self, options: Options, errors: StandardError, stats: Stats | None) -> None:
        self.selection: Selection | None = None
        if options.text:
            self.selection = Selection(self.complain)
        elif options.select is not None:
            self.selection = PathSelection(options.select, self.complain)
        self._data = options.data
        self._end = "" if options.join else "\n"
        self._output = StandardOutput()
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

    def ignored_lines(self, shown: str) -> str:
        """Return what to report of the ignored lines, unless ``shown`` begins with the first."""
        if not self._ignored or (shown and self._first_ignored.startswith(shown.split("\n")[0])):
            return ""
        lines = "1 line" if self._ignored == 1 else f"{self._ignored} lines, the first"
        return f"ignored {lines}: {shortened(self._first_ignored)!r}"

    def _write_item(self, item: Item) -> None:
        if isinstance(item, Ignored):
            self._first_ignored = self._first_ignored or item.line
            self._ignored += 1
        elif self.selection is not None or self._data:
            if isinstance(item, Event):
                selection = self.selection
                self._put(selection.text(item) if selection else f"{item.data}{self._end}")
            elif isinstance(item, Comment):
                self._spin(item.text)
        else:
            colour = DIM if isinstance(item, Comment) else GREEN if item is DONE else 0
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


def _as_object(item: Item) -> dict[str, object]:
    """Return the JSON object of an item; docs/command-line.md describes it."""
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
