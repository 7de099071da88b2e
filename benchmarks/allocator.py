"""Settings of glibc's allocator, so that large events cost the same in every measurement.

By default glibc changes two limits while a program runs: the size from which it asks the system for
new pages, and the size from which it returns freed memory. So the time of an event of 8 MiB depends
on what was measured before it, by up to 8 times. Other systems ignore these settings.
"""

from __future__ import annotations

import os
import subprocess
import sys

# Freed memory stays in the process and is used again.
REUSE = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
# Every allocation from 128 KiB on gets fresh pages, which the system has to clear.
FRESH = {"MALLOC_MMAP_THRESHOLD_": str(128 << 10)}


def run_with(settings: dict[str, str]) -> None:
    """Run this script again with the settings, unless they are set; glibc reads them at start."""
    if not settings.keys() <= os.environ.keys():
        again = subprocess.run([sys.executable, *sys.argv], env=os.environ | settings)
        sys.exit(again.returncode)
