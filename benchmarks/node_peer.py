"""Time eventsource-parser on Node on the same loads; write its rates as JSON.

python benchmarks/node_peer.py OUTPUT
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loads import build

NODE = Path(__file__).resolve().parent / "node"
VERSION: str = json.loads((NODE / "package.json").read_text())["dependencies"]["eventsource-parser"]


@contextmanager
def installed() -> Iterator[Path | None]:
    """Yield a folder with the scripts and the parser, or None if Node is not installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        print("Node is not installed: eventsource-parser is not measured")
        yield None
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "node")
        shutil.copytree(NODE, folder)
        install = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(install, cwd=folder, check=True)
        yield folder


def throughput(folder: Path, streams: list[list[bytes]]) -> dict[str, Any]:
    """Return Node's version and, for each stream, the best seconds and the number of events."""
    files = []
    for number, chunks in enumerate(streams):
        file = folder / str(number)
        file.with_suffix(".bin").write_bytes(b"".join(chunks))
        file.with_suffix(".json").write_text(json.dumps([len(chunk) for chunk in chunks]))
        files.append(str(file))
    command = ["node", "throughput.mjs", *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main() -> int:
    output = Path(sys.argv[1])
    with installed() as folder:
        if folder is None:
            output.unlink(missing_ok=True)
            return 0
        loads = build(int(os.environ.get("SEED", "1")), float(os.environ.get("SCALE", "1")))
        found = throughput(folder, [load.chunks for load in loads])
    rates = {}
    for load, result in zip(loads, found["results"], strict=True):
        if result["events"] != load.events:
            raise RuntimeError(f"{load.name}: {result['events']} events, not {load.events}")
        rates[load.name] = load.size / result["seconds"]
    output.write_text(json.dumps({"node": found["node"], "version": VERSION, "rates": rates}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
