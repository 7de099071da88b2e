"""The blocks of docs/embedding.md that need more than test_pages.py: a copy, and a type checker."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.pages import Block, blocks

import sse_stream

PACKAGE = Path(str(sse_stream.__file__)).parent
PAGE = {block.name: block for block in blocks("docs/embedding.md")}
FIVE = ["parser", "items", "errors", "event_stream", "annotations"]


def run_with_a_copy(block: Block, files: list[str], folder: Path) -> list[str]:
    """Run a block where yourpackage/_sse has these files; return the lines that it prints."""
    inside = folder / "yourpackage" / "_sse"
    inside.mkdir(parents=True)
    for name in files:
        shutil.copy(PACKAGE / f"{name}.py", inside)
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['sse_stream'] = None\n" + block.code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_five_files_are_enough_for_event_stream(tmp_path: Path) -> None:
    assert run_with_a_copy(PAGE["A copy inside your client 1"], FIVE, tmp_path) == [
        "['one']",
        "the event stream ended before [DONE]",
    ]


def test_three_files_are_enough_for_the_parser(tmp_path: Path) -> None:
    printed = run_with_a_copy(PAGE["A copy inside your client 2"], FIVE[:3], tmp_path)
    assert printed == ["['one']"]


def run_here(name: str) -> list[str]:
    printed: list[str] = []

    def show(*values: object) -> None:
        printed.append(" ".join(map(str, values)))

    pytest.importorskip("httpx")
    exec(compile(PAGE[name].code, name, "exec", dont_inherit=True), {"print": show})
    return printed


def test_the_error_of_the_client_has_the_text_and_the_id() -> None:
    text = "the event stream ended before [DONE] (last event ID '7') | resume after 7"
    assert run_here("Errors 1") == ["one", text]


def test_a_timeout_makes_the_stream_incomplete() -> None:
    assert run_here("Timeouts 1") == ["one", "the event stream ended before its final event"]


def test_the_stream_knows_what_to_resume_with() -> None:
    assert run_here("Resuming 1") == ["7 3000"]


@pytest.mark.skipif(not importlib.util.find_spec("mypy"), reason="mypy is not installed")
def test_a_type_checker_accepts_the_block_with_types(tmp_path: Path) -> None:
    block = PAGE["Types 1"]
    (tmp_path / "block.py").write_text(block.code, "utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        str(tmp_path),
        "--config-file",
    ]
    done = subprocess.run(
        [*command, os.devnull, str(tmp_path / "block.py")],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
