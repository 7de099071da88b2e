"""The adapters, with sources in memory; test_transports.py has real transports."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import io
import json
import os
import selectors
import socket
import sys
import types
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from typing import Any, NamedTuple

import pytest
from support.strategies import single_bytes

from sse_stream import (
    DONE,
    Comment,
    Dispatcher,
    Event,
    EventTooLargeError,
    Ignored,
    IncompleteStreamError,
    Item,
    NotEventStreamError,
    Parser,
    ParserClosedError,
    aiter_events,
    aiter_items,
    aread_chunks,
    is_event_stream,
    iter_events,
    iter_items,
    read_chunks,
)

CHUNKS = [b": hi\nda", b"ta: 1\n\nid: 7\ndata: 2\n\n", b"data: [DONE]\n\ndata: 3\n\n"]
ITEMS: list[Item] = [
    Comment("hi"),
    Event(data="1"),
    Event(data="2", id="7"),
    DONE,
    Event(data="3", id="7"),
]
EVENTS: list[Item] = [Event(data="1"), Event(data="2", id="7")]

SYNC: list[Any] = [iter_items, iter_events]
ASYNC: list[Any] = [aiter_items, aiter_events]
ALL: list[Any] = [*SYNC, *ASYNC]
OF_EVENTS: list[Any] = [iter_events, aiter_events]


class Stop(Exception):
    pass


class Cancelled(BaseException):
    """Stands for asyncio.CancelledError or that of another library."""


class Source:
    """An iterator of chunks that may raise at its end; it counts the calls it received."""

    def __init__(self, chunks: Iterable[bytes], error: BaseException | None = None) -> None:
        self.chunks = iter(chunks)
        self.error = error
        self.chunks_read = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for chunk in self.chunks:
            self.chunks_read += 1
            return chunk
        raise self.error or StopIteration

    def close(self) -> None:
        self.closed += 1


class AsyncSource:
    """The same, async; before each chunk it waits until ``go_on`` is set, if ``stuck``."""

    def __init__(
        self, chunks: Iterable[bytes], error: BaseException | None = None, *, stuck: bool = False
    ) -> None:
        self.source = Source(chunks, error)
        self.waiting = asyncio.Event()
        self.go_on = asyncio.Event()
        if not stuck:
            self.go_on.set()

    @property
    def closed(self) -> int:
        return self.source.closed

    @property
    def chunks_read(self) -> int:
        return self.source.chunks_read

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self.go_on.is_set():
            self.waiting.set()
            await self.go_on.wait()
        for chunk in self.source:
            return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.source.close()


class Closable(AsyncSource):
    """Has ``close()`` instead of ``aclose()``."""

    aclose = None  # type: ignore[assignment]

    def close(self) -> None:
        self.source.close()


class AsyncClosable(AsyncSource):
    """Has an async ``close()``, as the files of some libraries."""

    aclose = None  # type: ignore[assignment]

    async def close(self) -> None:
        self.source.close()


KINDS: list[type[AsyncSource]] = [AsyncSource, Closable, AsyncClosable]


async def collect(items: AsyncIterable[Item]) -> list[Item]:
    return [item async for item in items]


class Result(NamedTuple):
    """What an adapter gave, the error that ended it, and its source."""

    items: list[Item]
    error: BaseException | None
    source: Source


def consume(
    adapter: Any, chunks: Iterable[bytes], error: BaseException | None = None, **options: Any
) -> Result:
    """Run any of the four adapters over the chunks, which end with the error."""
    items: list[Item] = []
    source = Source(chunks, error)
    raised: BaseException | None = None

    async def main() -> None:
        async_source = AsyncSource([])
        async_source.source = source
        async for item in adapter(async_source, **options):
            items.append(item)

    try:
        if adapter in SYNC:
            items.extend(adapter(source, **options))
        else:
            asyncio.run(main())
    except BaseException as caught:
        raised = caught
    return Result(items, raised, source)


def given_by(adapter: Any, items: Sequence[Item]) -> list[Item]:
    """Return these of the items that the adapter yields."""
    if adapter in OF_EVENTS:
        before = items[: items.index(DONE)] if DONE in items else items
        return [item for item in before if isinstance(item, Event)]
    return list(items)


async def until_closed(source: AsyncSource | Reader) -> None:
    """Wait until the event loop has closed what was dropped."""
    while not source.closed:
        gc.collect()  # PyPy needs several for a chain of objects with finalizers
        await asyncio.sleep(0)


def run(main: Awaitable[None]) -> None:
    """Run a coroutine; a time limit ends it if something waits for ever."""
    asyncio.run(asyncio.wait_for(main, 60))


# What they yield, and when they stop.


@pytest.mark.parametrize("adapter", ALL)
def test_items_and_events(adapter: Any) -> None:
    got = consume(adapter, CHUNKS)
    # Items go on after DONE.
    assert got.items == given_by(adapter, ITEMS) and got.error is None
    assert consume(adapter, []).items == []


def test_any_iterable_will_do() -> None:
    def generator() -> Iterator[bytes]:
        yield from CHUNKS

    async def agenerator() -> AsyncIterator[bytes]:
        for chunk in CHUNKS:
            yield chunk

    for source in (CHUNKS, tuple(CHUNKS), iter(CHUNKS), generator(), map(bytearray, CHUNKS)):
        assert list(iter_items(source)) == ITEMS
    assert asyncio.run(collect(aiter_items(agenerator()))) == ITEMS


def test_an_iterable_of_bytes_may_have_a_status_code() -> None:
    class Response(list[bytes]):
        status_code = 200

    class AsyncResponse(AsyncSource):
        status_code = 200

    assert list(iter_items(Response(CHUNKS))) == ITEMS
    assert asyncio.run(collect(aiter_items(AsyncResponse(CHUNKS)))) == ITEMS


def test_items_come_before_the_next_chunk_is_asked_for() -> None:
    source = Source(CHUNKS)
    assert [(item, source.chunks_read) for item in iter_items(source)] == list(
        zip(ITEMS, [1, 2, 2, 3, 3], strict=True)
    )

    async def main() -> None:
        source = AsyncSource(CHUNKS)
        got = [(item, source.chunks_read) async for item in aiter_items(source)]
        assert got == list(zip(ITEMS, [1, 2, 2, 3, 3], strict=True))

    asyncio.run(main())


@pytest.mark.parametrize("adapter", OF_EVENTS)
def test_events_stop_at_done_without_reading_on(adapter: Any) -> None:
    got = consume(adapter, [*CHUNKS, b"never"], require_done=True)
    assert got.items == EVENTS and got.error is None
    assert (got.source.chunks_read, got.source.closed) == (3, 1)


@pytest.mark.parametrize("adapter", OF_EVENTS)
def test_done_turned_off_is_an_event(adapter: Any) -> None:
    got = consume(adapter, CHUNKS, parser=Parser(done=None))
    assert [item.data for item in got.items] == ["1", "2", "[DONE]", "3"]  # type: ignore[union-attr]


@pytest.mark.parametrize("adapter", OF_EVENTS)
def test_until_stops_after_the_event_it_accepts(adapter: Any) -> None:
    asked: list[str] = []

    def first(event: Event) -> bool:
        asked.append(event.data)
        return event.data == "1"

    got = consume(adapter, CHUNKS, until=first, require_done=True)
    assert (got.items, got.error, asked) == (EVENTS[:1], None, ["1"])
    assert (got.source.chunks_read, got.source.closed) == (2, 1)
    # DONE comes first, so ``until`` is not called for the events after it.
    assert consume(adapter, CHUNKS, until=lambda event: event.data == "3").items == EVENTS


def test_until_is_asked_once_the_event_is_used() -> None:
    seen: list[str] = []
    for event in iter_events(CHUNKS, until=lambda event: event.data in seen):
        seen.append(event.data)
    assert seen == ["1"]

    async def main() -> None:
        seen.clear()
        async for event in aiter_events(
            AsyncSource(CHUNKS), until=lambda event: event.data in seen
        ):
            seen.append(event.data)

    asyncio.run(main())
    assert seen == ["1"]


@pytest.mark.parametrize("adapter", OF_EVENTS)
def test_an_error_of_until_passes_through_and_closes(adapter: Any) -> None:
    def fail(event: Event) -> bool:
        raise Stop

    got = consume(adapter, CHUNKS, until=fail, drain=True)
    assert got.items == EVENTS[:1] and isinstance(got.error, Stop)
    assert (got.source.chunks_read, got.source.closed) == (2, 1)


@pytest.mark.parametrize("adapter", ALL)
def test_the_callers_parser_is_used_and_closed(adapter: Any) -> None:
    parser = Parser(last_event_id="4")
    got = consume(adapter, [b"data: x\n\ndata: y"], parser=parser)
    assert got.items == [Event(data="x", id="4")] and parser.incomplete
    assert isinstance(consume(adapter, [b"data"], parser=parser).error, ParserClosedError)


@pytest.mark.parametrize("adapter", ALL)
def test_ignored_lines_are_items(adapter: Any) -> None:
    got = consume(adapter, [b"foo: 1\ndata: 2\n\n"], parser=Parser(report_ignored=True))
    assert got.items == given_by(adapter, [Ignored("foo: 1"), Event(data="2")])


@pytest.mark.parametrize("adapter", ALL)
def test_the_limit_error_comes_after_the_items_before_it_and_closes(adapter: Any) -> None:
    chunks = [b"data: x\n\ndata: 12345678", b"data: never\n\n"]
    got = consume(adapter, chunks, parser=Parser(max_event_size=10))
    assert got.items == [Event(data="x")] and isinstance(got.error, EventTooLargeError)
    assert got.source.closed


@pytest.mark.parametrize("adapter", ALL)
@pytest.mark.parametrize("error", [ConnectionError("gone"), Stop()], ids=repr)
def test_the_sources_error_passes_after_the_items_before_it(
    adapter: Any, error: BaseException
) -> None:
    got = consume(adapter, CHUNKS[:2], error, flush=True)
    assert got.error is error and error.__cause__ is error.__context__ is None
    assert got.items == given_by(adapter, ITEMS[:3])
    assert got.source.closed


@pytest.mark.parametrize("adapter", SYNC)
def test_an_interrupt_of_the_source_closes_it(adapter: Any) -> None:
    got = consume(adapter, CHUNKS[:2], KeyboardInterrupt())
    assert isinstance(got.error, KeyboardInterrupt) and got.source.closed


class Foreign:
    """A parser whose items are those of another copy of the package."""

    last_event_id = ""

    def feed(self, data: bytes) -> list[object]:
        return [types.SimpleNamespace(data="x")]


def test_items_of_another_copy_of_the_package_are_not_passed_over() -> None:
    for adapter in OF_EVENTS:
        got = consume(adapter, [b"data: x\n\n"], parser=Foreign())
        assert got.items == [] and isinstance(got.error, TypeError) and got.source.closed
        assert "another copy of this package" in str(got.error)
    dispatcher = Dispatcher(parser=Foreign())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"SimpleNamespace.*another copy of this package"):
        dispatcher.feed(b"data: x\n\n")


# The end: truncation, flush, what is not an event stream.


@pytest.mark.parametrize("adapter", ALL)
@pytest.mark.parametrize("chunks", [[], CHUNKS[:1], CHUNKS[:2], [*CHUNKS[:2], b"data: [DONE"]])
def test_require_done_fails_on_a_truncated_stream(adapter: Any, chunks: list[bytes]) -> None:
    items = ITEMS[: [0, 1, 3, 3][len(chunks)]]
    got = consume(adapter, chunks, require_done=True)
    # The items come first.
    assert got.items == given_by(adapter, items)
    assert isinstance(got.error, IncompleteStreamError)
    assert got.error.last_event_id == ("7" if len(chunks) > 1 else "")
    assert got.source.closed
    assert consume(adapter, chunks).error is None
    if adapter in OF_EVENTS:
        got = consume(adapter, chunks, require_done=True, until=lambda event: event.data == "3")
        assert isinstance(got.error, IncompleteStreamError)


@pytest.mark.parametrize("adapter", ALL)
@pytest.mark.parametrize(
    "stream",
    [
        *[b"data: 1\n\ndata: [DONE]" + end for end in (b"\n\n", b"\n", b"", b"\r\n\r", b"  ")],
        b"data: 1\n\ndata: [DONE]\n\ndata: in the middle of a block",
    ],
)
def test_done_completes_a_stream(adapter: Any, stream: bytes) -> None:
    for chunks in ([stream], single_bytes(stream)):
        for flush in (False, True):
            got = consume(adapter, chunks, require_done=True, flush=flush)
            assert got.items == given_by(adapter, [Event(data="1"), DONE])
            assert got.error is None


@pytest.mark.parametrize("adapter", ALL)
def test_flush_ends_the_last_block(adapter: Any) -> None:
    for stream in (b"data: x", b"data: x\n", b"data: x\r"):
        for chunks in ([stream], single_bytes(stream)):
            assert consume(adapter, chunks, flush=True).items == [Event(data="x")]
            assert consume(adapter, chunks).items == []


def is_stop(event: Event) -> bool:
    return event.event == "stop"


@pytest.mark.parametrize("adapter", ALL)
@pytest.mark.parametrize("chunks_of", [lambda stream: [stream], single_bytes])
@pytest.mark.parametrize(
    ("stream", "items"),
    [
        # flush must not make an event out of a line that may be cut.
        (b'event: stop\ndata: {"tokens": 12', []),
        (b"data: 0\n\nevent: stop\ndata: 1\ndata: 2", [Event(data="0")]),
        (b"event: stop\ndata: 1\nda", []),
        (b"event: stop\ndata: 1\n: comment", [Comment("comment")]),
        (b"event: stop\ndata", []),
        # These lines are whole.
        (b"event: stop\ndata: 1\n", [Event("stop", "1")]),
        (b"event: stop\ndata: 1\r", [Event("stop", "1")]),
        (b"event: stop\ndata: 1\r\n", [Event("stop", "1")]),
    ],
)
def test_require_done_accepts_no_event_of_a_line_without_its_end(
    adapter: Any, chunks_of: Any, stream: bytes, items: list[Item]
) -> None:
    until: dict[str, Any] = {"until": is_stop} if adapter in OF_EVENTS else {}
    got = consume(adapter, chunks_of(stream), flush=True, require_done=True, **until)
    assert got.items == given_by(adapter, items)
    complete = adapter in OF_EVENTS and Event("stop", "1") in items
    assert isinstance(got.error, IncompleteStreamError) != complete

    # Nor without flush, where the last block is discarded.
    got = consume(adapter, chunks_of(stream), require_done=True, **until)
    assert isinstance(got.error, IncompleteStreamError)

    # Without require_done, flush ends the event.
    got = consume(adapter, chunks_of(stream), flush=True, **until)
    assert got.error is None and isinstance(got.items[-1], Event)


ERROR_BODY = json.dumps({"error": {"message": "invalid key", "code": 401}})
NOT_EVENT_STREAMS = {
    "json": (ERROR_BODY.encode(), "JSON: perhaps an error of the server"),
    "json-lf": (ERROR_BODY.encode() + b"\n", "JSON: perhaps"),
    "json-pretty": (json.dumps(json.loads(ERROR_BODY), indent=2).encode(), "JSON: perhaps"),
    "json-crlf": (b'{\r\n  "error": "x"\r\n}\r\n', "JSON: perhaps"),
    "json-bom": (b'\xef\xbb\xbf{"error": 1}', "JSON: perhaps"),
    "json-array": (b'[{"error": 1}]', "JSON: perhaps"),
    "json-lines": (b'{"token": "a"}\n{"token": "b"}\n', "JSON: perhaps"),
    "html": (b"<!DOCTYPE html>\n<html>\n\n<body>x</body></html>\n", "HTML or XML: perhaps"),
    "html-after-blank-line": (b"\r\n\r\n<html></html>", "HTML or XML"),
    "text": (b"upstream connect error or disconnect/reset before headers", None),
    "gzip": (gzip.compress(b"data: x\n\n", mtime=0), "gzip: decompress the body first"),
    "zlib": (b"\x78\x9c\x4b\x49\x2c\x49", "zlib: decompress the body first"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00", "Zstandard: decompress the body first"),
    "utf-16-le": ("\ufeffdata: x\n\n".encode("utf-16-le"), "UTF-16: an event stream is UTF-8"),
    "utf-16-be": ("\ufeffdata: x\n\n".encode("utf-16-be"), "UTF-16: an event stream is UTF-8"),
    "utf-16-le-no-bom": ("data: x\n\n".encode("utf-16-le"), "UTF-16: an event stream is UTF-8"),
    "utf-16-be-no-bom": ("data: x\n\n".encode("utf-16-be"), "UTF-16: an event stream is UTF-8"),
    "unknown-fields": (b"foo: bar\n\nbaz\n", None),
    "unknown-then-start-of-a-field": (b"foo: bar\nda", None),
    "long-line": (b"x" * 100_000, None),
    "short": (b"x", None),
}
EVENT_STREAMS = {
    "empty": b"",
    "bom": b"\xef\xbb\xbf",
    "truncated-bom": b"\xef\xbb",
    "blank-lines": b"\n\r\n\r",
    "comments": b": ping\n: ping\n\n",
    "comment-after-other-lines": b"foo\n:\n",
    "comment-at-the-end": b"foo\n: pi",
    "event-field": b"event: ping\n",
    "event-field-and-blank-line": b"event: ping\n\n",
    "event-field-without-colon": b"event\n",
    "event-field-at-the-end": b"foo\nevent:",
    "bad-id": b"id: \0\n",
    "bad-retry": b"retry: soon\n",
    "data": b"data: x",
    "beginning-of-data": b"da",
    "beginning-of-a-name-after-bom": b"\xef\xbb\xbfretr",
    "whole-name": b"retry",
    "whole-name-after-bom": b"\xef\xbb\xbfdata",
    "event-then-json": b'data: x\n\n{"error": 1}\n',
}


def close_of(chunks: list[bytes], **options: Any) -> BaseException | None:
    dispatcher = Dispatcher()
    for chunk in chunks:
        dispatcher.feed(chunk)
    try:
        dispatcher.close(**options)
    except BaseException as caught:
        return caught
    return None


@pytest.mark.parametrize("name", NOT_EVENT_STREAMS)
def test_what_is_not_an_event_stream_is_an_error(name: str) -> None:
    stream, reason = NOT_EVENT_STREAMS[name]
    single = single_bytes(stream) if len(stream) < 1000 else [stream[:1], stream[1:]]
    for chunks in ([stream], single, [b"", stream]):
        for option in (None, "flush", "require_done"):
            options: dict[str, Any] = {option: True} if option else {}
            errors = [close_of(chunks, **options)]
            for adapter in ALL:
                got = consume(adapter, chunks, **options)
                assert got.items == [] and got.source.closed
                errors.append(got.error)
            for error in errors:
                assert isinstance(error, NotEventStreamError)
                assert error.start == stream[:200]
                start = f"; it starts with {stream[:200]!r}"
                if reason is None:
                    assert str(error) == "not an event stream" + start
                else:
                    assert str(error).startswith(f"not an event stream ({reason}")
                    assert str(error).endswith(start)


@pytest.mark.parametrize("name", EVENT_STREAMS)
def test_what_may_be_an_event_stream_is_no_error(name: str) -> None:
    stream = EVENT_STREAMS[name]
    for chunks in ([stream], single_bytes(stream)):
        for flush in (False, True):
            assert close_of(chunks, flush=flush) is None
            for adapter in ALL:
                assert consume(adapter, chunks, flush=flush).error is None


@pytest.mark.parametrize("adapter", ALL)
def test_a_source_that_is_left_or_fails_early_is_not_judged(adapter: Any) -> None:
    got = consume(adapter, [b'{"error": 1}\n'], ConnectionError("gone"))
    assert isinstance(got.error, ConnectionError)


# Draining.

LATER = [*CHUNKS, b"data: 4\n\n", b"\xff" * 100, b'{"not an event": 1}\n']


@pytest.mark.parametrize("adapter", OF_EVENTS)
@pytest.mark.parametrize("until", [None, lambda event: event.data == "1"])
def test_drain_reads_to_the_end_then_closes(adapter: Any, until: Any) -> None:
    wanted = EVENTS if until is None else EVENTS[:1]
    got = consume(adapter, LATER, drain=True, until=until, require_done=True)
    assert got.items == wanted and got.error is None
    assert (got.source.chunks_read, got.source.closed) == (len(LATER), 1)


@pytest.mark.parametrize("adapter", OF_EVENTS)
def test_drain_raises_no_error_of_the_rest(adapter: Any) -> None:
    # Neither of the source nor of the parser, which sees nothing of it.
    parser = Parser(max_event_size=20)
    got = consume(adapter, LATER, ConnectionError("gone"), drain=True, parser=parser)
    assert got.items == EVENTS and got.error is None
    assert (got.source.chunks_read, got.source.closed) == (len(LATER), 1)


@pytest.mark.parametrize("adapter", OF_EVENTS)
@pytest.mark.parametrize(
    "stream", [b"data: 1\n\ndata: [DONE]", b"data: 1\n\nevent: stop\ndata: \n"]
)
def test_drain_after_the_end_of_the_source_does_nothing(adapter: Any, stream: bytes) -> None:
    source = [stream]
    got = consume(adapter, source, drain=True, flush=True, until=is_stop, require_done=True)
    assert got.error is None and got.items[0] == Event(data="1")
    assert (got.source.chunks_read, got.source.closed) == (1, 1)


@pytest.mark.parametrize("adapter", OF_EVENTS)
def test_drain_changes_nothing_without_the_end_of_the_answer(adapter: Any) -> None:
    got = consume(adapter, CHUNKS[:2], ConnectionError("gone"), drain=True)
    assert got.items == EVENTS and isinstance(got.error, ConnectionError)
    got = consume(adapter, CHUNKS[:2], drain=True, require_done=True)
    assert isinstance(got.error, IncompleteStreamError)


def test_nothing_is_drained_when_closed_early() -> None:
    source = Source(CHUNKS)
    events = iter_events(source, drain=True)
    next(events)
    events.close()
    assert (source.chunks_read, source.closed) == (2, 1)

    async def main() -> None:
        source = AsyncSource(CHUNKS)
        events = aiter_events(source, drain=True)
        await anext(events)
        await events.aclose()
        assert await collect(events) == []
        assert (source.chunks_read, source.closed) == (2, 1)

    asyncio.run(main())


def test_an_interrupt_passes_through_drain() -> None:
    got = consume(iter_events, CHUNKS, KeyboardInterrupt(), drain=True)
    assert isinstance(got.error, KeyboardInterrupt) and got.source.closed


# Timeouts and cancellation.


async def time_out(iterator: AsyncIterator[object]) -> None:
    """Time out in the next step of an iterator whose source waits for ever."""
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(anext(iterator), 0.001)


@pytest.mark.parametrize("adapter", ASYNC)
@pytest.mark.parametrize("kind", KINDS)
def test_after_a_timeout_the_iterator_goes_on(adapter: Any, kind: type[AsyncSource]) -> None:
    async def main() -> None:
        source = kind(CHUNKS, stuck=True)
        items = adapter(source, require_done=True)
        got: list[Item] = []
        # Before the first chunk, and twice at the same place.
        await time_out(items)
        await time_out(items)
        assert source.waiting.is_set()
        for wanted in given_by(adapter, ITEMS):
            source.go_on.set()
            got.append(await anext(items))
            source.go_on.clear()
            if wanted == Event(data="2", id="7"):
                await time_out(items)
        source.go_on.set()
        assert [*got, *[item async for item in items]] == given_by(adapter, ITEMS)
        assert source.closed == 1

    run(main())


@pytest.mark.parametrize("cut", [0, 1, 2])
@pytest.mark.parametrize("adapter", ASYNC)
def test_a_generator_that_a_timeout_ended_looks_incomplete(adapter: Any, cut: int) -> None:
    closed: list[str] = []

    async def generator() -> AsyncGenerator[bytes, None]:
        try:
            for chunk in CHUNKS[:cut]:
                yield chunk
            await asyncio.Event().wait()
            yield CHUNKS[2]
        finally:
            closed.append("generator")

    async def main() -> None:
        items = adapter(generator(), require_done=True)
        for wanted in given_by(adapter, ITEMS[: [0, 1, 3][cut]]):
            assert await anext(items) == wanted
        await time_out(items)
        assert closed == ["generator"]
        with pytest.raises(IncompleteStreamError):
            await anext(items)
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run(main())


@pytest.mark.parametrize("adapter", ASYNC)
def test_flush_makes_no_event_of_a_block_that_a_timeout_cut(adapter: Any) -> None:
    async def generator() -> AsyncGenerator[bytes, None]:
        yield b"data: half\n"
        await asyncio.Event().wait()

    async def main() -> None:
        items = adapter(generator(), flush=True, require_done=True)
        await time_out(items)
        with pytest.raises(IncompleteStreamError):
            await anext(items)

        # A source that goes on is not cut.
        source = AsyncSource([b"data: whole\n"], stuck=True)
        items = adapter(source, flush=True, require_done=True)
        await time_out(items)
        source.go_on.set()
        assert await anext(items) == Event(data="whole")

    run(main())


def test_a_timeout_while_draining_goes_on_draining() -> None:
    class Pausing(AsyncSource):
        pause_after: int | None = 4

        async def __anext__(self) -> bytes:
            if self.chunks_read == self.pause_after:
                self.go_on.clear()
            return await super().__anext__()

    async def main() -> None:
        source = Pausing(LATER)
        events = aiter_events(source, drain=True, require_done=True)
        assert [await anext(events), await anext(events)] == EVENTS
        await time_out(events)
        assert source.chunks_read == 4 and not source.closed
        source.pause_after = None
        source.go_on.set()
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        assert (source.chunks_read, source.closed) == (len(LATER), 1)

    run(main())


def test_until_is_asked_once_though_a_timeout_follows() -> None:
    asked: list[str] = []

    async def main() -> None:
        source = AsyncSource(CHUNKS)
        events = aiter_events(source, until=lambda event: asked.append(event.data))
        assert await anext(events) == EVENTS[0]
        assert await anext(events) == EVENTS[1]
        source.go_on.clear()
        await time_out(events)
        await time_out(events)
        source.go_on.set()
        assert await collect(events) == []

    run(main())
    assert asked == ["1", "2"]


def test_until_is_not_asked_after_closing() -> None:
    def fail(event: Event) -> bool:
        raise Stop

    async def main() -> None:
        events = aiter_events(AsyncSource([b"data: 1\n\ndata: 2\n\n"]), until=fail)
        assert await anext(events) == Event(data="1")
        await events.aclose()
        assert await collect(events) == []

    run(main())
    sync = iter_events([b"data: 1\n\ndata: 2\n\n"], until=fail)
    assert next(sync) == Event(data="1")
    sync.close()
    assert list(sync) == []


@pytest.mark.parametrize("adapter", ASYNC)
def test_a_second_anext_meanwhile_is_refused_and_changes_nothing(adapter: Any) -> None:
    async def main() -> None:
        source = AsyncSource(CHUNKS, stuck=True)
        items = adapter(source, require_done=True)
        first = asyncio.create_task(anext(items))
        await source.waiting.wait()
        with pytest.raises(RuntimeError, match="another task"):
            await anext(items)
        assert not source.closed
        source.go_on.set()
        assert [await first, *await collect(items)] == given_by(adapter, ITEMS)

    run(main())


@pytest.mark.parametrize("adapter", ASYNC)
def test_closing_a_generator_that_runs_closes_it_later(adapter: Any) -> None:
    closed = False

    async def main() -> None:
        waiting, go_on = asyncio.Event(), asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal closed
            try:
                waiting.set()
                await go_on.wait()
                yield b"data: 1\n\n"
            finally:
                closed = True

        items = adapter(chunks())
        task = asyncio.create_task(collect(items))
        await waiting.wait()
        # The generator itself refuses it with a RuntimeError too.
        with pytest.raises(RuntimeError, match="another task"):
            await items.aclose()
        assert not closed
        go_on.set()
        assert await task == [] and closed

    run(main())


def test_after_a_timeout_aread_chunks_goes_on() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        chunks = aread_chunks(reader)
        await time_out(chunks)
        reader.feed_data(b"data: 1\n\n")
        assert await anext(chunks) == b"data: 1\n\n"
        await time_out(chunks)

        # The same through both.
        events = aiter_events(chunks, require_done=True)
        await time_out(events)
        reader.feed_data(b"data: 2\n\n")
        assert await anext(events) == Event(data="2")
        await time_out(events)
        reader.feed_eof()
        with pytest.raises(IncompleteStreamError):
            await anext(events)

    run(main())


@pytest.mark.parametrize("adapter", ASYNC)
@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_loop_closes_the_source(adapter: Any, kind: type[AsyncSource]) -> None:
    async def main() -> None:
        source = kind(CHUNKS)
        got: list[Item] = []

        async def read(source: AsyncSource) -> None:
            async for item in adapter(source):
                got.append(item)
                if item == Event(data="2", id="7"):
                    source.go_on.clear()

        task = asyncio.create_task(read(source))
        await source.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert got == given_by(adapter, ITEMS[:3])
        # The adapter was dropped with the loop.
        del task
        await until_closed(source)

        # With ``async with`` it is closed at once.
        async def read_in_context(source: AsyncSource) -> None:
            async with adapter(source) as items:
                await anext(items)

        source = kind([], stuck=True)
        task = asyncio.create_task(read_in_context(source))
        await source.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.closed == 1

    run(main())


class Skipping(selectors.DefaultSelector):
    """Does not wait until the next timer of an event loop, but advances the loop's clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0
        return super().select(None if timeout is None else 0)


def test_comments_keep_an_idle_timeout_from_expiring() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in [*[b": ping\n\n"] * 8, b"data: 1\n\n", *[b": ping\n\n"] * 8]:
            await asyncio.sleep(10)
            yield chunk
        await asyncio.sleep(60)
        yield b"data: 2\n\n"

    async def main() -> list[Item]:
        got: list[Item] = []
        async with aiter_items(chunks()) as items:
            with contextlib.suppress(asyncio.TimeoutError):
                while True:
                    got.append(await asyncio.wait_for(anext(items), 15))
        return got

    selector = Skipping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with contextlib.closing(loop):
        got = loop.run_until_complete(main())
    assert got == [*[Comment("ping")] * 8, Event(data="1"), *[Comment("ping")] * 8]
    assert selector.now == pytest.approx(17 * 10 + 15)


# Closing.


@pytest.mark.parametrize("adapter", SYNC)
def test_leaving_the_loop_closes_the_source(adapter: Any) -> None:
    source = Source(CHUNKS)
    for _ in adapter(source):
        break
    gc.collect()
    assert source.closed

    source = Source(CHUNKS)
    with pytest.raises(Stop):
        for _ in adapter(source):
            raise Stop
    gc.collect()
    assert source.closed

    source = Source(CHUNKS)
    with contextlib.closing(adapter(source)) as items:
        next(items)
    assert source.closed == 1 and list(items) == []


@pytest.mark.parametrize("adapter", ASYNC)
@pytest.mark.parametrize("kind", KINDS)
def test_leaving_an_async_loop_closes_the_source(adapter: Any, kind: type[AsyncSource]) -> None:
    async def left() -> None:
        source = kind(CHUNKS)
        async for _ in adapter(source):
            break
        await until_closed(source)

    async def raised() -> None:
        source = kind(CHUNKS)
        with pytest.raises(Stop):
            async for _ in adapter(source):
                raise Stop
        await until_closed(source)

    async def closed() -> None:
        source = kind(CHUNKS)
        items = adapter(source)
        await anext(items)
        await items.aclose()
        assert source.closed == 1
        await items.aclose()
        assert source.closed == 1 and await collect(items) == []

    async def left_the_context() -> None:
        source = kind(CHUNKS)
        async with adapter(source) as items:
            async for _ in items:
                break
        assert source.closed == 1

    async def raised_in_the_context() -> None:
        source = kind(CHUNKS)
        with pytest.raises(Stop):
            async with adapter(source):
                raise Stop
        assert source.closed == 1

    async def ended() -> None:
        source = kind(CHUNKS)
        async with adapter(source) as items:
            assert await collect(items) == given_by(adapter, ITEMS)
            assert source.closed == 1
        assert source.closed == 1

    for main in (left, raised, closed, left_the_context, raised_in_the_context, ended):
        run(main())


@pytest.mark.parametrize("adapter", SYNC)
def test_an_adapter_that_never_started_closes_the_source(adapter: Any) -> None:
    source = Source(CHUNKS)
    adapter(source).close()
    assert source.closed == 1 and source.chunks_read == 0
    source = Source(CHUNKS)
    adapter(source)
    gc.collect()
    assert source.closed == 1


@pytest.mark.parametrize("adapter", ASYNC)
@pytest.mark.parametrize("kind", KINDS)
def test_an_async_adapter_that_never_started_closes_the_source(
    adapter: Any, kind: type[AsyncSource]
) -> None:
    async def main() -> None:
        source = kind(CHUNKS)
        await adapter(source).aclose()
        assert source.closed == 1
        source = kind(CHUNKS)
        async with adapter(source):
            pass
        assert source.closed == 1 and source.chunks_read == 0
        source = kind(CHUNKS)
        adapter(source)
        await until_closed(source)

    run(main())


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="needs reference counts")
@pytest.mark.parametrize("started", [False, True])
def test_dropping_needs_no_garbage_collection(started: bool) -> None:
    async def main() -> None:
        for adapter in ASYNC:
            source = AsyncSource(CHUNKS)
            items = adapter(source)
            if started:
                await anext(items)
            del items
            while not source.closed:
                await asyncio.sleep(0)
        reader = Reader(b":a\n:b\n")
        chunks = aread_chunks(reader, 3)
        if started:
            await anext(chunks)
        del chunks
        while not reader.closed:
            await asyncio.sleep(0)

    gc.collect()
    gc.disable()
    try:
        run(main())
        for adapter in SYNC:
            source = Source(CHUNKS)
            items = adapter(source)
            if started:
                next(items)
            del items
            assert source.closed == 1
    finally:
        gc.enable()


@pytest.mark.parametrize("adapter", ASYNC)
def test_an_async_adapter_may_be_made_outside_of_an_event_loop(adapter: Any) -> None:
    source, other = AsyncSource(CHUNKS), AsyncSource(CHUNKS)
    items, never_started = adapter(source), adapter(other)

    async def main() -> None:
        nonlocal items
        await anext(items)
        del items
        await until_closed(source)
        await never_started.aclose()
        assert other.closed == 1

    run(main())


def test_leaving_the_loop_ends_a_generator() -> None:
    ended: list[str] = []

    def generator() -> Generator[bytes, None, None]:
        try:
            yield from CHUNKS
        finally:
            ended.append("generator")

    for _ in iter_items(generator()):
        break
    gc.collect()
    assert ended == ["generator"]

    async def agenerator() -> AsyncGenerator[bytes, None]:
        try:
            for chunk in CHUNKS:
                yield chunk
        finally:
            await asyncio.sleep(0)
            ended.append("async generator")

    async def main() -> None:
        async with aiter_items(agenerator()) as items:
            async for _ in items:
                break
        assert ended == ["generator", "async generator"]

    asyncio.run(main())


class Both:
    """An iterable that can be closed; so can its iterator, which may raise then."""

    def __init__(self, closed: list[str], error: BaseException | None = None) -> None:
        self.closed = closed
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        source = Source(CHUNKS)

        def close() -> None:
            self.closed.append("iterator")
            if self.error is not None:
                raise self.error

        source.close = close  # type: ignore[method-assign]
        return source

    def __aiter__(self) -> AsyncIterator[bytes]:
        source = AsyncSource(CHUNKS)

        async def aclose() -> None:
            self.closed.append("iterator")
            if self.error is not None:
                raise self.error

        source.aclose = aclose  # type: ignore[method-assign]
        return source

    def close(self) -> None:
        self.closed.append("source")


@pytest.mark.parametrize("adapter", ALL)
@pytest.mark.parametrize("error", [None, Stop(), Cancelled()], ids=repr)
def test_the_source_is_closed_after_its_iterator_even_if_that_raises(
    adapter: Any, error: BaseException | None
) -> None:
    for how in ("ended", "closed", "failed"):
        closed: list[str] = []
        source = Both(closed, error)
        options = {"parser": Parser(max_event_size=1)} if how == "failed" else {}

        async def main(items: AsyncIterator[Item], how: str) -> None:
            if how == "closed":
                await anext(items)
                await items.aclose()  # type: ignore[attr-defined]
            else:
                await collect(items)

        wanted = (EventTooLargeError, Stop, Cancelled)
        with pytest.raises(wanted) if error or options else contextlib.nullcontext():
            items = adapter(source, **options)
            if adapter in ASYNC:
                asyncio.run(main(items, how))
            elif how == "closed":
                next(items)
                items.close()
            else:
                list(items)
        assert closed == ["iterator", "source"]


@pytest.mark.parametrize("adapter", ASYNC)
def test_cancelling_the_closing_of_the_iterator_still_closes_the_source(adapter: Any) -> None:
    closing = asyncio.Event()
    closed: list[str] = []

    class Slow(Both):
        def __aiter__(self) -> AsyncIterator[bytes]:
            source = super().__aiter__()

            async def aclose() -> None:
                closing.set()
                await asyncio.Event().wait()

            source.aclose = aclose  # type: ignore[attr-defined]
            return source

    async def main() -> None:
        items = adapter(Slow(closed))
        await anext(items)
        task = asyncio.create_task(items.aclose())
        await closing.wait()
        assert closed == []
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert closed == ["source"] and await collect(items) == []

    run(main())


@pytest.mark.parametrize("adapter", ALL)
def test_a_source_that_cannot_be_iterated_is_closed(adapter: Any) -> None:
    class Failing(Both):
        def __iter__(self) -> Iterator[bytes]:
            raise Stop

        def __aiter__(self) -> AsyncIterator[bytes]:
            raise Stop

    closed: list[str] = []
    items = adapter(Failing(closed))
    with pytest.raises(Stop):
        if adapter in SYNC:
            list(items)
        else:
            asyncio.run(collect(items))
    assert closed == ["source"]


@pytest.mark.parametrize("adapter", ASYNC)
def test_nothing_is_left_to_the_garbage_collector(adapter: Any) -> None:
    ended: list[str] = []
    left: list[object] = []

    class Made:
        """Each loop over it runs a new generator, which only that loop can close."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                for chunk in CHUNKS:
                    yield chunk
            finally:
                ended.append("generator")

        async def aclose(self) -> None:
            ended.append("source")

    async def main() -> None:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=left.append)
        try:
            items = adapter(Made())
            await anext(items)
            await items.aclose()
            del items
            gc.collect()
        finally:
            sys.set_asyncgen_hooks(*hooks)

    asyncio.run(main())
    assert ended == ["generator", "source"] and left == []


@pytest.mark.parametrize("adapter", ASYNC)
def test_a_source_that_cannot_be_closed_is_left_as_it_is(adapter: Any) -> None:
    class Bare:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            return b"data: x\n\n"

    async def main() -> None:
        async with adapter(Bare()) as items:
            assert await anext(items) == Event(data="x")
        reader = asyncio.StreamReader()
        reader.feed_data(b"data: x\n\ndata: y\n\n")
        async with adapter(aread_chunks(reader, 9)) as items:
            assert await anext(items) == Event(data="x")
        assert await reader.read(9) == b"data: y\n\n"

    asyncio.run(main())


# Wrong sources.


class HttpxLike:
    """As httpx.Response."""

    status_code = 200
    encoding = "utf-8"

    def iter_bytes(self) -> Iterator[bytes]:
        return iter(CHUNKS)

    def iter_lines(self) -> Iterator[str]:
        yield ""

    async def aiter_lines(self) -> AsyncIterator[str]:
        yield ""

    def read(self) -> bytes:
        raise AssertionError("it waits for the whole body")

    @property
    def content(self) -> bytes:
        raise AssertionError("it needs the whole body")


class RequestsLike:
    """As requests.Response, an iterable of parts of 128 bytes."""

    status_code = 200
    encoding = "utf-8"

    def iter_content(self) -> Iterator[bytes]:
        return iter(CHUNKS)

    def iter_lines(self) -> Iterator[bytes]:
        yield b""

    def __iter__(self) -> Iterator[bytes]:
        return iter(CHUNKS)

    @property
    def content(self) -> bytes:
        raise AssertionError("it waits for the whole body")


class StreamReaderLike:
    """As aiohttp.StreamReader: iteration over it gives lines, and so delays the bytes."""

    def iter_any(self) -> AsyncIterator[bytes]:
        return AsyncSource(CHUNKS)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return AsyncSource(CHUNKS)

    async def read(self, size: int = -1) -> bytes:
        return b""


class AiohttpLike:
    """As aiohttp.ClientResponse."""

    def __init__(self) -> None:
        self.status = 200
        self.content = StreamReaderLike()

    async def read(self) -> bytes:
        raise AssertionError("it waits for the whole body")


class AsyncTextFile:
    encoding = "utf-8"

    async def read(self, size: int = -1) -> str:
        return ""


class TextFile(io.StringIO):
    pass


async def coroutine() -> HttpxLike:
    return HttpxLike()


def asyncio_reader() -> asyncio.StreamReader:
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        return asyncio.StreamReader(loop=loop)


def iter_lines() -> Iterator[bytes]:
    yield from CHUNKS


BYTES = r"call {0}\(\[data\]\) with data of type bytes"
LINES = "it removes the line ends: pass the chunks of the body, not its lines"
# The text that says what to do, with {0} for iter_items or iter_events.
WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "str": (lambda: "text", BYTES),
    "bytes": (lambda: b"data", BYTES),
    "bytearray": (lambda: bytearray(b"data"), BYTES),
    "memoryview": (lambda: memoryview(b"data"), BYTES),
    "httpx.Response": (
        HttpxLike,
        r"call {0}\(response.iter_bytes\(\)\) or a{0}\(response.aiter_bytes\(\)\)",
    ),
    "requests.Response": (RequestsLike, r"call {0}\(read_chunks\(response.raw\)\)"),
    "aiohttp.ClientResponse": (AiohttpLike, r"call a{0}\(response.content.iter_any\(\)\)"),
    "aiohttp.StreamReader": (StreamReaderLike, r"call a{0}\(reader.iter_any\(\)\)"),
    "socket": (socket.socket, r"call {0}\(read_chunks\(socket.makefile\(\"rb\"\)\)\)"),
    "file": (lambda: io.BytesIO(b"data"), r"call {0}\(read_chunks\(file\)\)"),
    "text file": (TextFile, r"open it in binary mode, then call {0}\(read_chunks\(file\)\)"),
    "async file": (lambda: Reader(b""), r"call a{0}\(aread_chunks\(reader\)\)"),
    "async text file": (
        AsyncTextFile,
        r"open it in binary mode, then call a{0}\(aread_chunks\(reader\)\)",
    ),
    "asyncio.StreamReader": (asyncio_reader, r"call a{0}\(aread_chunks\(reader\)\)"),
    "coroutine": (coroutine, "await it first"),
    "lines of httpx": (lambda: HttpxLike().iter_lines(), LINES),
    "async lines of httpx": (lambda: HttpxLike().aiter_lines(), LINES),
    "lines of requests": (lambda: RequestsLike().iter_lines(), LINES),
    "lines": (iter_lines, LINES),
}
# These are told another call, or none.
NOTHING: dict[str, tuple[Callable[[], object], str]] = {
    "int": (lambda: 7, "pass an (async )?iterable of bytes"),
    "None": (lambda: None, "pass an (async )?iterable of bytes"),
    "method": (lambda: HttpxLike().iter_bytes, "call it, and pass what it returns"),
}


@pytest.mark.filterwarnings("ignore:coroutine", "ignore:unclosed")
@pytest.mark.parametrize("name", [*WRONG, *NOTHING])
@pytest.mark.parametrize("adapter", ALL)
def test_a_wrong_source_is_told_the_right_call(adapter: Any, name: str) -> None:
    make, advice = (WRONG | NOTHING)[name]
    call = "iter_events" if adapter in OF_EVENTS else "iter_items"
    source = make()
    kind = type(source).__name__
    # The error comes from the call itself.
    start = rf"^{adapter.__name__}\(\) was given a source of type {kind}: "
    with pytest.raises(TypeError, match=start + advice.format(call) + "$"):
        adapter(source)


def test_sync_and_async_sources_are_not_mixed() -> None:
    for sync, other in ((iter_items, "aiter_items"), (iter_events, "aiter_events")):
        with pytest.raises(TypeError, match=rf"AsyncSource: call {other}\(source\)$"):
            sync(AsyncSource(CHUNKS))  # type: ignore[arg-type]
    for asynchronous, other in ((aiter_items, "iter_items"), (aiter_events, "iter_events")):
        with pytest.raises(TypeError, match=rf"list: call {other}\(source\)$"):
            asynchronous(CHUNKS)  # type: ignore[arg-type]


@pytest.mark.parametrize("adapter", ALL)
def test_an_iterable_of_text_is_refused_at_its_first_chunk(adapter: Any) -> None:
    for chunk, text in (("data: x\n\n", "bytes, not str"), (1, "not int")):
        got = consume(adapter, [chunk])  # type: ignore[list-item]
        assert isinstance(got.error, TypeError) and text in str(got.error)
        assert got.source.closed


# Files and readers.


class File(io.BytesIO):
    """A file that fails if read() is called, which would wait for a full buffer."""

    def __init__(self, data: bytes, error: BaseException | None = None) -> None:
        super().__init__(data)
        self.error = error

    def read1(self, size: int | None = -1) -> bytes:
        data = super().read1(size)
        if not data and self.error:
            raise self.error
        return data

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("read() waits")


def test_read_chunks() -> None:
    assert list(read_chunks(File(b"abc"), 2)) == [b"ab", b"c"]
    assert list(read_chunks(File(b""))) == []
    file = File(b"".join(CHUNKS))
    assert list(iter_items(read_chunks(file, 5))) == ITEMS
    # A file that was read to its end is closed by its owner.
    assert not file.closed


def test_read_chunks_reads_what_a_pipe_has() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as raw, open(writing, "wb", buffering=0) as pipe:
        # A raw file has no read1(); its read() returns what is available.
        chunks = read_chunks(raw)
        for chunk in (b"a", b"bcd"):
            pipe.write(chunk)
            assert next(chunks) == chunk
    reading, writing = os.pipe()
    with open(reading, "rb") as buffered, open(writing, "wb", buffering=0) as pipe:
        chunks = read_chunks(buffered)
        for chunk in (b"a", b"bcd"):
            pipe.write(chunk)
            assert next(chunks) == chunk


@pytest.mark.skipif(sys.platform == "win32", reason="pipes block there")
def test_no_data_yet_is_not_the_end() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb", buffering=0) as raw, open(writing, "wb", buffering=0) as pipe:
        chunks = read_chunks(raw)
        pipe.write(b"a")
        assert next(chunks) == b"a"
        with pytest.raises(BlockingIOError, match="non-blocking and has no data now"):
            next(chunks)


def test_a_read_that_returns_none_is_not_the_end() -> None:
    class NonBlocking:
        closed = False

        async def read(self, size: int) -> None:
            return None

        async def close(self) -> None:
            self.closed = True

    async def main() -> None:
        reader = NonBlocking()
        events = aiter_events(aread_chunks(reader))
        with pytest.raises(BlockingIOError, match="non-blocking and has no data now"):
            await anext(events)
        assert reader.closed and await collect(events) == []

    asyncio.run(main())


def test_read_chunks_closes_a_file_that_is_left_early() -> None:
    file = File(b":a\n:b\n")
    items = iter_items(read_chunks(file, 3))
    assert next(items) == Comment("a")
    items.close()
    assert file.closed

    file = File(b":a\n:b\n")
    with pytest.raises(Stop):
        for _ in iter_items(read_chunks(file, 3)):
            raise Stop
    gc.collect()
    assert file.closed

    file = File(b":a\n", ConnectionError("gone"))
    got: list[Item] = []
    with pytest.raises(ConnectionError, match="gone"):
        got.extend(iter_items(read_chunks(file)))
    assert got == [Comment("a")] and file.closed

    # Never started.
    file = File(b":a\n:b\n")
    iter_items(read_chunks(file)).close()
    assert file.closed


def test_a_file_that_cannot_be_closed_is_left_as_it_is() -> None:
    class Bare:
        def read(self, size: int) -> bytes:
            return b":a\n"

    items = iter_items(read_chunks(Bare()))
    assert next(items) == Comment("a")
    items.close()
    assert list(items) == []


class Reader:
    """An async file; at its end it waits for ever, or raises."""

    def __init__(self, data: bytes, error: BaseException | None = None) -> None:
        self.file = File(data, error)
        self.waiting = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self.file.closed

    async def read(self, size: int) -> bytes:
        data = self.file.read1(size)
        if not data:
            self.waiting.set()
            await asyncio.Event().wait()
        return data

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.file.close()


class ReaderWithClose(Reader):
    aclose = None  # type: ignore[assignment]

    async def close(self) -> None:
        self.file.close()


def test_aread_chunks() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(CHUNKS))
        reader.feed_eof()
        chunks = aread_chunks(reader, 5)
        assert await collect(aiter_items(chunks)) == ITEMS
        assert [chunk async for chunk in chunks] == []

    asyncio.run(main())


def test_aread_chunks_leaves_a_reader_open_that_is_read_to_its_end() -> None:
    class Ending(Reader):
        async def read(self, size: int) -> bytes:
            return self.file.read1(size)

    async def main() -> None:
        reader = Ending(b"".join(CHUNKS))
        async with aread_chunks(reader) as chunks:
            assert await collect(aiter_items(chunks)) == ITEMS
        assert not reader.closed

    asyncio.run(main())


def test_aread_chunks_read_to_its_end_leaves_nothing_to_the_event_loop() -> None:
    # trio warns of each generator that is left.
    left: list[object] = []

    async def main() -> None:
        sys.set_asyncgen_hooks(finalizer=left.append)
        reader = asyncio.StreamReader()
        reader.feed_data(b"data: 1\n\n")
        reader.feed_eof()
        assert [chunk async for chunk in aread_chunks(reader)] == [b"data: 1\n\n"]
        gc.collect()
        assert left == []

    asyncio.run(main())


@pytest.mark.parametrize("kind", [Reader, ReaderWithClose])
def test_aread_chunks_closes_a_reader_that_is_left_early(kind: type[Reader]) -> None:
    async def closed() -> None:
        reader = kind(b":a\n:b\n")
        items = aiter_items(aread_chunks(reader, 3))
        assert await anext(items) == Comment("a")
        await items.aclose()
        assert reader.closed

    async def chunks_closed() -> None:
        reader = kind(b":a\n:b\n")
        chunks = aread_chunks(reader, 3)
        assert await anext(chunks) == b":a\n"
        await chunks.aclose()
        # Nothing is read after that.
        assert reader.closed and [chunk async for chunk in chunks] == []

    async def left() -> None:
        reader = kind(b":a\n:b\n")
        async for _ in aiter_items(aread_chunks(reader, 3)):
            break
        await until_closed(reader)

    async def left_the_context() -> None:
        reader = kind(b":a\n:b\n")
        async with aread_chunks(reader, 3) as chunks:
            async for _ in chunks:
                break
        assert reader.closed

    async def never_started() -> None:
        reader = kind(b":a\n:b\n")
        aread_chunks(reader, 3)
        await until_closed(reader)

    async def cancelled() -> None:
        reader = kind(b":a\n:b\n")
        task = asyncio.create_task(collect(aiter_items(aread_chunks(reader))))
        await reader.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        await until_closed(reader)

    async def failed() -> None:
        reader = kind(b":a\n:b\n", ConnectionError("gone"))
        with pytest.raises(ConnectionError, match="gone"):
            await collect(aiter_items(aread_chunks(reader)))
        assert reader.closed

    for main in (closed, chunks_closed, left, left_the_context, never_started, cancelled, failed):
        run(main())


ACCEPTED: dict[Any, list[str]] = {
    read_chunks: ["file"],
    aread_chunks: ["async file", "asyncio.StreamReader", "aiohttp.StreamReader"],
}


@pytest.mark.filterwarnings("ignore:coroutine", "ignore:unclosed")
@pytest.mark.parametrize("read", [read_chunks, aread_chunks])
@pytest.mark.parametrize("name", WRONG)
def test_an_object_that_is_not_a_file_is_told_the_right_call(read: Any, name: str) -> None:
    make, advice = WRONG[name]
    thing = make()
    if name in ACCEPTED[read]:
        read(thing)
        return
    kind = type(thing).__name__
    start = rf"^{read.__name__}\(\) was given an object of type {kind}: "
    with pytest.raises(TypeError, match=start + advice.format("iter_events") + "$"):
        read(thing)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(TypeError, match=r"of type NoneType: pass a binary file$"):
        read_chunks(None)
    with pytest.raises(TypeError, match=r"of type list: pass an object with an async read\(n\)"):
        aread_chunks([])
    for size in (0, -1):
        for read, file in ((read_chunks, io.BytesIO()), (aread_chunks, Reader(b""))):
            with pytest.raises(ValueError, match=f"size must be positive, not {size}"):
                read(file, size)


# Dispatcher.


def test_dispatcher_calls_back_in_order() -> None:
    got: list[Item] = []
    dispatcher = Dispatcher(
        on_event=got.append, on_comment=got.append, on_done=got.append, on_ignored=got.append
    )
    seen: list[int] = []
    for chunk in [*CHUNKS, b"foo: bar\nid: \0\n"]:
        dispatcher.feed(chunk)
        seen.append(len(got))
    dispatcher.close()
    assert got == [*ITEMS, Ignored("foo: bar"), Ignored("id: \0")] and seen == [1, 3, 5, 7]


@pytest.mark.parametrize("name", ["on_event", "on_comment", "on_done", "on_ignored"])
def test_dispatcher_calls_only_the_given_callbacks(name: str) -> None:
    got: list[Item] = []
    dispatcher = Dispatcher(**{name: got.append})  # type: ignore[arg-type]
    for chunk in [*CHUNKS, b"foo\n"]:
        dispatcher.feed(chunk)
    dispatcher.close()
    kinds = {"on_event": Event, "on_comment": Comment, "on_done": type(DONE), "on_ignored": Ignored}
    assert got == [item for item in [*ITEMS, Ignored("foo")] if isinstance(item, kinds[name])]


def test_on_ignored_with_a_parser_that_is_passed() -> None:
    got: list[Ignored] = []
    dispatcher = Dispatcher(on_ignored=got.append, parser=Parser(report_ignored=True))
    dispatcher.feed(b"foo\n")
    assert got == [Ignored("foo")]
    # The lines of a parser that reports them are passed over without on_ignored.
    Dispatcher(parser=Parser(report_ignored=True)).feed(b"foo\n")


def test_dispatcher_close() -> None:
    got: list[Item] = []
    dispatcher = Dispatcher(on_event=got.append, parser=Parser(last_event_id="4"))
    dispatcher.feed(b"data: x")
    dispatcher.close(flush=True)
    assert got == [Event(data="x", id="4")]
    with pytest.raises(ParserClosedError):
        dispatcher.feed(b"")
    dispatcher = Dispatcher(on_event=got.append)
    dispatcher.feed(b"data: y")
    dispatcher.close()
    assert len(got) == 1


@pytest.mark.parametrize(
    ("stream", "complete"),
    [
        (b"data: 1\n\ndata: [DONE]\n\n", True),
        (b"data: 1\n\ndata: [DONE]", True),
        (b"data: 1\n\ndata: [DONE]\n\ndata: hal", True),
        (b"data: 1\n\ndata: [DO", False),
        (b"id: 7\ndata: 1\n\n", False),
        (b"", False),
    ],
)
def test_dispatcher_close_with_require_done(stream: bytes, complete: bool) -> None:
    for flush in (False, True):
        got: list[Event] = []
        dispatcher = Dispatcher(on_event=got.append)
        dispatcher.feed(stream)
        if complete:
            dispatcher.close(require_done=True, flush=flush)
        else:
            with pytest.raises(IncompleteStreamError) as caught:
                dispatcher.close(require_done=True, flush=flush)
            assert caught.value.last_event_id == ("7" if b"id" in stream else "")
        assert [event.data for event in got] == (["1"] if stream else [])


def test_dispatcher_passes_errors_through() -> None:
    def fail(event: Event) -> None:
        raise Stop

    with pytest.raises(Stop):
        Dispatcher(on_event=fail).feed(b"data\n\n")
    got: list[Item] = []
    dispatcher = Dispatcher(on_event=got.append, parser=Parser(max_event_size=9))
    dispatcher.feed(b"data: x\n\ndata: 1234")
    assert got == [Event(data="x")]
    with pytest.raises(EventTooLargeError):
        dispatcher.close()
    with pytest.raises(TypeError, match="bytes, not str"):
        Dispatcher().feed("data")  # type: ignore[arg-type]


def test_dispatcher_loses_no_item_to_a_callback_that_raises() -> None:
    got: list[str] = []

    def process(event: Event) -> None:
        got.append(event.data)
        if event.data == "2":
            raise Stop

    dispatcher = Dispatcher(on_event=process, parser=Parser(max_event_size=20))
    with pytest.raises(Stop):
        dispatcher.feed(b"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: " + b"x" * 20)
    assert got == ["1", "2"]
    # Also if the next call itself only raises an error.
    with pytest.raises(EventTooLargeError):
        dispatcher.close()
    assert got == ["1", "2", "3", "4"]


def test_a_callback_that_raises_hides_no_done() -> None:
    def fail(item: object) -> None:
        raise Stop

    dispatcher = Dispatcher(on_event=fail, on_done=fail)
    for chunk in (b"data: 1\n\ndata: [DONE]\n\n", b""):
        with pytest.raises(Stop):
            dispatcher.feed(chunk)
    dispatcher.close(require_done=True)


def test_dispatcher_keeps_the_order_when_a_callback_feeds() -> None:
    got: list[str] = []

    def process(event: Event) -> None:
        got.append(event.data)
        if event.data == "1":
            dispatcher.feed(b"data: 3\n\n")

    dispatcher = Dispatcher(on_event=process)
    dispatcher.feed(b"data: 1\n\ndata: 2\n\n")
    assert got == ["1", "2", "3"]


def test_dispatcher_loses_no_bytes_to_a_callback_that_raises() -> None:
    got: list[str] = []

    def process(event: Event) -> None:
        got.append(event.data)
        raise Stop

    dispatcher = Dispatcher(on_event=process)
    # The second call raises for an event of the first one; its bytes count all the same.
    for chunk in (b"data: 1\n\ndata: 2\n\ndata: 3", b"4\n\n", b""):
        with pytest.raises(Stop):
            dispatcher.feed(chunk)
    dispatcher.close()
    assert got == ["1", "2", "34"]

    # So do those of a call inside a callback.
    def feed_more(event: Event) -> None:
        got.append(event.data)
        if event.data == "1":
            dispatcher.feed(b"data: 3\n\n")
        if event.data == "2":
            raise Stop

    got.clear()
    dispatcher = Dispatcher(on_event=feed_more)
    with pytest.raises(Stop):
        dispatcher.feed(b"data: 1\n\ndata: 2\n\n")
    dispatcher.close()
    assert got == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        ("text/event-stream", True),
        ("text/event-stream;charset=utf-8", True),
        ("TEXT/Event-Stream ; charset=x", True),
        (" text/event-stream\t", True),
        ("text/event-stream;", True),
        ("text/event-streams", False),
        ("text/event", False),
        ("text/", False),
        ("/event-stream", False),
        ("text/event-stream/", False),
        ("text /event-stream", False),
        ("text/event-stream charset=utf-8", False),
        ("application/json; a=text/event-stream", False),
        ("xtext/event-stream", False),
        ("text/event-stream\u2003", False),
        ("text/event-\u017ftream", False),
        ("", False),
        (None, False),
        # Several values: the last that is valid counts.
        ("text/event-stream, text/html", False),
        ("text/html, text/event-stream", True),
        ("text/html;q=1, text/event-stream;charset=utf-8", True),
        ("text/event-stream,", True),
        ("text/event-stream, ", True),
        (",text/event-stream", True),
        ("text/event-stream, */*", True),
        ("*/*, text/event-stream", True),
        ("text/event-stream, text", True),
        ("text/event-stream, text/html(comment)", True),
        ("text/event-stream, text/html/x", True),
        ("text/event-stream, ;charset=utf-8", True),
        # A comma inside quotation marks separates nothing.
        ('text/html;a="b, text/event-stream', False),
        ('text/html;a=", text/event-stream"', False),
        ('text/html;a=", text/event-stream", text/event-stream', True),
        ('text/event-stream;a=", text/html"', True),
        ('text/html;a="\\", text/event-stream"', False),
        ('text/html;a="\\\\", text/event-stream', True),
        ('text/html;a="b"c, text/event-stream', True),
        ('text/html, text/event-stream"a"', False),
    ],
)
def test_is_event_stream(content_type: str | None, answer: bool) -> None:
    assert is_event_stream(content_type) is answer


def test_a_parser_that_is_false_is_used() -> None:
    class Empty(Parser):
        def __len__(self) -> int:
            return 0

    parser = Empty()
    assert list(iter_events([b"id: 7\ndata: x\n\n"], parser=parser)) == [Event(data="x", id="7")]
    assert parser.last_event_id == "7"
