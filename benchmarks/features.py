"""Measure what each parser does with the hard parts of an event stream; write FEATURES.md.

    python benchmarks/features.py FOLDER [--imports FILE]

It runs inside the virtual environment that run.py makes. The imports are what
imports_and_memory.py wrote; without it they are measured. SEED in the environment chooses the
streams, SCALE how many there are.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import datetime
import importlib
import json
import math
import os
import platform
import random
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from importlib.metadata import packages_distributions, requires, version
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import contenders
import node_peer
from imports_and_memory import ROUNDS, imports
from loads import cut
from packaging.requirements import Requirement
from report import table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.compare import random_streams
from support.standard import interpret

from sse_stream import DONE, Comment, Parser, aiter_items, iter_events, iter_items
from sse_stream.parser import PureParser

MIB = 1 << 20
# More than this is fed to nobody: what has not stopped by then has no limit.
ENDLESS = 80
LINE = b"data: %060d\n" % 0
# A type, data and an ID, which may be unknown; or DONE alone.
Found = tuple[str | None, ...]

# Imports a module as if the others were not installed; prints the one that it lacks.
ALONE = """
import sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in {others}:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Finder)
try:
    import {module}
except ModuleNotFoundError as error:
    print(error.name)
"""


def normal(name: str) -> str:
    """Return a package's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Seen:
    """What a peer's user sees of a stream; each event with the chunks that were fed by then."""

    def __init__(self) -> None:
        self.events: list[tuple[int, Found]] = []
        self.comments: list[str] = []
        self.error = ""
        self.fed = 0

    def add(self, item: Any, own_id: bool) -> None:
        if item is DONE:
            self.events.append((self.fed, ("done",)))
        elif hasattr(item, "data"):
            # anthropic's decoder keeps the lines of an event with it.
            raw = getattr(item, "raw", [])
            self.comments += [line[1:] for line in raw if line.startswith(":")]
            identity = getattr(item, "last_event_id", item.id)
            if not own_id:
                identity = identity or ""
            self.events.append((self.fed, (item.event or "message", item.data, identity)))
        else:
            self.comments.append(item.text if isinstance(item, Comment) else item.comment)

    @property
    def data(self) -> list[str | None]:
        return [found[1] for _, found in self.events if found != ("done",)]


class Peer:
    """One column of the table; a Python package unless a subclass says otherwise."""

    limit: str | None = None  # the option that sets a limit
    strict: str | None = None  # the option that has it report a stream that was cut short
    own_id = False  # whether it hands out the ID of the block, not the last event ID
    done: str | None = None  # the sentinel that it knows

    def __init__(self, name: str, counted: str = "") -> None:
        self.name = name
        self.counted = counted or name
        self.module = contenders.MODULES[name]

    def read(self, chunks: Iterable[bytes], **options: Any) -> Any:
        return contenders.PEERS[self.name]()(chunks)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        raise NotImplementedError

    def see(self, streams: Iterable[list[bytes]], **options: Any) -> list[Seen]:
        return [self._see(chunks, options) for chunks in streams]

    def _see(self, chunks: list[bytes], options: dict[str, Any]) -> Seen:
        seen = Seen()

        def source() -> Iterator[bytes]:
            for chunk in chunks:
                seen.fed += 1
                yield chunk

        try:
            for item in self.read(source(), **options):
                seen.add(item, self.own_id)
        except Exception as error:
            seen.error = type(error).__name__
        return seen

    def asee(self, chunks: list[bytes]) -> Seen:
        seen = Seen()

        async def source() -> AsyncIterator[bytes]:
            for chunk in chunks:
                seen.fed += 1
                yield chunk

        async def main() -> None:
            async for item in self.aread(source()):
                seen.add(item, self.own_id)

        try:
            asyncio.run(main())
        except Exception as error:
            seen.error = type(error).__name__
        return seen

    def seconds(self, streams: list[list[bytes]]) -> list[float]:
        """Return the best time of each, of a few rounds."""
        count = contenders.available()[self.counted]
        best = []
        for chunks in streams:
            times: list[float] = []
            while len(times) < 20 and sum(times) < 1:
                start = time.perf_counter()
                count(chunks)
                times.append(time.perf_counter() - start)
            best.append(min(times))
        return best

    @property
    def version(self) -> str:
        return version(self.name)

    def typed(self) -> bool:
        file = importlib.import_module(self.module).__file__
        assert file
        return Path(file).with_name("py.typed").exists()

    def dependencies(self) -> str:
        """Count the packages that an installation brings along, and name what is missing then."""
        found: set[str] = set()
        names = [self.name]
        while names:
            for text in requires(names.pop()) or []:
                need = Requirement(text)
                name = normal(need.name)
                if (not need.marker or need.marker.evaluate({"extra": ""})) and name not in found:
                    found.add(name)
                    names.append(name)
        installed = packages_distributions().items()
        allowed = found | {self.name}
        others = [module for module, by in installed if not allowed.intersection(map(normal, by))]
        code = ALONE.format(others=others, module=self.module)
        done = subprocess.run([sys.executable, "-c", code], stdout=-1, check=True)
        missing = done.stdout.decode().strip()
        return f"{len(found)}, but needs {missing}" if missing else str(len(found))

    def import_time(self, measured: dict[str, float]) -> float:
        return measured[self.name] - measured["nothing"]


class Ours(Peer):
    limit = "max_event_size"
    strict = "require_done"
    done = "[DONE]"

    def __init__(self, kind: type[Parser], counted: str) -> None:
        super().__init__("sse-stream", counted)
        self.kind = kind

    def read(self, chunks: Iterable[bytes], require_done: bool = False, **options: Any) -> Any:
        parser = self.kind(**options)
        if require_done:
            return iter_events(chunks, parser=parser, require_done=True)
        return iter_items(chunks, parser=parser)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        return aiter_items(chunks, parser=self.kind())


def response(module: Any, content: object) -> Any:
    """Return a response of httpx or httpx2 with that body."""
    headers = {"content-type": "text/event-stream"}
    request = module.Request("GET", "http://loopback")
    return module.Response(200, headers=headers, content=content, request=request)


class HttpxSse(Peer):
    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import httpx
        import httpx_sse

        return httpx_sse.EventSource(response(httpx, chunks)).aiter_sse()


class Httpx2(Peer):
    limit = "max_event_size"

    def read(self, chunks: Iterable[bytes], **options: Any) -> Any:
        import httpx2

        return httpx2.EventSource(response(httpx2, chunks), **options)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import httpx2

        return httpx2.EventSource(response(httpx2, chunks))


class SseClient(Peer):
    own_id = True

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import sseclient

        # It has no other way to read.
        return sseclient.SSEClient(chunks).events()  # type: ignore[arg-type]


class LaunchDarkly(Peer):
    # Its client connects by itself; these are what reads the body inside.
    def read(self, chunks: Iterable[bytes], **options: Any) -> Any:
        reader = importlib.import_module("ld_eventsource.reader")
        lines = reader._BufferedLineReader.lines_from(chunks)
        return reader._SSEReader(lines).events_and_comments()

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        reader = importlib.import_module("ld_eventsource.async_reader")
        lines = reader._AsyncBufferedLineReader.lines_from(chunks)
        return reader._AsyncSSEReader(lines).events_and_comments()


class Assel(Peer):
    own_id = True

    def read(self, chunks: Iterable[bytes], **options: Any) -> Any:
        import assel

        # All its parsers share one decoder: a stream that ends inside a character, or breaks,
        # would spoil the next one, which is not what is measured here.
        assel.LineParser.utf8dec.reset()
        return assel.parse(chunks)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import assel

        return assel.aparse(chunks)


class Decoder(Peer):
    """The decoder of the openai and anthropic clients."""

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        streaming = importlib.import_module(f"{self.module}._streaming")
        return streaming.SSEDecoder().aiter_bytes(chunks)


class NodePeer(Peer):
    limit = "maxBufferSize"
    own_id = True

    def __init__(self, folder: Path) -> None:
        self.name = "eventsource-parser"
        self.folder = folder

    def see(
        self, streams: Iterable[list[bytes]], piped: bool = False, **options: Any
    ) -> list[Seen]:
        lines = []
        for chunks in streams:
            runs = [(base64.b64encode(chunk), list(run)) for chunk, run in groupby(chunks)]
            stream = {"chunks": [(text.decode(), len(run)) for text, run in runs]}
            lines.append(json.dumps({**stream, "options": options, "piped": piped}))
        given = "".join(f"{line}\n" for line in lines).encode()
        answers = self._run("node", "features.mjs", given=given)
        found = []
        # Not splitlines(): the data may have what it takes for a line's end.
        for line in answers.split("\n")[:-1]:
            seen = Seen()
            vars(seen).update(json.loads(line))
            seen.events = [(fed, tuple(event)) for fed, event in seen.events]
            found.append(seen)
        if len(found) != len(lines):
            raise RuntimeError(f"Node answered {len(found)} of {len(lines)} streams")
        return found

    def asee(self, chunks: list[bytes]) -> Seen:
        return self.see([chunks], piped=True)[0]

    def _run(self, *command: str, given: bytes = b"") -> str:
        done = subprocess.run(command, cwd=self.folder, input=given, stdout=-1, check=True)
        return done.stdout.decode()

    def seconds(self, streams: list[list[bytes]]) -> list[float]:
        results = node_peer.throughput(self.folder, streams)["results"]
        return [result["seconds"] for result in results]

    @property
    def version(self) -> str:
        return f"{node_peer.VERSION} on Node {self._run('node', '--version').strip()}"

    def typed(self) -> bool:
        package = self.folder / "node_modules" / self.name
        types = json.loads((package / "package.json").read_text()).get("types")
        return types is not None and (package / types).exists()

    def dependencies(self) -> str:
        # The first line is the folder, the second the package itself.
        return str(len(self._run("npm", "ls", "--all", "--parseable").splitlines()) - 2)

    def import_time(self, measured: dict[str, float]) -> float:
        best = dict.fromkeys(["", f'import "{self.name}"'], float("inf"))
        for _ in range(ROUNDS):
            for code in best:
                start = time.perf_counter()
                self._run("node", "--input-type=module", "--eval", code)
                best[code] = min(best[code], (time.perf_counter() - start) * 1000)
        bare, loaded = best.values()
        return loaded - bare


def peers(node: Path | None) -> list[Peer]:
    """Return the columns in their order."""
    return [
        Ours(Parser, "pure" if Parser is PureParser else "compiled"),
        HttpxSse("httpx-sse"),
        Httpx2("httpx2"),
        SseClient("sseclient-py"),
        LaunchDarkly("launchdarkly-eventsource"),
        Assel("assel"),
        Decoder("openai"),
        Decoder("anthropic"),
        *([NodePeer(node)] if node else []),
    ]


def everyday_streams(count: int, seed: int) -> list[bytes]:
    """Build streams as servers do send them: legal, valid UTF-8, one kind of line ending."""
    chance = random.Random(seed)
    words = ["one", "zwölf", "東京", "😀", " two ", "a: b", "line\u2028line", '{"a": 1}', "", ":"]
    streams = []
    for _ in range(count):
        text = chance.choice(["", "", "", "", f"retry: {chance.randint(1, 5000)}\n\n"])
        for _ in range(chance.randint(1, 6)):
            if chance.random() < 0.2:
                text += ": keep-alive\n\n"
            if chance.random() < 0.2:
                text += f"event: {chance.choice(['delta', 'ping', 'end'])}\n"
            if chance.random() < 0.2:
                text += f"id: {chance.randint(1, 99)}\n"
            for _ in range(chance.choice([1, 1, 1, 3])):
                text += f"data: {''.join(chance.choices(words, k=3))}\n"
            text += "\n"
        text += chance.choice(["", "data: [DONE]\n\n"])
        streams.append(text.replace("\n", chance.choice(["\n", "\n", "\r\n"])).encode())
    return streams


class Corpus(NamedTuple):
    """Streams, and the chunks in which they are fed."""

    streams: list[bytes]
    chunks: list[list[bytes]]


def corpus(streams: list[bytes], seed: int) -> Corpus:
    chance = random.Random(seed)
    chunks = []
    for stream in streams:
        pieces = []
        while stream:
            size = chance.choice([1, 3, 20, 200])
            pieces.append(stream[:size])
            stream = stream[size:]
        chunks.append(pieces)
    return Corpus(streams, chunks)


def conformance(peer: Peer, given: Corpus) -> str:
    agreed = 0
    for stream, seen in zip(given.streams, peer.see(given.chunks), strict=True):
        items = interpret(stream, done=peer.done).items
        wanted = [item[1:4] if item[0] == "event" else item for item in items]
        wanted = [item for item in wanted if item[0] != "comment"]
        found = [event for _, event in seen.events]
        if peer.own_id:
            # Where it gives no ID there is none to compare.
            for number, (want, got) in enumerate(zip(wanted, found, strict=False)):
                wanted[number] = (*want[:2], None) if got[2] is None else want
        agreed += not seen.error and found == wanted
    # Never rounded up to all of them.
    return f"{math.floor(1000 * agreed / len(given.streams)) / 10:g} %"


def check(peer: Peer) -> None:
    """Raise if a plain stream comes out as none of its users would get it: a fault in here."""
    [seen] = peer.see([[b"id: 4\ndata: a\nda", b"ta: b\n\nevent: x\nid: 5\ndata: c\n\n"]])
    if [found for _, found in seen.events] != [("message", "a\nb", "4"), ("x", "c", "5")]:
        raise RuntimeError(f"{peer.name}: {vars(seen)}")


def one(peer: Peer, *chunks: bytes, **options: Any) -> Seen:
    return peer.see([list(chunks)], **options)[0]


def invalid_utf8(peer: Peer) -> str:
    broken = [
        b"\xff",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ]
    streams = [b"data: a" + each + b"b\n\n" for each in broken]
    found = peer.see([[stream] for stream in streams] + [cut(stream, 1) for stream in streams])
    errors = sorted({seen.error for seen in found} - {""})
    if errors:
        return "raises" if errors == ["UnicodeDecodeError"] else ", ".join(errors)
    wanted = [[item[2] for item in interpret(stream).items] for stream in streams]
    return "replaced" if [seen.data for seen in found] == wanted * 2 else "other characters"


def line_separator(peer: Peer) -> str:
    seen = one(peer, "data: a\u2028b\n\n".encode())
    return seen.error or ("kept" if seen.data == ["a\u2028b"] else "splits the line")


def lone_cr(peer: Peer) -> str:
    seen = one(peer, b"data: a\rdata: b\r\r", b"data: c\r\r", b"data: d\r\r")
    if seen.error or seen.data != ["a\nb", "c", "d"]:
        return seen.error or "no"
    return "at once" if [fed for fed, _ in seen.events] == [1, 2, 3] else "a chunk late"


def byte_order_mark(peer: Peer) -> str:
    stream = b"\xef\xbb\xbfdata: x\n\n"
    if one(peer, stream).data != ["x"]:
        return "no"
    return "yes" if one(peer, *cut(stream, 1)).data == ["x"] else "only if not cut"


def cut_crlf(peer: Peer) -> str:
    seen = one(peer, b"data: a\r", b"\ndata: b\r\n\r", b"\ndata: c\r\n", b"\r", b"\n")
    return seen.error or ("yes" if seen.data == ["a\nb", "c"] else "no")


def nothing_for(peer: Peer, lines: bytes, before: bytes = b"") -> str:
    """Whether a block without data is none to the user."""
    seen = one(peer, before + lines + b"\n\ndata: x\n\n")
    wanted = ["a", "x"] if before else ["x"]
    if seen.error or len(seen.data) > len(wanted) + 1:
        return seen.error or "events"
    return "no event" if seen.data == wanted else "an empty event"


def comments(peer: Peer) -> str:
    alone = one(peer, b": hi\n\n")
    with_data = one(peer, b": hi\ndata: x\n\n")
    if any(text.strip() == "hi" for text in alone.comments):
        return "yes"
    return "with an event" if with_data.comments else "no"


def cut_short(peer: Peer) -> str:
    """What tells a stream that broke inside an event from one that ended before it."""
    options = {peer.strict: True} if peer.strict else {}
    whole = one(peer, b"data: a\n\ndata: [DONE]\n\n", **options)
    ended = one(peer, b"data: a\n\n", **options)
    broken = one(peer, b"data: a\n\ndata: half", **options)
    if broken.error and ended.error and not whole.error:
        return "yes, if asked" if peer.strict else "yes"
    if broken.data[1:]:
        return "half an event comes out"
    return "no" if broken.data == ended.data and broken.error == ended.error else "differs"


def endless_line(peer: Peer) -> str:
    for size, count, unit in ((MIB, ENDLESS, "MiB"), (1024, 1024, "KiB")):
        seen = one(peer, b"data: ".ljust(size, b"x"), *[b"x" * size] * count)
        if not seen.error:
            return "no limit"
        # The last chunk is what was too much.
        if seen.fed > 1:
            return f"stops at {seen.fed - 1} {unit}"
    return "stops at once"


def exact_limit(peer: Peer) -> str:
    """Whether all cuts of an event near the limit have one result, and many small events pass."""
    if peer.limit is None:
        return "none to set"
    limit = 1000
    sizes = range(limit - 20, limit + 20)
    streams = [b"data: " + b"x" * size + b"\n\n" for size in sizes]
    streams += [
        b"data: 0123456789abc\n" * 48 + b"data: " + b"x" * size + b"\n\n" for size in range(90)
    ]
    streams.append(b"data: small\n\n" * 1000)
    cuts = [1, 7, 64, 333, 1 << 20]
    chunks = [cut(stream, size) for stream in streams for size in cuts]
    failed = [bool(seen.error) for seen in peer.see(chunks, **{peer.limit: limit})]
    results = [set(failed[at : at + len(cuts)]) for at in range(0, len(failed), len(cuts))]
    if {True} not in results[:-1] or {False} not in results[:-1]:
        return "no"
    same = all(len(result) == 1 for result in results[:-1])
    return "yes" if same and results[-1] == {False} else "no"


def growth(peer: Peer, small: list[bytes], large: list[bytes]) -> str:
    """How much more a byte costs in the larger stream: 1 is linear, 4 quadratic."""
    sizes = [sum(map(len, chunks)) for chunks in (small, large)]
    first, last = peer.seconds([small, large])
    return f"{last / first * sizes[0] / sizes[1]:.1f}"


def many_lines(peer: Peer) -> str:
    small, large = (cut(LINE * count + b"\n", 65536) for count in (2_000, 8_000))
    return growth(peer, small, large)


def long_line(peer: Peer) -> str:
    small, large = (cut(b"data: " + b"x" * size + b"\n\n", 1460) for size in (MIB // 8, MIB // 2))
    return growth(peer, small, large)


def asynchronous(peer: Peer) -> str:
    chunks = [b": hi\ndata: a\n", b"\nevent: e\ndata: b\n\n"]
    seen = peer.asee(chunks)
    return "yes" if seen.data == one(peer, *chunks).data else "no"


class Row(NamedTuple):
    name: str
    how: str
    cell: Callable[[Peer], str]
    # Whether another run, or the pure parser, gives another figure.
    timed: bool = False


def rows(seed: int, measured: dict[str, float]) -> list[Row]:
    many = int(5000 * float(os.environ.get("SCALE", "1")))
    hard = corpus(random_streams(many, seed), seed)
    everyday = corpus(everyday_streams(many, seed), seed)
    return [
        Row(
            "random streams read as the standard says",
            f"{len(hard.streams)} streams of shuffled fields, line endings, marks and broken "
            "UTF-8, as nobody sends them, in pieces of 1, 3, 20 and 200 bytes; the share of "
            "streams whose events all have the type, the data and the ID of "
            "`tests/support/standard.py`",
            lambda peer: conformance(peer, hard),
        ),
        Row(
            "everyday streams",
            f"the same with {len(everyday.streams)} streams as servers send them: LF or CRLF, "
            "valid UTF-8, `event`, `id` and several `data` lines here and there; one stream in "
            "five begins with `retry` alone, a keep-alive comment comes before one event in five",
            lambda peer: conformance(peer, everyday),
        ),
        Row(
            "invalid UTF-8",
            "six broken sequences in data, whole and byte by byte; *replaced* is as the "
            "standard's decoder replaces them, *raises* is a UnicodeDecodeError",
            invalid_utf8,
        ),
        Row("U+2028 in data", "one in the middle of a data line", line_separator),
        Row(
            "a lone CR ends a line",
            "three events with CR alone, each at the end of a chunk; *a chunk late* is when the "
            "event waits for the byte after it",
            lone_cr,
        ),
        Row("byte order mark dropped", "before the first field, whole and cut", byte_order_mark),
        Row("CRLF cut between chunks", "five chunks that end in CR or begin with LF", cut_crlf),
        Row("`retry:` alone", "as a block of its own", lambda peer: nothing_for(peer, b"retry: 5")),
        Row("`id:` alone", "as a block of its own", lambda peer: nothing_for(peer, b"id: 5")),
        Row(
            "a keep-alive after an ID",
            "a comment as a block of its own, after an event with an ID",
            lambda peer: nothing_for(peer, b": ping", b"id: 5\ndata: a\n\n"),
        ),
        Row("comments visible", "one as a block of its own, one with data", comments),
        Row(
            "a stream cut short is told",
            "ended inside an event, ended before `[DONE]`, and whole: whether the first two are "
            "told from the last; *if asked* is with `require_done=True`; not counted is what a "
            "transport raises that knows the length of its body",
            cut_short,
        ),
        Row(
            "a line without end",
            f"fed with the default settings until it stops, or {ENDLESS} MiB were taken",
            endless_line,
        ),
        Row(
            "the limit is exact",
            "with the peer's own option set to 1000: events around that size have one result "
            "however they are cut, and 1000 small ones pass in one chunk",
            exact_limit,
        ),
        Row(
            "cost of a byte at 4 times the lines",
            "one event of 2,000 and of 8,000 data lines, time per byte; 1 is linear, 4 quadratic",
            many_lines,
            timed=True,
        ),
        Row(
            "cost of a byte in a line 4 times as long",
            "one line of 128 and of 512 KiB (larger ones would measure the system's memory) in "
            "pieces of 1460 bytes, time per byte",
            long_line,
            timed=True,
        ),
        Row("async", "two events through its way to read asynchronously", asynchronous),
        Row(
            "typed",
            "whether the package has a `py.typed` file (npm: type declarations)",
            lambda peer: "yes" if peer.typed() else "no",
        ),
        Row(
            "packages it brings along",
            "all that its metadata requires, and what that requires in turn; then it is imported "
            "with these alone",
            lambda peer: peer.dependencies(),
        ),
        Row(
            "import, ms",
            f"the best of {ROUNDS} starts of an interpreter with it, less the best without",
            lambda peer: f"{peer.import_time(measured):.0f}",
            timed=True,
        ),
    ]


PAGE = """# Features

{table}

Measured by `python benchmarks/features.py`, seed {seed}, {date}, Python {python}, {system}:
{versions}.

{pure}

## How each row is measured

Each peer takes the bytes by the way its own users would, in chunks, and its events are taken
as it hands them out.

{how}

## What to know of the peers

- httpx-sse and httpx2 read a response of httpx and httpx2; launchdarkly-eventsource is a client
  that connects by itself: measured is what reads the body inside it.
- The columns openai and anthropic are the decoders of these clients. The clients go on from
  there: an event without data has openai's decode it as JSON and raise; anthropic's skips it.
  Only openai's ends at `[DONE]`, and not in the decoder.
- On everyday streams the peers below 100 % go wrong in one way alone: they hand out events
  without data, for `retry`, `id` or an event's ID that is still there when a comment comes.
- sseclient-py, assel and eventsource-parser give the ID of the block, not the last event ID;
  where they give none, none was compared.
- assel's parsers share one UTF-8 decoder; it was reset before each stream.
- anthropic's decoder keeps comments in the `raw` of the event that they came with.
- eventsource-parser counts characters, between calls: its documentation says so.
"""


def measure(columns: list[Peer], what: list[Row]) -> tuple[str, str]:
    """Return the table, and a sentence on the pure parser, whose cells must be the same."""
    cells = []
    for row in what:
        print(row.name, flush=True)
        cells.append([row.name, *(row.cell(peer) for peer in columns)])
    # Text, not figures: it stands on the left.
    found = table(["", *(peer.name for peer in columns)], cells).replace("---:", "---")
    if Parser is PureParser:
        return found, "The column sse-stream is the pure parser: no compiled one was built."
    pure = Ours(PureParser, "pure")
    for row, [name, ours, *_] in zip(what, cells, strict=True):
        if not row.timed and row.cell(pure) != ours:
            raise RuntimeError(f"{name}: the pure parser differs")
    return found, (
        "The column sse-stream is the compiled parser; the pure one was run too, and has the "
        "same cells in every row that is no time."
    )


def write(folder: Path, seed: int, measured: dict[str, float]) -> None:
    what = rows(seed, measured)
    with node_peer.installed() as node:
        columns = peers(node)
        for peer in columns:
            check(peer)
        found, pure = measure(columns, what)
        page = PAGE.format(
            table=found,
            seed=seed,
            date=datetime.date.today().isoformat(),
            python=platform.python_version(),
            system=f"{platform.system()} {platform.machine()}",
            versions=", ".join(f"{peer.name} {peer.version}" for peer in columns),
            pure=pure,
            how="\n".join(f"- **{row.name}**: {row.how}." for row in what),
        )
    (folder / "FEATURES.md").write_text(page, encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description="Measure what each parser does; write a table.")
    options.add_argument("folder", type=Path, help="where FEATURES.md goes")
    options.add_argument("--imports", type=Path, help="what imports_and_memory.py wrote")
    given = options.parse_args()
    measured = json.loads(given.imports.read_text())["imports"] if given.imports else imports()
    write(given.folder, int(os.environ.get("SEED", "1")), measured)


if __name__ == "__main__":
    main()
