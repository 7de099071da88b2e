"""The README's pairs for those who come from elsewhere: both run, and the old one goes wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.server import Exchange, Server, Step
from support.standard import interpret

ROOT = Path(__file__).resolve().parent.parent
HTTPX, SSECLIENT, LAUNCHDARKLY = "httpx-sse", "sseclient-py", "launchdarkly-eventsource"
LINES, SHELL = "a loop over lines with requests", "a loop in the shell"
MODULES = {HTTPX: "httpx_sse", SSECLIENT: "sseclient", LAUNCHDARKLY: "ld_eventsource"}


def pairs() -> dict[str, list[str]]:
    """The code of each section, by where its readers come from."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("\n## Moving over\n")
    section, _, _ = rest.partition("\n## ")
    found: dict[str, list[str]] = {}
    for part in section.split("\n### From ")[1:]:
        name, _, body = part.partition("\n")
        found[name] = re.findall(r"^```(?:py|sh)\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
    # Its new block is that of the other section about requests.
    found[LINES].append(found[SSECLIENT][1])
    return found


PAIRS = pairs()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


class Outcome(NamedTuple):
    """The text that came out, and the name of what was raised (the shell raises nothing)."""

    text: str
    error: str = ""


def content(value: Any) -> str:
    found = value["choices"][0]["delta"]["content"]
    assert isinstance(found, str)
    return found


def run(name: str, code: str, server: Server, stream: bytes) -> Outcome:
    pieces = [stream[at : at + 5] for at in range(0, len(stream), 5)]
    server.exchange = Exchange([Step(pieces, 0)])
    code = code.replace("8000", str(server.port))
    if name == SHELL:
        folder = os.path.dirname(sys.executable)
        environ = os.environ | {"PATH": folder + os.pathsep + os.environ["PATH"]}
        done = subprocess.run(["sh", "-c", code], env=environ, capture_output=True, timeout=60)
        # How many replacement characters half a character becomes depends on the version of jq.
        return Outcome(re.sub("\ufffd+", "\ufffd", done.stdout.decode()))
    printed: list[str] = []
    error = ""
    show = {"print": lambda value: printed.append(content(value))}
    try:
        exec(compile(code, f"README.md: {name}", "exec"), show)
    except ValueError as raised:
        error = type(raised).__name__
    return Outcome("".join(printed), error)


def old_and_new(name: str, server: Server, stream: bytes) -> list[Outcome]:
    if name in MODULES:
        pytest.importorskip(MODULES[name])
    if name == SHELL and not all(map(shutil.which, ("sh", "curl", "jq", "python"))):
        pytest.skip("no sh, curl or jq")
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
    """A stream on which the old one goes wrong, and how."""

    name: str
    what: str
    stream: bytes
    old: Outcome


MARK = b"\xef\xbb\xbf"
BROKEN = A + f"data: {chunk('a#b')}\n\n".encode().replace(b"#", b"\xe2\x82") + B + DONE
LINES_OF_DATA = A + f"data: {chunk('X')}\n\n".encode().replace(b" [", b"\ndata: [") + B + DONE
HALVES = (A.replace(b"A", rb"\ud83d") + A.replace(b"A", rb"\ude00")) + DONE
CASES = [
    Case(
        HTTPX,
        "a keep-alive after an ID",
        b"id: 1\n" + A + b": ping\n\n" + B + DONE,
        Outcome("A", "JSONDecodeError"),
    ),
    Case(HTTPX, "retry alone", b"retry: 1\n\n" + A + DONE, Outcome("", "JSONDecodeError")),
    Case(HTTPX, "a byte order mark", MARK + A + B + DONE, Outcome("B")),
    Case(
        SSECLIENT,
        "a blank line of another kind",
        A.replace(b"\n\n", b"\n\r\n") + B + DONE,
        Outcome("", "JSONDecodeError"),
    ),
    Case(SSECLIENT, "a broken byte", BROKEN, Outcome("A", "UnicodeDecodeError")),
    Case(SSECLIENT, "a stream cut short", A + B[:-1], Outcome("AB")),
    Case(LAUNCHDARKLY, "a broken byte", BROKEN, Outcome("A", "UnicodeDecodeError")),
    Case(LAUNCHDARKLY, "a byte order mark", MARK + A + B + DONE, Outcome("B")),
    Case(LINES, "no space", A.replace(b": ", b":", 1) + B + DONE, Outcome("B")),
    Case(LINES, "lines of data", LINES_OF_DATA, Outcome("A", "JSONDecodeError")),
    Case(LINES, "a stream cut short", A + B[:-1], Outcome("AB")),
    Case(SHELL, "CR alone", (A + B + DONE).replace(b"\n", b"\r"), Outcome("")),
    Case(SHELL, "no space", A.replace(b": ", b":", 1) + B + DONE, Outcome("B")),
    Case(SHELL, "halves of a character", HALVES, Outcome("\ufffd")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}: {case.what}")
def test_only_the_old_code_goes_wrong(case: Case, server: Server) -> None:
    old, new = old_and_new(case.name, server, case.stream)
    data = [json.loads(str(item[2])) for item in interpret(case.stream).items if item[0] == "event"]
    # Two halves of a character are one.
    right = "".join(map(content, data)).encode("utf-16", "surrogatepass").decode("utf-16")
    assert new == Outcome(right)
    assert old == case.old
    assert old != new
