"""Every public name has an example in its docstring, and each example is right."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

import sse_stream

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = ["adapters", "encoder", "errors", "items", "parser"]
# A constant and a type alias have no docstring of their own.
WITHOUT = {"DONE", "Item"}


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module: ModuleType = importlib.import_module(f"{sse_stream.__name__}.{name}")
    # The names of exceptions depend on the package, which may be inside another package.
    result = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("name", sorted(set(sse_stream.__all__) - WITHOUT))
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>>" in (getattr(sse_stream, name).__doc__ or "")


@pytest.mark.parametrize("page", ["encoding.md"])
def test_page_examples(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(code, {}, page, page, 0)
    result = doctest.DocTestRunner().run(test)
    assert result.attempted and not result.failed
