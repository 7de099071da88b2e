"""The rows of the table of features: each check reads streams with a parser and returns a cell."""

from __future__ import annotations

import gzip
import json
import math
import os
import random
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from imports_and_memory import ROUNDS
from loads import cut
from parsers import Peer, Seen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests"))

from support.standard import interpret

from sse_stream.errors import find_signature

CASES = Path(sys.path[0]) / "conformance" / "cases.json"

MIB = 1 << 20
# MiB; a parser that takes this much without an error has no limit.
ENDLESS = 80
LINE = b"data: %060d\n" % 0
# Answers of servers that are not event streams.
ERROR = b'{"error": {"message": "bad key"}}'
OTHER_BODIES = {
    "JSON": ERROR,
    "JSON on several lines": b'{\n  "error": {\n    "message": "bad key"\n  }\n}\n',
    "JSON lines": (ERROR + b"\n") * 3,
    "HTML": b"<!DOCTYPE html>\n<html>\n<title>502 Bad Gateway</title>\n</html>\n",
    "plain text": b"upstream connect error or disconnect/reset before headers",
    "gzip": gzip.compress(b"data: x\n\n" * 10, mtime=0),
    "UTF-16": "data: x\n\n".encode("utf-16"),
}
GOOD_BODIES = [b"", b"\n\n", b": ping\n\n", b"data: x\n\n", b"event: ping\n\n"]
IGNORED_LINES = [b'error: {"message": "context full"}', b"retry: soon", b"id: a\0b"]
# The cell for what an option turns on.
OPTION = "yes, with an option"


def typical_streams(count: int, seed: int) -> list[bytes]:
    """Build streams as servers send them: valid, in UTF-8, with one kind of line ending."""
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


def suite_streams() -> list[bytes]:
    """Return the bytes of each case of the conformance suite."""
    cases = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
    return [
        case["input"].encode() if "input" in case else b64decode(case["input_base64"])
        for case in cases
    ]


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
        outcome = interpret(stream, done=peer.done)
        items = [*outcome.items, *[("done",)] * outcome.done_at_end]
        wanted = [item[1:4] if item[0] == "event" else item for item in items]
        wanted = [item for item in wanted if item[0] != "comment"]
        found = [event for _, event in seen.events]
        if peer.own_id:
            # Where it gives no ID, there is nothing to compare.
            for number, (want, got) in enumerate(zip(wanted, found, strict=False)):
                wanted[number] = (*want[:2], None) if got[2] is None else want
        # After the events, the end of the stream may be reported as what it is.
        reported = seen.error in ("NotEventStreamError", "IncompleteStreamError")
        agreed += (reported or not seen.error) and found == wanted
    # Rounded down: 100 % means all of them.
    return f"{math.floor(1000 * agreed / len(given.streams)) / 10:g} %"


def check(peer: Peer) -> None:
    """Raise an error if a simple stream is not read correctly: a mistake in these benchmarks."""
    [seen] = peer.see([[b"id: 4\ndata: a\nda", b"ta: b\n\nevent: x\nid: 5\ndata: c\n\n"]])
    if [found for _, found in seen.events] != [("message", "a\nb", "4"), ("x", "c", "5")]:
        raise RuntimeError(f"{peer.name}: {vars(seen)}")


def one(peer: Peer, *chunks: bytes, **options: Any) -> Seen:
    return peer.see([list(chunks)], **options)[0]


def cr_alone(peer: Peer) -> str:
    seen = one(peer, b"data: a\rdata: b\r\r", b"data: c\r\r", b"data: d\r\r")
    if seen.error or seen.data != ["a\nb", "c", "d"]:
        return seen.error or "no"
    return "at once" if [fed for fed, _ in seen.events] == [1, 2, 3] else "one chunk late"


def comments(peer: Peer) -> str:
    alone = one(peer, b": hi\n\n")
    with_data = one(peer, b": hi\ndata: x\n\n")
    if any(text.strip() == "hi" for text in alone.comments):
        return "yes"
    return "with an event" if with_data.comments else "no"


def truncated(peer: Peer) -> str:
    """Whether a stream that ends inside an event, or before [DONE], differs from a whole one."""
    options = {peer.require_done: True} if peer.require_done else {}
    whole = one(peer, b"data: a\n\ndata: [DONE]\n\n", **options)
    ended = one(peer, b"data: a\n\n", **options)
    partial = one(peer, b"data: a\n\ndata: half", **options)
    if partial.error and ended.error and not whole.error:
        return OPTION if peer.require_done else "yes"
    if partial.data[1:]:
        return "returns a partial event"
    return "no" if partial.data == ended.data and partial.error == ended.error else "differs"


def endless_line(peer: Peer) -> str:
    for size, count, unit in ((MIB, ENDLESS, "MiB"), (1024, 1024, "KiB")):
        seen = one(peer, b"data: ".ljust(size, b"x"), *[b"x" * size] * count)
        if not seen.error:
            return "no limit"
        # The last chunk exceeded the limit.
        if seen.fed > 1:
            return f"stops at {seen.fed - 1} {unit}"
    return "stops at once"


def exact_limit(peer: Peer) -> str:
    """Whether the result near the limit is the same for all chunk sizes."""
    if peer.limit is None:
        return "no option"
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
    """Return the time per byte in the larger stream relative to the smaller one."""
    sizes = [sum(map(len, chunks)) for chunks in (small, large)]
    first, last = peer.seconds([small, large])
    return f"{last / first * sizes[0] / sizes[1]:.1f}"


def many_lines(peer: Peer) -> str:
    small, large = (cut(LINE * count + b"\n", 65536) for count in (2_000, 8_000))
    return growth(peer, small, large)


def long_line(peer: Peer) -> str:
    small, large = (cut(b"data: " + b"x" * size + b"\n\n", 1460) for size in (MIB // 8, MIB // 2))
    return growth(peer, small, large)


def writes(peer: Peer) -> str:
    try:
        stream = peer.write("e", "a\nb\r\nc", "5")
    except NotImplementedError:
        return "no"
    wanted = ("event", "e", "a\nb\nc", "5", None)
    return "yes" if interpret(stream).items == [wanted] else "another event"


def asynchronous(peer: Peer) -> str:
    chunks = [b": hi\ndata: a\n", b"\nevent: e\ndata: b\n\n"]
    seen = peer.asee(chunks)
    return "yes" if seen.data == one(peer, *chunks).data else "no"


def other_body(peer: Peer) -> str:
    """Whether the user learns that a body is not an event stream."""
    bodies = list(OTHER_BODIES.values())
    streams = [[body] for body in bodies] + [cut(body, 7) for body in bodies]
    found = peer.see(streams)
    if any(seen.error for seen in peer.see([[body] for body in GOOD_BODIES])):
        return "refuses event streams"
    if all(seen.error for seen in found):
        return "yes"
    if peer.content_type:
        typed = peer.see(streams, **{peer.content_type: "application/json"})
        good = peer.see([[b"data: x\n\n"]], **{peer.content_type: "text/event-stream"})
        if good[0].data == ["x"] and all(seen.error for seen in typed):
            return "by its content type"
    if all(seen.error or seen.ignored for seen in found):
        return "as ignored lines"
    whole, pieces = found[: len(bodies)], found[len(bodies) :]
    count = sum(
        bool((one.error or one.ignored) and (other.error or other.ignored))
        for one, other in zip(whole, pieces, strict=True)
    )
    return f"{count} of {len(bodies)} bodies" if count else "no"


def ignored_lines(peer: Peer) -> str:
    options = {peer.report: True} if peer.report else {}
    streams = [[line + b"\ndata: x\n\n"] for line in IGNORED_LINES]
    found = peer.see(streams, **options)
    count = sum(seen.data == ["x"] and len(seen.ignored) == 1 for seen in found)
    if not count:
        return "no"
    if count < len(streams):
        return f"{count} of {len(streams)} kinds"
    return OPTION if peer.report else "yes"


def connection_after_done(peer: Peer) -> str:
    """Whether the body is read to its end: only then can a client use its connection again."""
    chunks = [b"event: message\ndata: {}\n\n", b"data: [DONE]\n\n", b": end\n\n"]
    sync, asynchronous = peer.see_until_done(chunks), peer.asee_until_done(chunks)
    whole = [seen.exhausted and not seen.error for seen in (sync, asynchronous)]
    if all(whole):
        return OPTION if peer.drain else "yes"
    return "async only" if whole[1] else "sync only" if whole[0] else "no"


def timeout(peer: Peer) -> str:
    """Whether all events come although one read was cancelled, as a timeout does it."""
    if asynchronous(peer) != "yes":
        return "not async"
    seen = peer.see_after_timeout([b"data: a\n\n", b"data: b\n\n", b"data: c\n\n"])
    if seen.data == ["a", "b", "c"] and not seen.error:
        return "yes"
    return f"no ({seen.error})" if seen.error else "no (looks like the end)"


class Row(NamedTuple):
    """``cell`` is the check, ``how`` says on the page how it is done."""

    name: str
    how: str
    cell: Callable[[Peer], str]
    # Whether the cell differs from run to run, and from form to form.
    timed: bool = False


def rows(seed: int, measured: dict[str, float]) -> list[Row]:
    """Return the rows in their order; ``measured`` has the import times."""
    many = int(5000 * float(os.environ.get("SCALE", "1")))
    # sse-stream refuses what begins like a binary format.
    cases = [stream for stream in suite_streams() if not find_signature(stream)[0]]
    suite = Corpus(cases * 2, [[case] for case in cases] + [cut(case, 1) for case in cases])
    typical = corpus(typical_streams(many, seed), seed)
    return [
        Row(
            "cases of the conformance suite read as the standard says",
            f"{len(suite.streams) // 2} cases of [the suite](../../docs/conformance.md), each "
            "whole and in single bytes. The cell is the share of them of which every event has "
            "the type, the data and the ID of the standard. An error after the last event, that "
            "the stream is none or broke off, is no difference. Cases that begin like a binary "
            "format are left out",
            lambda peer: conformance(peer, suite),
        ),
        Row(
            "typical streams read as the standard says",
            f"the same with {len(typical.streams)} streams as servers send them, in chunks of "
            "1, 3, 20 and 200 bytes: LF or CRLF, "
            "valid UTF-8, some events with `event`, `id` or several `data` lines. One stream in "
            "five begins with a block that has only `retry`; one event in five follows a "
            "keep-alive comment",
            lambda peer: conformance(peer, typical),
        ),
        Row(
            "CR alone ends a line",
            "three events with CR line endings, each at the end of a chunk. *one chunk late*: the "
            "event is returned when the next byte arrives",
            cr_alone,
        ),
        Row("comments visible", "one in a block without data, one in a block with data", comments),
        Row(
            "ignored lines visible",
            "an unknown field, a `retry` that is not a number and an `id` with NUL, each before a "
            "data line. The option of sse-stream is `report_ignored=True`",
            ignored_lines,
        ),
        Row(
            "body that is not an event stream is reported",
            f"{', '.join(OTHER_BODIES)}; each in one chunk and in chunks of 7 bytes. *by its "
            "content type*: an error if the response has another content type, none if it has "
            "`text/event-stream`. *as ignored lines*: its lines are reported as ignored",
            other_body,
        ),
        Row(
            "truncated stream can be detected",
            "a stream that ends inside an event, one that ends before `[DONE]`, and a complete "
            "one. The option of sse-stream is `require_done=True`. An HTTP client that knows the "
            "length of the body may raise an error before the parser does; that is not counted",
            truncated,
        ),
        Row(
            "connection can be used again after `[DONE]`",
            "a loop over the events that ends at `[DONE]`, sync and async, and more bytes in the "
            "body: whether the body was read to its end, without which an HTTP client closes the "
            "connection. The option of sse-stream is `drain=True`",
            connection_after_done,
        ),
        Row(
            "timeout does not end the stream",
            "the read of the second of three events is cancelled, as `asyncio.wait_for` does, and "
            "the reading goes on; the source allows it. *looks like the end*: the loop over the "
            "events ends without an error, and the other events are lost",
            timeout,
        ),
        Row(
            "line that never ends",
            f"fed with the default settings until an error is raised, up to {ENDLESS} MiB",
            endless_line,
        ),
        Row(
            "size limit is exact",
            "with the limit of the parser set to 1000: events of about that size have the same "
            "result for every chunk size, and 1000 small events in one chunk pass",
            exact_limit,
        ),
        Row(
            "time per byte, 4 times as many lines",
            "one event of 2,000 and one of 8,000 data lines. "
            "1: the time grows with the size, 4: with the square of the size",
            many_lines,
            timed=True,
        ),
        Row(
            "time per byte, line 4 times as long",
            "one line of 128 and one of 512 KiB, in chunks of 1460 bytes. 1: the time grows with "
            "the size, 4: with its square. (Larger lines do not fit in the processor's caches.)",
            long_line,
            timed=True,
        ),
        Row(
            "writes event streams",
            "an event with a type, an ID and data of three lines, which end with LF and CRLF. "
            "[WRITERS.md](WRITERS.md) compares it with libraries that only write",
            writes,
        ),
        Row("async", "two events through its asynchronous interface", asynchronous),
        Row(
            "typed",
            "whether the package has a `py.typed` file (on npm: type declarations)",
            lambda peer: "yes" if peer.typed() else "no",
        ),
        Row(
            "dependencies",
            "the number of packages that its metadata requires, directly and indirectly. The "
            "package is then imported with only these; *needs*: what is missing",
            lambda peer: peer.dependencies(),
        ),
        Row(
            "import, ms",
            f"the shortest of {ROUNDS} starts of an interpreter that imports it, minus the "
            "shortest without the import",
            lambda peer: f"{peer.import_time(measured):.0f}",
            timed=True,
        ),
    ]
