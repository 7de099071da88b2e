"""Write the table of features, FEATURES.md: what each parser does with difficult streams.

    python benchmarks/comparison/features.py FOLDER [--imports FILE]

All cells are generated. parsers.py has the columns, checks.py the rows. The import
times are what imports_and_memory.py wrote, and are measured without it. SEED in the environment
chooses the streams, SCALE their number.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import node_peer
from both_forms import FORMS
from checks import Row, check, rows
from imports_and_memory import imports
from parsers import Ours, Peer, peers

HERE = Path(__file__).resolve().parent

PAGE = """# Features

{table}

Measured by `python benchmarks/comparison/features.py`, seed {seed}, {date}, Python {python},
{system}: {versions}.

{pure}

## How each row is measured

All cells are generated. Each parser gets the bytes in chunks, in the way that its users pass
them; the check reads the events that it returns.

{how}

## About the columns

- httpx-sse and httpx2 read a response of httpx and httpx2. launchdarkly-eventsource is a client
  that makes the request itself: measured are its classes that read the body, and the client for
  the content type.
- The columns openai and anthropic are the decoders of these clients; the row on the connection
  after `[DONE]` is their `Stream` and `AsyncStream`. For an event without data, openai's client
  tries to decode JSON and raises an error; anthropic's client skips it. openai's client ends at
  `[DONE]`; anthropic's reads to the end of the body.
- On typical streams, parsers with less than 100 % return events without data: for `retry`, for
  `id`, or for a comment after an event that had an ID.
- sseclient-py, assel and eventsource-parser give the ID of the block, not the last event ID.
  Where they give no ID, it was not compared.
- The parsers of assel share one UTF-8 decoder; it was reset before each stream.
- The decoder of anthropic keeps comments in the `raw` attribute of the event that follows.
- eventsource-parser and axio-sse count characters for their limit; eventsource-parser compares
  between two calls, as its documentation says.
"""


def table(columns: list[str], cells: list[list[str]]) -> str:
    lines = [["", *columns], ["---"] * (len(columns) + 1), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measure(columns: list[Peer], what: list[Row]) -> tuple[str, str]:
    """Return the table, and a sentence on the pure form, whose cells must be the same."""
    cells = []
    for row in what:
        print(row.name, flush=True)
        cells.append([row.name, *(row.cell(peer) for peer in columns)])
    found = table([peer.name for peer in columns], cells)
    if len(FORMS) == 1:
        return found, "The column sse-stream is the pure form: the extension was not built."
    pure = Ours("pure")
    for row, [name, ours, *_] in zip(what, cells, strict=True):
        if not row.timed and (cell := row.cell(pure)) != ours:
            raise RuntimeError(f"{name}: {ours} in the compiled form, {cell} in the pure one")
    return found, (
        "The column sse-stream is the compiled form. The pure form was measured too: its cells "
        "are the same, except for times."
    )


def write(folder: Path, seed: int, measured: dict[str, float]) -> None:
    what = rows(seed, measured)
    with node_peer.installed() as node:
        if node:
            shutil.copy(HERE / "features.mjs", node)
        columns = peers(node)
        for peer in columns:
            check(peer)
        found, pure = measure(columns, what)
        page = PAGE.format(
            table=found,
            seed=seed,
            date=datetime.date.today().isoformat(),
            python=platform.python_version(),
            system=f"{platform.system()} {platform.machine()}",
            versions=", ".join(f"{peer.name} {peer.version}" for peer in columns),
            pure=pure,
            how="\n".join(f"- **{row.name}**: {row.how}." for row in what),
        )
    (folder / "FEATURES.md").write_text(page, encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description="Write the table of features.")
    options.add_argument("folder", type=Path, help="folder for FEATURES.md")
    options.add_argument("--imports", type=Path, help="file that imports_and_memory.py wrote")
    given = options.parse_args()
    measured = json.loads(given.imports.read_text())["imports"] if given.imports else imports()
    write(given.folder, int(os.environ.get("SEED", "1")), measured)


if __name__ == "__main__":
    main()
