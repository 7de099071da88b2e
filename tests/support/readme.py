"""The Python blocks of the README and of the pages in docs/ that the tests execute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield the nearest heading, with the number of the block below it, and the code."""
    heading = ""
    number = 0
    pattern = r"^#+ ([^\n]+)$|^```python\n(.*?)^```$"
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        if found[1]:
            heading, number = found[1], 0
        else:
            number += 1
            yield f"{heading} {number}", found[2]


BLOCKS = dict(blocks("README.md"))
