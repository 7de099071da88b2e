"""Every check in one command: a fresh virtual environment, types, style, tests, coverage.

python tests/check.py
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str, pure: bool = False) -> None:
    print("$", *(["SSE_STREAM_PURE=1"] if pure else []), *command, flush=True)
    environ = os.environ | {"SSE_STREAM_PURE": "1" if pure else "0"}
    subprocess.run(command, cwd=ROOT, env=environ, check=True)


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


def main() -> int:
    try:
        for number, python in enumerate(other_interpreters()):
            inside = environment(python, f"other{number}", "-e", ".", "pytest", "hypothesis")
            without = [f"--ignore=tests/test_{name}.py" for name in ("transports", "readme")]
            for pure in (False, True):
                run(inside, "-m", "pytest", "-q", "-rs", *without, pure=pure)
        inside = environment(sys.executable, "check", "-e", ".[test]")
        run(inside, "-m", "ruff", "check", ".")
        run(inside, "-m", "mypy")
        run(inside, "-m", "basedpyright", "--level", "error")
        # Compiled, where there is a compiler (skipped tests say so if not), then pure.
        run(inside, "-m", "pytest", "-q", "-rs")
        coverage = ["--cov=sse_stream", "--cov-fail-under=100"]
        run(inside, "-m", "pytest", "-q", "-rs", *coverage, pure=True)
    except subprocess.CalledProcessError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
