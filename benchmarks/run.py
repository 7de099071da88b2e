"""Measure everything in one run; write RESULTS.md, its pictures, FEATURES.md and its copy.

    python benchmarks/run.py [--quick]

It makes a virtual environment with the peers in benchmarks/work/. Node is timed too, where it
is there. The README carries a copy of the table of features. With --quick all goes to
benchmarks/work/.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
# A machine that others use too is disturbed for seconds at a time.
PASSES = 4


def main() -> int:
    options = argparse.ArgumentParser(description="Measure everything; write the page.")
    options.add_argument("--quick", action="store_true", help="small loads, nothing is published")
    options.add_argument("--seed", type=int, default=None, help="of the loads; random if not given")
    given = options.parse_args()
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(3), "little")
    inside = WORK / "venv" / "bin" / "python"
    if not inside.exists():
        venv.create(WORK / "venv", with_pip=True)
    install = [str(inside), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "-e", f"{HERE.parent}[bench]"], check=True)
    environ = os.environ | {"SEED": str(seed), "SCALE": "0.1" if given.quick else "1"}
    # As with their users, no import has to compile what another one did.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)

    def step(*command: str) -> None:
        print("$", *command, flush=True)
        subprocess.run([str(inside), *command], cwd=HERE, env=environ, check=True)

    for former in WORK.glob("*.json"):
        former.unlink()
    quiet = ["-q", "-p", "no:cacheprovider", "--benchmark-disable-gc", "--benchmark-quiet"]
    for number in range(1 if given.quick else PASSES):
        for name in ("throughput", "single_events"):
            data = f"--benchmark-json={WORK / f'{name}-{number}.json'}"
            step("-m", "pytest", f"test_{name}.py", *quiet, data)
        step("node_peer.py", str(WORK / f"node-{number}.json"))
    step("imports_and_memory.py", str(WORK / "imports_and_memory.json"))
    facts = {
        "seed": seed,
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
    }
    (WORK / "facts.json").write_text(json.dumps(facts))
    output = str(WORK if given.quick else HERE)
    step("report.py", str(WORK), output)
    step("features.py", output, "--imports", str(WORK / "imports_and_memory.json"))
    if not given.quick:
        copy_to_readme("RESULTS.md", "speed")
        copy_to_readme("FEATURES.md", "features")
    return 0


def copy_to_readme(page: str, name: str) -> None:
    """Copy what a page says before it tells how it was measured, between two marks."""
    text = (HERE / page).read_text(encoding="utf-8")
    _, _, rest = text.partition("\n\n")
    found, _, _ = rest.partition("\n\nMeasured")
    readme = HERE.parent / "README.md"
    before, start, rest = readme.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"\n<!-- /{name} -->")
    readme.write_text(f"{before}{start}{found}{end}{after}", encoding="utf-8")


def processor() -> str:
    """Return the processor's own name, where the system tells it."""
    if shutil.which("lscpu"):
        done = subprocess.run(["lscpu", "--json"], capture_output=True, text=True)
        for row in json.loads(done.stdout)["lscpu"] if done.returncode == 0 else []:
            if row["field"] == "Model name:":
                return str(row["data"])
    return platform.processor() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
