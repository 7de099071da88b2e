"""The pure and the compiled form of the package, side by side in one process.

Where the extension is built, the package uses it throughout, also for the items. The pure form
is therefore a second copy of the package, imported under another name without its extension.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import FunctionType, ModuleType

import sse_stream

EXTENSION = "_speedups"


def is_compiled(package: ModuleType) -> bool:
    return not isinstance(package.Parser.feed, FunctionType)


def import_without_extension(name: str) -> ModuleType:
    folder = Path(sse_stream.__file__).parent
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    # None makes an import of this name raise ModuleNotFoundError.
    sys.modules[f"{name}.{EXTENSION}"] = None  # type: ignore[assignment]
    spec.loader.exec_module(package)
    if is_compiled(package):
        raise RuntimeError(f"{name} is not the pure form")
    return package


PURE = import_without_extension("sse_stream_pure")
COMPILED = sse_stream if is_compiled(sse_stream) else None
# In the order of every table and picture.
FORMS: dict[str, ModuleType] = {"compiled": COMPILED} if COMPILED else {}
FORMS["pure"] = PURE
