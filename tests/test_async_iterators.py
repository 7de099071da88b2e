"""aiter_*: timeouts, several tasks, and closing; test_iterators.py has what they yield."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import selectors
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest
from support.sources import (
    ASYNC,
    CHUNKS,
    EVENTS,
    ITEMS,
    KINDS,
    AsyncSource,
    Stop,
    at_once,
    collect,
    given_by,
    interrupt,
    run,
)

from sse_stream import (
    AsyncChunks,
    AsyncEvents,
    AsyncItems,
    Comment,
    Event,
    EventTooLargeError,
    IncompleteStreamError,
    Item,
    NotEventStreamError,
    Parser,
    aiter_chunks,
    aiter_events,
    aiter_items,
)

every_call = pytest.mark.parametrize("iterate", ASYNC)
kinds = pytest.mark.parametrize("kind", KINDS)


if TYPE_CHECKING:
    from typing_extensions import assert_type

    async def type_checkers_know_the_items(source: AsyncSource) -> None:
        assert_type(await anext(aiter_chunks(source)), bytes)
        assert_type(await anext(aiter_events(source)), Event)
        assert_type(await anext(aiter_items(source)), Item)
        async with aiter_items(source) as items:
            assert_type(items, AsyncItems)
        assert_type(await items.aclose(), None)


def is_one(event: Event) -> bool:
    return event.data == "1"


def test_their_types_have_public_names() -> None:
    assert type(aiter_chunks(AsyncSource([]))) is AsyncChunks
    assert type(aiter_events(AsyncSource([]))) is AsyncEvents
    items = aiter_items(AsyncSource([]))
    assert type(items) is AsyncItems and aiter(items) is items


# A timeout does not end the stream.


@every_call
@kinds
def test_after_a_timeout_the_iterator_goes_on(iterate: Any, kind: type[AsyncSource]) -> None:
    async def main() -> None:
        source = kind(CHUNKS, stuck=True)
        items = iterate(source, require_done=True)
        got: list[Item] = []
        # Before the first chunk, and twice at the same place.
        await interrupt(anext(items))
        await interrupt(anext(items))
        assert source.waiting.is_set()
        for wanted in given_by(iterate, ITEMS):
            source.go_on.set()
            got.append(await anext(items))
            source.go_on.clear()
            if wanted == Event(data="2", id="7"):
                await interrupt(anext(items))
        source.go_on.set()
        assert [*got, *await collect(items)] == given_by(iterate, ITEMS)
        assert source.closed == (iterate is aiter_events)

    run(main())


def test_after_a_timeout_a_reader_goes_on() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        chunks = aiter_chunks(reader)
        await interrupt(anext(chunks))
        reader.feed_data(b"data: 1\n\n")
        assert await anext(chunks) == b"data: 1\n\n"
        await interrupt(anext(chunks))

        # The same through both.
        events = aiter_events(chunks, require_done=True)
        await interrupt(anext(events))
        reader.feed_data(b"data: 2\n\n")
        assert await anext(events) == Event(data="2")
        await interrupt(anext(events))
        reader.feed_eof()
        with pytest.raises(IncompleteStreamError):
            await anext(events)

    run(main())


def generator_of(chunks: list[bytes], closed: list[str]) -> AsyncGenerator[bytes, None]:
    """Return an async generator that waits for ever after the chunks."""

    async def generator() -> AsyncGenerator[bytes, None]:
        try:
            for chunk in chunks:
                yield chunk
            await asyncio.Event().wait()
        finally:
            closed.append("generator")

    return generator()


class AsyncNiquestsLike:
    """A response whose chunks are asked for with ``await``."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self.chunks = chunks

    async def iter_content(self) -> AsyncGenerator[bytes, None]:
        return self.chunks


class HttpxLike(AsyncNiquestsLike):
    def aiter_bytes(self) -> AsyncGenerator[bytes, None]:
        return self.chunks


WRAPPERS: list[Callable[[AsyncGenerator[bytes, None]], Any]] = [
    lambda chunks: chunks,
    AsyncNiquestsLike,
    HttpxLike,
    aiter_chunks,
    lambda chunks: aiter_chunks(HttpxLike(chunks)),
]


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("require_done", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 2])
@every_call
def test_a_generator_that_a_timeout_ended_is_incomplete(
    iterate: Any, cut: int, require_done: bool, wrap: Any
) -> None:
    closed: list[str] = []

    async def main() -> None:
        source = wrap(generator_of(CHUNKS[:cut], closed))
        items = iterate(source, require_done=require_done)
        for wanted in given_by(iterate, ITEMS[: [0, 1, 3][cut]]):
            assert await anext(items) == wanted
        await interrupt(anext(items))
        assert closed == ["generator"]
        with pytest.raises(IncompleteStreamError) as caught:
            await anext(items)
        assert caught.value.last_event_id == ("7" if cut == 2 and wrap not in WRAPPERS[3:] else "")
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run(main())


@every_call
@pytest.mark.parametrize("drain", [False, True])
def test_the_source_of_a_generator_that_a_timeout_ended_is_closed(
    iterate: Any, drain: bool
) -> None:
    closed: list[str] = []

    class Made:
        """Its iterator ends with the timeout, before the source did."""

        def __aiter__(self) -> AsyncIterator[bytes]:
            return generator_of(CHUNKS[:2], closed)

        async def aclose(self) -> None:
            closed.append("source")

    async def main() -> None:
        # In the middle of the answer, and after its end.
        for until in (None, is_one):
            closed.clear()
            items = iterate(Made(), until=until, drain=drain)
            for wanted in given_by(iterate, ITEMS[: 3 if until is None else 2]):
                assert await anext(items) == wanted
            if until is None or drain:
                await interrupt(anext(items))
                assert closed == ["generator"]
            with pytest.raises((IncompleteStreamError, StopAsyncIteration)) as caught:
                await anext(items)
            assert isinstance(caught.value, IncompleteStreamError) == (until is None)
            assert closed == ["generator", "source"]

    run(main())


def test_a_complete_answer_that_a_timeout_cut_is_complete() -> None:
    async def main() -> None:
        items = aiter_items(generator_of(CHUNKS, []), require_done=True)
        assert [await anext(items) for _ in ITEMS] == ITEMS
        await interrupt(anext(items))
        assert await collect(items) == []

    run(main())


def test_a_generator_that_goes_on_after_a_timeout_is_not_cut() -> None:
    async def generator() -> AsyncGenerator[bytes, None]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        yield b"data: 1\n\n"

    async def main() -> None:
        items = aiter_items(generator())
        task = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        task.cancel()
        assert await task == Event(data="1")
        assert await collect(items) == []

    run(main())


@every_call
def test_flush_makes_no_event_of_a_block_that_a_timeout_cut(iterate: Any) -> None:
    async def main() -> None:
        items = iterate(generator_of([b"data: half\n"], []), flush=True)
        await interrupt(anext(items))
        with pytest.raises(IncompleteStreamError):
            await anext(items)

        # A source that goes on is not cut.
        source = AsyncSource([b"data: whole\n"], stuck=True)
        items = iterate(source, flush=True)
        await interrupt(anext(items))
        source.go_on.set()
        assert await collect(items) == [Event(data="whole")]

    run(main())


def test_a_timeout_while_draining_goes_on_draining() -> None:
    later = [*CHUNKS, b"data: 4\n\n", b"\xff" * 100, b'{"not an event": 1}\n']

    class Pausing(AsyncSource):
        pause_after: int | None = 4

        async def __anext__(self) -> bytes:
            if self.chunks_read == self.pause_after:
                self.go_on.clear()
            return await super().__anext__()

    async def main() -> None:
        source = Pausing(later)
        events = aiter_events(source, drain=True, require_done=True)
        assert [await anext(events), await anext(events)] == EVENTS
        await interrupt(anext(events))
        assert source.chunks_read == 4 and not source.closed
        source.pause_after = None
        source.go_on.set()
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        assert (source.chunks_read, source.closed) == (len(later), 0)

    run(main())


def test_until_is_asked_once_though_a_timeout_follows() -> None:
    asked: list[str] = []

    async def main() -> None:
        source = AsyncSource(CHUNKS)
        events = aiter_events(source, until=lambda event: asked.append(event.data))
        assert await anext(events) == EVENTS[0]
        assert await anext(events) == EVENTS[1]
        source.go_on.clear()
        await interrupt(anext(events))
        await interrupt(anext(events))
        source.go_on.set()
        assert await collect(events) == []

    run(main())
    assert asked == ["1", "2"]


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


# Several tasks.


@every_call
def test_a_second_anext_meanwhile_is_refused_and_changes_nothing(iterate: Any) -> None:
    async def main() -> None:
        source = AsyncSource(CHUNKS, stuck=True)
        items = iterate(source, require_done=True)
        first = asyncio.create_task(anext(items))
        await source.waiting.wait()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="another task"):
                await anext(items)
        assert not source.closed
        source.go_on.set()
        assert [await first, *await collect(items)] == given_by(iterate, ITEMS)

    run(main())


@every_call
def test_aclose_while_another_task_waits_is_refused_and_changes_nothing(iterate: Any) -> None:
    async def main() -> None:
        source = AsyncSource(CHUNKS, stuck=True)
        items = iterate(source)
        first = asyncio.create_task(anext(items))
        await source.waiting.wait()
        with pytest.raises(RuntimeError, match="another task"):
            await items.aclose()
        with pytest.raises(RuntimeError, match="another task"):
            async with items:
                pass
        assert not source.closed
        source.go_on.set()
        assert [await first, *await collect(items)] == given_by(iterate, ITEMS)

    run(main())


@every_call
def test_anext_and_aclose_while_another_task_closes(iterate: Any) -> None:
    closing, go_on = asyncio.Event(), asyncio.Event()

    class Slow(AsyncSource):
        async def aclose(self) -> None:
            closing.set()
            await go_on.wait()
            await super().aclose()

    async def main() -> None:
        source = Slow(CHUNKS)
        items = iterate(source)
        await anext(items)
        first = asyncio.create_task(items.aclose())
        await closing.wait()
        for call in (items.aclose, items.__anext__):
            with pytest.raises(RuntimeError, match="another task"):
                await call()
        go_on.set()
        await first
        assert source.closed == 1 and await collect(items) == []

    run(main())


# Closing.


async def left(items: Any, source: AsyncSource) -> None:
    async with items:
        async for _ in items:
            break
    assert source.closed == 1


async def raised(items: Any, source: AsyncSource) -> None:
    with pytest.raises(Stop):
        async with items:
            raise Stop
    assert source.closed == 1


async def closed(items: Any, source: AsyncSource) -> None:
    await anext(items)
    await items.aclose()
    assert source.closed == 1
    await items.aclose()
    assert source.closed == 1 and await collect(items) == []


async def never_started(items: Any, source: AsyncSource) -> None:
    await items.aclose()
    assert (source.closed, source.chunks_read) == (1, 0) and await collect(items) == []


@pytest.mark.parametrize("main", [left, raised, closed, never_started])
@pytest.mark.parametrize("iterate", [*ASYNC, aiter_chunks])
@kinds
def test_closing_closes_the_source(iterate: Any, kind: type[AsyncSource], main: Any) -> None:
    source = kind(CHUNKS)
    at_once(main(iterate(source), source))


@pytest.mark.parametrize("iterate", [aiter_items, aiter_chunks])
@kinds
def test_a_source_that_was_read_to_its_end_is_left_open(
    iterate: Any, kind: type[AsyncSource]
) -> None:
    async def main() -> None:
        source = kind(CHUNKS)
        async with iterate(source) as items:
            assert len(await collect(items)) > 1
        assert source.closed == 0
        await items.aclose()
        assert source.closed == 0

    at_once(main())


@every_call
@kinds
def test_a_cancelled_loop_in_a_context_closes_the_source(
    iterate: Any, kind: type[AsyncSource]
) -> None:
    async def read(source: AsyncSource) -> None:
        async with iterate(source) as items:
            await anext(items)

    async def main() -> None:
        source = kind([], stuck=True)
        task = asyncio.create_task(read(source))
        await source.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.closed == 1

    run(main())


@every_call
def test_until_is_not_asked_after_closing(iterate: Any) -> None:
    def fail(event: Event) -> bool:
        raise Stop

    async def main() -> None:
        items = iterate(AsyncSource(CHUNKS), until=fail)
        await items.aclose()
        assert await collect(items) == []

    at_once(main())


def test_nothing_is_drained_when_closed_early() -> None:
    async def main() -> None:
        source = AsyncSource(CHUNKS)
        events = aiter_events(source, drain=True)
        await anext(events)
        await events.aclose()
        assert await collect(events) == []
        assert (source.chunks_read, source.closed) == (2, 1)

    at_once(main())


@every_call
def test_an_error_of_closing_is_raised_by_aclose(iterate: Any) -> None:
    async def main() -> None:
        source = AsyncSource(CHUNKS, closing=error)
        items = iterate(source)
        await anext(items)
        with pytest.raises(ValueError, match="closing") as caught:
            await items.aclose()
        assert caught.value is error and source.closed == 1
        await items.aclose()
        assert source.closed == 1 and await collect(items) == []

    error = ValueError("closing")
    at_once(main())


class SlowToClose(AsyncSource):
    """Its closing waits for ever, after which it may raise."""

    async def aclose(self) -> None:
        await super().aclose()
        await asyncio.Event().wait()


@every_call
@pytest.mark.parametrize(
    ("chunks", "error", "wanted"),
    [
        ([b": a\n"], ConnectionError("gone"), ConnectionError),
        ([b"\x1f\x8b"], None, NotEventStreamError),
        ([b"data: 12345678901"], None, EventTooLargeError),
        (["text"], None, TypeError),
    ],
)
def test_an_error_follows_a_closing_that_a_timeout_interrupts(
    iterate: Any, chunks: list[bytes], error: Exception | None, wanted: type[Exception]
) -> None:
    async def main() -> None:
        source = SlowToClose(chunks, error)
        items = iterate(source, parser=Parser(max_event_size=10))
        if error and iterate is aiter_items:
            assert await anext(items) == Comment("a")
        await interrupt(anext(items))
        assert source.closed == 1
        with pytest.raises(wanted) as caught:
            await anext(items)
        assert error is None or caught.value is error
        with pytest.raises(StopAsyncIteration):
            await anext(items)
        assert source.closed == 1

    run(main())


@every_call
def test_after_aclose_there_is_no_item_and_no_error(iterate: Any) -> None:
    async def main() -> None:
        items = iterate(SlowToClose([b": a\n"], ConnectionError("gone")), drain=True)
        if iterate is aiter_items:
            assert await anext(items) == Comment("a")
        await interrupt(anext(items))
        await items.aclose()
        assert await collect(items) == []

    run(main())


@every_call
def test_an_error_of_until_follows_a_closing_that_a_timeout_interrupts(iterate: Any) -> None:
    def fail(event: Event) -> bool:
        raise Stop

    async def main() -> None:
        items = iterate(SlowToClose(CHUNKS[1:]), until=fail)
        await interrupt(anext(items))
        with pytest.raises(Stop):
            await anext(items)

    run(main())


@every_call
def test_the_end_of_the_answer_follows_a_closing_that_a_timeout_interrupts(iterate: Any) -> None:
    async def main() -> None:
        source = SlowToClose(CHUNKS)
        items = iterate(source, until=is_one)
        for wanted in given_by(iterate, ITEMS[:2]):
            assert await anext(items) == wanted
        await interrupt(anext(items))
        assert source.closed == 1
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run(main())


class WithSlowIterator:
    """A source whose iterator's closing waits for ever."""

    def __init__(self, closing: BaseException | None = None) -> None:
        self.source = AsyncSource([], closing=closing)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return SlowToClose(CHUNKS)

    async def aclose(self) -> None:
        await self.source.aclose()


@every_call
def test_cancelling_the_closing_of_the_iterator_still_closes_the_source(iterate: Any) -> None:
    async def main() -> None:
        for closing in (None, ValueError("closing")):
            source = WithSlowIterator(closing)
            items = iterate(source)
            await anext(items)
            await interrupt(items.aclose())
            assert source.source.closed == 1 and await collect(items) == []

    run(main())


@every_call
def test_a_source_that_cannot_be_closed_is_left_as_it_is(iterate: Any) -> None:
    class Bare:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            return b"data: x\n\n"

    class WithNone(Bare):
        close = None
        aclose = None

    async def main() -> None:
        for source in (Bare(), WithNone()):
            async with iterate(source) as items:
                assert await anext(items) == Event(data="x")
        reader = asyncio.StreamReader()
        reader.feed_data(b"data: x\n\ndata: y\n\n")
        async with aiter_items(aiter_chunks(reader, size=9)) as items:
            assert await anext(items) == Event(data="x")
        assert await reader.read(9) == b"data: y\n\n"

    asyncio.run(main())


# Dropping closes nothing, and leaves the event loop nothing to complain of.


@every_call
@kinds
def test_a_dropped_iterator_closes_nothing(iterate: Any, kind: type[AsyncSource]) -> None:
    async def main() -> None:
        source = kind(CHUNKS)
        async for _ in iterate(source):
            break
        iterate(source)
        gc.collect()
        await asyncio.sleep(0)
        assert source.closed == 0

    asyncio.run(main())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("iterate", [*ASYNC, aiter_chunks])
@pytest.mark.parametrize("held", [False, True])
def test_the_end_of_the_event_loop_reports_nothing(
    iterate: Any, held: bool, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[str] = []
    kept: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: kept.append(context))
        items = iterate(generator_of(CHUNKS, closed))
        await anext(items)
        # One that is not iterated over has not started its generator.
        iterate(generator_of(CHUNKS, closed))
        if held:
            held_items.append(items)

    held_items: list[Any] = []
    asyncio.run(main())
    gc.collect()
    # Python has closed the generator.
    assert closed == ["generator"] and kept == [] and caplog.records == []


@every_call
def test_closing_leaves_no_generator_to_the_garbage_collector(iterate: Any) -> None:
    closed: list[str] = []
    finalized: list[object] = []

    class Made:
        """Each loop over it runs a new generator, which only that loop can close."""

        def __aiter__(self) -> AsyncIterator[bytes]:
            return generator_of(CHUNKS, closed)

        async def aclose(self) -> None:
            closed.append("source")

    async def main() -> None:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=finalized.append)
        try:
            items = iterate(Made())
            await anext(items)
            await items.aclose()
            del items
            gc.collect()
        finally:
            sys.set_asyncgen_hooks(*hooks)

    asyncio.run(main())
    assert closed == ["generator", "source"] and finalized == []


@every_call
def test_an_iterator_may_be_made_outside_of_an_event_loop(iterate: Any) -> None:
    source, other = AsyncSource(CHUNKS), AsyncSource(CHUNKS)
    items, never_started = iterate(source), iterate(other)

    async def main() -> None:
        await anext(items)
        await items.aclose()
        await never_started.aclose()
        assert source.closed == other.closed == 1

    asyncio.run(main())
