"""The page docs/moving-over.md: old and new code run, and only the old code goes wrong."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import pytest

pytest.importorskip("httpx")
pytest.importorskip("requests")
pytest.importorskip("urllib3")

import httpx
import requests
import urllib3
from support.pages import blocks
from support.server import Exchange, Server, Step
from support.standard import interpret

from sse_stream import Parser, iter_events

HTTPX, SSECLIENT, LAUNCHDARKLY = "httpx-sse", "sseclient-py", "launchdarkly-eventsource"
LINES, SHELL = "a loop over lines with requests", "a loop in the shell"
MODULES = {HTTPX: "httpx_sse", SSECLIENT: "sseclient", LAUNCHDARKLY: "ld_eventsource"}


def pairs() -> dict[str, list[str]]:
    """Return the code blocks of each section, by the parser that readers come from."""
    found: dict[str, list[str]] = {}
    for block in blocks("docs/moving-over.md"):
        name, _, _ = block.name.removeprefix("From ").rpartition(" ")
        found.setdefault(name, []).append(block.code)
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
        exec(compile(code, f"docs/moving-over.md: {name}", "exec", dont_inherit=True), show)
    except ValueError as raised:
        error = type(raised).__name__
    return Outcome("".join(printed), error)


def old_and_new(name: str, server: Server, stream: bytes) -> list[Outcome]:
    if name in MODULES:
        pytest.importorskip(MODULES[name])
    if name == SHELL and not all(map(shutil.which, ("bash", "curl", "jq", "python3"))):
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


def test_decode_unicode_of_requests_guesses_another_encoding(server: Server) -> None:
    old, new = PAIRS[LINES]
    decoding = old.replace("iter_lines()", "iter_lines(decode_unicode=True)")
    decoding = decoding.replace("        line = line.decode()\n", "")
    stream = f"data: {chunk('ü')}\n\n".encode() + DONE
    assert run(LINES, decoding, server, stream) == Outcome("Ã¼")
    assert run(LINES, old, server, stream) == run(LINES, new, server, stream) == Outcome("ü")


class Connection(io.RawIOBase):
    """A connection that gives the next part at each read."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.parts.pop(0) if self.parts else b""
        buffer[: len(part)] = part
        return len(part)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)


def opened(connection: Connection) -> requests.Response:
    """Return the response of requests that reads from this connection."""
    body = http.client.HTTPResponse(cast(Any, connection))
    body.begin()
    response = requests.Response()
    response.status_code = body.status
    response.raw = urllib3.HTTPResponse(cast(Any, body), preload_content=False)
    return response


def test_lines_of_requests_wait_where_a_body_has_no_framing() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    lines, events = Connection([head, A, B, DONE]), Connection([head, A, B, DONE])
    assert next(opened(lines).iter_lines()) == A.strip()
    assert next(iter_events(opened(events))).json() == json.loads(chunk("A"))
    assert lines.parts == []  # the connection was read to its end
    assert events.parts == [B, DONE]


def test_lines_of_httpx_are_cut_inside_the_json() -> None:
    data = chunk("a\u2028b")
    response = httpx.Response(200, content=f"data: {data}\n\n".encode())
    first, second, _ = response.iter_lines()
    assert first.endswith("a") and second.startswith("b")


def test_a_parser_can_be_fed_lines() -> None:
    parser = Parser()
    found = [item for line in (A + B).splitlines() for item in parser.feed(line + b"\n")]
    assert found == list(iter_events(A + B))
