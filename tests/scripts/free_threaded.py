"""The extension in a free-threaded Python, under ThreadSanitizer.

    python tests/scripts/free_threaded.py [--folder FOLDER] [--release trixie] [--seconds 60]

The first run takes the source of Python 3.13 from the Debian mirror that apt is configured for,
and builds it without the global lock and with ThreadSanitizer (about 15 minutes); later runs
use what is in the folder. Then the tests of threads, and a stress for that many seconds, in
which many threads share parsers and items. It is run by hand: it needs Debian, gcc and make.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.project import copy_project

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGE = "python3.13"
THREADS = 8
# ThreadSanitizer does not start if memory addresses are too random.
RUN = ["setarch", "--addr-no-randomize"] if shutil.which("setarch") else []


def run(*command: str, cwd: Path, **environ: str) -> None:
    """Print and run a command, with those variables too."""
    print("$", *(f"{name}={value}" for name, value in environ.items()), *command, flush=True)
    subprocess.run(command, cwd=cwd, env=os.environ | environ, check=True)


def mirror() -> str:
    """Return the address of the Debian mirror that apt uses."""
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(SITE)"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        if line.startswith("Debian Debian "):
            return line.split()[2]
    raise SystemExit("apt knows no Debian mirror")


def download(folder: Path, release: str) -> Path:
    """Download the source with a configuration of apt's own; return the archive."""
    for name in ("state/lists/partial", "cache/archives/partial", "source"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb-src [signed-by={KEYRING}] {mirror()} {release} main\n")
    settings = {"Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "-"}
    settings |= {"Dir::State": folder / "state", "Dir::Cache": folder / "cache"}
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    run(*apt, "update", cwd=folder)
    run(*apt, "source", "--download-only", PACKAGE, cwd=folder / "source")
    [archive] = (folder / "source").glob("*.orig.tar.*z")
    return archive


def build_python(folder: Path, release: str) -> Path:
    """Return the folder in which the interpreter is built; build it if it is not there."""
    source = folder / "python"
    if not (folder / "built").exists():
        archive = download(folder, release)
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        run("tar", "-xf", str(archive), "--strip-components=1", cwd=source)
        options = ["--disable-gil", "--with-thread-sanitizer"]
        run(*RUN, "./configure", "--quiet", *options, cwd=source)
        run(*RUN, "make", "-s", f"-j{os.cpu_count()}", cwd=source)
        # pip is slow under the sanitizer: another interpreter installs the pure Python packages.
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
        install += ["--python-version=3.13", "--implementation=py", "--abi=none", "--platform=any"]
        run(*install, "--target", str(folder / "packages"), "pytest", "hypothesis", cwd=folder)
        (folder / "built").touch()
    return source


def build_extension(copy: Path, source: Path) -> None:
    """Compile the extension for that interpreter, in place."""
    include = [f"-I{source}", f"-I{source / 'Include'}"]
    flags = ["-std=c11", "-g", "-O1", "-fPIC", "-shared", "-fsanitize=thread", *include]
    run("gcc", *flags, "sse_stream/_speedups.c", "-o", "sse_stream/_speedups.so", cwd=copy)


def stress(seconds: float) -> None:
    """Call shared parsers and use shared items from many threads at once."""
    from sse_stream import DONE, Block, Comment, Event, Ignored, Parser, SSEError

    assert "compiled" in repr(Parser()) and not sys._is_gil_enabled()  # type: ignore[attr-defined]
    chunks = [b"data: x\n\n", b": c\n", b"id: 7\nevent: e\nretry: 5\n", b"da", b"ta: [DONE]", b"\r"]
    chunks += [b"\n\n", b"foo\n", "data: é😀".encode(), b"data: " + b"x" * 70_000, b"\n" * 9]
    parsers = [
        Parser(max_event_size=100_000, report_ignored=True, blocks=blocks)
        for blocks in (False, False, True)
    ]
    shared: list[object] = [Event(), Block(), Comment("c"), Ignored("i"), DONE]
    calls = [0] * THREADS
    failures: list[BaseException] = []
    end = time.monotonic() + seconds

    def use(number: int) -> None:
        chance = random.Random(number)
        while time.monotonic() < end and not failures:
            parser = chance.choice(parsers)
            action = chance.randrange(100)
            calls[number] += 1
            try:
                if action < 70:
                    items = parser.feed(chance.choice(chunks))
                    if items:
                        shared[chance.randrange(len(shared))] = chance.choice(items)
                elif action < 80:
                    assert parser.retry in (None, 5) and parser.last_event_id in ("", "7")
                    assert parser.ignored >= 0 and parser.incomplete in (True, False)
                    assert parser.in_line in (True, False) and len(parser.ignored_tail) <= 200
                    assert parser.recognised in (True, False) and parser.blocks in (True, False)
                    assert "compiled" in repr(parser)
                elif action < 96:
                    item, other = chance.choice(shared), chance.choice(shared)
                    assert item == pickle.loads(pickle.dumps(item)) and hash(item) == hash(item)
                    assert (item == other) == (repr(item) == repr(other))
                elif action < 98:
                    parser.close(flush=action == 97)
                else:
                    parser.__init__(report_ignored=True)
            except SSEError:
                parsers[chance.randrange(len(parsers))] = Parser(report_ignored=True)
            except RuntimeError as error:
                assert "one thread at a time" in str(error)

    def guarded(number: int) -> None:
        try:
            use(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    print(f"{sum(calls)} calls from {THREADS} threads in {seconds:.0f} s: no failure", flush=True)


def main() -> int:
    options = argparse.ArgumentParser(description="Test the extension in a free-threaded Python.")
    default = Path(tempfile.gettempdir()) / "sse-stream-free-threaded"
    options.add_argument("--folder", type=Path, default=default, help=f"of the build ({default})")
    options.add_argument("--release", default="trixie", help="of Debian, for the source (trixie)")
    options.add_argument("--seconds", type=float, default=60, help="of the stress (60)")
    options.add_argument("--stress", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.stress:
        stress(given.seconds)
        return 0
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    source = build_python(folder, given.release)
    shutil.rmtree(folder / "copy", ignore_errors=True)
    copy = copy_project(folder / "copy")
    build_extension(copy, source)
    # CPython has a list of its own known races: these are suppressed.
    known = source / "Tools" / "tsan" / "suppressions_free_threading.txt"
    settings = {"TSAN_OPTIONS": f"suppressions={known}:exitcode=66"}
    settings["PYTHONPATH"] = f"{copy}{os.pathsep}{folder / 'packages'}"
    inside = [*RUN, str(source / "python")]
    run(*inside, "-m", "pytest", "-q", "-rs", "tests/test_threads.py", cwd=copy, **settings)
    stressing = ["tests/scripts/free_threaded.py", "--stress", "--seconds", str(given.seconds)]
    run(*inside, *stressing, cwd=copy, **settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
