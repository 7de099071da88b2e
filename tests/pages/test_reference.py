"""docs/reference.md has every public name, and is what its script makes of the docstrings."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from scripts.reference import GROUPS, PAGE, page

import sse_stream
from sse_stream.parser import PureParser

TEXT = PAGE.read_text("utf-8")


def test_the_page_is_made_of_the_docstrings() -> None:
    assert page(Path(str(sse_stream.__file__)).parent) == TEXT, (
        "run: python tests/scripts/reference.py"
    )


def test_every_public_name_is_in_one_group() -> None:
    names = " ".join(GROUPS.values()).split()
    assert sorted(names) == sorted(sse_stream.__all__)
    assert re.findall(r"^### (\w+)$", TEXT, re.MULTILINE) == names


def test_every_public_attribute_and_method_is_described() -> None:
    for name in sse_stream.__all__:
        section = TEXT.partition(f"\n### {name}\n")[2].partition("\n##")[0]
        value = getattr(sse_stream, name)
        if isinstance(value, type) and not issubclass(value, Exception):
            for member in dir(value):
                shown = f"- `{member}: ", f"{name}.{member}("
                assert member[:1] == "_" or any(text in section for text in shown), member


def test_the_arguments_of_the_constructor_are_shown() -> None:
    shown = TEXT.partition("class Parser(\n")[2].partition(")")[0]
    parameters = inspect.signature(PureParser).parameters
    assert re.findall(r"^    (\w+): ", shown, re.MULTILINE) == list(parameters)
