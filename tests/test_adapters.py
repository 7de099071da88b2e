"""The adapters, with sources in memory; test_transports.py has real transports."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

from sse_stream import (
    DONE,
    Comment,
    Dispatcher,
    Event,
    EventTooLargeError,
    IncompleteStreamError,
    Item,
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
ITEMS = [Comment("hi"), Event(data="1"), Event(data="2", id="7"), DONE, Event(data="3", id="7")]
EVENTS = [Event(data="1"), Event(data="2", id="7")]

SYNC: list[Any] = [iter_items, iter_events]
ASYNC: list[Any] = [aiter_items, aiter_events]


class Source:
    """An iterator of chunks that may raise at its end; it counts the calls it received."""

    def __init__(self, chunks: list[bytes], error: BaseException | None = None) -> None:
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
    """The same, async; at its end it waits for ever if ``stuck``."""

    def __init__(
        self, chunks: list[bytes], error: BaseException | None = None, *, stuck: bool = False
    ) -> None:
        self.source = Source(chunks, error)
        self.stuck = stuck
        self.waiting = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self.source:
            return chunk
        if self.stuck:
            self.waiting.set()
            await asyncio.Event().wait()
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


class Stop(Exception):
    pass


async def collect(items: AsyncIterator[Item]) -> list[Item]:
    return [item async for item in items]


def every(chunks: list[bytes], *, events: bool, **options: Any) -> list[Callable[[], list[Item]]]:
    """Return the sync and the async adapter as functions without arguments."""

    def run_sync() -> list[Item]:
        return list((iter_events if events else iter_items)(Source(chunks), **options))

    def run_async() -> list[Item]:
        async def main() -> list[Item]:
            return await collect(
                (aiter_events if events else aiter_items)(AsyncSource(chunks), **options)
            )

        return asyncio.run(main())

    return [run_sync, run_async]


def test_items_go_on_after_done() -> None:
    for run in every(CHUNKS, events=False):
        assert run() == ITEMS


def test_any_iterable_will_do() -> None:
    def generator() -> Iterator[bytes]:
        yield from CHUNKS

    async def agenerator() -> AsyncIterator[bytes]:
        for chunk in CHUNKS:
            yield chunk

    for source in (CHUNKS, tuple(CHUNKS), iter(CHUNKS), generator(), map(bytearray, CHUNKS)):
        assert list(iter_items(source)) == ITEMS
    assert asyncio.run(collect(aiter_items(agenerator()))) == ITEMS


def test_items_come_before_the_next_chunk_is_asked_for() -> None:
    source = Source(CHUNKS)
    assert [(item, source.chunks_read) for item in iter_items(source)] == list(
        zip(ITEMS, [1, 2, 2, 3, 3], strict=True)
    )

    async def main() -> None:
        source = AsyncSource(CHUNKS)
        got = [(item, source.source.chunks_read) async for item in aiter_items(source)]
        assert got == list(zip(ITEMS, [1, 2, 2, 3, 3], strict=True))

    asyncio.run(main())


def test_events_stop_at_done_without_reading_on() -> None:
    source = Source([*CHUNKS, b"never"])
    assert list(iter_events(source, require_done=True)) == EVENTS
    assert (source.chunks_read, source.closed) == (3, 1)

    async def main() -> None:
        source = AsyncSource([*CHUNKS, b"never"])
        assert await collect(aiter_events(source, require_done=True)) == EVENTS
        assert (source.source.chunks_read, source.source.closed) == (3, 1)

    asyncio.run(main())


def test_done_turned_off_is_an_event() -> None:
    for run in every(CHUNKS, events=True):
        assert run() == EVENTS
    assert [event.data for event in iter_events(CHUNKS, parser=Parser(done=None))] == [
        *("1", "2", "[DONE]", "3")
    ]


def test_until_stops_after_the_event_it_accepts() -> None:
    asked: list[str] = []

    def first(event: Event) -> bool:
        asked.append(event.data)
        return event.data == "1"

    for run in every(CHUNKS, events=True, until=first, require_done=True):
        asked.clear()
        assert run() == EVENTS[:1] and asked == ["1"]
    for run in every(CHUNKS, events=True, until=lambda event: event.data == "3"):
        # DONE comes first, so ``until`` is not called for the events after it.
        assert run() == EVENTS


def test_until_is_asked_once_the_event_is_used() -> None:
    seen: list[str] = []
    for event in iter_events(CHUNKS, until=lambda event: event.data in seen):
        seen.append(event.data)
    assert seen == ["1"]


def test_an_error_of_until_passes_through_and_closes() -> None:
    def fail(event: Event) -> bool:
        raise Stop

    source = Source(CHUNKS)
    with pytest.raises(Stop):
        list(iter_events(source, until=fail))
    assert source.closed


@pytest.mark.parametrize("chunks", [[], CHUNKS[:1], CHUNKS[:2], [*CHUNKS[:2], b"data: [DONE]\n"]])
def test_require_done_fails_on_a_truncated_stream(chunks: list[bytes]) -> None:
    last_event_id = "7" if len(chunks) > 1 else ""
    for until in (None, lambda event: event.data == "3"):
        for run in every(chunks, events=True, until=until, require_done=True):
            with pytest.raises(IncompleteStreamError) as caught:
                run()
            assert caught.value.last_event_id == last_event_id
    for run in every(chunks, events=True):
        assert run() == EVENTS[: 2 * (len(chunks) > 1)]


def test_a_truncated_stream_gives_its_events_first_and_closes() -> None:
    source = Source(CHUNKS[:2])
    got: list[Item] = []
    with pytest.raises(IncompleteStreamError, match="'7'"):
        got.extend(iter_events(source, require_done=True))
    assert got == EVENTS and source.closed


def test_flush_ends_the_last_block() -> None:
    for run in every([b"data: x"], events=True, flush=True):
        assert run() == [Event(data="x")]
    for run in every([b"data: x"], events=False, flush=True):
        assert run() == [Event(data="x")]
    for run in every([b"data: x"], events=False):
        assert run() == []
    for run in every([b"data: [DONE]"], events=True, flush=True, require_done=True):
        assert run() == []
    with pytest.raises(IncompleteStreamError):
        list(iter_events([b"data: [DONE]"], require_done=True))


def test_the_callers_parser_is_used_and_closed() -> None:
    for adapter in SYNC:
        parser = Parser(last_event_id="4")
        assert list(adapter([b"data: x\n\ndata: y"], parser=parser)) == [Event(data="x", id="4")]
        assert parser.incomplete
        with pytest.raises(ParserClosedError):
            list(adapter([b"data"], parser=parser))
    for adapter in ASYNC:
        parser = Parser(last_event_id="4")
        source = AsyncSource([b"data: x\n\ndata: y"])
        got = asyncio.run(collect(adapter(source, parser=parser)))
        assert got == [Event(data="x", id="4")] and parser.incomplete
        with pytest.raises(ParserClosedError):
            asyncio.run(collect(adapter(AsyncSource([b"data"]), parser=parser)))


def test_the_limit_error_comes_after_the_items_before_it_and_closes() -> None:
    source = Source([b"data: x\n\ndata: 12345678", b"data: never\n\n"])
    got: list[Item] = []
    with pytest.raises(EventTooLargeError):
        got.extend(iter_items(source, parser=Parser(max_event_size=10)))
    assert got == [Event(data="x")] and source.closed


@pytest.mark.parametrize("adapter", SYNC)
@pytest.mark.parametrize("error", [ConnectionError("gone"), KeyboardInterrupt(), Stop()], ids=repr)
def test_the_sources_error_passes_after_the_items_before_it(
    adapter: Any, error: BaseException
) -> None:
    source = Source(CHUNKS[:2], error)
    got: list[Item] = []
    with pytest.raises(type(error)) as caught:
        got.extend(adapter(source, flush=True))
    assert caught.value is error and error.__cause__ is error.__context__ is None
    assert got == [item for item in ITEMS[:3] if adapter is iter_items or item in EVENTS]
    assert source.closed


@pytest.mark.parametrize("adapter", ASYNC)
@pytest.mark.parametrize("error", [ConnectionError("gone"), Stop()], ids=repr)
def test_the_async_sources_error_passes_after_the_items_before_it(
    adapter: Any, error: BaseException
) -> None:
    got: list[Item] = []

    async def main() -> AsyncSource:
        source = AsyncSource(CHUNKS[:2], error)
        with pytest.raises(type(error)) as caught:
            async for item in adapter(source, flush=True):
                got.append(item)
        assert caught.value is error
        return source

    assert asyncio.run(main()).source.closed
    assert got == [item for item in ITEMS[:3] if adapter is aiter_items or item in EVENTS]


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
    items = adapter(source)
    next(items)
    items.close()
    assert source.closed and list(items) == []


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
        items = aiter_items(agenerator())
        async for _ in items:
            break
        await items.aclose()
        assert ended == ["generator", "async generator"]

    asyncio.run(main())


@pytest.mark.parametrize("adapter", ASYNC)
@pytest.mark.parametrize("kind", [AsyncSource, Closable, AsyncClosable])
def test_leaving_an_async_loop_closes_the_source(adapter: Any, kind: type[AsyncSource]) -> None:
    async def broken_off() -> None:
        source = kind(CHUNKS)
        async for _ in adapter(source):
            break
        # The loop closes an unreferenced generator in a task of its own.
        gc.collect()
        while not source.source.closed:
            await asyncio.sleep(0)

    async def raised() -> None:
        source = kind(CHUNKS)
        with pytest.raises(Stop):
            async for _ in adapter(source):
                raise Stop
        gc.collect()
        while not source.source.closed:
            await asyncio.sleep(0)

    async def closed() -> None:
        source = kind(CHUNKS)
        items = adapter(source)
        await items.__anext__()
        await items.aclose()
        assert source.source.closed

    async def ended() -> None:
        source = kind(CHUNKS)
        assert await collect(adapter(source))
        assert source.source.closed

    for main in (broken_off, raised, closed, ended):
        asyncio.run(asyncio.wait_for(main(), 60))


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
            await items.__anext__()
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
        items = adapter(Bare())
        assert await items.__anext__() == Event(data="x")
        await items.aclose()
        reader = asyncio.StreamReader()
        reader.feed_data(b"data: x\n\ndata: y\n\n")
        items = adapter(aread_chunks(reader, 9))
        assert await items.__anext__() == Event(data="x")
        await items.aclose()
        assert await reader.read(9) == b"data: y\n\n"

    asyncio.run(main())


@pytest.mark.parametrize("adapter", ASYNC)
@pytest.mark.parametrize("kind", [AsyncSource, Closable, AsyncClosable])
def test_cancellation_closes_the_source(adapter: Any, kind: type[AsyncSource]) -> None:
    async def main() -> None:
        source = kind(CHUNKS[:2], stuck=True)
        got: list[Item] = []

        async def read() -> None:
            async for item in adapter(source):
                got.append(item)

        task = asyncio.create_task(read())
        await source.waiting.wait()
        assert Event(data="2", id="7") in got
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.source.closed

    asyncio.run(main())


class HttpxLike:
    status_code = 200

    def iter_bytes(self) -> Iterator[bytes]:
        return iter(CHUNKS)

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        yield b""


class RequestsLike:
    status_code = 200

    def iter_content(self) -> Iterator[bytes]:
        return iter(CHUNKS)

    def __iter__(self) -> Iterator[bytes]:
        return iter(CHUNKS)


class StreamReaderLike:
    """Iteration over it gives lines, and so delays the bytes."""

    def iter_any(self) -> Iterator[bytes]:
        return iter(CHUNKS)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return AsyncSource(CHUNKS)


class AiohttpLike:
    def __init__(self) -> None:
        self.status = 200
        self.content = StreamReaderLike()


WRONG: list[object] = ["text", b"data", bytearray(b"data"), memoryview(b"data"), 7, None]
WRONG += [HttpxLike(), RequestsLike(), AiohttpLike(), StreamReaderLike(), HttpxLike().iter_bytes]
WRONG += [io.BytesIO(b"data: a\n\n")]


@pytest.mark.parametrize("source", WRONG, ids=lambda source: type(source).__name__)
@pytest.mark.parametrize("adapter", [*SYNC, *ASYNC])
def test_a_wrong_source_is_refused_with_advice(adapter: Any, source: object) -> None:
    with pytest.raises(TypeError, match=r"iter_bytes\(\).*chunk_size=None.*iter_any\(\)") as caught:
        adapter(source)
    # The error comes from the call itself and names the type of the source.
    assert type(source).__name__ in str(caught.value)


def test_sync_and_async_sources_are_not_mixed() -> None:
    with pytest.raises(TypeError, match=r"an async iterable.*aiter_bytes\(\).*aread_chunks\("):
        aiter_items(Reader(b""))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="list is not an async iterable of bytes"):
        aiter_items(CHUNKS)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="AsyncSource is not an iterable of bytes"):
        iter_items(AsyncSource(CHUNKS))  # type: ignore[arg-type]


def test_an_iterable_of_text_is_refused_at_its_first_chunk() -> None:
    source = Source(["data: x\n\n"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="bytes, not str"):
        list(iter_items(source))
    assert source.closed
    with pytest.raises(TypeError, match="not int"):
        list(iter_items([1, 2]))  # type: ignore[list-item]


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
        with pytest.raises(BlockingIOError, match="does not block"):
            next(chunks)


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


class Reader:
    """An async file; at its end it waits for ever, or raises."""

    def __init__(self, data: bytes, error: BaseException | None = None) -> None:
        self.file = File(data, error)
        self.waiting = asyncio.Event()

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
    async def main() -> list[Item]:
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(CHUNKS))
        reader.feed_eof()
        return await collect(aiter_items(aread_chunks(reader, 5)))

    assert asyncio.run(main()) == ITEMS


@pytest.mark.parametrize("kind", [Reader, ReaderWithClose])
def test_aread_chunks_closes_a_reader_that_is_left_early(kind: type[Reader]) -> None:
    async def closed() -> None:
        reader = kind(b":a\n:b\n")
        items = aiter_items(aread_chunks(reader, 3))
        assert await items.__anext__() == Comment("a")
        await items.aclose()
        assert reader.file.closed

    async def broken_off() -> None:
        reader = kind(b":a\n:b\n")
        async for _ in aiter_items(aread_chunks(reader, 3)):
            break
        gc.collect()
        while not reader.file.closed:
            await asyncio.sleep(0)

    async def cancelled() -> None:
        reader = kind(b":a\n:b\n")
        task = asyncio.create_task(collect(aiter_items(aread_chunks(reader))))
        await reader.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert reader.file.closed

    async def failed() -> None:
        reader = kind(b":a\n:b\n", ConnectionError("gone"))
        with pytest.raises(ConnectionError, match="gone"):
            await collect(aiter_items(aread_chunks(reader)))
        assert reader.file.closed

    for main in (closed, broken_off, cancelled, failed):
        asyncio.run(asyncio.wait_for(main(), 60))


def test_dispatcher_calls_back_in_order() -> None:
    got: list[Item] = []
    dispatcher = Dispatcher(on_event=got.append, on_comment=got.append, on_done=got.append)
    seen: list[int] = []
    for chunk in CHUNKS:
        dispatcher.feed(chunk)
        seen.append(len(got))
    dispatcher.close()
    assert got == ITEMS and seen == [1, 3, 5]


@pytest.mark.parametrize("name", ["on_event", "on_comment", "on_done"])
def test_dispatcher_calls_only_the_given_callbacks(name: str) -> None:
    got: list[Item] = []
    dispatcher = Dispatcher(**{name: got.append})  # type: ignore[arg-type]
    for chunk in CHUNKS:
        dispatcher.feed(chunk)
    dispatcher.close()
    kinds = {"on_event": Event, "on_comment": Comment, "on_done": type(DONE)}
    assert got == [item for item in ITEMS if isinstance(item, kinds[name])]


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


def test_dispatcher_keeps_the_order_when_a_callback_feeds() -> None:
    got: list[str] = []

    def process(event: Event) -> None:
        got.append(event.data)
        if event.data == "1":
            dispatcher.feed(b"data: 3\n\n")

    dispatcher = Dispatcher(on_event=process)
    dispatcher.feed(b"data: 1\n\ndata: 2\n\n")
    assert got == ["1", "2", "3"]


class WholeResponse:
    def read(self) -> bytes:
        raise AssertionError("it waits for the whole body")

    def iter_bytes(self) -> Iterator[bytes]:
        raise AssertionError


@pytest.mark.parametrize("read", [read_chunks, aread_chunks])
def test_an_object_that_is_not_a_file_is_refused_with_advice(read: Any) -> None:
    for wrong in (b"data", "data", None, WholeResponse()):
        with pytest.raises(
            TypeError, match=r"is no binary file; pass .* read_chunks\(response.raw\)"
        ):
            read(wrong)
    for size in (0, -1):
        with pytest.raises(ValueError, match="size must be positive"):
            read(io.BytesIO(), size)


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
        ("text/event-stream, text/html", False),
        ("application/json; a=text/event-stream", False),
        ("xtext/event-stream", False),
        ("text/event-stream\u2003", False),
        ("text/event-\u017ftream", False),
        ("", False),
        (None, False),
    ],
)
def test_is_event_stream(content_type: str | None, answer: bool) -> None:
    assert is_event_stream(content_type) is answer
