"""Measure everything in one run; write RESULTS.md, its pictures, and the pages in comparison/.

    python benchmarks/run.py [--quick] [--seed N]

It uses the interpreter that runs it, 3.12 or later, with sse-stream installed and the dependency
group `bench`. It needs a machine that does nothing else.
Node is measured too, if it is installed. The tables in the README that come from these pages are
updated. With --quick the loads are small and everything is written to benchmarks/work/. For the
relative speeds alone, in about a minute: python benchmarks/ratios.py.
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
from importlib.util import find_spec
from pathlib import Path

import readme_tables
from allocator import REUSE

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
# A machine that others use too is disturbed for seconds at a time.
PASSES = 4
# What users import of each package that the benchmarks need.
NEEDED = ["pytest", "pytest_benchmark", "matplotlib", "rich", "packaging", "httpx", "httpx_sse"]
NEEDED += [
    "httpx2",
    "requests",
    "aiohttp",
    "orjson",
    "sseclient",
    "ld_eventsource",
    "assel",
    "openai",
    "anthropic",
]
NEEDED += [
    "langgraph_sdk",
    "axio_sse",
    "sse_starlette",
    "fastapi",
    "litestar",
    "aiohttp_sse",
    "datastar_py",
]


def main() -> int:
    options = argparse.ArgumentParser(description="Measure everything; write the pages.")
    options.add_argument("--quick", action="store_true", help="small loads, nothing is published")
    options.add_argument("--seed", type=int, default=None, help="of the loads; default: random")
    given = options.parse_args()
    if problem := what_is_missing():
        print(problem, file=sys.stderr)
        return 1
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(3), "little")
    environ = os.environ | {"SEED": str(seed), "SCALE": "0.1" if given.quick else "1"}
    # Imports use compiled bytecode, as they do for users.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)

    def step(*command: str, **settings: str) -> None:
        print("$", *command, flush=True)
        subprocess.run([sys.executable, *command], cwd=HERE, env=environ | settings, check=True)

    WORK.mkdir(exist_ok=True)
    for former in WORK.glob("*.json"):
        former.unlink()
    quiet = ["-q", "-p", "no:cacheprovider", "--benchmark-disable-gc", "--benchmark-quiet"]
    for number in range(1 if given.quick else PASSES):
        for name in ("throughput", "single_events"):
            data = f"--benchmark-json={WORK / f'{name}-{number}.json'}"
            step("-m", "pytest", f"test_{name}.py", *quiet, data, **REUSE)
        step("node_peer.py", str(WORK / f"node-{number}.json"))
    short = ["--quick"] if given.quick else []
    end_to_end = str(WORK / "end_to_end.json")
    step("end_to_end.py", *short, "--seed", str(seed), "--json", end_to_end)
    step("imports_and_memory.py", str(WORK / "imports_and_memory.json"))
    step("memory_limit.py", "--json", str(WORK / "memory_limit.json"))
    facts = {
        "seed": seed,
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
    }
    (WORK / "facts.json").write_text(json.dumps(facts))
    output = WORK if given.quick else HERE
    step("report.py", str(WORK), str(output), **REUSE)
    output = WORK if given.quick else HERE / "comparison"
    imports = str(WORK / "imports_and_memory.json")
    step("comparison/features.py", str(output), "--imports", imports)
    step("comparison/writers.py", str(output), *(["--seconds", "0.2"] * given.quick), **REUSE)
    if not given.quick:
        for problem in readme_tables.update():
            print(problem)
    return 0


def what_is_missing() -> str:
    """Return what has to be installed first, or an empty string."""
    if sys.version_info < (3, 12):
        return f"axio-sse needs Python 3.12 or later; this is {platform.python_version()}"
    if find_spec("sse_stream") is None:
        return f"sse-stream is not installed; in {HERE.parent} run: python -m pip install ."
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        return (
            f"not installed: {', '.join(missing)}\n"
            "Install the dependency group `bench`: python -m pip install --group bench"
        )
    return ""


def processor() -> str:
    """Return the name of the processor, if the system tells it."""
    if shutil.which("lscpu"):
        done = subprocess.run(["lscpu", "--json"], capture_output=True, text=True)
        for row in json.loads(done.stdout)["lscpu"] if done.returncode == 0 else []:
            if row["field"] == "Model name:":
                return str(row["data"])
    return platform.processor() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
