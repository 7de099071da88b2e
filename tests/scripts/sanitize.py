"""The compiled parser under sanitizers, under valgrind and in a debug build of Python.

    tox -e sanitize        the tests of the extension, under the first two sanitizers only
    tox -e sanitize-all    everything

Each part builds its own copy of the project. If its tool is missing, it is skipped with a message.
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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.project import copy_project

SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -g -O1"
# The tests that run the parser itself; those of the command line and transports are left out.
TESTS = ["compiled", "parser", "max_event_size", "against_standard", "exhaustive", "items"]
TESTS += [
    "blocks",
    "position",
    "fuzz_harnesses",
    "event_stream",
    "iterators",
    "async_iterators",
    "dispatcher",
    "threads",
]
# One round of every_way() calls feed() more often than that.
FEEDS = 200


def loop(rounds: int) -> int:
    """Use the parser in every way; print what has grown; return 1 if it is more than noise."""
    from resource import RUSAGE_SELF, getrusage

    from test_compiled import every_way

    from sse_stream._speedups import Parser

    def held() -> tuple[int, int, int]:
        gc.collect()
        # A debug build counts all references.
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


def run(*command: str, cwd: Path, **environ: str) -> None:
    """Print and run a command, with those variables too."""
    print("$", *(f"{name}={value}" for name, value in environ.items()), *command, flush=True)
    subprocess.run(command, cwd=cwd, env=os.environ | environ, check=True)


def built(folder: Path, name: str, python: str, **environ: str) -> Path:
    """Build the extension in a copy of the project, under those variables; return its folder."""
    copy = copy_project(folder / name)
    build = [python, "setup.py", "--quiet", "build_ext", "--inplace"]
    run(*build, cwd=copy, SSE_STREAM_BUILD="required", **environ)
    # What runs there imports this copy, whatever is installed.
    os.environ["PYTHONPATH"] = str(copy)
    return copy


def sanitized(folder: Path, quick: bool) -> None:
    """The tests, under the sanitizers."""
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True)
    copy = built(folder, "sanitized", sys.executable, CFLAGS=SANITIZE)
    # Python's own allocator would hide its blocks from the sanitizer. Python does not free all
    # memory when it ends: valgrind looks for leaks instead.
    settings = {"PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0"}
    tests = [f"tests/test_{name}.py" for name in (TESTS[:1] if quick else TESTS)]
    skip = ["-k", "not every_character"] if quick else []
    suite = [sys.executable, "-m", "pytest", "-q", "-rs", *tests, *skip]
    run(*suite, cwd=copy, LD_PRELOAD=runtime.stdout.strip(), **settings)


def fuzzed(folder: Path) -> None:
    """A fuzzer against the pure parser, guided by the coverage of the C code too."""
    install = ["-m", "pip", "install", "--quiet", "--only-binary=:all:", "atheris"]
    if subprocess.run([sys.executable, *install]).returncode:
        print("atheris has no wheel for this Python: not fuzzed under the sanitizers")
        return
    flags = f"{SANITIZE} -fsanitize=fuzzer-no-link"
    environ = {"CC": "clang", "LDSHARED": "clang -shared", "CFLAGS": flags}
    copy = built(folder, "fuzzed", sys.executable, **environ)
    find = "import atheris, pathlib; print(pathlib.Path(atheris.__file__).parent.parent)"
    site = subprocess.run([sys.executable, "-c", find], capture_output=True, text=True).stdout
    settings = {"PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0"}
    settings["LD_PRELOAD"] = f"{site.strip()}/asan_with_fuzzer.so"
    limits = ["-max_total_time=60", "-max_len=400", "-print_final_stats=1", "-verbosity=0"]
    fuzzer = [sys.executable, "fuzz/pure_against_compiled.py", *limits, "fuzz/corpus"]
    run(*fuzzer, cwd=copy, **settings)


def watched(folder: Path) -> None:
    """Under valgrind, of which only errors in the parser itself count; then a million feeds."""
    copy = built(folder, "watched", sys.executable)
    report = folder / "valgrind.xml"
    valgrind = ["valgrind", "--quiet", "--leak-check=full", "--xml=yes", f"--xml-file={report}"]
    feeding = [sys.executable, "tests/scripts/sanitize.py", "--loop"]
    run(*valgrind, *feeding, "500", cwd=copy, PYTHONMALLOC="malloc")
    for error in ElementTree.parse(report).iter("error"):
        if any("_speedups" in frame.findtext("obj", "") for frame in error.iter("frame")):
            raise SystemExit(ElementTree.tostring(error, encoding="unicode"))
    run(*feeding, "5000", cwd=copy)


def counted(folder: Path) -> None:
    """In a debug build of Python, which checks its assertions and counts every reference."""
    run("python3-dbg", "-m", "venv", str(folder / "debug-environment"), cwd=folder)
    inside = str(folder / "debug-environment" / "bin" / "python")
    install = [inside, "-m", "pip", "install", "--quiet", "setuptools>=77", "pytest", "hypothesis"]
    run(*install, cwd=folder)
    copy = built(folder, "debug", inside)
    # If an allocation fails inside Python itself, one of its assertions fails.
    skip = ["-k", "not failing_allocations"]
    run(inside, "-m", "pytest", "-q", "-rs", "tests/test_compiled.py", *skip, cwd=copy)
    run(inside, "tests/scripts/sanitize.py", "--loop", "5000", cwd=copy)


def main() -> int:
    options = argparse.ArgumentParser(description="Look for what the compiled parser does wrong.")
    options.add_argument("--all", action="store_true", help="not the first sanitizers only")
    options.add_argument("--loop", type=int, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.loop:
        return loop(given.loop)
    if sys.platform != "linux" or not shutil.which("gcc"):
        print("skipped: the sanitizers need Linux and gcc")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            sanitized(folder, not given.all)
            parts = {"clang": fuzzed, "valgrind": watched, "python3-dbg": counted}
            for tool, part in (parts if given.all else {}).items():
                if shutil.which(tool):
                    part(folder)
                else:
                    print(f"skipped, as there is no {tool}: {part.__doc__}")
        except subprocess.CalledProcessError as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
