"""All streams of up to three tokens; tox -e exhaustive runs those of up to five."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from sse_stream import Parser

FUZZ = Path(__file__).resolve().parent.parent / "fuzz"


@pytest.fixture
def exhaustive(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FUZZ))
    return importlib.import_module("exhaustive")


def test_all_short_streams_agree_with_the_standard(exhaustive: Any) -> None:
    assert "pure" in exhaustive.FORMS and Parser in exhaustive.FORMS.values()
    assert exhaustive.difference(3, exhaustive.FORMS) == (1 + 13 + 13**2 + 13**3, "")


@pytest.mark.parametrize(
    ("changed", "stream"),
    [
        ((b"\r", b""), b"data\r"),
        ((b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2), b"\xef\xbb\xbf"),
        ((b"7", b"07"), b"7\r"),
    ],
    ids=["CR ends no line", "a byte order mark remains", "a zero too many"],
)
def test_a_wrong_parser_is_found(
    exhaustive: Any, changed: tuple[bytes, bytes], stream: bytes
) -> None:
    class Wrong:
        def __init__(self, **options: Any) -> None:
            self.parser = Parser(**options)

        def feed(self, data: bytes) -> list[Any]:
            return self.parser.feed(data.replace(*changed))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.parser, name)

    _, difference = exhaustive.difference(3, {"wrong": Wrong})
    assert difference.startswith(f"wrong, {(stream,)!r}")
