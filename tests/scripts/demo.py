"""A chat without a network: a server on loopback streams it in chunks of random sizes.

    python3 tests/scripts/demo.py               show it at the speed of a model
    python3 tests/scripts/demo.py --pace 0      show it at once
    python3 tests/scripts/demo.py --serve       serve it for other clients, until Ctrl-C

The server sends these streams, for GET and for POST:

    /v1/messages    in the format of Anthropic's Messages API
    /v1/error       half an answer, then an error
    /v1/truncated   half an answer, then the connection ends in the middle of an event
    /v1/numbers     events with IDs; the connection breaks twice, Last-Event-ID resumes
    any other path  a chat in the format of OpenAI's Chat Completions API

It needs only the standard library and this checkout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from sse_stream import Comment, Event, iter_items

DATA = Path(__file__).resolve().parent.parent / "data"
ANSWER = (
    "Bytes arrive split anywhere: inside “data:”, between CR and LF, in the middle of a 🦆. "
    "The parser does not mind. "
    "Voilà: 一个字一个字地, and a line separator\u2028that splits no JSON."
)
CLEAR = "\r\x1b[K"
NUMBERS = 9
DONE = b"data: [DONE]\r\n\r\n"

# Parts of a stream, each with the relative time to wait before it.
Parts = Iterator[tuple[float, bytes]]


def chat() -> Parts:
    for _ in range(12):
        yield 1.0, b": PROCESSING\n\n"
    yield 2.0, delta({"role": "assistant"})
    for word in ANSWER.split(" "):
        yield 1.0, delta({"content": word if word.endswith("\n") else word + " "})
    yield 1.0, delta({}, finish_reason="stop")
    yield 0.0, DONE


def delta(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return block({"object": "chat.completion.chunk", "choices": [choice]})


def block(body: object) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\r\n\r\n".encode()


def messages() -> Parts:
    recorded = (DATA / "messages.sse").read_bytes()
    for part in recorded.split(b"\n\n")[:-1]:
        yield 1.0, part + b"\n\n"


def error() -> Parts:
    yield 1.0, delta({"content": "The answer is "})
    yield 2.0, block({"error": {"code": 503, "message": "the model is overloaded"}})
    yield 0.0, DONE


def truncated() -> Parts:
    yield 1.0, delta({"content": "The answer is "})
    yield 1.0, delta({"content": "forty-two"})[:30]


def numbers(last: int) -> Parts:
    """Yield three numbers after ``last``, and the end of the stream after the last three."""
    yield 0.0, b"retry: 100\n\n"
    for number in range(last + 1, min(last + 4, NUMBERS + 1)):
        yield 1.0, b"id: %d\ndata: number %d\n\n" % (number, number)
    yield 0.0, DONE if last + 3 >= NUMBERS else b"data: half an ev"


class Handler(BaseHTTPRequestHandler):
    """Sends a stream with chunked transfer coding, in chunks of one to forty bytes."""

    protocol_version = "HTTP/1.1"
    pace = 0.0

    def do_GET(self) -> None:
        # The body of a POST is read, so that the connection can be used again.
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if path == "/v1/messages":
            self.send(messages())
        elif path == "/v1/error":
            self.send(error())
        elif path == "/v1/truncated":
            self.send(truncated(), close=True)
        elif path == "/v1/numbers":
            last = self.headers.get("Last-Event-ID", "")
            self.send(numbers(int(last) if last.isdigit() else 0), close=True)
        else:
            self.send(chat())

    do_POST = do_GET

    def send(self, parts: Parts, close: bool = False) -> None:
        """Send the parts; ``close`` ends the body by closing the connection, as HTTP/1.0 does."""
        close = close or self.request_version == "HTTP/1.0"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header(*(("Connection", "close") if close else ("Transfer-Encoding", "chunked")))
        self.end_headers()
        chance = random.Random(1)
        for wait, data in parts:
            time.sleep(wait * self.pace)
            while data:
                size = chance.randint(1, 40)
                chunk, data = data[:size], data[size:]
                self.wfile.write(chunk if close else b"%x\r\n%b\r\n" % (len(chunk), chunk))
                time.sleep(self.pace / 20)
        if not close:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Write no log: the terminal is for the chat."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves early is not an error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def show(url: str) -> None:
    """Print the tokens as they arrive, and before them the text of the comments."""
    turns = 0
    with urllib.request.urlopen(url) as response:
        for item in iter_items(response):
            match item:
                case Comment(text) if sys.stderr.isatty():
                    sys.stderr.write(f"{CLEAR}{'⠋⠙⠹⠸⠼⠴⠦⠧'[turns % 8]} {text.lower()} …")
                    sys.stderr.flush()
                    turns += 1
                case Event() as event:
                    token = event.json("choices", 0, "delta", "content", default="")
                    if token and turns:
                        sys.stderr.write(CLEAR)
                        sys.stderr.flush()
                        turns = 0
                    print(token, end="", flush=True)
    print()


def main() -> None:
    options = argparse.ArgumentParser(description="A streamed chat from a server on loopback.")
    options.add_argument("--pace", type=float, default=0.12, help="seconds a token (%(default)s)")
    options.add_argument("--serve", action="store_true", help="serve the streams until Ctrl-C")
    options.add_argument("--port", type=int, default=8000, help="with --serve (%(default)s)")
    given = options.parse_args()
    Handler.pace = given.pace
    try:
        server = Server(("127.0.0.1", given.port if given.serve else 0), Handler)
    except OSError as error:
        options.error(f"port {given.port}: {error.strerror}; choose another with --port")
    with server:
        try:
            run(server, given.serve)
        except KeyboardInterrupt:
            print()


def run(server: Server, serve: bool) -> None:
    url = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    if serve:
        print(f"serving {url} (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    show(url)
    server.shutdown()


if __name__ == "__main__":
    main()
