"""The tables of measurements in the README are those of the pages in benchmarks/."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(("page", "name"), [("RESULTS.md", "speed"), ("FEATURES.md", "features")])
def test_the_readme_has_the_table_of_the_page(page: str, name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = (ROOT / "benchmarks" / page).read_text(encoding="utf-8")
    _, _, rest = readme.partition(f"<!-- {name} -->\n")
    copy, marker, _ = rest.partition(f"\n<!-- /{name} -->")
    assert marker
    assert copy.startswith("|")
    assert text.partition("\n\n")[2].startswith(f"{copy}\n\nMeasured")
