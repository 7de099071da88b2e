"""Compare libraries that write event streams, in difficult values and speed; write WRITERS.md.

    python benchmarks/comparison/writers.py FOLDER

Each is called as its users call it; the transcription of the standard in
tests/support/standard.py reads the bytes. Then the speed: the same values for all, in turns.
SEED in the environment chooses the loads, SCALE their size. It needs the dependency group `bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import math
import os
import platform
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import geometric_mean
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests"))

from allocator import REUSE, run_with
from both_forms import FORMS
from loads import build
from ratios import best_times
from report import table
from support.standard import interpret

from sse_stream import Event, Parser


class Values(NamedTuple):
    """The values of one event; None: no such field. Only a block may be without data."""

    data: Any
    event: str | None = None
    id: str | None = None
    retry: int | None = None


class NotOffered(Exception):
    """The library has no way to write that."""


class Writer:
    """One column: how users of that package write events and comments."""

    package = ""

    @property
    def name(self) -> str:
        """The name of its column of times."""
        return self.package

    def write(self, values: Iterable[Values]) -> list[bytes]:
        raise NotImplementedError

    def block(self, values: Values) -> bytes:
        """Return a block of exactly these fields."""
        return b"".join(self.write([values]))

    def comment(self, text: str) -> bytes:
        raise NotOffered

    def read(self, data: str) -> str:
        """Return what the writer was given, from the data that its own client gets."""
        return data


class Ours(Writer):
    package = "sse-stream"

    def __init__(self, form: str) -> None:
        self.form = form
        self.module = FORMS[form]

    @property
    def name(self) -> str:
        return f"{self.package}, {self.form}"

    def write(self, values: Iterable[Values]) -> list[bytes]:
        kind, encode = self.module.Event, self.module.encode
        written = []
        held = ""
        for data, event, id, retry in values:
            id = held if id is None else id
            item = kind(event or "message", data, id, retry)
            written.append(encode(item, last_event_id=held))
            held = id
        return written

    def block(self, values: Values) -> bytes:
        data, event, id, retry = values
        encoded: bytes = self.module.encode(self.module.Block(event, data, id, retry))
        return encoded

    def comment(self, text: str) -> bytes:
        encoded: bytes = self.module.encode(self.module.Comment(text))
        return encoded


class SseStarlette(Writer):
    package = "sse-starlette"

    def __init__(self) -> None:
        from sse_starlette import ServerSentEvent

        self.kind = ServerSentEvent

    def write(self, values: Iterable[Values]) -> list[bytes]:
        kind = self.kind
        return [
            kind(data, event=event, id=id, retry=retry).encode()
            for data, event, id, retry in values
        ]

    def comment(self, text: str) -> bytes:
        return self.kind(comment=text).encode()


class FastAPI(Writer):
    package = "fastapi"

    def __init__(self) -> None:
        from fastapi.sse import ServerSentEvent, format_sse_event

        self.kind, self.format = ServerSentEvent, format_sse_event

    def write(self, values: Iterable[Values]) -> list[bytes]:
        kind, serialize = self.kind, self.serialize
        return [
            serialize(kind(raw_data=data, event=event, id=id, retry=retry))
            for data, event, id, retry in values
        ]

    def serialize(self, item: Any) -> bytes:
        # What its router does with a ServerSentEvent that an endpoint yields.
        return self.format(
            data_str=item.raw_data,
            event=item.event,
            id=item.id,
            retry=item.retry,
            comment=item.comment,
        )

    def comment(self, text: str) -> bytes:
        return self.serialize(self.kind(comment=text))


class Litestar(Writer):
    package = "litestar"

    def __init__(self) -> None:
        from litestar.response import ServerSentEventMessage

        self.kind = ServerSentEventMessage

    def write(self, values: Iterable[Values]) -> list[bytes]:
        kind = self.kind
        return [
            kind(data, event=event, id=id, retry=retry).encode()
            for data, event, id, retry in values
        ]

    def comment(self, text: str) -> bytes:
        return self.kind(data=None, comment=text).encode()


class Assel(Writer):
    package = "assel"

    def __init__(self) -> None:
        import assel

        self.kind, self.send = assel.Event, assel.send

    def write(self, values: Iterable[Values]) -> list[bytes]:
        kind, send = self.kind, self.send
        return [
            send(kind(data, "message" if event is None else event, id, retry))
            for data, event, id, retry in values
        ]

    def comment(self, text: str) -> bytes:
        return self.send(comment=text)


class AiohttpSse(Writer):
    package = "aiohttp-sse"

    def __init__(self) -> None:
        from aiohttp_sse import EventSourceResponse

        class Collected(EventSourceResponse):  # type: ignore[misc]
            """Keeps the bytes that it would send."""

            def __init__(self) -> None:
                super().__init__()
                self.written: list[bytes] = []

            async def write(self, data: bytes) -> None:
                self.written.append(data)

        self.kind = Collected

    def write(self, values: Iterable[Values]) -> list[bytes]:
        async def main() -> list[bytes]:
            response = self.kind()
            for data, event, id, retry in values:
                await response.send(data, id, event, retry)
            written: list[bytes] = response.written
            return written

        return asyncio.run(main())


class Datastar(Writer):
    """Its events have types of its own, and data in a form of its own."""

    package = "datastar-py"

    def __init__(self) -> None:
        from datastar_py import ServerSentEventGenerator

        self.generator = ServerSentEventGenerator

    def write(self, values: Iterable[Values]) -> list[bytes]:
        patch = self.generator.patch_elements
        written = []
        for data, event, id, retry in values:
            if event is not None:
                raise NotOffered
            written.append(patch(data, event_id=id, retry_duration=retry).encode())
        return written

    def read(self, data: str) -> str:
        return "\n".join(line.removeprefix("elements ") for line in data.split("\n"))


OTHERS = [SseStarlette, FastAPI, Litestar, Assel, AiohttpSse, Datastar]

# The cells. A writer is correct if it has only these.
KEPT, REFUSED, LINES, WRITTEN = "kept", "refused", "a comment for each line", "written"
RIGHT = {KEPT, REFUSED, LINES, WRITTEN, "not offered"}
FIELD = "**becomes a field**"
BREAKS = {"LF": "\n", "CR": "\r", "CRLF": "\r\n"}
# What a value holds after a line break: a retry field, which the event itself does not have.
HIDDEN, HIDDEN_TIME = "retry: 31337", 31337


def refused(error: Exception) -> str:
    """Return the cell of an error; it names an error that callers would not expect."""
    known = isinstance(error, (ValueError, TypeError))
    return REFUSED if known else f"{REFUSED} ({type(error).__name__})"


def events(writer: Writer, stream: bytes) -> list[Values]:
    """Return the events that the standard gives; an event without type or ID has None."""
    return [
        Values(
            writer.read(str(data)),
            None if event == "message" or writer.package == "datastar-py" else str(event),
            str(id) or None,
            retry,  # type: ignore[arg-type]
        )
        for kind, event, data, id, retry in (
            item for item in interpret(stream).items if item[0] == "event"
        )
    ]


def kept(writer: Writer, given: Values, expected: str, otherwise: str) -> str:
    """Write one event; return KEPT if its data is read back as expected."""
    try:
        found = events(writer, b"".join(writer.write([given])))
    except NotOffered:
        return "not offered"
    except Exception as error:
        return refused(error)
    if [event.data for event in found] == [expected]:
        return KEPT
    if any(event.retry == HIDDEN_TIME for event in found):
        return FIELD
    return otherwise if found else "no event"


def for_each_break(cell: Callable[[str], str]) -> str:
    """Return the cell, if it is the same for each kind of line break, or else each."""
    cells = {name: cell(characters) for name, characters in BREAKS.items()}
    found = set(cells.values())
    if len(found) == 1:
        return found.pop()
    return ", ".join(f"{name} {text}" for name, text in cells.items())


def data_with_breaks(writer: Writer) -> str:
    return for_each_break(
        lambda characters: kept(writer, Values(f"a{characters}{HIDDEN}"), f"a\n{HIDDEN}", "changed")
    )


def data_ending_with_breaks(writer: Writer) -> str:
    return for_each_break(lambda characters: kept(writer, Values(f"a{characters}"), "a\n", "lost"))


def other_separators(writer: Writer) -> str:
    text = "a\u2028b\u2029c\x85d\ve\x1cf"
    return kept(writer, Values(text), text, "read as line breaks")


def first_space(writer: Writer) -> str:
    return kept(writer, Values(" a"), " a", "lost")


def empty_data(writer: Writer) -> str:
    return kept(writer, Values(""), "", "changed")


def lone_surrogate(writer: Writer) -> str:
    return kept(writer, Values("\ud800"), "\ud800", "changed")


def one_line(writer: Writer, given: Callable[[str], Values], member: str) -> str:
    """Write a type or an ID with line breaks."""

    def cell(characters: str) -> str:
        try:
            [found] = events(writer, b"".join(writer.write([given(characters)])))
        except NotOffered:
            return "not offered"
        except Exception as error:
            return refused(error)
        if found.retry == HIDDEN_TIME:
            return FIELD
        value = getattr(found, member)
        return "the break is removed" if value and HIDDEN in value else "cut off there"

    return for_each_break(cell)


def type_with_breaks(writer: Writer) -> str:
    return one_line(writer, lambda end: Values("x", event=f"a{end}{HIDDEN}"), "event")


def id_with_breaks(writer: Writer) -> str:
    return one_line(writer, lambda end: Values("x", id=f"7{end}{HIDDEN}"), "id")


def id_with_nul(writer: Writer) -> str:
    try:
        [found] = events(writer, b"".join(writer.write([Values("x", id="7\0")])))
    except Exception as error:
        return refused(error)
    return "readers ignore the ID" if found.id is None else "changed"


def reset(writer: Writer) -> str:
    """Write an ID, then an empty one."""
    written = b"".join(writer.write([Values("x", id="7"), Values("y", id="")]))
    _, found = events(writer, written)
    return WRITTEN if found.id is None else "left out"


def negative_retry(writer: Writer) -> str:
    try:
        [found] = events(writer, b"".join(writer.write([Values("x", retry=-1)])))
    except Exception as error:
        return refused(error)
    return "readers ignore it" if found.retry is None else "changed"


def comment_with_breaks(writer: Writer) -> str:
    def cell(characters: str) -> str:
        try:
            stream = writer.comment(f"a{characters}{HIDDEN}")
        except NotOffered:
            return "not offered"
        except Exception as error:
            return refused(error)
        found = interpret(stream)
        if found.retry == HIDDEN_TIME:
            return FIELD
        return LINES if found.items == [("comment", "a"), ("comment", HIDDEN)] else "changed"

    return for_each_break(cell)


def written_message(writer: Writer) -> str:
    try:
        stream = writer.block(Values("x", event="message"))
    except NotOffered:
        return "not offered"
    return WRITTEN if b"event: message\n" in stream.replace(b"\r\n", b"\n") else "left out"


def retry_alone(writer: Writer) -> str:
    try:
        found = interpret(writer.block(Values(None, retry=HIDDEN_TIME)))
    except NotOffered:
        return "not offered"
    except Exception as error:
        return refused(error)
    if found.retry != HIDDEN_TIME:
        return "left out"
    return "with an event" if found.items else WRITTEN


ROWS: dict[str, Callable[[Writer], str]] = {
    "line breaks in the data": data_with_breaks,
    "a line break that ends the data": data_ending_with_breaks,
    "U+2028, U+0085 and others in the data": other_separators,
    "a space that begins the data": first_space,
    "empty data": empty_data,
    "a lone surrogate": lone_surrogate,
    "line breaks in the type": type_with_breaks,
    "line breaks in the ID": id_with_breaks,
    "NUL in the ID": id_with_nul,
    "an empty ID after another": reset,
    "a negative `retry`": negative_retry,
    "line breaks in a comment": comment_with_breaks,
}
# What a writer may leave out and be correct all the same.
EXACT: dict[str, Callable[[Writer], str]] = {
    "`event: message` written out": written_message,
    "`retry` without data": retry_alone,
}


def features(writers: list[Writer]) -> dict[str, list[str]]:
    return {name: [row(writer) for writer in writers] for name, row in (ROWS | EXACT).items()}


# Speed.


def loads(seed: int, scale: float) -> dict[str, list[Values]]:
    """Return the events of the loads that are parsed in the other benchmarks."""
    wanted = {
        "chat, one event a chunk": "chat",
        "chat in CJK and emoji, one event a chunk": "chat in CJK and emoji",
        "anthropic, one event a chunk": "anthropic, with types",
        "id, event, retry, 3 data lines, 64 KiB": "id, event, retry, 3 data lines",
        "tiny events (12 B), 64 KiB": "tiny events",
        "one 8 MiB line, 1460 B": "one 8 MiB line",
        "one event of 100,000 data lines": "one event of 100,000 data lines",
    }
    found: dict[str, list[Values]] = {}
    for load in build(seed, scale):
        if load.name in wanted:
            items = Parser().feed(b"".join(load.chunks))
            found[wanted[load.name]] = [
                Values(
                    item.data,
                    None if item.event == "message" else item.event,
                    item.id or None,
                    item.retry,
                )
                for item in items
                if isinstance(item, Event)
            ]
    return found


def microseconds(writers: list[Writer], values: list[Values], seconds: float) -> list[float]:
    """Return the time of each for one event; infinite for one that cannot write these events."""
    calls = {
        writer.name: partial(writer.write, values) for writer in writers if same(writer, values)
    }
    best = best_times(calls, seconds)
    return [1e6 * best.get(writer.name, math.inf) / len(values) for writer in writers]


def same(writer: Writer, values: list[Values]) -> bool:
    """Return whether a reader gets the events that were to be written."""
    try:
        items = Parser(max_event_size=None).feed(b"".join(writer.write(values)))
    except NotOffered:
        return False
    return [(item.event, item.data) for item in items if isinstance(item, Event)] == [
        (event or "message", data) for data, event, _, _ in values
    ]


def page(seed: int, scale: float, seconds: float) -> str:
    ours = [Ours(form) for form in FORMS]
    others = [kind() for kind in OTHERS]
    found = features(ours)
    if different := [name for name, cells in found.items() if len(set(cells)) > 1]:
        raise RuntimeError(f"the forms of sse-stream differ in {different}")
    found = features([ours[0], *others])
    right = [
        number
        for number in range(len(others))
        if all(found[name][1 + number] in RIGHT for name in ROWS)
    ]
    rows = []
    ratios: list[list[float]] = []
    for name, values in loads(seed, scale).items():
        times = microseconds([*ours, *others], values, seconds)
        mine, theirs = times[: len(ours)], times[len(ours) :]
        fastest = min(theirs[number] for number in right)
        ratios.append([fastest / took for took in mine])
        rows.append([name, *map(shown, times), *(f"{ratio:.2f}" for ratio in ratios[-1])])
    for name, function in (("geometric mean", geometric_mean), ("minimum", min)):
        relative = [f"{function(column):.2f}" for column in zip(*ratios, strict=True)]
        rows.append([name, *[""] * (len(ours) + len(others)), *relative])
    names = [writer.package for writer in others]
    features_head = ["", Ours.package, *names]
    mine_names = [writer.name for writer in ours]
    speed_head = ["microseconds an event", *mine_names, *names]
    speed_head += [f"relative speed, {form}" for form in FORMS]
    return PAGE.format(
        features=table(features_head, [[name, *cells] for name, cells in found.items()]),
        speed=table(speed_head, rows),
        lines=LINES,
        right=" and ".join(names[number] for number in right),
        date=datetime.date.today().isoformat(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        seed=seed,
        versions=", ".join(f"{name} {version(name)}" for name in names),
    )


def shown(microseconds: float) -> str:
    if math.isinf(microseconds):
        return ""
    return f"{microseconds:.2f}" if microseconds < 1000 else f"{microseconds:.0f}"


PAGE = """# Writers of event streams

{features}

Each cell comes from a run: the library writes the value in the way that its users do, and the
transcription of the standard in `tests/support/standard.py` reads it. *kept*: read back as it
was, a line break as LF; *refused*: a ValueError or TypeError; *becomes a field*: what follows the
line break is read as another field; *with an event*: readers get an event that was not meant.
datastar-py writes events of its own types. Both forms of sse-stream have the same cells.

## Speed

{speed}

The time from the values to the bytes, with the object that users of the library create for them.
An empty cell: the library cannot write these events. The relative speed is that of sse-stream to
the fastest other library whose cells above, but for the last two rows, are all *kept*, *refused*,
*written*, *{lines}* or *not offered*: {right}. The times of
aiohttp-sse include its time limit for each write.

Measured by `python benchmarks/comparison/writers.py`, seed {seed}, {date}, Python {python},
{system}: {versions}.
"""


def main() -> None:
    options = argparse.ArgumentParser(description="Compare libraries that write event streams.")
    options.add_argument("folder", type=Path)
    options.add_argument("--seconds", type=float, default=3, help="time for each load (3)")
    given = options.parse_args()
    run_with(REUSE)
    seed, scale = int(os.environ.get("SEED", "1")), float(os.environ.get("SCALE", "1"))
    (given.folder / "WRITERS.md").write_text(page(seed, scale, given.seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
