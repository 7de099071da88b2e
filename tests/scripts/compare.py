"""Compare the parser with other parsers, on seeded random streams.

    tox -e compare -- --streams 5000

It needs Node and npm. DEPARTURES lists where another parser departs from the standard, and why
this package does not; any other difference is printed, shortest first, and is a failure.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# The package, unless it is installed.
sys.path.append(str(Path(__file__).resolve().parent.parent.parent))

from sse_stream import Comment, Event, Parser

OTHER_PARSERS = Path(__file__).resolve().parent / "other_parsers"
TOKENS = [
    *[b"data", b"event", b"id", b"retry", b"Data", b"x", b"data:", b"data: ", b"event: "],
    *[b"id: ", b"retry: ", b":", b": ", b" ", b"\0", b"\xef\xbb\xbf", b"\xef\xbb", b"\t"],
    *[b"\n", b"\n\n", b"\r", b"\r\n", b"\r\r", b"\r\n\r\n", b"\n\r", b"\n", b"\n\n"],
    *[b"1", b"20", b"007", b"[DONE]", b"{}", b"a", "é".encode(), "😀".encode(), b"+"],
    *["\u2028".encode(), "\u2029".encode(), "\x85".encode(), b"\v", b"\f", b"\x1c"],
    *[b"\xff", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"],
    *[b"99999999999999999999999", "\u0663".encode(), b"data: a\n\n", b"data: b\r\n\r\n"],
    *[b"event: a\n", b"event\n", b"event:\r", b"id: 5\n", b"id\n", b"retry: 10\n", b"data\n"],
]


def random_streams(count: int, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    return [b"".join(chance.choices(TOKENS, k=chance.randint(1, 30))) for _ in range(count)]


def read(stream: bytes) -> list[list[Any]]:
    """Return our items of a stream, in the form that the scripts in other_parsers/ print."""
    items: list[list[Any]] = []
    parser = Parser(done=None, max_event_size=None)
    for item in parser.feed(stream) + parser.close():
        if isinstance(item, Event):
            items.append(["event", item.event, item.data, item.id])
        elif isinstance(item, Comment):
            items.append(["comment", item.text])
    return items


class Departure(NamedTuple):
    """A departure: the standard gives the same items for the stream that ``rewrite`` returns."""

    name: str
    why_not: str
    rewrite: Callable[[bytes], bytes]


BOM = b"\xef\xbb\xbf"


def without_second_mark(stream: bytes) -> bytes:
    return stream.removeprefix(BOM) if stream.startswith(BOM * 2) else stream


def with_no_empty_type(stream: bytes) -> bytes:
    """Give each event field without a value an unknown name, so that it is ignored."""
    lines = re.split(rb"(\r\n|\r|\n)", stream.removeprefix(BOM))
    return b"".join(
        b"unknown" if line in (b"event", b"event:", b"event: ") else line for line in lines
    )


DEPARTURES: dict[str, list[Departure]] = {
    "eventsource-parser": [
        Departure(
            "a second byte order mark is stripped as well",
            "the standard's decoder strips one; this parser strips another one afterwards",
            without_second_mark,
        )
    ],
    "undici": [
        Departure(
            "an event field without a value changes nothing",
            'the standard sets the event type buffer to the value, and "" means message',
            with_no_empty_type,
        )
    ],
}


def seen_by_eventsource_parser(ours: list[list[Any]], theirs: list[list[Any]]) -> list[list[Any]]:
    """Leave out what eventsource-parser does not report.

    It reports the ID of the block, not the last event ID (ours is the standard's lastEventId
    attribute): if a block has no ID, there is nothing to compare. It reports retry apart from
    events, without an upper bound.
    """
    return [
        [*our[:3], None] if our[0] == "event" and their[0] == "event" and their[3] is None else our
        for our, their in zip(ours, theirs, strict=False)
    ] + ours[len(theirs) :]


def seen_by_undici(ours: list[list[Any]], theirs: list[list[Any]]) -> list[list[Any]]:
    """Leave out the comments, which the EventSource interface does not report."""
    return [our for our in ours if our[0] == "event"]


SEEN = {"eventsource-parser": seen_by_eventsource_parser, "undici": seen_by_undici}


def answers(name: str, folder: Path, streams: list[bytes]) -> list[list[list[Any]]]:
    given = "".join(base64.b64encode(stream).decode() + "\n" for stream in streams)
    done = subprocess.run(
        ["node", f"{name}.mjs"], cwd=folder, input=given.encode(), stdout=-1, stderr=-1
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    # Not splitlines(): it also splits at other characters, which the data may contain.
    lines = done.stdout.decode().split("\n")[:-1]
    found = [[item for item in json.loads(line) if item[0] != "retry"] for line in lines]
    if len(found) != len(streams):
        raise RuntimeError(f"{name} answered {len(found)} of {len(streams)} streams")
    return found


def compare(name: str, folder: Path, streams: list[bytes]) -> bool:
    """Print agreements, departures and other differences; return True if there are no others."""
    version = json.loads((folder / "package.json").read_text())["dependencies"][name]
    agreed = 0
    departed: dict[str, list[bytes]] = {}
    unexplained: list[tuple[bytes, list[list[Any]], list[list[Any]]]] = []
    for stream, theirs in zip(streams, answers(name, folder, streams), strict=True):
        ours = SEEN[name](read(stream), theirs)
        if ours == theirs:
            agreed += 1
            continue
        for departure in DEPARTURES[name]:
            if SEEN[name](read(departure.rewrite(stream)), theirs) == theirs:
                departed.setdefault(departure.name, []).append(stream)
                break
        else:
            unexplained.append((stream, ours, theirs))
    print(f"{name} {version}: {agreed} of {len(streams)} streams give the same")
    for departure in DEPARTURES[name]:
        cases = departed.get(departure.name, [])
        print(f"  {len(cases)}: {departure.name}")
        print(f"      not followed: {departure.why_not}")
        if cases:
            print(f"      for example {min(cases, key=len)!r}")
    for stream, ours, theirs in sorted(unexplained, key=lambda case: len(case[0]))[:5]:
        print(f"  UNEXPLAINED {stream!r}\n      ours   {ours}\n      theirs {theirs}")
    return not unexplained


def main() -> int:
    options = argparse.ArgumentParser(description="Compare with other parsers.")
    options.add_argument("--streams", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        print("skipped: there is no Node or no npm here, so nothing was compared")
        return 0
    streams = random_streams(given.streams, given.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "other_parsers")
        shutil.copytree(OTHER_PARSERS, folder)
        install = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(install, cwd=folder, check=True)
        results = [compare(name, folder, streams) for name in DEPARTURES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
