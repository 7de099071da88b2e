"""Run the tests in Pyodide, and the recipe for fetch.

    npm install --no-save pyodide        in this checkout, or --global
    tox -e pyodide
    tox -e pyodide -- -k encode

Pyodide is CPython for WebAssembly; here it runs under Node. It sees this checkout and the modules
of the interpreter that runs this script: pytest, and a hypothesis without compiled code. A test
that starts a process, a thread or an event loop, or opens a socket or a terminal, is skipped
there. Without Node or Pyodide, nothing is run, and the output says so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from sse_stream import iter_events

ROOT = Path(__file__).resolve().parent.parent.parent
# Pyodide has no shell that could run the command line.
COMMAND_LINE = ("test_cli", "test_terminal")


def find_pyodide(node: str) -> str | None:
    """Return the path of Pyodide's module, from this checkout or from Node's global folder."""
    places = [str(ROOT)]
    if npm := shutil.which("npm"):
        root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True)
        places.append(root.stdout.strip())
    code = "console.log(require.resolve('pyodide', { paths: process.argv.slice(1) }))"
    found = subprocess.run([node, "-e", code, *places], capture_output=True, text=True)
    return found.stdout.strip() or None


@contextmanager
def demo() -> Iterator[int]:
    """Run the demo server; return its port."""
    command = [sys.executable, "tests/scripts/demo.py", "--serve", "--port", "0", "--pace", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r":(\d+)/", process.stdout.readline())
            assert found
            yield int(found[1])
        finally:
            process.kill()


def main() -> int:
    node = shutil.which("node")
    pyodide = node and find_pyodide(node)
    if not node or not pyodide:
        print("skipped: Pyodide is not installed (npm install pyodide)")
        return 0
    files = sorted((ROOT / "tests").glob("test_*.py"))
    tests = [f"tests/{file.name}" for file in files if not file.name.startswith(COMMAND_LINE)]
    with demo() as port:
        with urlopen(f"http://127.0.0.1:{port}/chat") as response:
            events = [event.data for event in iter_events(response)]
        given = {
            "pyodide": pyodide,
            "root": str(ROOT),
            "modules": sysconfig.get_path("purelib"),
            "arguments": ["-q", "-rfs", "-p", "no:cacheprovider", *tests, *sys.argv[1:]],
            "port": port,
            "events": events,
        }
        script = str(Path(__file__).with_suffix(".mjs"))
        return subprocess.run([node, script, json.dumps(given)], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
