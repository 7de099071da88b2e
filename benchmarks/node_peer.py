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
from pathlib import Path

from loads import build

NODE = Path(__file__).resolve().parent / "node"


def main() -> int:
    output = Path(sys.argv[1])
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        print("Node is not here: it is not timed")
        output.unlink(missing_ok=True)
        return 0
    loads = build(int(os.environ.get("SEED", "1")), float(os.environ.get("SCALE", "1")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "node")
        shutil.copytree(NODE, folder)
        install = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(install, cwd=folder, check=True)
        files = []
        for number, load in enumerate(loads):
            file = Path(name, str(number))
            file.with_suffix(".bin").write_bytes(b"".join(load.chunks))
            file.with_suffix(".json").write_text(json.dumps([len(c) for c in load.chunks]))
            files.append(str(file))
        done = subprocess.run(
            ["node", "throughput.mjs", *files], cwd=folder, capture_output=True, check=True
        )
    found = json.loads(done.stdout)
    for load, result in zip(loads, found["results"], strict=True):
        if result["events"] != load.events:
            raise RuntimeError(f"{load.name}: {result['events']} events, not {load.events}")
    package = json.loads((NODE / "package.json").read_text())
    rates = {
        load.name: load.size / result["seconds"]
        for load, result in zip(loads, found["results"], strict=True)
    }
    version = package["dependencies"]["eventsource-parser"]
    output.write_text(json.dumps({"node": found["node"], "version": version, "rates": rates}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
