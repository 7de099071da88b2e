"""The compiled parser under sanitizers, under valgrind and in a debug build of Python.

    python tests/sanitize.py [--quick]

Each part builds a copy of the project for itself, and says so where its tool is not there.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from check import ROOT, environment, run

COPIED_NOT = shutil.ignore_patterns(".*", "build", "*.egg-info", "*.so", "work")
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -g -O1"
# What runs the parser itself; the command line and the transports have nothing to add.
TESTS = ["compiled", "parser", "max_event_size", "against_standard", "fuzz_harnesses", "items"]
TESTS += ["adapters", "threads"]
# One round of every_way() is more than that many feeds.
FEEDS = 200


def loop(rounds: int) -> int:
    """Use the parser in every way; print what has grown; return 1 if it is more than noise."""
    from resource import RUSAGE_SELF, getrusage

    from test_compiled import every_way

    from sse_stream._speedups import Parser

    def held() -> tuple[int, int, int]:
        gc.collect()
        # A debug build counts all references there are.
        references = getattr(sys, "gettotalrefcount", lambda: 0)()
        return sys.getallocatedblocks(), references, getrusage(RUSAGE_SELF).ru_maxrss

    for _ in range(100):
        every_way(Parser)
    before = held()
    for _ in range(rounds):
        every_way(Parser)
    grown = [now - then for now, then in zip(held(), before, strict=True)]
    print(f"{rounds * FEEDS} feeds: grown by {grown} blocks, references and KiB", flush=True)
    # One block, reference or byte for each feed would be far more.
    return int(grown[0] > 500 or grown[1] > 500 or grown[2] > 16384)


def built(folder: Path, name: str, python: str, *packages: str, **environ: str) -> tuple[str, Path]:
    """Build a copy of the project under those variables; return its interpreter and folder."""
    copy = folder / name
    shutil.copytree(ROOT, copy, ignore=COPIED_NOT)
    os.environ.update(environ)
    inside = environment(python, name, "-e", str(copy), "pytest", "hypothesis", *packages)
    for variable in environ:
        del os.environ[variable]
    if not list(copy.glob("sse_stream/_speedups*.so")):
        raise SystemExit(f"{name}: the compiled parser was not built")
    return inside, copy


def sanitized(folder: Path, quick: bool) -> None:
    """The tests, under the sanitizers."""
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True)
    inside, copy = built(folder, "sanitized", sys.executable, CFLAGS=SANITIZE)
    # Python's own allocator would hide its blocks from the sanitizer.
    settings = ["env", f"LD_PRELOAD={runtime.stdout.strip()}", "PYTHONMALLOC=malloc"]
    tests = [f"tests/test_{name}.py" for name in (TESTS[:1] if quick else TESTS)]
    skip = ["-k", "not every_character"] if quick else []
    suite = [inside, "-m", "pytest", "-q", "-rs", *tests, *skip]
    # Python itself leaves much behind at its end: leaks are valgrind's to find.
    run(*settings, "ASAN_OPTIONS=detect_leaks=0", *suite, cwd=copy)


def fuzzed(folder: Path) -> None:
    """Fuzzed against the pure parser, led by the coverage of the C code too."""
    download = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    if subprocess.run([sys.executable, *download, "--dest", folder, "atheris"]).returncode:
        print("atheris has no wheel for this Python: not fuzzed under the sanitizers")
        return
    [atheris] = folder.glob("atheris-*.whl")
    flags = f"{SANITIZE} -fsanitize=fuzzer-no-link"
    environ = {"CC": "clang", "LDSHARED": "clang -shared", "CFLAGS": flags}
    inside, copy = built(folder, "fuzzed", sys.executable, str(atheris), **environ)
    find = "import atheris, pathlib; print(pathlib.Path(atheris.__file__).parent.parent)"
    site = subprocess.run([inside, "-c", find], capture_output=True, text=True).stdout.strip()
    settings = [f"LD_PRELOAD={site}/asan_with_fuzzer.so", "PYTHONMALLOC=malloc"]
    settings += ["ASAN_OPTIONS=detect_leaks=0"]
    limits = ["-max_total_time=60", "-max_len=400", "-print_final_stats=1", "-verbosity=0"]
    run("env", *settings, inside, "fuzz/pure_against_compiled.py", *limits, "fuzz/corpus", cwd=copy)


def watched(folder: Path) -> None:
    """Under valgrind, where only what the parser itself does counts; then a million feeds."""
    inside, copy = built(folder, "watched", sys.executable)
    report = folder / "valgrind.xml"
    valgrind = ["valgrind", "--quiet", "--leak-check=full", "--xml=yes", f"--xml-file={report}"]
    feeding = [inside, "tests/sanitize.py", "--loop"]
    run("env", "PYTHONMALLOC=malloc", *valgrind, *feeding, "500", cwd=copy)
    for error in ElementTree.parse(report).iter("error"):
        if any("_speedups" in frame.findtext("obj", "") for frame in error.iter("frame")):
            raise SystemExit(ElementTree.tostring(error, encoding="unicode"))
    run(*feeding, "5000", cwd=copy)


def counted(folder: Path) -> None:
    """In a Python that checks its own assertions and counts every reference."""
    inside, copy = built(folder, "debug", "python3-dbg")
    # Where a call of Python's own finds no memory, an assertion of its own fails.
    skip = ["-k", "not failing_allocations"]
    run(inside, "-m", "pytest", "-q", "-rs", "tests/test_compiled.py", *skip, cwd=copy)
    run(inside, "tests/sanitize.py", "--loop", "5000", cwd=copy)


def main() -> int:
    options = argparse.ArgumentParser(description="Look for what the compiled parser does wrong.")
    options.add_argument("--quick", action="store_true", help="the first sanitizers only, in short")
    options.add_argument("--loop", type=int, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.loop:
        return loop(given.loop)
    if sys.platform != "linux" or not shutil.which("gcc"):
        print("no Linux, or no gcc: the compiled parser is not looked at more closely")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            sanitized(folder, given.quick)
            parts = {"clang": fuzzed, "valgrind": watched, "python3-dbg": counted}
            for tool, part in ({} if given.quick else parts).items():
                if shutil.which(tool):
                    part(folder)
                else:
                    print(f"no {tool}, so not done: {part.__doc__}")
        except subprocess.CalledProcessError as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
