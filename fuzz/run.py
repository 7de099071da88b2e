"""Run one harness, or each in turn, for some seconds.

    tox -e fuzz -- chunk_boundaries --seconds 600
    tox -e fuzz -- all --seconds 10

The interpreter that runs it needs atheris and the package, as in the environment that tox makes.
The corpus grows in fuzz/work/; the input of a crash is minimised and kept
there; with the fix, commit it in tests/data/crashes/.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
WORK = FUZZ / "work"
HARNESSES = ["chunk_boundaries", "limit", "pure_against_compiled", "iterators"]
HARNESSES += ["command_line", "encoder"]


def minimised(check: Callable[[bytes], None], data: bytes) -> bytes:
    """Remove every span of bytes without which the check still fails."""

    def fails(data: bytes) -> bool:
        with contextlib.suppress(Exception):
            check(data)
            return False
        return True

    span = len(data)
    while span:
        at = 0
        while at < len(data):
            less = data[:at] + data[at + span :]
            if fails(less):
                data = less
            else:
                at += span
        span //= 2
    return data


def run(harness: str, seconds: int, coverage: bool) -> int:
    """Run a harness; print what its corpus covers; return its exit status."""
    corpus, crashes = WORK / harness, WORK / "crashes"
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    log = WORK / f"{harness}.log"
    print(f"{harness}: {seconds} s; the fuzzer's output is in {log}", flush=True)
    with log.open("w") as file:
        status = subprocess.run(
            [
                sys.executable,
                str(FUZZ / f"{harness}.py"),
                f"-max_total_time={seconds}",
                f"-dict={FUZZ / 'sse.dict'}",
                f"-artifact_prefix={crashes}/{harness}-",
                "-max_len=400",
                "-timeout=10",
                str(corpus),
                str(FUZZ / "corpus"),
            ],
            stdout=file,
            stderr=file,
        ).returncode
    # The output of the fuzzer ends with its figures, or, after a crash, with the traceback.
    words = log.read_text(errors="replace").splitlines()
    figures = [line for line in words if "DONE" in line and "exec/s" in line]
    print(*(figures[-1:] + words[-1:] if not status else words[-30:]), sep="\n", flush=True)
    for crash in sorted(set(crashes.iterdir()) - before):
        sys.path.insert(0, str(FUZZ))
        small = minimised(importlib.import_module(harness).check, crash.read_bytes())
        crash.write_bytes(small)
        print(f"{harness}: {small!r} makes it crash; the input is in {crash}", flush=True)
    if coverage:
        covered(harness, corpus)
    return status


REPLAY = """
import importlib, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
check = importlib.import_module(sys.argv[2]).check
for path in Path(sys.argv[3]).iterdir():
    check(path.read_bytes())
"""


def covered(harness: str, corpus: Path) -> None:
    """Print the lines and branches that the inputs of a corpus reach."""
    script = WORK / "replay.py"
    script.write_text(REPLAY)
    data = f"--data-file={WORK / 'coverage'}"
    arguments = [str(script), str(FUZZ), harness, str(corpus)]
    for command in (
        ["run", data, "--branch", "--source=sse_stream", *arguments],
        ["report", data],
    ):
        subprocess.run([sys.executable, "-m", "coverage", *command], cwd=WORK, check=True)


def main() -> int:
    options = argparse.ArgumentParser(description="Fuzz the package.")
    options.add_argument("harness", choices=[*HARNESSES, "all"])
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--coverage", action="store_true", help="show what the corpus reaches")
    given = options.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("skipped: atheris is not installed, as it has no wheel for every Python and system")
        return 0
    chosen = HARNESSES if given.harness == "all" else [given.harness]
    return max(run(harness, given.seconds, given.coverage) for harness in chosen)


if __name__ == "__main__":
    sys.exit(main())
