"""The seeds of the fuzzers, and the inputs of past crashes, run through every harness."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sse_stream import Block, Item, encode, parser

ROOT = Path(__file__).resolve().parent.parent
HARNESSES = ["chunk_boundaries", "limit", "pure_against_compiled", "iterators"]
HARNESSES += ["command_line", "encoder"]
INPUTS = [*(ROOT / "fuzz" / "corpus").iterdir(), *(ROOT / "tests" / "data" / "crashes").iterdir()]


@pytest.fixture(autouse=True)
def harnesses_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the harnesses importable, and restore what they change in the parser."""
    monkeypatch.syspath_prepend(str(ROOT / "fuzz"))
    monkeypatch.setattr(parser, "_PIECE", parser._PIECE)


@pytest.mark.parametrize("name", HARNESSES)
@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_seeds_and_past_crashes_pass(name: str, path: Path) -> None:
    importlib.import_module(name).check(path.read_bytes())


class Wrong:
    """A parser with a fault."""

    def __init__(self, **options: Any) -> None:
        self.parser = parser.PureParser(**options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parser, name)


class WithoutCR(Wrong):
    def feed(self, data: bytes) -> list[Item]:
        return self.parser.feed(data.replace(b"\r", b""))


class WithoutRetry(Wrong):
    def feed(self, data: bytes) -> list[Item]:
        return [
            Block(item.event, item.data, item.id) if isinstance(item, Block) else item
            for item in self.parser.feed(data)
        ]


class WithoutState(Wrong):
    retry = None


@pytest.mark.parametrize(
    ("wrong", "seed"),
    [(WithoutCR, "carriage_returns"), (WithoutRetry, "retry"), (WithoutState, "retry")],
)
def test_a_harness_detects_a_wrong_parser(
    wrong: type[Wrong], seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = importlib.import_module("chunk_boundaries")
    data = b"\x01" + (ROOT / "fuzz" / "corpus" / seed).read_bytes()[1:]  # without DONE
    harness.check(data)
    monkeypatch.setattr(harness, "PureParser", wrong)
    with pytest.raises(AssertionError):
        harness.check(data)


@pytest.mark.parametrize(
    ("wrong", "data"),
    [
        # Raises no error; ignores last_event_id; loses a space at the start of the data.
        (lambda item, **_: b": " + getattr(item, "text", "").encode() + b"\n\n", b"\0\0\0: a\n"),
        (lambda item, **_: encode(item), b"\0\0\0id: 1\ndata\n\nid\ndata\n\n"),
        (lambda item, **kwargs: encode(item, **kwargs).replace(b":  ", b": "), b"\0\0\0:  a\n"),
    ],
)
def test_a_harness_detects_a_wrong_encoder(
    wrong: Callable[..., bytes], data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = importlib.import_module("encoder")
    harness.check(data)
    monkeypatch.setattr(harness, "encode", wrong)
    with pytest.raises(AssertionError):
        harness.check(data)


def leave_open(objects: list[object]) -> None:
    objects.clear()


async def aleave_open(objects: list[object]) -> None:
    objects.clear()


def without_rules(stream: Any, *, cut: bool = False) -> list[Any]:
    items: list[Any] = stream.parser.close()
    return items


def not_discarded(*arguments: object) -> None:
    pass


@pytest.mark.parametrize(
    ("name", "wrong", "seed"),
    [
        ("iterators._close", leave_open, "closed_early"),
        ("async_iterators._close", aleave_open, "closed_early"),
        ("iterators._discard", not_discarded, "drain"),
        ("event_stream.EventStream.close", without_rules, "truncated_last_event"),
        ("event_stream.EventStream.close", without_rules, "json_error_body"),
        ("event_stream._FOREIGN", (b"<",), "broken_tail"),
        ("event_stream.find_signature", lambda start: (0, ""), "gzip"),
    ],
)
def test_a_harness_detects_a_wrong_reader(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any, seed: str
) -> None:
    harness = importlib.import_module("iterators")
    data = (ROOT / "fuzz" / "corpus" / seed).read_bytes()
    harness.check(data)
    monkeypatch.setattr(f"sse_stream.{name}", wrong)
    with pytest.raises(AssertionError):
        harness.check(data)


def test_a_crash_is_minimised(monkeypatch: pytest.MonkeyPatch) -> None:
    run = importlib.import_module("run")

    def check(data: bytes) -> None:
        assert b"a" not in data or b"b" not in data

    assert run.minimised(check, b"xxaxxxbxx") == b"ab"


def test_a_missing_compiled_extension_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSE_STREAM_PURE", "1")
    done = subprocess.run(
        [sys.executable, str(ROOT / "fuzz" / "pure_against_compiled.py")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "the compiled parser is not built here" in done.stdout
