"""Every public name has an example, and each example does what it says."""

from __future__ import annotations

import doctest
import importlib
from types import ModuleType

import pytest

import sse_stream

MODULES = ["adapters", "errors", "items", "parser"]
# What has no docstring of its own: a constant and a type alias.
WITHOUT = {"DONE", "Item"}


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module: ModuleType = importlib.import_module(f"{sse_stream.__name__}.{name}")
    # Errors are named by where the package lies, which may be inside another.
    result = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("name", sorted(set(sse_stream.__all__) - WITHOUT))
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>>" in (getattr(sse_stream, name).__doc__ or "")
