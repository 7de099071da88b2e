"""Try the suite with every adapter whose parser is installed, and write the table of the page.

    tox -e conformance                               the table in docs/conformance.md
    python tests/conformance/table.py                print it

The parsers in Python must be installed in this environment (the dependency group "conformance");
those on Node are installed by npm into a temporary folder. What is missing is said, and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).resolve().parent.parent))

from conformance.run import EXTENSIONS, NAMES, Program, Report, judge, load

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER.parent.parent / "docs" / "conformance.md"
START, END = "<!-- the table begins -->\n", "<!-- the table ends -->\n"
PYTHON = {
    "httpx-sse": "by_httpx_sse.py",
    "httpx2": "by_httpx2.py",
    "sseclient-py": "by_sseclient.py",
    "launchdarkly-eventsource": "by_launchdarkly.py",
    "axio-sse": "by_axio_sse.py",
    "openai": "by_openai.py",
    "anthropic": "by_anthropic.py",
}
NODE = {"eventsource-parser": "eventsource_parser.mjs", "undici": "undici.mjs"}


class Adapter(NamedTuple):
    """A row: the name and version of a parser, and the command of its adapter."""

    name: str
    version: str
    command: list[str]


def missing(name: str, why: str) -> None:
    print(f"{name} is left out: {why}", file=sys.stderr)


def ours() -> Iterator[Adapter]:
    command = [sys.executable, str(FOLDER / "adapters" / "by_sse_stream.py")]
    code = "import sys; sys.path.append(sys.argv[1]); import sse_stream as s; "
    code += "print(s.__version__, s.Parser())"
    for form, pure in (("compiled", "0"), ("pure", "1")):
        os.environ["SSE_STREAM_PURE"] = pure
        line = [sys.executable, "-c", code, str(FOLDER.parent.parent)]
        # In this folder no package is in the way of the one that is installed.
        run = subprocess.run(line, cwd=FOLDER, stdout=-1, encoding="utf-8", check=True)
        shown = run.stdout.split()
        if form in shown:
            yield Adapter(f"sse-stream, {form}", shown[0], command)
        else:
            missing(f"sse-stream, {form}", "it is not built")


def others(node: Path) -> Iterator[Adapter]:
    if shutil.which("npm"):
        shutil.copytree(FOLDER / "adapters", node, dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--silent"], cwd=node, check=True)
    for name, file in NODE.items():
        package = node / "node_modules" / name / "package.json"
        if package.exists():
            number = json.loads(package.read_text(encoding="utf-8"))["version"]
            yield Adapter(name, number, ["node", str(node / file)])
        else:
            missing(name, "there is no npm")
    for name, file in PYTHON.items():
        try:
            command = [sys.executable, str(FOLDER / "adapters" / file)]
            yield Adapter(name, version(name), command)
        except PackageNotFoundError as error:
            missing(name, str(error))


def cells(report: Report, names: list[str]) -> list[str]:
    """Return how many cases fail in each section, and in all of the standard."""
    failed = {section: str(fail) for section, _, fail, _ in report.rows()}
    extensions = [f"extension: {name}" for name in EXTENSIONS]
    cases = {each.case["name"] for each in report.failures if each.section not in extensions}
    left_out = [name for name in NAMES[:-2] if name not in report.answered]
    row = [failed.get(name, "–") for name in names]
    return [*row, f"**{len(cases)}**", ", ".join(f"`{name}`" for name in left_out) or "–"]


def table(node: Path) -> str:
    cases = load()
    sections = list(dict.fromkeys(case["section"] for case in cases))
    names = [*sections, "extension: comments"]
    titles = {"extension: comments": "text of comments"}
    counts = [sum(case["section"] == section for case in cases) for section in sections]
    heads = [titles.get(name, name).removeprefix("9.2.6 ") for name in names]
    heads = [head.removeprefix("extension: ") for head in heads]
    rows = [
        ["", *heads, "all", "left out"],
        ["---"] * (len(names) + 3),
        ["*cases*", *map(str, counts), str(len(cases)), str(len(cases)), ""],
    ]
    found = [*ours(), *others(node)]
    for adapter in found:
        # ours() has set the form that was asked for last.
        os.environ["SSE_STREAM_PURE"] = "1" if adapter.name.endswith("pure") else "0"
        program = Program(adapter.command, 60)
        try:
            rows.append([adapter.name, *cells(judge(program, cases), names)])
        finally:
            program.stop()
        print(" ".join(rows[-1]), file=sys.stderr)
    versions = {adapter.name.split(",")[0]: adapter.version for adapter in found}
    lines = [f"| {' | '.join(row)} |\n" for row in rows]
    tried = ", ".join(f"{name} {number}" for name, number in versions.items())
    node_version = subprocess.run(["node", "--version"], stdout=-1, encoding="utf-8").stdout.strip()
    where = f"Python {platform.python_version()}, Node {node_version}, {date.today()}"
    return "".join(lines) + f"\n{tried}; {where}.\n"


def main() -> int:
    options = argparse.ArgumentParser(description="Try the suite with every adapter.")
    options.add_argument("--write", action="store_true", help="write it into docs/conformance.md")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = table(Path(folder))
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(START)
        _, _, after = rest.partition(END)
        PAGE.write_text(before + START + "\n" + text + "\n" + END + after, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
