"""The memory that a test's objects take, as tracemalloc counts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def traced_memory() -> Iterator[Callable[[], tuple[int, int]]]:
    """Give a function that returns the bytes allocated since the start, now and at the peak.

    Skips the test on an interpreter without tracemalloc.
    """
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy has no tracemalloc")
    tracemalloc.start()
    try:
        yield tracemalloc.get_traced_memory
    finally:
        tracemalloc.stop()
