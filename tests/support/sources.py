"""Sources in memory, and functions that read them with iter_*, aiter_* and without a loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Coroutine, Iterable, Iterator
from typing import Any, NamedTuple

import pytest

from sse_stream import (
    DONE,
    Comment,
    Event,
    Item,
    aiter_events,
    aiter_items,
    iter_events,
    iter_items,
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
    """Raised by code of the user, or of a source."""


class Cancelled(BaseException):
    """Stands for asyncio.CancelledError or that of another library."""


class Source:
    """An iterator of chunks that may raise at its end; it counts the calls it received."""

    def __init__(
        self,
        chunks: Iterable[bytes],
        error: BaseException | None = None,
        closing: BaseException | None = None,
    ) -> None:
        self.chunks = iter(chunks)
        self.error = error
        self.closing = closing
        self.chunks_read = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for chunk in self.chunks:
            self.chunks_read += 1
            return chunk
        raise self.error or StopIteration

    def close(self) -> Any:
        self.closed += 1
        if self.closing is not None:
            raise self.closing


class AsyncSource:
    """The same, async; before each chunk it waits until ``go_on`` is set, if ``stuck``."""

    def __init__(
        self,
        chunks: Iterable[bytes],
        error: BaseException | None = None,
        closing: BaseException | None = None,
        *,
        stuck: bool = False,
    ) -> None:
        self.source = Source(chunks, error, closing)
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


async def collect(items: AsyncIterable[Any]) -> list[Any]:
    return [item async for item in items]


def at_once(running: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits, without an event loop; return its result."""
    try:
        running.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


class Result(NamedTuple):
    """What a function gave, the error that ended it, and its source."""

    items: list[Any]
    error: BaseException | None
    source: Source


def consume(
    iterate: Any,
    chunks: Iterable[bytes],
    error: BaseException | None = None,
    closing: BaseException | None = None,
    **options: Any,
) -> Result:
    """Read the chunks, which end with the error, with iter_items() or another of the four."""
    items: list[Any] = []
    raised: BaseException | None = None
    source = Source(chunks, error, closing)

    async def main() -> None:
        async_source = AsyncSource([])
        async_source.source = source
        async for item in iterate(async_source, **options):
            items.append(item)

    try:
        if iterate in SYNC:
            items.extend(iterate(source, **options))
        else:
            at_once(main())
    except BaseException as caught:
        raised = caught
    return Result(items, raised, source)


def given_by(iterate: Any, items: list[Item]) -> list[Item]:
    """Return these of the items that the call yields."""
    if iterate in OF_EVENTS:
        before = items[: items.index(DONE)] if DONE in items else items
        return [item for item in before if isinstance(item, Event)]
    return list(items)


def run(main: Awaitable[None]) -> None:
    """Run a coroutine; a time limit ends it if something waits for ever."""
    asyncio.run(asyncio.wait_for(main, 60))


async def interrupt(waiting: Coroutine[Any, Any, Any] | Awaitable[Any], steps: int = 5) -> None:
    """Cancel an awaitable that waits for ever, as a timeout does."""
    task = asyncio.ensure_future(waiting)
    for _ in range(steps):
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
