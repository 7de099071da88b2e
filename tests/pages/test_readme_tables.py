"""The tables of measurements in the README are selections of the pages in benchmarks/."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TABLES = runpy.run_path(str(ROOT / "benchmarks" / "readme_tables.py"))

PAGE = """# Page

| speed | ours | theirs | others |
| --- | ---: | ---: | ---: |
| chat | 3 | 2 | 1 |
| tiny | 30 | 20 | |

- ours to theirs: 1.5 in the mean; slower on: none.

Measured by hand.
"""


@pytest.mark.parametrize("name", TABLES["PAGES"])
def test_the_readme_has_the_values_of_the_page(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition(f"<!-- {name} -->\n")
    part, end, _ = rest.partition(f"\n<!-- /{name} -->")
    assert end
    assert part.startswith("|")
    page = TABLES["PAGES"][name].read_text(encoding="utf-8")
    assert TABLES["select"](page, part) == (part, [])


def test_rows_and_columns_are_selected_by_their_names() -> None:
    old = (
        "| speed | others | ours |\n| --- | ---: | ---: |\n| tiny | 1 | 1 |\n\n- ours to theirs: 9."
    )
    new = (
        "| speed | others | ours |\n| --- | ---: | ---: |\n| tiny |  | 30 |\n\n"
        "- ours to theirs: 1.5 in the mean; slower on: none."
    )
    assert TABLES["select"](PAGE, old) == (new, [])


def test_names_that_the_page_does_not_have_are_reported() -> None:
    old = "| speed | us |\n| --- | ---: |\n| large | 1 |\n\n- us to them: 9."
    assert TABLES["select"](PAGE, old)[1] == ["us", "large", "- us to them"]
