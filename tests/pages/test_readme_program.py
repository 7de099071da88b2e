"""The program of the README with the answers of real servers: complete, incomplete, and errors."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
from support.pages import ROOT, blocks

pytest.importorskip("httpx", reason="httpx is not installed")

(PROGRAM,) = [b.code for b in blocks("README.md") if "OPENAI_API_KEY" in b.code]
DONE = b"data: [DONE]\n\n"


def chunk(**members: object) -> bytes:
    return b"data: " + json.dumps(members).encode() + b"\n\n"


def token(text: object) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"content": text}}])


HALF = token("Du") + token("cks")


class Case(NamedTuple):
    """What the server sends, what the program writes, and what its error message contains."""

    body: bytes
    output: str
    error: str = ""
    status: int = 200
    content_type: str = "text/event-stream"
    length: int | None = None  # if larger than the body, the connection breaks


CASES: dict[str, Case] = {
    "a complete answer": Case(HALF + DONE, "Ducks"),
    "another content type": Case(HALF + DONE, "Ducks", content_type="text/plain"),
    "comments": Case(b": PROCESSING\n\n" + token("Du") + b": PROCESSING\n\n" + DONE, "Du"),
    "chunks without text": Case(
        chunk(choices=[{"index": 0, "finish_reason": None}])
        + chunk(choices=[{"index": 0, "delta": None}])
        + chunk(choices=[{"index": 0, "delta": {}}])
        + token(None)
        + token([{"type": "thinking"}])
        + token("Du")
        + chunk(choices=[])
        + chunk(choices=None)
        + chunk(usage={"total_tokens": 9})
        + chunk(error=None, choices=[])
        + DONE,
        "Du",
    ),
    "a wrong key": Case(
        b'{"error": {"message": "Incorrect API key"}}', "", "Incorrect API key", status=401
    ),
    "JSON with status 200": Case(
        b'{\n  "error": {\n    "message": "no such model"\n  }\n}', "", "no such model"
    ),
    "an error inside the stream": Case(
        token("Du") + chunk(error={"message": "overloaded"}), "Du", "overloaded"
    ),
    "a failed response": Case(
        chunk(type="response.failed", response={"error": {"message": "no capacity"}}),
        "",
        "no capacity",
    ),
    "an end without [DONE]": Case(HALF, "Ducks", "incomplete"),
    "an end inside an event": Case(HALF + b"data: {", "Ducks", "incomplete"),
    "a connection that breaks": Case(HALF, "Ducks", "incomplete", length=9999),
    "a JSON error in the middle": Case(
        HALF + b'{\r\n  "error": {\r\n    "message": "quota"\r\n', "Ducks", "quota"
    ),
    "an HTML page in the middle": Case(HALF + b"<html>bad gateway</html>", "Ducks", "bad gateway"),
    "data that is not JSON": Case(token("Du") + b"data: Ducks\n\n" + DONE, "Du", "incomplete"),
}


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """A server that answers a request below /N/ with the case of that number."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            case = list(CASES.values())[int(self.path.split("/")[1])]
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(case.status)
            self.send_header("Content-Type", case.content_type)
            self.send_header("Content-Length", str(case.length or len(case.body)))
            self.end_headers()
            self.wfile.write(case.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def run_program(base_url: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_KEY": "any",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", CASES)
def test_the_program_writes_the_tokens_or_says_what_is_wrong(name: str, base_url: str) -> None:
    case = CASES[name]
    done = run_program(f"{base_url}/{list(CASES).index(name)}")
    assert done.stdout == case.output
    assert "Traceback" not in done.stderr, done.stderr
    assert case.error in done.stderr
    assert bool(done.returncode) == bool(case.error)


def test_a_server_that_cannot_be_reached_is_one_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = run_program(f"http://127.0.0.1:{port}/v1")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.startswith("\nincomplete or no answer: "), done.stderr
    assert done.stderr.count("\n") == 2


def test_the_message_of_the_server_stands_on_a_line_of_its_own(base_url: str) -> None:
    done = run_program(f"{base_url}/{list(CASES).index('an error inside the stream')}")
    assert done.stderr == "\nthe server reports an error: overloaded\n"
