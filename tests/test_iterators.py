"""iter_* and, where both give the same, aiter_*: what they yield, and what they close."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from support.sources import (
    ALL,
    CHUNKS,
    EVENTS,
    ITEMS,
    OF_EVENTS,
    SYNC,
    AsyncSource,
    Cancelled,
    Source,
    Stop,
    at_once,
    collect,
    consume,
    given_by,
)

from sse_stream import (
    DONE,
    Block,
    Event,
    EventTooLargeError,
    Ignored,
    IncompleteStreamError,
    Item,
    NotEventStreamError,
    Parser,
    ParserClosedError,
    aiter_chunks,
    aiter_items,
    iter_chunks,
    iter_events,
    iter_items,
)

every_call = pytest.mark.parametrize("iterate", ALL)
of_events = pytest.mark.parametrize("iterate", OF_EVENTS)


if TYPE_CHECKING:
    from typing_extensions import assert_type

    def type_checkers_know_the_items(source: Source) -> None:
        assert_type(next(iter_chunks(source)), bytes)
        assert_type(next(iter_events(source)), Event)
        assert_type(next(iter_items(source)), Item)
        with contextlib.closing(iter_events(source)) as events:
            assert_type(next(events), Event)


def is_one(event: Event) -> bool:
    return event.data == "1"


# What they yield, and when they stop.


@every_call
def test_items_and_events(iterate: Any) -> None:
    got = consume(iterate, CHUNKS)
    # Items go on after DONE.
    assert got.items == given_by(iterate, ITEMS) and got.error is None
    assert consume(iterate, []).items == []


def test_any_iterable_will_do() -> None:
    def generator() -> Iterator[bytes]:
        yield from CHUNKS

    async def agenerator() -> AsyncIterator[bytes]:
        for chunk in CHUNKS:
            yield chunk

    class Response(list[bytes]):
        status_code = 200

    sources: list[Iterable[Any]] = [
        Response(CHUNKS),
        CHUNKS,
        tuple(CHUNKS),
        iter(CHUNKS),
        generator(),
        map(bytearray, CHUNKS),
        iter_chunks(CHUNKS),
    ]
    for source in sources:
        assert list(iter_items(source)) == ITEMS
    assert at_once(collect(aiter_items(agenerator()))) == ITEMS
    assert at_once(collect(aiter_items(aiter_chunks(agenerator())))) == ITEMS


def test_items_come_before_the_next_chunk_is_asked_for() -> None:
    source = Source(CHUNKS)
    assert [(item, source.chunks_read) for item in iter_items(source)] == list(
        zip(ITEMS, [1, 2, 2, 3, 3], strict=True)
    )

    async def main() -> None:
        source = AsyncSource(CHUNKS)
        got = [(item, source.chunks_read) async for item in aiter_items(source)]
        assert got == list(zip(ITEMS, [1, 2, 2, 3, 3], strict=True))

    at_once(main())


@of_events
def test_events_stop_at_done_without_reading_on(iterate: Any) -> None:
    got = consume(iterate, [*CHUNKS, b"never"], require_done=True)
    assert got.items == EVENTS and got.error is None
    assert (got.source.chunks_read, got.source.closed) == (3, 1)


@of_events
def test_done_turned_off_is_an_event(iterate: Any) -> None:
    got = consume(iterate, CHUNKS, parser=Parser(done=None))
    assert [item.data for item in got.items] == ["1", "2", "[DONE]", "3"]


@every_call
def test_until_stops_after_the_event_it_accepts(iterate: Any) -> None:
    got = consume(iterate, CHUNKS, until=is_one, require_done=True)
    assert (got.items, got.error) == (given_by(iterate, ITEMS[:2]), None)
    assert (got.source.chunks_read, got.source.closed) == (2, 1)


@of_events
def test_done_comes_before_the_event_that_until_would_accept(iterate: Any) -> None:
    assert consume(iterate, CHUNKS, until=lambda event: event.data == "3").items == EVENTS


@every_call
@pytest.mark.parametrize("drain", [False, True])
def test_an_error_of_until_passes_through_and_closes(iterate: Any, drain: bool) -> None:
    def fail(event: Event) -> bool:
        if event.data == "2":
            raise error
        return False

    error = Stop()
    got = consume(iterate, CHUNKS, until=fail, drain=drain)
    # What the same chunk completed is not yielded.
    assert got.items == given_by(iterate, ITEMS[:1]) and got.error is error
    assert (got.source.chunks_read, got.source.closed) == (2, 1)


@every_call
def test_the_callers_parser_is_used_and_closed(iterate: Any) -> None:
    parser = Parser(last_event_id="4")
    got = consume(iterate, [b"data: x\n\ndata: y"], parser=parser)
    assert got.items == [Event(data="x", id="4")] and parser.incomplete
    assert isinstance(consume(iterate, [b"data"], parser=parser).error, ParserClosedError)


@every_call
def test_ignored_lines_are_items(iterate: Any) -> None:
    got = consume(iterate, [b"foo: 1\ndata: 2\n\n"], parser=Parser(report_ignored=True))
    assert got.items == given_by(iterate, [Ignored("foo: 1"), Event(data="2")])


@every_call
def test_blocks_are_items_and_no_events(iterate: Any) -> None:
    if iterate in OF_EVENTS:
        with pytest.raises(TypeError, match=r"gives no events: use iter_items or EventStream$"):
            iterate(Source([]), parser=Parser(blocks=True))
        return
    got = consume(iterate, [b"id: 1\n\ndata: 2\n\n"], parser=Parser(blocks=True))
    assert got.items == [Block(id="1"), Block(data="2")]


# Errors.


@every_call
def test_the_limit_error_comes_after_the_items_before_it_and_closes(iterate: Any) -> None:
    chunks = [b"data: x\n\ndata: 12345678", b"data: never\n\n"]
    got = consume(iterate, chunks, parser=Parser(max_event_size=10))
    assert got.items == [Event(data="x")] and isinstance(got.error, EventTooLargeError)
    assert got.source.closed == 1


@every_call
@pytest.mark.parametrize("closing", [None, ValueError("closing")], ids=repr)
@pytest.mark.parametrize("error", [ConnectionError("gone"), Stop()], ids=repr)
def test_the_sources_error_passes_after_the_items_before_it(
    iterate: Any, error: BaseException, closing: BaseException | None
) -> None:
    got = consume(iterate, CHUNKS[:2], error, closing, flush=True)
    assert got.error is error and error.__cause__ is error.__context__ is None
    assert got.items == given_by(iterate, ITEMS[:3])
    assert got.source.closed == 1


@every_call
@pytest.mark.parametrize("chunk", [b"\x1f\x8b", b"data: 1234567890"])
def test_an_error_of_the_stream_is_not_hidden_by_one_of_closing(iterate: Any, chunk: bytes) -> None:
    parser = Parser(max_event_size=10)
    got = consume(iterate, [chunk], closing=ValueError("closing"), parser=parser)
    assert isinstance(got.error, (NotEventStreamError, EventTooLargeError))
    assert got.source.closed == 1


@every_call
def test_an_error_of_closing_is_raised_where_there_is_no_other(iterate: Any) -> None:
    error = ValueError("closing")
    got = consume(iterate, CHUNKS, closing=error, until=is_one)
    assert got.items == given_by(iterate, ITEMS[:2]) and got.error is error
    # A source that was read to its end is not closed.
    got = consume(iterate, CHUNKS[:2], closing=error)
    assert got.error is None and got.source.closed == 0
    got = consume(iterate, CHUNKS[:2], closing=error, require_done=True)
    assert isinstance(got.error, IncompleteStreamError) and got.source.closed == 0


@pytest.mark.parametrize("iterate", SYNC)
def test_an_interrupt_of_the_source_closes_it(iterate: Any) -> None:
    got = consume(iterate, CHUNKS[:2], KeyboardInterrupt())
    assert isinstance(got.error, KeyboardInterrupt) and got.source.closed == 1


@every_call
def test_a_source_that_fails_early_is_not_judged(iterate: Any) -> None:
    got = consume(iterate, [b'{"error": 1}\n'], ConnectionError("gone"))
    assert isinstance(got.error, ConnectionError)


# Draining.

LATER = [*CHUNKS, b"data: 4\n\n", b"\xff" * 100, b'{"not an event": 1}\n']


@every_call
def test_drain_reads_to_the_end_and_leaves_the_source_open(iterate: Any) -> None:
    got = consume(iterate, LATER, drain=True, until=is_one, require_done=True)
    assert got.items == given_by(iterate, ITEMS[:2]) and got.error is None
    assert (got.source.chunks_read, got.source.closed) == (len(LATER), 0)


@of_events
def test_drain_after_done(iterate: Any) -> None:
    got = consume(iterate, LATER, drain=True, require_done=True)
    assert got.items == EVENTS and got.error is None
    assert (got.source.chunks_read, got.source.closed) == (len(LATER), 0)


@of_events
def test_drain_raises_no_error_of_the_rest(iterate: Any) -> None:
    # Neither of the source nor of the parser, which sees nothing of it.
    parser = Parser(max_event_size=20)
    got = consume(iterate, LATER, ConnectionError("gone"), drain=True, parser=parser)
    assert got.items == EVENTS and got.error is None
    assert (got.source.chunks_read, got.source.closed) == (len(LATER), 1)


@of_events
@pytest.mark.parametrize(
    "stream", [b"data: 1\n\ndata: [DONE]", b"data: 1\n\nevent: stop\ndata: \n"]
)
def test_drain_after_the_end_of_the_source_does_nothing(iterate: Any, stream: bytes) -> None:
    def until(event: Event) -> bool:
        return event.event == "stop"

    got = consume(iterate, [stream], drain=True, flush=True, until=until, require_done=True)
    assert got.error is None and got.items[0] == Event(data="1")
    assert (got.source.chunks_read, got.source.closed) == (1, 0)


@of_events
def test_drain_changes_nothing_without_the_end_of_the_answer(iterate: Any) -> None:
    got = consume(iterate, CHUNKS[:2], ConnectionError("gone"), drain=True)
    assert got.items == EVENTS and isinstance(got.error, ConnectionError)
    got = consume(iterate, CHUNKS[:2], drain=True, require_done=True)
    assert isinstance(got.error, IncompleteStreamError)


def test_nothing_is_drained_when_closed_early() -> None:
    source = Source(CHUNKS)
    events = iter_events(source, drain=True)
    next(events)
    events.close()
    assert (source.chunks_read, source.closed) == (2, 1)


def test_an_interrupt_passes_through_drain() -> None:
    got = consume(iter_events, CHUNKS, KeyboardInterrupt(), drain=True)
    assert isinstance(got.error, KeyboardInterrupt) and got.source.closed == 1


# Closing.


@pytest.mark.parametrize("iterate", [*SYNC, iter_chunks])
def test_leaving_the_loop_closes_the_source(iterate: Any) -> None:
    source = Source(CHUNKS)
    for _ in iterate(source):
        break
    gc.collect()
    assert source.closed == 1

    source = Source(CHUNKS)
    with pytest.raises(Stop):
        for _ in iterate(source):
            raise Stop
    gc.collect()
    assert source.closed == 1

    source = Source(CHUNKS)
    with contextlib.closing(iterate(source)) as items:
        next(items)
    assert source.closed == 1 and list(items) == []

    source = Source(CHUNKS)
    assert len(list(iterate(source))) > 1
    assert source.closed == (iterate is iter_events)  # it left the source at DONE


@pytest.mark.parametrize("iterate", [*SYNC, iter_chunks])
def test_an_iterator_that_never_started_closes_the_source(iterate: Any) -> None:
    source = Source(CHUNKS)
    iterate(source).close()
    assert source.closed == 1 and source.chunks_read == 0
    source = Source(CHUNKS)
    iterate(source)
    gc.collect()
    assert source.closed == 1


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="needs reference counts")
@pytest.mark.parametrize("started", [False, True])
def test_dropping_needs_no_garbage_collection(started: bool) -> None:
    gc.collect()
    gc.disable()
    try:
        for iterate in (*SYNC, iter_chunks):
            source = Source(CHUNKS)
            items = iterate(source)
            if started:
                next(items)
            del items
            assert source.closed == 1
    finally:
        gc.enable()


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


def test_closing_raises_what_the_source_raises() -> None:
    error = ValueError("closing")
    source = Source(CHUNKS, closing=error)
    items = iter_items(source)
    next(items)
    with pytest.raises(ValueError, match=r"^closing$") as caught:
        items.close()
    assert caught.value is error and error.__cause__ is None
    assert source.closed == 1 and list(items) == []


@pytest.mark.filterwarnings("error")
def test_close_may_be_missing_none_or_async() -> None:
    class Bare:
        def __iter__(self) -> Iterator[bytes]:
            return iter(CHUNKS)

    class WithNone(Bare):
        close = None

    class WithAsync(Bare):
        async def close(self) -> None:
            raise AssertionError("it cannot be awaited here")

    class WithResult(Bare):
        def close(self) -> object:
            return Result()

    class Result:
        def close(self) -> None:
            raise AssertionError("it is no coroutine")

    for source in (Bare(), WithNone(), WithAsync(), WithResult()):
        items = iter_items(source)
        next(items)
        items.close()
        gc.collect()
        assert list(items) == []


class Both:
    """An iterable that can be closed; so can its iterator, which may raise then."""

    def __init__(self, closed: list[str], error: BaseException | None = None) -> None:
        self.closed = closed
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        return Each(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return AsyncEach(self)

    def close(self) -> None:
        self.closed.append("source")


class Each(Source):
    def __init__(self, both: Both) -> None:
        super().__init__(CHUNKS)
        self.both = both

    def close(self) -> None:
        self.both.closed.append("iterator")
        if self.both.error is not None:
            raise self.both.error


class AsyncEach(AsyncSource):
    def __init__(self, both: Both) -> None:
        super().__init__(CHUNKS)
        self.source = Each(both)


@every_call
@pytest.mark.parametrize("error", [None, Stop(), Cancelled()], ids=repr)
@pytest.mark.parametrize("how", ["left", "closed", "failed"])
def test_the_source_is_closed_after_its_iterator_even_if_that_raises(
    iterate: Any, how: str, error: BaseException | None
) -> None:
    closed: list[str] = []
    options: dict[str, Any] = {"until": is_one}
    if how == "failed":
        options = {"parser": Parser(max_event_size=1)}
    items = iterate(Both(closed, error), **options)

    async def main() -> None:
        if how == "closed":
            await anext(items)
            await items.aclose()
        else:
            await collect(items)

    wanted: Any = contextlib.nullcontext()
    if how == "failed" and not isinstance(error, Cancelled):
        wanted = pytest.raises(EventTooLargeError)
    elif error is not None:
        wanted = pytest.raises(type(error))
    with wanted:
        if iterate not in SYNC:
            at_once(main())
        elif how == "closed":
            next(items)
            items.close()
        else:
            list(items)
    assert closed == ["iterator", "source"]


@every_call
def test_the_chunks_of_a_response_are_closed_before_the_response(iterate: Any) -> None:
    class Response:
        def iter_bytes(self) -> Iterable[bytes]:
            return Both(closed)

        def aiter_bytes(self) -> Both:
            return Both(closed)

        def close(self) -> None:
            closed.append("response")

    closed: list[str] = []
    items = iterate(Response(), until=is_one)
    if iterate in SYNC:
        list(items)
    else:
        at_once(collect(items))
    assert closed == ["iterator", "source", "response"]


@every_call
def test_nothing_is_asked_for_after_the_end(iterate: Any) -> None:
    class Counting(Source):
        def __next__(self) -> bytes:
            calls.append(self)
            return super().__next__()

    calls: list[Source] = []
    if iterate in SYNC:
        list(iterate(Counting(CHUNKS), drain=True))
    else:
        source = AsyncSource([])
        source.source = Counting(CHUNKS)
        at_once(collect(iterate(source, drain=True)))
    assert len(calls) == len(CHUNKS) + 1


@every_call
def test_a_source_that_cannot_be_iterated_is_closed(iterate: Any) -> None:
    class Failing(Both):
        def __iter__(self) -> Iterator[bytes]:
            raise Stop

        def __aiter__(self) -> AsyncIterator[bytes]:
            raise Stop

    closed: list[str] = []
    items = iterate(Failing(closed))
    with pytest.raises(Stop):
        if iterate in SYNC:
            list(items)
        else:
            at_once(collect(items))
    assert closed == ["source"]


@every_call
def test_wrong_arguments_close_nothing(iterate: Any) -> None:
    source = Source(CHUNKS)
    wrong: list[dict[str, Any]] = [{"until": 1}, {"parser": 1}]
    for arguments in wrong:
        with pytest.raises(TypeError):
            iterate(source, **arguments)
    with pytest.raises(TypeError):
        iterate(source, None)
    gc.collect()
    assert source.closed == source.chunks_read == 0


def test_iter_chunks_passes_everything_on() -> None:
    source = Source([b'{"error": 1}', b"\x1f\x8b", b"data: [DONE]\n\n", b"x"], Stop())
    chunks = iter_chunks(source)
    assert [next(chunks) for _ in range(4)][3] == b"x"
    with pytest.raises(Stop):
        next(chunks)
    assert source.closed == 1


def test_iterators_are_iterators() -> None:
    items: Iterator[Item] = iter_items(CHUNKS)
    assert iter(items) is items and next(items) == ITEMS[0]
    assert DONE in items
