"""A copy of the package inside another package passes the whole suite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.project import copy_project

import sse_stream

pytest.importorskip("vendoring", reason="tox -e vendored runs these tests")

TESTS = Path(__file__).resolve().parent
HOST = "host._vendor.sse_stream"
PACKAGE = Path(str(sse_stream.__file__)).parent
# The package itself, and each of its modules but __main__ and the compiled one.
ROOMS = ["", *sorted("." + path.stem for path in PACKAGE.glob("[a-z]*") if path.suffix != ".typed")]

# Python runs this file at its start. It gives the copy the name that the tests import, and
# blocks the import of any other copy.
ALIAS = f"""
import importlib, sys

class NoOther:
    def find_spec(self, name, path=None, target=None):
        if name == "sse_stream" or name.endswith("._speedups"):
            raise ModuleNotFoundError(f"{{name}} is not the copy in the host")

sys.meta_path.insert(0, NoOther())
for name in {ROOMS}:
    sys.modules["sse_stream" + name] = importlib.import_module("{HOST}" + name)
"""


def test_the_whole_suite_passes_in_a_vendored_copy(tmp_path: Path) -> None:
    copy = tmp_path.joinpath(*HOST.split("."))
    compiled = shutil.ignore_patterns("_speedups*", "__pycache__")
    shutil.copytree(PACKAGE, copy, ignore=compiled)
    for folder in (copy.parent, copy.parent.parent):
        (folder / "__init__.py").touch()
    (tmp_path / "sitecustomize.py").write_text(ALIAS)
    shutil.copytree(TESTS, tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("benchmarks", "docs", "fuzz"):
        ignore = shutil.ignore_patterns("work", "__pycache__")
        shutil.copytree(TESTS.parent / name, tmp_path / name, ignore=ignore)
    for name in ("CHANGELOG.md", "README.md", "pyproject.toml"):
        shutil.copy(TESTS.parent / name, tmp_path / name)
    # This file would copy itself without end; the replacement checks which copy is tested.
    (tmp_path / "tests" / "test_vendored.py").write_text(
        "import sse_stream\n\n\n"
        "def test_it_is_the_copy() -> None:\n"
        f"    assert sse_stream.__name__ == {HOST!r}\n"
        f"    assert sse_stream.__file__ == {str(copy / '__init__.py')!r}\n"
        '    assert "pure" in repr(sse_stream.Parser())\n'
    )
    # The coverage of the copy does not count.
    environment = {name: value for name, value in os.environ.items() if name[:3] != "COV"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


SETTINGS = """
[tool.vendoring]
destination = "host/_vendor/"
requirements = "host/_vendor/vendor.txt"
namespace = "host._vendor"
protected-files = ["__init__.py", "vendor.txt"]

[tool.vendoring.transformations]
drop = ["sse_stream/_speedups.*"]
"""


def test_the_vendoring_tool_accepts_the_sdist(tmp_path: Path) -> None:
    def run(*command: str, cwd: Path = tmp_path) -> str:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            [sys.executable, *command],
            cwd=cwd,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    if not (TESTS.parent / "pyproject.toml").exists() or not (TESTS.parent / "sse_stream").exists():
        pytest.skip("an sdist is built from a checkout")
    project = copy_project(tmp_path / "project")
    run("-m", "build", "--sdist", "--outdir", str(tmp_path), str(project))
    [sdist] = tmp_path.glob("*.tar.gz")
    vendor = tmp_path / "host" / "_vendor"
    vendor.mkdir(parents=True)
    (vendor / "__init__.py").touch()
    (vendor / "vendor.txt").write_text(f"sse-stream @ {sdist.as_uri()}\n")
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    run("-m", "vendoring", "sync")
    assert (vendor / "sse_stream" / "LICENSE").exists()
    assert not list((vendor / "sse_stream").glob("_speedups*"))
    chat = str(TESTS / "data" / "chat.sse")
    text = run("-m", "host._vendor.sse_stream", "--select", "choices.0.delta.content", chat)
    assert "東京" in text
