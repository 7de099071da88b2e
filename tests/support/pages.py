"""The code blocks of the README and of the pages in docs/, and how the tests execute them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


class Block(NamedTuple):
    """A code block; ``name`` is the heading above it and its number there."""

    page: str
    name: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}: {self.name}"


def blocks(page: str) -> Iterator[Block]:
    """Yield every code block of a page."""
    heading = ""
    number = 0
    pattern = r"^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$"
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        if found[1]:
            heading, number = found[1], 0
        else:
            number += 1
            yield Block(page, f"{heading} {number}", found[2], found[3])


def write_modules(page: str, folder: Path) -> None:
    """Write each block that begins with a file name in a comment to that file."""
    for block in blocks(page):
        if found := re.match(r"# (\w+\.py)\n", block.code):
            (folder / found[1]).write_text(block.code, encoding="utf-8")


def skip_what_is_missing(code: str) -> None:
    """Skip the test if a module that the block imports, or curl, is not installed."""
    for module in re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE):
        pytest.importorskip(module, reason=f"{module} is not installed")
    if '"curl"' in code and not shutil.which("curl"):
        pytest.skip("curl is not installed")


def execute(block: Block, port: int, show: Callable[..., None]) -> dict[str, Any]:
    """Execute a Python block with ``show`` in the place of ``print``; return its names."""
    skip_what_is_missing(block.code)
    code = block.code.replace("8000", str(port))
    names: dict[str, Any] = {"__name__": "__main__", "print": show}
    if "react(" in code:
        # The reactor of Twisted cannot be started twice in a process.
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                show(line.decode().removesuffix(os.linesep))
        assert process.returncode == 0
    else:
        exec(compile(code, str(block), "exec", dont_inherit=True), names)
    return names
