"""The table of the README that comes from FEATURES.md.

Between <!-- features --> and <!-- /features -->, the README has a selection of that page: some rows
and columns of its first table. A selection may also have list items that follow the table on its
page. update() gives them the values of the page.
"""

from __future__ import annotations

from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent
README = BENCHMARKS.parent / "README.md"
PAGES = {"features": BENCHMARKS / "comparison" / "FEATURES.md"}


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split(" | ")]


def key(line: str) -> str:
    """Return what names a line: the first cell of a row, or a list item up to its colon."""
    return cells(line)[0] if line.startswith("|") else line.partition(": ")[0]


def select(page: str, old: str) -> tuple[str, list[str]]:
    """Return the lines of ``old`` with the values of the page, and the names it does not have."""
    lines = [line for line in page.partition("\n\nMeasured")[0].splitlines() if line]
    known = {key(line): line for line in lines[1:]}
    head = next(line for line in lines if line.startswith("|"))
    columns = cells(head)
    wanted: list[int] = []
    missing: list[str] = []
    new = []
    for line in old.splitlines():
        if not line.startswith(("|", "- ")):
            new.append(line)
        elif line.startswith("|") and not wanted:  # the head of the table
            missing += [name for name in cells(line) if name not in columns]
            wanted = [columns.index(name) for name in cells(line) if name in columns]
            new.append(row([columns[number] for number in wanted]))
        elif key(line) not in known:
            missing.append(key(line))
            new.append(line)
        elif line.startswith("|"):
            found = cells(known[key(line)])
            new.append(row([found[number] for number in wanted]))
        else:
            new.append(known[key(line)])
    return "\n".join(new), missing


def row(values: list[str]) -> str:
    return f"| {' | '.join(values)} |"


def update() -> list[str]:
    """Update the README; return a message for each name that its page does not have."""
    text = README.read_text(encoding="utf-8")
    problems = []
    for name, page in PAGES.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        old, end, after = rest.partition(f"\n<!-- /{name} -->")
        if not end:
            continue
        new, missing = select(page.read_text(encoding="utf-8"), old)
        problems += [f"README.md has {each!r}, {page.name} does not" for each in missing]
        text = before + start + new + end + after
    README.write_text(text, encoding="utf-8")
    return problems
