"""What the functions and classes that read a stream return, for type checkers."""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import BinaryIO

from typing_extensions import assert_type

from sse_stream import (
    AsyncChunks,
    AsyncEvents,
    AsyncItems,
    Block,
    Comment,
    Dispatcher,
    Done,
    Event,
    EventStream,
    Ignored,
    Item,
    Parser,
    aiter_chunks,
    aiter_events,
    aiter_items,
    iter_chunks,
    iter_events,
    iter_items,
)


def is_stop(event: Event) -> bool:
    return event.event == "stop"


def feed(data: bytes | bytearray | memoryview) -> None:
    assert_type(Parser().feed(data), list[Item])
    assert_type(Parser(blocks=True).close(flush=True), list[Item])

    assert_type(EventStream().feed(data), list[Event])
    assert_type(EventStream(until=is_stop).close(cut=True), list[Event])
    assert_type(EventStream(parser=Parser(done=None)).feed(data), list[Event])
    assert_type(EventStream(until=lambda event: event.id == "7").feed(data), list[Event])
    assert_type(EventStream(all_items=True).feed(data), list[Item])
    assert_type(EventStream(parser=Parser(), all_items=True).close(), list[Item])
    assert_type(EventStream[Block](parser=Parser(blocks=True)).feed(data), list[Block])
    assert_type(EventStream().parser, Parser)


class Client:
    """Without a type, EventStream is one of events."""

    def __init__(self, parser: Parser | None, every: bool) -> None:
        self.events: EventStream = EventStream(parser=parser)
        self.items = EventStream(parser=parser, all_items=every)
        self.blocks: EventStream[Block] = EventStream(parser=Parser(blocks=True))

    def read(self, data: bytes) -> str:
        assert_type(self.items.feed(data), list[Item])
        assert_type(self.blocks.feed(data), list[Block])
        return "".join([event.data for event in self.events.feed(data)])


def iterate(file: BinaryIO, chunks: list[bytes]) -> None:
    for event in iter_events(file, until=is_stop, require_done=True):
        assert_type(event, Event)
    for event in iter_events(chunks, until=lambda event: event.data == ""):
        assert_type(event, Event)
    for item in iter_items(b"data", until=is_stop):
        assert_type(item, Item)
    with closing(iter_chunks(file, size=1)) as parts:
        assert_type(next(parts), bytes)
    iter_events(chunks).close()


class AsyncSource:
    def __aiter__(self) -> AsyncSource:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


async def iterate_async() -> None:
    events: AsyncEvents = aiter_events(AsyncSource(), until=is_stop)
    async with events as entered:
        assert_type(entered, AsyncEvents)
        async for event in entered:
            assert_type(event, Event)
    items: AsyncItems = aiter_items(AsyncSource())
    assert_type(await anext(items), Item)
    await items.aclose()
    chunks: AsyncChunks = aiter_chunks(AsyncSource())
    async with aclosing(chunks) as parts:
        assert_type([part async for part in parts], list[bytes])


def show(text: str) -> None:
    print(text)


def dispatch(data: bytes) -> None:
    def on_event(event: Event) -> None:
        show(event.data)

    def on_comment(comment: Comment) -> None:
        show(comment.text)

    def on_ignored(ignored: Ignored) -> None:
        show(ignored.line)

    def on_done(done: Done) -> None:
        show(repr(done))

    dispatcher = Dispatcher(
        on_event=on_event,
        on_comment=on_comment,
        on_done=on_done,
        on_ignored=on_ignored,
        stream=EventStream(all_items=True),
    )
    dispatcher.feed(data)


# Calls that are wrong. A type checker reports a comment that ignores no error.


def wrong_calls(text: str, chunks: list[bytes]) -> None:
    Parser().feed(text)  # type: ignore[arg-type]
    iter_events(AsyncSource())  # type: ignore[arg-type]
    aiter_events(chunks)  # type: ignore[arg-type]
    iter_events(chunks, flush=True, all_items=True)  # type: ignore[call-arg]
    EventStream(until=len)  # type: ignore[arg-type]
    Event().data = text  # type: ignore[misc]
    Block("message").json(1.5)  # type: ignore[call-overload]
