"""However a stream is read and split, its end means the same.

Each stream is read with EventStream in one chunk, and compared with every other way to read it.
test_event_stream.py says what the results are.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sources import AsyncSource, Cancelled, Source, at_once
from support.strategies import CHUNK_BOUNDARIES, STREAMS, single_bytes, split_at

from sse_stream import (
    Block,
    Dispatcher,
    Event,
    EventStream,
    EventTooLargeError,
    IncompleteStreamError,
    NotEventStreamError,
    Parser,
    aiter_events,
    aiter_items,
    iter_events,
    iter_items,
)

EVENT, DONE = b"id: 7\ndata: 1\n\n", b"data: [DONE]\n\n"
# Ends that follow nothing, an event, an event and DONE, or a comment.
BEGINNINGS = [b"", EVENT, EVENT + DONE, b": ping\n\n"]
ENDS = [
    b"",
    b"\n",
    b"da",
    b"data",
    b"data: 2",
    b"data: 2\n",
    b"data: 2\r",
    b"data: 2\n\n",
    b"id: 8\ndata: 2\nid: 9",
    b"event: stop\ndata: 2",
    b"event: stop\ndata: 2\n",
    b"event: stop\ndata: 2\n\n",
    b"event: stop\n\nid: 8\n\nretry: 5\n\n",
    b"event: stop\ndata: 2\n\ndata: 3\n\n",
    b"data: [DONE]",
    b"data: [DONE]\n",
    DONE,
    b"[DONE]\n",
    b": ping",
    b": ping\n",
    b"retry: soon\n",
    b"foo: bar\n",
    b"foo: bar\n: ping\n",
    b"foo\nda",
    b"foo\ndata",
    b"foo\ndata:",
    b'{"error": 1}',
    b'{\r\n  "error": 1\r\n}\r\n',
    b'{"error": 1}\ndata: 2\n\n',
    b'[{"error": 1}]',
    b"<html>\n\n<style>\n:root {}\n",
    b"data: 123456789012345678901234567890",
    b"data: 1\n\ndata: 123456789012345678901234567890",
    b"\xef\xbb\xbf" + EVENT,
    b"\xef\xbb",
    b"\x1f\x8b\x08\n:\n",
    b"\x78\x9c\n:\n",
    b"\x28\xb5\x2f\xfd",
    b"\x28\xb5\x2f",
    b"\xff\xfed\0",
    b"\0\0\0\r:content-type\n",
    b":\0\n",
]
STREAMS_OF_THE_TABLE = [first + last for first in BEGINNINGS for last in ENDS]


class Options(NamedTuple):
    """What a reader is given. ``all_items``: iter_items(), not iter_events()."""

    require_done: bool
    flush: bool
    until: bool
    all_items: bool
    blocks: bool

    def of_stream(self) -> dict[str, Any]:
        """Return the arguments of a call, with a new parser."""
        return {
            "parser": Parser(max_event_size=30, report_ignored=True, blocks=self.blocks),
            "require_done": self.require_done,
            "flush": self.flush,
            "until": is_stop if self.until else None,
        }


OPTIONS = [Options(*flags) for flags in itertools.product([False, True], repeat=5)]


def is_stop(event: Event | Block) -> bool:
    return event.event == "stop"


class Ending(NamedTuple):
    """The items, and the error that ended them: its type, attributes and text."""

    items: list[Any]
    error: tuple[type[BaseException], dict[str, object], str] | None


def ended(items: list[Any], error: BaseException | None) -> Ending:
    return Ending(items, None if error is None else (type(error), vars(error), str(error)))


def with_event_stream(chunks: list[bytes], options: Options) -> Ending:
    stream = EventStream(all_items=options.all_items, **options.of_stream())
    items: list[Any] = []
    try:
        for chunk in chunks:
            items += stream.feed(chunk)
            if stream.over:
                break
        items += stream.close()
    except Exception as error:
        return ended(items, error)
    return ended(items, None)


def with_an_iterator(chunks: list[bytes], options: Options) -> Ending:
    source = Source(chunks)
    items: list[Any] = []
    read: Any = iter_items if options.all_items else iter_events
    try:
        items.extend(read(source, **options.of_stream()))
    except Exception as error:
        return ended(items, error)
    return ended(items, None)


def with_an_async_iterator(chunks: list[bytes], options: Options) -> Ending:
    items: list[Any] = []
    read: Any = aiter_items if options.all_items else aiter_events

    async def main() -> None:
        async for item in read(AsyncSource(chunks), **options.of_stream()):
            items.append(item)

    try:
        at_once(main())
    except Exception as error:
        return ended(items, error)
    return ended(items, None)


def with_a_dispatcher(chunks: list[bytes], options: Options) -> Ending:
    stream = EventStream(all_items=options.all_items, **options.of_stream())
    items: list[Any] = []
    add = items.append
    dispatcher = Dispatcher(
        on_event=add, on_comment=add, on_done=add, on_ignored=add, stream=stream
    )
    try:
        for chunk in chunks:
            dispatcher.feed(chunk)
        dispatcher.close()
    except Exception as error:
        return ended(items, error)
    return ended(items, None)


READERS = [with_event_stream, with_an_iterator, with_an_async_iterator, with_a_dispatcher]


def chunkings(stream: bytes) -> Iterator[list[bytes]]:
    yield [stream]
    yield single_bytes(stream)
    yield [b"", *split_at(stream, [len(stream) // 2, len(stream) - 1]), b""]


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_every_reader_agrees_for_every_chunking(end: bytes) -> None:
    for beginning, options in itertools.product(BEGINNINGS, OPTIONS):
        wanted = with_event_stream([beginning + end], options)
        for chunks in chunkings(beginning + end):
            for reader in READERS:
                if options.blocks and not options.all_items and "iterator" in reader.__name__:
                    continue  # iter_events() refuses a parser that gives Blocks
                assert reader(chunks, options) == wanted, (chunks, options, reader)


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES, options=st.sampled_from(OPTIONS))
def test_every_reader_agrees_for_any_stream(
    stream: bytes, boundaries: list[int], options: Options
) -> None:
    options = options._replace(blocks=options.blocks and options.all_items)
    wanted = with_event_stream([stream], options)
    for reader in READERS:
        assert reader(split_at(stream, boundaries), options) == wanted


def error_of(ending: Ending) -> type[BaseException] | None:
    return None if ending.error is None else ending.error[0]


def test_the_table_has_every_kind_of_end() -> None:
    seen = {
        (error_of(with_event_stream([stream], options)), options.require_done)
        for stream in STREAMS_OF_THE_TABLE
        for options in OPTIONS
    }
    kinds = (None, IncompleteStreamError, NotEventStreamError, EventTooLargeError)
    assert seen == set(itertools.product(kinds, (False, True)))


# What holds between the options.


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_require_done_adds_errors_and_never_items(end: bytes) -> None:
    for beginning, options in itertools.product(BEGINNINGS, OPTIONS):
        if options.require_done:
            continue
        stream = [beginning + end]
        without = with_event_stream(stream, options)
        ending = with_event_stream(stream, options._replace(require_done=True))
        assert ending.items == without.items[: len(ending.items)]
        if without.error is not None:
            assert error_of(ending) is error_of(without)
        elif ending.error is None:
            # Complete: DONE came, or the event that ``until`` accepts. After DONE, what flush
            # makes of a line without its end counts for nothing.
            assert ending == without or (options.flush and options.all_items)
            last = ending.items[-1] if options.until and ending.items else None
            accepted = isinstance(last, (Event, Block)) and is_stop(last)
            assert accepted or b"data: [DONE]" in stream[0]
        else:
            assert ending.error[0] is IncompleteStreamError


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_flush_only_adds_items_at_the_end(end: bytes) -> None:
    for beginning, options in itertools.product(BEGINNINGS, OPTIONS):
        if not options.flush:
            stream = [beginning + end]
            without = with_event_stream(stream, options)
            ending = with_event_stream(stream, options._replace(flush=True))
            assert without.items == ending.items[: len(without.items)]
            if without.error is None:
                assert ending.error is None


# A source that a cancelled await ended.


def cut(chunks: list[bytes], options: Options, in_generator: bool) -> Ending:
    """Cancel aiter_*() where the source waits after its chunks; go on until the end."""

    class Waiting:
        def __await__(self) -> Generator[None, None, None]:
            yield

    async def generator() -> AsyncGenerator[bytes, None]:
        for chunk in chunks:
            yield chunk
        await Waiting()

    class GoesOn(AsyncSource):
        waited = False

        async def __anext__(self) -> bytes:
            if self.chunks_read == len(chunks) and not self.waited:
                self.waited = True
                await Waiting()
            return await super().__anext__()

    items: list[Any] = []
    read: Any = aiter_items if options.all_items else aiter_events
    iterator = read(generator() if in_generator else GoesOn(chunks), **options.of_stream())
    try:
        while True:
            step = iterator.__anext__()
            try:
                step.send(None)
                step.throw(Cancelled)
            except StopIteration as stop:
                items.append(stop.value)
            except Cancelled:
                pass
    except StopAsyncIteration:
        return ended(items, None)
    except Exception as error:
        return ended(items, error)


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_a_generator_that_was_cut_and_a_source_that_goes_on(end: bytes) -> None:
    for beginning, options in itertools.product(BEGINNINGS, OPTIONS):
        if options.blocks and not options.all_items:
            continue
        chunks = [chunk for chunk in (beginning, end) if chunk]
        assert cut(chunks, options, in_generator=False) == with_event_stream(chunks, options)

        stream = EventStream(all_items=options.all_items, **options.of_stream())
        items: list[Any] = []
        error: Exception | None = None
        try:
            for chunk in chunks:
                items += stream.feed(chunk)
            items += stream.close(cut=True)
        except Exception as caught:
            error = caught
        assert cut(chunks, options, in_generator=True) == ended(items, error)
        assert stream.complete or isinstance(
            error, (IncompleteStreamError, NotEventStreamError, EventTooLargeError)
        )
