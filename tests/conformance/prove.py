"""Prove the answers of cases.json, or make them again.

    python tests/conformance/prove.py                    compare the file with both proofs
    python tests/conformance/prove.py --write            make the answers again from the inputs
    python tests/conformance/prove.py --no-browser       without Chromium

Two implementations answer each case: the transcription of the standard in tests/support/standard.py
and the EventSource of Chromium, which must be installed (Debian: ``apt install chromium``). They
must agree on the events; a browser does not tell the reconnection time, the last event ID at the
end and the comments, so these come from the transcription alone.
"""

from __future__ import annotations

import argparse
import json
import queue
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))

from support.standard import interpret

from conformance.run import CASES, Case, load, stream_of

Events = list[dict[str, str]]

# Nothing but the page is asked for: no service in the background, no state of another run.
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Seconds until Chromium must have sent the events of the next case.
PATIENCE = 60
PAGE = """<!doctype html>
<meta charset="utf-8">
<script>
// An EventSource tells an event only to who listens to its type.
function received(number, types) {
  return new Promise((resolve) => {
    const events = [];
    const source = new EventSource(`/stream/${number}`);
    const add = (event) => {
      if (event instanceof MessageEvent) {
        events.push({ type: event.type, data: event.data, id: event.lastEventId });
      } else if (event.type === "error") {
        // The end of the stream: without close() it would connect again.
        source.close();
        resolve(events);
      }
    };
    for (const type of types) source.addEventListener(type, add);
  });
}

async function main() {
  const { count, types } = await (await fetch("/types")).json();
  for (let number = 0; number < count; number++) {
    const body = JSON.stringify({ number, events: await received(number, types) });
    await fetch("/events", { method: "POST", body });
  }
}
main();
</script>
"""


def by_the_transcription(case: Case) -> Case:
    """Return the answer of the transcribed standard, without what came of the input."""
    outcome = interpret(stream_of(case), done=None)
    events = [
        {"type": item[1], "data": item[2], "id": item[3]}
        for item in outcome.items
        if item[0] == "event"
    ]
    comments = [item[1] for item in outcome.items if item[0] == "comment"]
    done = [number for number, event in enumerate(events) if event["data"] == "[DONE]"]
    return {
        "events": events,
        "retry": outcome.retry,
        "last_event_id": outcome.last_event_id,
        "extensions": {"comments": comments, "done": done},
    }


class Handler(BaseHTTPRequestHandler):
    """Serve the page and the streams of the cases; take the events that the page received."""

    protocol_version = "HTTP/1.1"

    def __init__(self, cases: list[Case], answers: queue.Queue[Any], *args: Any) -> None:
        self.cases = cases
        self.answers = answers
        super().__init__(*args)

    def reply(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/":
            self.reply("text/html", PAGE.encode())
        elif self.path == "/types":
            # The types of all cases: a wrong type that is right elsewhere is received too.
            types = {event["type"] for case in self.cases for event in case["events"]}
            found = {"count": len(self.cases), "types": sorted(types | {"message", "error"})}
            self.reply("application/json", json.dumps(found).encode())
        elif self.path.startswith("/stream/"):
            self.reply("text/event-stream", stream_of(self.cases[int(self.path[8:])]))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.reply("text/plain", b"")

    def log_message(self, *_: object) -> None:
        pass


def by_chromium(cases: list[Case], chromium: str) -> list[Events]:
    """Return the events that Chromium's EventSource dispatches for each case."""
    answers: queue.Queue[Any] = queue.Queue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, cases, answers))
    Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        page = f"http://127.0.0.1:{server.server_port}/"
        command = [chromium, *OPTIONS, f"--user-data-dir={profile}", page]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            found: list[Events] = []
            for number in range(len(cases)):
                answer = answers.get(timeout=PATIENCE)
                assert answer["number"] == number
                found.append(answer["events"])
            return found
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
            server.server_close()


def as_json(value: object) -> str:
    """Return JSON on one line; characters that cannot be seen, or hardly, are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(
        character
        if character.isprintable() and not "\u2000" <= character <= "\u3000"
        # The escapes of json.dumps() stand already there.
        else json.dumps(character)[1:-1]
        for character in text
    )


def as_text(cases: list[Case]) -> str:
    """Return the whole file, one member of a case a line."""
    rows = [
        ",\n".join(f"      {as_json(name)}: {as_json(value)}" for name, value in case.items())
        for case in cases
    ]
    return (
        '{\n  "version": 1,\n  "cases": [\n    {\n'
        + "\n    },\n    {\n".join(rows)
        + "\n    }\n  ]\n}\n"
    )


def main() -> int:
    options = argparse.ArgumentParser(description="Prove the answers of cases.json.")
    options.add_argument("--write", action="store_true", help="write the answers into the file")
    options.add_argument("--no-browser", action="store_true", help="without Chromium")
    options.add_argument("--chromium", default="chromium", help="the command of Chromium")
    given = options.parse_args()
    chromium = None if given.no_browser else shutil.which(given.chromium)
    if chromium is None and not given.no_browser:
        options.error(f"{given.chromium} is not installed; --no-browser does without it")

    cases = load()
    answers = [by_the_transcription(case) for case in cases]
    wrong: set[str] = set()
    if chromium is not None:
        # The types of the right answers, for which the page has to listen.
        asked = [case | answer for case, answer in zip(cases, answers, strict=True)]
        for case, events in zip(asked, by_chromium(asked, chromium), strict=True):
            if events != case["events"]:
                wrong.add(case["name"])
                print(f"{case['name']}: Chromium {events}, the transcription {case['events']}")
    changed = [
        case["name"] for case, answer in zip(cases, answers, strict=True) if case != case | answer
    ]
    if given.write and not wrong:
        written = [case | answer for case, answer in zip(cases, answers, strict=True)]
        CASES.write_text(as_text(written), encoding="utf-8")
        print(f"{len(cases)} cases written; {len(changed)} answers changed", *changed)
        return 0
    for name in changed:
        print(f"{name}: the file has another answer than the transcription")
    version = ""
    if chromium is not None:
        shown = subprocess.run([chromium, "--version"], capture_output=True, text=True, check=True)
        version = f" and {shown.stdout.strip()}"
    failed = len(wrong | set(changed))
    print(f"{len(cases) - failed} of {len(cases)} answers proved by the transcription{version}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
