"""Which form of the package an import selects: only an absent extension is no error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sse_stream

PACKAGE = Path(str(sse_stream.__file__)).parent
PRINT_FORM = "import copied; print(copied.Parser())"
# What the built extension may do when it is loaded; as a module in Python, which every platform
# can load.
BROKEN = {
    "a library that it needs is missing": "raise ImportError('undefined symbol')",
    "a module that it imports is missing": "import no_such_module",
    "it was built from another version": "class Event: pass",
}


def import_copy(folder: Path, speedups: str | None, pure: str) -> subprocess.CompletedProcess[str]:
    copy = folder / "copied"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("_speedups*", "__pycache__"))
    if speedups is not None:
        (copy / "_speedups.py").write_text(speedups, encoding="utf-8")
    return subprocess.run(
        # Without PYTHONPATH: what it brings could import the package too.
        [sys.executable, "-E", "-c", PRINT_FORM],
        cwd=folder,
        env=os.environ | {"SSE_STREAM_PURE": pure},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_extension_the_pure_form_is_used(tmp_path: Path) -> None:
    done = import_copy(tmp_path, None, pure="")
    assert (done.returncode, done.stdout) == (0, "<sse_stream.Parser pure open>\n"), done.stderr


@pytest.mark.parametrize("how", BROKEN)
def test_an_extension_that_cannot_be_loaded_is_an_error(how: str, tmp_path: Path) -> None:
    done = import_copy(tmp_path, BROKEN[how], pure="0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(("ImportError", "ModuleNotFoundError"))


@pytest.mark.parametrize("how", BROKEN)
def test_the_pure_form_can_be_selected_although_the_extension_is_broken(
    how: str, tmp_path: Path
) -> None:
    done = import_copy(tmp_path, BROKEN[how], pure="1")
    assert (done.returncode, done.stdout) == (0, "<sse_stream.Parser pure open>\n"), done.stderr
