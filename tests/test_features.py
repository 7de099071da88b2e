"""The table in the README is the one that was measured."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_readme_has_the_table_of_the_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "benchmarks" / "FEATURES.md").read_text(encoding="utf-8")
    _, table, _ = page.split("\n\n", 2)
    _, _, rest = readme.partition("<!-- features -->\n")
    copy, marker, _ = rest.partition("\n<!-- /features -->")
    assert marker
    assert table.startswith("|")
    assert copy == table
