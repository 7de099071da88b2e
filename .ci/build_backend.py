"""Setuptools' build backend, with the choice whether the extension is compiled.

The environment variable SSE_STREAM_BUILD decides:

``required``  a build without the extension fails
``no``        the extension is left out, and the wheel is tagged py3-none-any
not set       compiled where that succeeds, else left out

It is left out on every implementation but CPython, where it would not be used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.editable_wheel import editable_wheel

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

VARIABLE = "SSE_STREAM_BUILD"


def choice() -> str:
    """Return "required", "no" or "" (compile if possible)."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen not in ("required", "no", ""):
        raise SystemExit(f'{VARIABLE} must be "required", "no" or not set, not {chosen!r}')
    if sys.implementation.name != "cpython":
        if chosen == "required":
            raise SystemExit(f"{VARIABLE} is {chosen!r}, but only CPython can use the extension")
        return "no"
    return chosen


# Setuptools derives the wheel's tag and layout from the extensions it knows of, so they are
# removed before either command looks at them.
class BuildWheel(bdist_wheel):
    def finalize_options(self) -> None:
        if choice() == "no":
            self.distribution.ext_modules = []
        super().finalize_options()


class BuildEditable(editable_wheel):
    def finalize_options(self) -> None:
        if choice() == "no":
            self.distribution.ext_modules = []
        super().finalize_options()


def build(hook: Callable[..., str], *arguments: Any) -> str:
    """Call the hook; if it fails and the extension may be left out, call it again without it."""
    try:
        return hook(*arguments)
    except SystemExit as error:
        if choice():
            raise
        print(f"The extension was not compiled ({error}); building without it.", file=sys.stderr)
    os.environ[VARIABLE] = "no"
    try:
        return hook(*arguments)
    finally:
        del os.environ[VARIABLE]


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    return build(build_meta.build_wheel, wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    return build(build_meta.build_editable, wheel_directory, config_settings, metadata_directory)
