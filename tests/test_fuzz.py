"""The fuzzers' seeds, and each input that once broke something, go through every harness."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from sse_stream import parser

ROOT = Path(__file__).resolve().parent.parent
HARNESSES = ["cuts", "limit", "twins", "command"]
INPUTS = [*(ROOT / "fuzz" / "corpus").iterdir(), *(ROOT / "tests" / "data" / "crashes").iterdir()]


@pytest.fixture(autouse=True)
def harnesses_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the harnesses importable, and undo what they set in the parser."""
    monkeypatch.syspath_prepend(str(ROOT / "fuzz"))
    monkeypatch.setattr(parser, "_PIECE", parser._PIECE)


@pytest.mark.parametrize("name", HARNESSES)
@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_no_harness_finds_anything(name: str, path: Path) -> None:
    importlib.import_module(name).check(path.read_bytes())


def test_a_harness_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = importlib.import_module("cuts")

    class Wrong(cuts.PureParser):  # type: ignore[misc, name-defined]
        def feed(self, data: bytes) -> list[object]:
            return super().feed(data.replace(b"\r", b""))  # type: ignore[no-any-return]

    monkeypatch.setattr(cuts, "PureParser", Wrong)
    seed = (ROOT / "fuzz" / "corpus" / "returns").read_bytes()
    with pytest.raises(AssertionError):
        cuts.check(seed)


def test_a_find_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    run = importlib.import_module("run")

    def check(data: bytes) -> None:
        assert b"a" not in data or b"b" not in data

    assert run.minimised(check, b"xxaxxxbxx") == b"ab"


def test_no_compiled_parser_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSE_STREAM_PURE", "1")
    done = subprocess.run(
        [sys.executable, str(ROOT / "fuzz" / "twins.py")], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "the compiled parser is not built here" in done.stdout
