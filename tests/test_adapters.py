"""The adapters, on sources in memory."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator

import pytest

from sse_stream import (
    DONE,
    Comment,
    Dispatcher,
    Event,
    IncompleteStreamError,
    Item,
    Parser,
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


class Source:
    """An iterator of bytes, sync and async, that may fail and remembers being closed."""

    def __init__(self, chunks: list[bytes], error: Exception | None = None) -> None:
        self.chunks = iter(chunks)
        self.error = error
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for chunk in self.chunks:
            return chunk
        raise self.error or StopIteration

    async def __anext__(self) -> bytes:
        for chunk in self.chunks:
            return chunk
        raise self.error or StopAsyncIteration

    def close(self) -> None:
        self.closed = True


class AsyncSource(Source):
    async def aclose(self) -> None:
        self.closed = True


async def collect(items: AsyncIterator[Item]) -> list[Item]:
    return [item async for item in items]


def test_items_go_on_after_done() -> None:
    assert list(iter_items(CHUNKS)) == ITEMS
    assert asyncio.run(collect(aiter_items(Source(CHUNKS)))) == ITEMS


def test_events_stop_at_done_and_close_the_source() -> None:
    source = Source(CHUNKS)
    assert [event.data for event in iter_events(source, require_done=True)] == ["1", "2"]
    assert source.closed
    other = AsyncSource(CHUNKS)
    assert asyncio.run(collect(aiter_events(other, require_done=True))) == ITEMS[1:3]
    assert other.closed


def test_until_stops_after_the_event_it_accepts() -> None:
    def first(event: Event) -> bool:
        return event.data == "1"

    assert list(iter_events(CHUNKS, until=first, require_done=True)) == [ITEMS[1]]
    got = asyncio.run(collect(aiter_events(Source(CHUNKS), until=first, require_done=True)))
    assert got == [ITEMS[1]]


def test_a_cut_stream_is_no_success() -> None:
    with pytest.raises(IncompleteStreamError, match="'7'") as caught:
        list(iter_events(CHUNKS[:2], require_done=True))
    assert caught.value.last_event_id == "7"
    with pytest.raises(IncompleteStreamError):
        asyncio.run(collect(aiter_events(Source(CHUNKS[:2]), require_done=True)))
    assert len(list(iter_events(CHUNKS[:2]))) == 2
    assert len(asyncio.run(collect(aiter_events(Source(CHUNKS[:2]))))) == 2


def test_flush_ends_the_last_block() -> None:
    assert list(iter_events([b"data: x"], flush=True, parser=Parser())) == [Event(data="x")]
    got = asyncio.run(collect(aiter_events(Source([b"data: x"]), flush=True, parser=Parser())))
    assert got == [Event(data="x")]
    assert asyncio.run(collect(aiter_items(Source([b":a\n"]), parser=Parser()))) == [Comment("a")]
    assert list(iter_items([b":a\n"], parser=Parser())) == [Comment("a")]


def test_the_sources_error_passes_after_the_items_before_it() -> None:
    source = Source(CHUNKS[:2], ConnectionError("gone"))
    got: list[Item] = []
    with pytest.raises(ConnectionError, match="gone"):
        got.extend(iter_items(source))
    assert got == ITEMS[:3]
    assert source.closed


def test_break_and_cancellation_close_the_source() -> None:
    source = Source(CHUNKS)
    items = iter_items(source)
    assert next(items) == ITEMS[0]
    items.close()
    assert source.closed

    class Stuck(AsyncSource):
        async def __anext__(self) -> bytes:
            for chunk in self.chunks:
                return chunk
            return await asyncio.get_running_loop().create_future()

    async def cancelled(stuck: Stuck) -> None:
        task = asyncio.create_task(collect(aiter_events(stuck)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    stuck = Stuck([b"data: 1\n\n"])
    asyncio.run(cancelled(stuck))
    assert stuck.closed


class Response:
    status_code = 200

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


@pytest.mark.parametrize("source", ["text", b"data", bytearray(), Response(), 7], ids=repr)
def test_a_wrong_source_is_told_what_to_pass(source: object) -> None:
    for adapter in (iter_items, iter_events, aiter_items, aiter_events):
        with pytest.raises(TypeError, match=r"iter_bytes\(\).*chunk_size=None.*iter_any\(\)"):
            adapter(source)  # type: ignore[operator]


def test_read_chunks() -> None:
    assert list(read_chunks(io.BytesIO(b"abc"), 2)) == [b"ab", b"c"]
    file = io.BytesIO(b"abc")
    chunks = iter_items(read_chunks(file, 1))
    list(chunks)
    assert not file.closed
    file = io.BytesIO(b":a\n:b\n")
    items = iter_items(read_chunks(file, 3))
    assert next(items) == Comment("a")
    items.close()
    assert file.closed


def test_aread_chunks() -> None:
    async def main() -> list[Item]:
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(CHUNKS))
        reader.feed_eof()
        return await collect(aiter_items(aread_chunks(reader, 5)))

    assert asyncio.run(main()) == ITEMS


def test_dispatcher_calls_back_in_order() -> None:
    got: list[Item] = []
    dispatcher = Dispatcher(on_event=got.append, on_comment=got.append, on_done=got.append)
    for chunk in CHUNKS:
        dispatcher.feed(chunk)
    dispatcher.close()
    assert got == ITEMS
    silent = Dispatcher(parser=Parser())
    silent.feed(b"".join(CHUNKS))
    silent.close(flush=True)


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        ("text/event-stream", True),
        ("TEXT/Event-Stream ;charset=x", True),
        ("text/event-streams", False),
        ("", False),
        (None, False),
    ],
)
def test_is_event_stream(content_type: str | None, answer: bool) -> None:
    assert is_event_stream(content_type) is answer
