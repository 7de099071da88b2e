"""Check that other parsers read what encode() writes, on seeded random items.

    tox -e compare -- --streams 2000
    tox exec -e compare -- python tests/scripts/compare_encoder.py --readers chromium

Readers in Python: httpx-sse, openai's decoder, launchdarkly-eventsource. On Node:
eventsource-parser and undici's EventSource. Chromium's own EventSource, headless. What is not
installed is named and skipped. DEPARTURES lists where a reader departs from the standard; any
other difference is printed, shortest first, and is a failure.
"""

from __future__ import annotations

import argparse
import http.server
import json
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
# The package, unless it is installed.
sys.path.append(str(Path(__file__).resolve().parent.parent.parent))

from scripts.compare import OTHER_PARSERS, answers
from sse_stream import DONE, Comment, Event, Ignored, Item, encode

# "event" with type, data and last event ID (None: the reader does not report it), or "comment"
# with its text.
Found = list[Any]

# Characters that some parsers treat as line breaks, and text that looks like fields.
PIECES = ["a", "[DONE]", "data: x", '{"a": 1}', "é", "😀", ":", ": ", " ", "  ", "\t", "\ufeff"]
PIECES += ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "id: 9", "retry: 1"]
BREAKS = ["\n", "\r", "\r\n", "\n\n", "\r\r", "\n\r", "\r\n\r\n"]
NUL = ["\0"]
SECONDS = 600


def random_items(chance: random.Random) -> list[Item]:
    def text(pieces: list[str]) -> str:
        return "".join(chance.choices(pieces, k=chance.randint(0, 5)))

    def item() -> Item:
        kind = chance.random()
        if kind < 0.1:
            return DONE
        if kind < 0.25:
            return Comment(text(PIECES + NUL))
        return Event(
            chance.choice(["message", "", text(PIECES), "error", "open"]),
            text(PIECES + BREAKS + NUL),
            chance.choice(["", "7", text(PIECES)]),
            chance.choice([None, None, 0, 3000, chance.randrange(2**31)]),
        )

    return [item() for _ in range(chance.randint(1, 8))]


class Encoded(NamedTuple):
    """A stream, the items in it, and what a reader has to find."""

    items: list[Item]
    stream: bytes
    expected: list[Found]


def encoded(items: Iterable[Item]) -> Encoded:
    items = list(items)
    stream, id = b"", ""
    expected: list[Found] = []
    for item in items:
        assert not isinstance(item, Ignored)  # random_items() makes none
        stream += encode(item, last_event_id=id)
        if isinstance(item, Event):
            id = item.id
            data = item.data.replace("\r\n", "\n").replace("\r", "\n")
            expected.append(["event", item.event or "message", data, id])
        elif isinstance(item, Comment):
            expected.append(["comment", item.text])
        else:
            expected.append(["event", "message", "[DONE]", id])
    return Encoded(items, stream, expected)


def random_cases(count: int, seed: int) -> list[Encoded]:
    chance = random.Random(seed)
    return [encoded(random_items(chance)) for _ in range(count)]


# Python.


def found(event: Any, id: str | None) -> Found:
    return ["event", event.event or "message", event.data, id or ""]


def httpx_sse(streams: list[bytes]) -> Iterator[list[Found]]:
    import httpx
    from httpx_sse import EventSource

    headers = {"content-type": "text/event-stream"}
    for stream in streams:
        response = httpx.Response(200, headers=headers, content=stream)
        yield [found(event, event.id) for event in EventSource(response).iter_sse()]


def openai(streams: list[bytes]) -> Iterator[list[Found]]:
    from openai._streaming import SSEDecoder

    for stream in streams:
        yield [found(event, event.id) for event in SSEDecoder().iter_bytes(iter([stream]))]


def launchdarkly(streams: list[bytes]) -> Iterator[list[Found]]:
    from ld_eventsource.actions import Comment as TheirComment
    from ld_eventsource.reader import _BufferedLineReader, _SSEReader

    for stream in streams:
        lines = _BufferedLineReader.lines_from(iter([stream]))
        yield [
            # It keeps the space after the colon.
            ["comment", item.comment.removeprefix(" ")]
            if isinstance(item, TheirComment)
            else found(item, item.last_event_id)
            for item in _SSEReader(lines).events_and_comments()
        ]


# Node.


def on_node(name: str) -> Callable[[list[bytes]], Iterator[list[Found]]]:
    def read(streams: list[bytes]) -> Iterator[list[Found]]:
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise ImportError("Node is not installed")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary, "other_parsers")
            shutil.copytree(OTHER_PARSERS, folder)
            install = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(install, cwd=folder, check=True)
            return iter(answers(name, folder, streams))

    return read


# Chromium.

PAGE = """<!doctype html><meta charset="utf-8"><script type="module">
const types = await (await fetch("types")).json();
const found = [];
for (let at = 0; at < types.length; at++) {
  found.push(await new Promise((resolve) => {
    const events = [];
    const source = new EventSource("stream/" + at);
    const take = (event) => {
      if (event instanceof MessageEvent) {
        events.push(["event", event.type, event.data, event.lastEventId]);
      } else if (event.type === "error") {
        // The end of the stream: it would connect again.
        source.close();
        resolve(events);
      }
    };
    for (const type of new Set([...types[at], "error"])) source.addEventListener(type, take);
  }));
}
await fetch("found", { method: "POST", body: JSON.stringify(found) });
</script>"""


def chromium(streams: list[bytes], types: list[list[str]]) -> Iterator[list[Found]]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    program = program or shutil.which("google-chrome")
    if program is None:
        raise ImportError("Chromium is not installed")
    posted: queue.Queue[bytes] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/stream/"):
                kind, body = "text/event-stream", streams[int(self.path.rpartition("/")[2])]
            elif self.path == "/types":
                kind, body = "application/json", json.dumps(types).encode()
            else:
                kind, body = "text/html", PAGE.encode()
            self.answer(kind, body)

        def do_POST(self) -> None:
            posted.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer("text/plain", b"")

        def answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        url = f"http://127.0.0.1:{server.server_port}/"
        browser = subprocess.Popen(
            [program, *flags, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            return iter(json.loads(posted.get(timeout=SECONDS)))
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()


# Differences.


class Departure(NamedTuple):
    """A departure from the standard: the items that remain are read the same."""

    name: str
    rewrite: Callable[[list[Item]], list[Item]]


def without_comments(items: list[Item]) -> list[Item]:
    return [item for item in items if not isinstance(item, Comment)]


EMPTY_EVENT = Departure(
    "a blank line after a comment is an event without data if there was an ID", without_comments
)
DEPARTURES = {"httpx-sse": [EMPTY_EVENT], "openai": [EMPTY_EVENT]}
READERS: dict[str, Callable[[list[bytes]], Iterator[list[Found]]]] = {
    "httpx-sse": httpx_sse,
    "openai": openai,
    "launchdarkly-eventsource": launchdarkly,
    "eventsource-parser": on_node("eventsource-parser"),
    "undici": on_node("undici"),
}
REPORT_COMMENTS = {"launchdarkly-eventsource", "eventsource-parser"}


def read_all(name: str, cases: list[Encoded]) -> list[list[Found]]:
    streams = [case.stream for case in cases]
    if name == "chromium":
        types = [[item[1] for item in case.expected if item[0] == "event"] for case in cases]
        return list(chromium(streams, types))
    return list(READERS[name](streams))


def same(name: str, ours: list[Found], theirs: list[Found]) -> bool:
    """Compare what the reader reports: not all report comments, or an ID for each event."""
    if name not in REPORT_COMMENTS:
        ours = [item for item in ours if item[0] == "event"]
    return len(ours) == len(theirs) and all(
        our == their or (our[:3] == their[:3] and their[3:] == [None])
        for our, their in zip(ours, theirs, strict=True)
    )


def compare(name: str, cases: list[Encoded]) -> bool:
    """Print agreements, departures and other differences; return True if there are no others."""
    try:
        read = read_all(name, cases)
    except ImportError as error:
        print(f"{name}: skipped, {error}")
        return True
    wrong = [
        (case, theirs)
        for case, theirs in zip(cases, read, strict=True)
        if not same(name, case.expected, theirs)
    ]
    try:
        name_and_version = f"{name} {version(name)}"
    except PackageNotFoundError:
        name_and_version = name
    print(f"{name_and_version}: {len(cases) - len(wrong)} of {len(cases)} streams read the same")
    for departure in DEPARTURES.get(name, []):
        rewritten = [encoded(departure.rewrite(case.items)) for case, _ in wrong]
        explained = [
            same(name, case.expected, theirs)
            for case, theirs in zip(rewritten, read_all(name, rewritten), strict=True)
        ]
        print(f"  {sum(explained)}: {departure.name}")
        wrong = list(compress(wrong, map(not_, explained)))
    for case, theirs in sorted(wrong, key=lambda pair: len(pair[0].stream))[:5]:
        print(f"  UNEXPLAINED {case.stream!r}\n    expected {case.expected}\n    read     {theirs}")
    return not wrong


def main() -> int:
    names = [*READERS, "chromium"]
    options = argparse.ArgumentParser(description="Check that others read what encode() writes.")
    options.add_argument("--streams", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--readers", nargs="+", choices=names, default=names)
    given = options.parse_args()
    cases = random_cases(given.streams, given.seed)
    results = [compare(name, cases) for name in given.readers]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
