# SPDX-License-Identifier: MIT
"""The command line: it reads an event stream and writes one JSON object per line, or text.

``options`` are the arguments, ``reading`` is the loop over the stream and what its end means for
the exit status, ``selection`` is what is written of an event, ``terminal`` is how it is written.
"""

from __future__ import annotations

import os
import signal
import sys

from .options import parse
from .reading import command
from .terminal import StandardError, silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "run"]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    0: success. 1: the input is not an event stream, or an event is larger than the limit; with
    --select or --text also an error inside the stream, data that is not JSON, or nothing that
    could be written. 2: wrong options, or a file that cannot be read or written. 3: the stream
    is not complete. 130: Ctrl-C.
    """
    if not sys.stderr:
        # It is closed, as with 2>&- in a shell: what is written to it is discarded.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (open until the process ends)
    errors = StandardError()
    try:
        return command(parse(argv), errors)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        errors.complain(str(error.strerror or error))
        return 2


def run() -> int:
    """Run the command as a process.

    Ctrl-C ends the process by the signal itself: only then does a shell that runs the command
    in a loop end the loop.
    """
    status = main()
    if status == INTERRUPTED and os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        silence(sys.stdout)
    return status
