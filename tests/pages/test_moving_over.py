"""The page docs/moving-over.md: old and new code run, and only the old code goes wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from support.pages import blocks
from support.server import Exchange, Server, Step
from support.standard import interpret

HTTPX, SSECLIENT, LAUNCHDARKLY = "httpx-sse", "sseclient-py", "launchdarkly-eventsource"
LINES, SHELL = "a loop over lines with requests", "a loop in the shell"
MODULES = {HTTPX: "httpx_sse", SSECLIENT: "sseclient", LAUNCHDARKLY: "ld_eventsource"}


def pairs() -> dict[str, list[str]]:
    """Return the code blocks of each section, by the parser that readers come from."""
    found: dict[str, list[str]] = {}
    for block in blocks("docs/moving-over.md"):
        name, _, _ = block.name.removeprefix("From ").rpartition(" ")
        found.setdefault(name, []).append(block.code)
    # Its new code is that of the other subsection about requests.
    found[LINES].append(found[SSECLIENT][1])
    return found


PAIRS = pairs()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


class Outcome(NamedTuple):
    """The text that was printed, and the name of the exception (the shell raises none)."""

    text: str
    error: str = ""


def content(value: Any) -> str:
    found = value["choices"][0]["delta"]["content"]
    assert isinstance(found, str)
    return found


def run(name: str, code: str, server: Server, stream: bytes) -> Outcome:
    chunks = [stream[at : at + 5] for at in range(0, len(stream), 5)]
    server.exchange = Exchange([Step(chunks, 0)])
    code = code.replace("8000", str(server.port))
    if name == SHELL:
        folder = os.path.dirname(sys.executable)
        environ = os.environ | {"PATH": folder + os.pathsep + os.environ["PATH"]}
        done = subprocess.run(["bash", "-c", code], env=environ, capture_output=True, timeout=60)
        # The number of replacement characters for a lone surrogate depends on the version of jq.
        return Outcome(re.sub("\ufffd+", "\ufffd", done.stdout.decode()))
    printed: list[str] = []
    error = ""
    show = {"print": lambda value: printed.append(content(value))}
    try:
        exec(compile(code, f"docs/moving-over.md: {name}", "exec"), show)
    except ValueError as raised:
        error = type(raised).__name__
    return Outcome("".join(printed), error)


def old_and_new(name: str, server: Server, stream: bytes) -> list[Outcome]:
    if name in MODULES:
        pytest.importorskip(MODULES[name])
    if name == SHELL and not all(map(shutil.which, ("bash", "curl", "jq", "python"))):
        pytest.skip("bash, curl or jq is not installed")
    assert len(PAIRS[name]) == 2
    return [run(name, code, server, stream) for code in PAIRS[name]]


def chunk(text: str) -> str:
    return json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False)


A, B = f"data: {chunk('A')}\n\n".encode(), f"data: {chunk('B')}\n\n".encode()
DONE = b"data: [DONE]\n\n"
PLAIN = A + f": keep-alive\n\ndata: {chunk(' smile: 😀, ')}\n\n".encode() + B + DONE


@pytest.mark.parametrize("name", PAIRS)
def test_old_and_new_give_the_same_on_a_plain_stream(name: str, server: Server) -> None:
    assert old_and_new(name, server, PLAIN) == [Outcome("A smile: 😀, B")] * 2


class Case(NamedTuple):
    """A stream on which the old code goes wrong, and its outcome."""

    name: str
    what: str
    stream: bytes
    old: Outcome


BOM = b"\xef\xbb\xbf"
INVALID_UTF8 = A + f"data: {chunk('a#b')}\n\n".encode().replace(b"#", b"\xe2\x82") + B + DONE
LINES_OF_DATA = A + f"data: {chunk('X')}\n\n".encode().replace(b" [", b"\ndata: [") + B + DONE
SURROGATES = (A.replace(b"A", rb"\ud83d") + A.replace(b"A", rb"\ude00")) + DONE
CASES = [
    Case(
        HTTPX,
        "a keep-alive after an ID",
        b"id: 1\n" + A + b": ping\n\n" + B + DONE,
        Outcome("A", "JSONDecodeError"),
    ),
    Case(HTTPX, "retry alone", b"retry: 1\n\n" + A + DONE, Outcome("", "JSONDecodeError")),
    Case(HTTPX, "a byte order mark", BOM + A + B + DONE, Outcome("B")),
    Case(
        SSECLIENT,
        "LF, then a blank line with CRLF",
        A.replace(b"\n\n", b"\n\r\n") + B + DONE,
        Outcome("", "JSONDecodeError"),
    ),
    Case(SSECLIENT, "invalid UTF-8", INVALID_UTF8, Outcome("A", "UnicodeDecodeError")),
    Case(SSECLIENT, "a truncated stream", A + B[:-1], Outcome("AB")),
    Case(LAUNCHDARKLY, "invalid UTF-8", INVALID_UTF8, Outcome("A", "UnicodeDecodeError")),
    Case(LAUNCHDARKLY, "a byte order mark", BOM + A + B + DONE, Outcome("B")),
    Case(LINES, "no space", A.replace(b": ", b":", 1) + B + DONE, Outcome("B")),
    Case(LINES, "lines of data", LINES_OF_DATA, Outcome("A", "JSONDecodeError")),
    Case(LINES, "a truncated stream", A + B[:-1], Outcome("AB")),
    Case(SHELL, "CR alone", (A + B + DONE).replace(b"\n", b"\r"), Outcome("")),
    Case(SHELL, "no space", A.replace(b": ", b":", 1) + B + DONE, Outcome("B")),
    Case(SHELL, "a surrogate pair in two events", SURROGATES, Outcome("\ufffd")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}: {case.what}")
def test_only_the_old_code_goes_wrong(case: Case, server: Server) -> None:
    old, new = old_and_new(case.name, server, case.stream)
    data = [json.loads(str(item[2])) for item in interpret(case.stream).items if item[0] == "event"]
    # Two surrogates are one character.
    right = "".join(map(content, data)).encode("utf-16", "surrogatepass").decode("utf-16")
    assert new == Outcome(right)
    assert old == case.old
    assert old != new
