"""The examples in docstrings and pages give what stands below them; no public name is without."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from types import ModuleType

import pytest
from support.pages import PAGES, blocks

import sse_stream

PACKAGE = Path(sse_stream.__file__).parent
MODULES = [path.stem for path in sorted(PACKAGE.glob("*.py")) if ">>>" in path.read_text("utf-8")]
# A constant and a type alias have no docstring of their own; the classes are what functions
# return that have examples.
WITHOUT = {"DONE", "Item", "AsyncChunks", "AsyncEvents", "AsyncItems"}


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module: ModuleType = importlib.import_module(f"{sse_stream.__name__}.{name}")
    # The names of exceptions depend on the package, which may be inside another package.
    result = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("name", sorted(set(sse_stream.__all__) - WITHOUT))
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>>" in (getattr(sse_stream, name).__doc__ or "")


def pycon(page: str) -> str:
    """Return the examples of a page that show their results."""
    return "\n".join(block.code for block in blocks(page) if block.language == "pycon")


@pytest.mark.parametrize("page", [page for page in PAGES if pycon(page)])
def test_page_examples(page: str) -> None:
    test = doctest.DocTestParser().get_doctest(pycon(page), {}, page, page, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    result = runner.run(test)
    assert result.attempted and not result.failed
