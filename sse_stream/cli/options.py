# SPDX-License-Identifier: MIT
"""The options of the command line."""

from __future__ import annotations

import argparse
import os
import sys

from .. import __version__
from .terminal import write_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Options(argparse.Namespace):
    """The options as they were given."""

    file: str | None
    data: bool
    select: str | None
    text: bool
    join: bool
    until: str | None
    no_done: bool
    require_done: bool
    flush: bool
    max_event_size: int
    stats: bool


def parse(argv: Sequence[str] | None) -> Options:
    """Parse the arguments of the command; wrong ones end it with status 2."""
    # The name of the installed command, or the form that always works.
    installed = os.path.basename(sys.argv[0]).startswith("sse-stream")
    name = "sse-stream" if installed else "python -m sse_stream"
    parser = argparse.ArgumentParser(
        prog=name,
        usage=f"{name} [OPTION]... [FILE]",
        description="Read an event stream as it arrives; write one JSON object per line.",
        epilog=f"example:\ncurl -sSN --fail-with-body URL | {name} --text",
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="standard input if - or missing")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="write the text of a model's answer")
    form.add_argument(
        "--select", metavar="PATH", help="write the value at PATH (a.0.b) of each JSON"
    )
    form.add_argument("--data", action="store_true", help="write the data of each event")
    parser.add_argument("--join", action="store_true", help="with --data: add no line ends")
    parser.add_argument(
        "--until",
        metavar="TYPE|PATH=VALUE",
        help="end after this event: type, or value in its JSON",
    )
    parser.add_argument("--no-done", action="store_true", help="treat [DONE] as an ordinary event")
    parser.add_argument(
        "--require-done",
        action="store_true",
        help="status 3 without [DONE] or the --until event",
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
    parser.add_argument("--stats", action="store_true", help="write figures to standard error")
    parser.add_argument("--version", action="version", version=f"sse-stream {__version__}")
    try:
        options = parser.parse_args(argv, Options())
    except SystemExit:
        if sys.stdout:
            # If the output of --help or --version cannot be written, the error must be raised here.
            write_out(sys.stdout.flush)
        raise
    if options.join and not (options.data or options.text or options.select is not None):
        parser.error("argument --join: it needs --data")
    return options


def _formatter(prog: str) -> argparse.HelpFormatter:
    # The longest option fits beside its help.
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=27)


def _size(text: str) -> int:
    try:
        size = int(text)
    except ValueError:
        size = 0
    if size <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of bytes")
    return size
