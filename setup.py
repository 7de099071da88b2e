"""The compiled extension, which is optional. Everything else stands in pyproject.toml.

The environment variable SSE_STREAM_BUILD decides whether the extension is compiled:

``required``  a build without the extension fails
``no``        the extension is left out
not set       compiled where that succeeds, else left out

It is left out on every implementation but CPython, where it would not be used. A wheel without
it is tagged py3-none-any: setuptools takes the tag from the extensions that setup() gets, so
setup() is called a second time without any where the compiler fails. ``Extension(optional=True)``
would give a wheel for one platform that has nothing compiled in it, and so would the table
``ext-modules`` of pyproject.toml, which setuptools calls experimental: it knows no condition.

With SOURCE_DATE_EPOCH, two builds of the same files give the same sdist and the same wheel,
whatever their folder and their time.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.errors import CCompilerError, ExecError, PlatformError

VARIABLE = "SSE_STREAM_BUILD"


class NotCompiled(Exception):
    """The extension cannot be compiled here."""


class BuildExtension(build_ext):
    """Compiles without debug symbols, which would name the folder of the build."""

    def run(self) -> None:
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError) as error:
            raise NotCompiled(str(error)) from error

    def build_extension(self, ext: Extension) -> None:
        # Who sets CFLAGS, as distributions and the sanitizers do, may want symbols.
        if self.compiler.compiler_type == "unix" and "CFLAGS" not in os.environ:
            ext.extra_compile_args = ["-g0"]
        super().build_extension(ext)


class SourceDistribution(sdist):
    """Makes the same archive of the same files, if SOURCE_DATE_EPOCH gives the time."""

    def make_distribution(self) -> None:
        super().make_distribution()
        if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
            for archive in self.archive_files:
                set_times(Path(archive), int(epoch))


def set_times(archive: Path, epoch: int) -> None:
    """Write a .tar.gz again: sorted, with this time, and without owners and umask."""
    files = io.BytesIO()
    with (
        tarfile.open(archive) as old,
        tarfile.open(fileobj=files, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.mtime = epoch
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    # The head of a gzip file has a time too.
    archive.write_bytes(gzip.compress(files.getvalue(), mtime=epoch))


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


def build(*, compiled: bool) -> None:
    extension = Extension("sse_stream._speedups", ["sse_stream/_speedups.c"])
    setup(
        ext_modules=[extension] if compiled else [],
        cmdclass={"build_ext": BuildExtension, "sdist": SourceDistribution},
    )


def main() -> None:
    chosen = choice()
    try:
        build(compiled=chosen != "no")
    except NotCompiled as error:
        if chosen == "required":
            raise SystemExit(f"{VARIABLE} is {chosen!r}, but: {error}") from error
        print(f"The extension was not compiled ({error}); building without it.", file=sys.stderr)
        build(compiled=False)


if __name__ == "__main__":
    main()
