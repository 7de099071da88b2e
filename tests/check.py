"""Every check in one command, in fresh virtual environments.

python tests/check.py
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRINTING = threading.Lock()
# A vendored copy runs the whole suite by itself, always pure: once is enough.
NO_COPIES = ["--deselect", "tests/test_vendored.py"]


def run(*command: str, pure: bool = False, cwd: Path = ROOT) -> None:
    """Run a command; print it, and what it printed once it is over, since two run at a time."""
    shown = " ".join(["$", *(["SSE_STREAM_PURE=1"] if pure else []), *command])
    with PRINTING:
        print("begun:", shown, flush=True)
    # CI: hypothesis tries the same examples for the same code.
    environ = os.environ | {"SSE_STREAM_PURE": "1" if pure else "0", "CI": "1"}
    done = subprocess.run(
        command, cwd=cwd, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with PRINTING:
        print(shown, flush=True)
        sys.stdout.buffer.write(done.stdout)
        sys.stdout.flush()
    done.check_returncode()


def environment(python: str, name: str, *packages: str) -> str:
    """Make a virtual environment of that interpreter; return its own interpreter."""
    folder = ROOT / f".venv-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    if python == sys.executable:
        venv.create(folder, with_pip=True)
    else:
        run(python, "-m", "venv", str(folder))
    inside = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(str(inside), "-m", "pip", "install", "--quiet", *packages)
    return str(inside)


def other_interpreters() -> list[str]:
    """Interpreters from 3.10 on, on the path or under pyenv, but for the one that runs."""
    found: dict[str, str] = {}
    candidates = [f"python3.{minor}" for minor in range(10, 20)]
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True).stdout.strip()
        candidates += map(str, sorted(Path(root, "versions").glob("*/bin/python")))
    for candidate in candidates:
        probe = "import sys; print(*sys.version_info[:2], sep='.'); print(sys.executable)"
        try:
            answer = subprocess.run([candidate, "-c", probe], capture_output=True, text=True)
        except OSError:
            continue
        if answer.returncode == 0:
            version, path = answer.stdout.split("\n")[:2]
            if version.startswith("3.") and int(version[2:]) >= 10:
                found.setdefault(version, path)
    found.pop(f"3.{sys.version_info[1]}", None)
    return list(found.values())


def check_more(interpreters: list[str], inside: str) -> None:
    """Run what needs nothing but pytest and hypothesis; then the sanitizers and the copies."""
    for other in interpreters:
        run(other, "-m", "pytest", "-q", *NO_COPIES)
        run(other, "-m", "pytest", "-q", *NO_COPIES, pure=True)
    run(sys.executable, "tests/sanitize.py", "--quick")
    run(inside, "-m", "pytest", "-q", "-rs", "tests/test_vendored.py")


def check_packages(inside: str) -> None:
    """Build the sdist and the wheel; run the tests of the one against the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(inside, "-m", "build", "--outdir", name, ".")
        [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
        run(inside, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
        run(inside, "-m", "check_wheel_contents", str(wheel))
        installed = environment(sys.executable, "wheel", str(wheel), "pytest", "hypothesis")
        with tarfile.open(sdist) as archive:
            archive.extractall(folder)
        unpacked = folder / sdist.name.removesuffix(".tar.gz")
        # What is imported must be what the wheel installed.
        shutil.rmtree(unpacked / "sse_stream")
        run(installed, "-m", "pytest", "-q", *NO_COPIES, cwd=unpacked)


def check_all(inside: str) -> None:
    """Check style, types and packages; run the fuzzers, the oracles and every test."""
    run(inside, "-m", "ruff", "check", ".")
    run(inside, "-m", "ruff", "format", "--check", ".")
    run(inside, "-m", "mypy")
    run(inside, "-m", "basedpyright", "--level", "error")
    check_packages(inside)
    run(inside, "fuzz/run.py", "all", "--seconds", "10")
    run(inside, "tests/support/compare.py", "--streams", "2000")
    run(inside, "tests/support/compare_encoder.py", "--readers", "eventsource-parser", "undici")
    # Compiled, where there is a compiler (skipped tests say so if not), then pure.
    run(inside, "-m", "pytest", "-q", "-rs", *NO_COPIES)
    coverage = ["--cov=sse_stream"]
    if sys.platform == "win32":
        # No pseudo-terminal, no closed descriptors: what is for them is not reached.
        coverage.append("--cov-fail-under=0")
    run(inside, "-m", "pytest", "-q", "-rs", *NO_COPIES, *coverage, pure=True)


def main() -> int:
    try:
        # One after the other: each builds the package in the same folder.
        others = [
            environment(python, f"other{number}", "-e", ".", "pytest", "hypothesis")
            for number, python in enumerate(other_interpreters())
        ]
        whole = environment(sys.executable, "check", "-e", ".[test]")
        with ThreadPoolExecutor() as pool:
            for job in [pool.submit(check_more, others, whole), pool.submit(check_all, whole)]:
                job.result()
    except subprocess.CalledProcessError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
