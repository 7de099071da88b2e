"""A chat without a network: a loopback server streams it in random chunks.

    python tests/demo.py            at the pace of a model
    python tests/demo.py --pace 0   at once

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
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sse_stream import Comment, Event, iter_items, read_chunks

ANSWER = (
    "Bytes arrive split anywhere: inside “data:”, between CR and LF, in the middle of a 🦆. "
    "The parser does not mind. "
    "Voilà: 一个字一个字地, and a line separator\u2028that splits no JSON."
)
CLEAR = "\r\x1b[K"


def chat() -> Iterator[tuple[float, bytes]]:
    """Yield the blocks of a chat, each with the relative time to wait before it."""
    for _ in range(12):
        yield 1.0, b": PROCESSING\n\n"
    yield 2.0, block({"role": "assistant"})
    for word in ANSWER.split(" "):
        yield 1.0, block({"content": word if word.endswith("\n") else word + " "})
    yield 1.0, block({}, finish_reason="stop")
    yield 0.0, b"data: [DONE]\r\n\r\n"


def block(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    body = {"object": "chat.completion.chunk", "choices": [choice]}
    return f"data: {json.dumps(body, ensure_ascii=False)}\r\n\r\n".encode()


class Handler(BaseHTTPRequestHandler):
    """Streams the chat with chunked transfer coding, in chunks of one to forty bytes."""

    protocol_version = "HTTP/1.1"
    pace = 0.0

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chance = random.Random(1)
        for wait, data in chat():
            time.sleep(wait * self.pace)
            while data:
                size = chance.randint(1, 40)
                chunk, data = data[:size], data[size:]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                time.sleep(self.pace / 20)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Write no log: the terminal is for the chat."""


def show(url: str) -> None:
    """Print the tokens as they arrive, and before them the text of the comments."""
    turns = 0
    with urllib.request.urlopen(url) as response:
        for item in iter_items(read_chunks(response)):
            match item:
                case Comment(text) if sys.stderr.isatty():
                    sys.stderr.write(f"{CLEAR}{'⠋⠙⠹⠸⠼⠴⠦⠧'[turns % 8]} {text.lower()} …")
                    sys.stderr.flush()
                    turns += 1
                case Event() as event:
                    token = event.json()["choices"][0]["delta"].get("content", "")
                    if token and turns:
                        sys.stderr.write(CLEAR)
                        sys.stderr.flush()
                        turns = 0
                    print(token, end="", flush=True)
    print()


def main() -> None:
    options = argparse.ArgumentParser(description="A streamed chat over a loopback server.")
    options.add_argument("--pace", type=float, default=0.12, help="seconds a token (%(default)s)")
    Handler.pace = options.parse_args().pace
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        show(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()


if __name__ == "__main__":
    main()
