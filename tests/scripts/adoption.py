"""Run other projects' own tests of their streams, with their own parser and with this one.

    python tests/scripts/adoption.py                 the projects whose sdist holds their tests
    python tests/scripts/adoption.py openai mcp      some of them
    python tests/scripts/adoption.py sseclient-py --checkout path/to/a/clone
    python tests/scripts/adoption.py --write         put the table into docs/adoption.md

Each project gets an environment of its own with the version that is named below; its sdist is
downloaded for the tests. replaced.py puts the page's block in place of the project's own parser.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TABLE = ROOT / "docs" / "adoption.md"
ASYNCIO = ["pytest-asyncio"]
STAINLESS = [*ASYNCIO, "respx", "dirty-equals", "rich", "httpx-aiohttp", "time-machine"]


class Project(NamedTuple):
    """``replaced`` is what goes: a module, and its classes and functions ([]: all of it)."""

    version: str
    tests: list[str]
    needs: list[str]
    replaced: dict[str, list[str]]
    # The end of a test's name: why it fails with this parser.
    expected: dict[str, str] = {}  # noqa: RUF012
    # Where the sdist has no tests: in the installed package, or only in a clone.
    options: list[str] = []  # noqa: RUF012
    # The name of the package, if the project's name here is another.
    package: str = ""
    installed: bool = False
    clone_only: bool = False


DECODER = ["ServerSentEvent", "SSEDecoder"]
EVENTSTREAMING = ["stream_events", "stream_events_async", "_parse_event", "_peek_sequence"]
HTTPX_SSE: dict[str, list[str]] = {
    f"httpx_sse.{name}": [] for name in ("_api", "_decoders", "_models", "_exceptions")
}
PROJECTS = {
    "openai": Project(
        "3.57.0",
        [
            "tests/test_streaming.py", "tests/test_sse_framing.py", "tests/test_stream_mode.py",
            "tests/test_agents_error_events.py", "tests/lib/test_streaming_deltas.py",
            "tests/lib/streaming",
        ],
        [*STAINLESS, "inline-snapshot", "pytest-xdist", "nest-asyncio", "trio"],
        {"openai._streaming": ["_SSELineDecoder", *DECODER]},
        {
            "test_unterminated_event|test_ignored_lines|interruption|cancellation":
            "the test reads `_data`, a private member of the decoder that goes",
        },
    ),
    "anthropic": Project(
        "2.14.0",
        [
            "tests/test_streaming.py", "tests/lib/streaming",
            "tests/lib/test_refusal_fallback_streaming.py",
        ],
        [*STAINLESS, "inline-snapshot", "http-snapshot[httpx]==0.1.9", "pytest-xdist"],
        {"anthropic._streaming": DECODER},
        {
            "test_pass_through_preserves_sse_fields_beyond_event_and_data":
            "a middleware needs `raw`, the lines as they came; with the class of the page alone "
            "it keeps its own decoder",
        },
        options=["-p", "tests._alias_httpx"],
    ),
    "groq": Project("1.7.0", ["tests/test_streaming.py"], STAINLESS, {"groq._streaming": DECODER}),
    "together": Project(
        "3.1.1", ["tests/test_streaming.py"], STAINLESS, {"together._streaming": DECODER}
    ),
    "cerebras-cloud-sdk": Project(
        "1.91.0", ["tests/test_streaming.py"], STAINLESS, {"cerebras.cloud.sdk._streaming": DECODER}
    ),
    "mistralai": Project(
        "3.7.0",
        ["src/mistralai/extra/tests/test_stream_error_hook.py"],
        [*ASYNCIO, "cryptography"],
        {"mistralai.client.utils.eventstreaming": EVENTSTREAMING},
    ),
    "google-genai": Project(
        "3.6.1",
        ["google/genai/tests/interactions/test_automatic_continuation.py"],
        [*ASYNCIO, "respx", "pillow"],
        {"google.genai._gaos.utils.eventstreaming": EVENTSTREAMING},
        installed=True,
    ),
    "httpx-sse": Project(
        "0.4.3",
        ["tests"],
        [*ASYNCIO, "httpx", "pytest-cov", "sse-starlette", "starlette"],
        HTTPX_SSE,
    ),
    "mcp": Project(
        "2.3.0",
        [
            "tests/shared/test_sse.py", "tests/shared/test_streamable_http.py",
            "tests/client/test_streamable_http.py", "tests/interaction/transports",
            "tests/issues/test_1363_race_condition_streamable_http.py",
        ],
        [
            "mcp[cli]", "trio", "inline-snapshot", "dirty-equals", "logfire", "blockbuster",
            "opentelemetry-sdk", "pytest-examples", "pytest-xdist", "coverage",
        ],
        {"httpx2._sse": ["_SSEEventDecoder", "_SSELineDecoder", "_SSEParser"]},
    ),
    "mcp 1": Project(
        "1.29.0",
        [
            "tests/shared/test_sse.py", "tests/shared/test_streamable_http.py",
            "tests/client/test_http_unicode.py", "tests/client/test_notification_response.py",
            "tests/issues/test_1363_race_condition_streamable_http.py",
        ],
        ["mcp[cli,ws]", "trio", "inline-snapshot", "dirty-equals", "pytest-examples", "requests"],
        HTTPX_SSE,
        package="mcp",
    ),
    "langgraph-sdk": Project(
        "0.4.14",
        [
            "tests/test_client_stream.py", "tests/streaming/test_transport_http.py",
            "tests/streaming/test_sync_transport_http.py", "tests/streaming/test_stream_errors.py",
        ],
        [*ASYNCIO, "pytest-mock", "starlette", "langgraph"],
        {"langgraph_sdk.sse": ["SSEDecoder"]},
        {
            "test_empty_data_lines_preserve_their_newlines":
            "the test reads `_data`, a private member of the decoder that goes",
        },
    ),
    "sseclient-py": Project(
        "1.9.0",
        ["tests/test_sseclient.py"],
        [],
        {"sseclient": ["SSEClient._read", "SSEClient.events"]},
        clone_only=True,
    ),
    "launchdarkly-eventsource": Project(
        "1.7.4",
        ["ld_eventsource/testing"],
        [*ASYNCIO, "mock", "aiohttp", "urllib3", "pytest-timeout"],
        {"ld_eventsource.reader": [], "ld_eventsource.async_reader": []},
    ),
    "sse-starlette": Project(
        "3.7.0",
        ["tests/test_event.py", "tests/test_streaming_parity.py"],
        [*ASYNCIO, "asgi-lifespan", "httpx2", "uvicorn", "psutil", "tenacity", "testcontainers"],
        {"sse_starlette.event": ["ServerSentEvent.encode"]},
        {
            r"server_sent_event\[":
            "the test compares bytes: `encode` writes `retry` before `data`, which means the same",
            "test_retry_is_int": "the test compares the text of the TypeError",
        },
    ),
}  # fmt: skip


class Result(NamedTuple):
    passed: int
    failed: list[str]
    # How many of the tests used this parser.
    uses: int

    def __str__(self) -> str:
        return f"{self.passed} of {self.passed + len(self.failed)}"


class Environment:
    """The environment of one project: its packages, its tests, and this package on the path."""

    def __init__(self, name: str, project: Project, folder: Path, checkout: Path | None) -> None:
        self.name, self.project, self.folder = name, project, folder
        self.package = project.package or name
        self.python = folder / "venv" / "bin" / "python"
        if not self.python.exists():
            call(sys.executable, "-m", "venv", str(folder / "venv"))
            needs = [f"{self.package}=={project.version}", "pytest", *project.needs]
            call(str(self.python), "-m", "pip", "install", "-q", *needs)
        self.source = checkout or self._installed() or self._sdist()
        # Only what the plugin needs: not the folder tests, whose name is that of other projects'.
        self.path = folder / "path"
        self.path.mkdir(exist_ok=True)
        for target in (ROOT / "sse_stream", ROOT / "tests" / "support", HERE / "replaced.py"):
            link = self.path / target.name
            if not link.exists():
                link.symlink_to(target)

    def _installed(self) -> Path | None:
        if not self.project.installed:
            return None
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        return Path(call(str(self.python), "-c", code).strip())

    def _sdist(self) -> Path:
        folder = self.folder / "sdist"
        if not folder.exists():
            requirement = f"{self.package}=={self.project.version}"
            options = ["-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder)]
            call(str(self.python), "-m", "pip", "download", *options, requirement)
            for archive in list(folder.glob("*.tar.gz")):
                with tarfile.open(archive) as opened:
                    opened.extractall(folder, filter="data")
        (source,) = [path for path in folder.iterdir() if path.is_dir()]
        return source

    def run(self, *, replaced: bool) -> Result:
        """Run the tests, with the project's own parser or with the page's block."""
        report = self.folder / f"{'after' if replaced else 'before'}.xml"
        report.unlink(missing_ok=True)
        plugin = ["-p", "replaced"] if replaced else []
        settings = {
            "REPLACE": self.name.replace(" ", "-") if replaced else "",
            "PYTHONPATH": str(self.path),
        }
        options = ["-q", "-o", "addopts=", "-W", "default", "-p", "no:cacheprovider"]
        options += self.project.options
        done = subprocess.run(
            [self.python, "-m", "pytest", *options, *plugin, f"--junitxml={report}",
             *self.project.tests],
            cwd=self.source,
            env={**os.environ, **settings, "SSE_STREAM_PURE": "1"},
            capture_output=True,
            text=True,
        )  # fmt: skip
        if not report.exists():
            raise SystemExit(
                f"{self.name}: no tests ran\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            )
        passed, uses, failed = 0, 0, []
        for case in ET.parse(report).iter("testcase"):
            kinds = {child.tag for child in case}
            uses += case.find("properties/property[@name='uses']") is not None
            if kinds & {"failure", "error"}:
                failed.append(f"{case.get('classname')}::{case.get('name')}")
            elif "skipped" not in kinds:
                passed += 1
        if not passed:
            raise SystemExit(f"{self.name}: every test failed\n{done.stdout[-3000:]}")
        return Result(passed, failed, uses)

    def lines(self) -> int:
        """How many lines of the project do the work that this parser takes over."""
        code = (
            "import importlib, json, sys\n"
            "names = json.loads(sys.argv[1])\n"
            "print(json.dumps({n: importlib.import_module(n).__file__ for n in names}))"
        )
        files = json.loads(call(str(self.python), "-c", code, json.dumps([*self.project.replaced])))
        return sum(
            count_lines(Path(files[module]).read_text("utf-8"), names)
            for module, names in self.project.replaced.items()
        )


def count_lines(source: str, names: list[str]) -> int:
    """Return the number of lines of these classes, functions and methods ([]: of all)."""
    if not names:
        return source.count("\n")
    found: dict[str, int] = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found[node.name] = lines_of(node)
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    found[f"{node.name}.{member.name}"] = lines_of(member)
    return sum(found[name] for name in names)


def lines_of(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def row(name: str, folder: Path, checkout: Path | None) -> str:
    """Run one project; return its row of the table."""
    project = PROJECTS[name]
    folder.mkdir(parents=True, exist_ok=True)
    environment = Environment(name, project, folder, checkout)
    before, after = environment.run(replaced=False), environment.run(replaced=True)
    reasons: dict[str, int] = {}
    for test in after.failed:
        if test not in before.failed:
            print(f"{name}: fails only with this parser: {test}", file=sys.stderr)
            why = [why for part, why in project.expected.items() if re.search(part, test)]
            reason = why[0] if why else "not known"
            reasons[reason] = reasons.get(reason, 0) + 1
    shown = "; ".join(f"{count}: {reason}" for reason, count in reasons.items())
    counts = [environment.lines(), after.uses, before, after]
    cells = [name, project.version, *counts, shown or "none"]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("projects", nargs="*", help=", ".join(PROJECTS))
    parser.add_argument("--checkout", type=Path, help="a clone with the tests of the one project")
    parser.add_argument("--folder", type=Path, help="where the environments are made and kept")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/adoption.md")
    given = parser.parse_args()
    if unknown := set(given.projects) - set(PROJECTS):
        parser.error(f"not known: {', '.join(sorted(unknown))}")
    if given.checkout and len(given.projects) != 1:
        parser.error("--checkout needs exactly one project")
    names = given.projects or [name for name in PROJECTS if not PROJECTS[name].clone_only]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        for name in names:
            checkout = given.checkout.resolve() if given.checkout else None
            found = row(name, folder.resolve() / name, checkout)
            print(found, flush=True)
            if given.write:
                write(name, found)


def write(name: str, row: str) -> None:
    """Replace the row of this project in the table of the page."""
    text = TABLE.read_text("utf-8")
    changed, count = re.subn(
        rf"^\| {re.escape(name)} \|.*$", lambda _: row, text, flags=re.MULTILINE
    )
    if count != 1:
        raise SystemExit(f"{TABLE.name} has no row that begins with {name}")
    TABLE.write_text(changed, "utf-8")


if __name__ == "__main__":
    main()
