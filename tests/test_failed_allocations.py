"""An allocation that fails closes the pure parser: no later event is made of what was left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sse_stream

# Fails a number of allocations in a row, in each call of a stream, from each allocation on.
PROGRAM = """
import _testcapi, sys
from sse_stream import DONE, Event, ParserClosedError
from sse_stream.parser import PureParser

CHUNKS = [
    b"\\xef\\xbb", b"\\xbfid: 7\\nda", b"ta: " + b"x" * 3000, b"y" * 20000, b"\\n\\n",
    b"data: z\\n\\n", bytearray(b"event: e\\ndata: a\\n"), b"data: [DO", None,
]
WHOLE = [Event(data="x" * 3000 + "y" * 20000, id="7"), Event(data="z", id="7")]


def use(fail_at, first, count):
    parser, items, failed = PureParser(), [], False
    for number, chunk in enumerate(CHUNKS):
        new = None
        if number == fail_at:
            _testcapi.set_nomemory(first, first + count)
        try:
            new = parser.close() if chunk is None else parser.feed(chunk)
        except (MemoryError, SystemError):
            pass
        finally:
            if number == fail_at:
                _testcapi.remove_mem_hooks()
        failed = new is None
        if failed:
            break
        items += new
    assert items == WHOLE[: len(items)], items
    if failed:
        for call in (lambda: parser.feed(b"\\n\\ndata: w\\n\\n"), lambda: parser.close(flush=True)):
            try:
                raise SystemExit(f"{fail_at} {first} {count}: the parser is open, {call()}")
            except ParserClosedError:
                pass
        assert parser.incomplete
    return failed


assert not use(None, 0, 0)
for fail_at in range(len(CHUNKS)):
    failed = [use(fail_at, first, count) for first in range(1, 60) for count in (1, 2, 3, 5, 9, 99)]
    print(sum(failed))
"""


def test_the_parser_is_closed_whichever_allocations_fail() -> None:
    testcapi = pytest.importorskip("_testcapi")
    if not hasattr(testcapi, "set_nomemory"):
        pytest.skip("this interpreter cannot make allocations fail")
    folder = Path(str(sse_stream.__file__)).parents[sse_stream.__name__.count(".") + 1]
    program = PROGRAM.replace("sse_stream", sse_stream.__name__)
    # Without coverage measurement, which allocates too.
    environ = {name: value for name, value in os.environ.items() if name[:3] != "COV"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environ | {"SSE_STREAM_PURE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The first chunk needs no allocation.
    assert all(int(count) for count in done.stdout.split()[1:]), "in every call some failed"
