"""Dispatcher: callbacks in order, and nothing lost to a callback that raises."""

from __future__ import annotations

import types
from typing import Any

import pytest
from support.sources import CHUNKS, ITEMS, Stop

from sse_stream import (
    DONE,
    Block,
    Comment,
    Dispatcher,
    Event,
    EventStream,
    EventTooLargeError,
    Ignored,
    IncompleteStreamError,
    Item,
    NotEventStreamError,
    Parser,
    ParserClosedError,
)


def test_it_calls_back_in_order() -> None:
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
def test_it_calls_only_the_given_callbacks(name: str) -> None:
    got: list[Item] = []
    callbacks: dict[str, Any] = {name: got.append}
    dispatcher = Dispatcher(**callbacks)
    for chunk in [*CHUNKS, b"foo\n"]:
        dispatcher.feed(chunk)
    dispatcher.close()
    kinds = {"on_event": Event, "on_comment": Comment, "on_done": type(DONE), "on_ignored": Ignored}
    assert got == [item for item in [*ITEMS, Ignored("foo")] if isinstance(item, kinds[name])]


# With a stream that is passed.


def test_the_stream_says_what_is_dispatched() -> None:
    got: list[Item] = []
    stream = EventStream()
    dispatcher = Dispatcher(
        on_event=got.append, on_comment=got.append, on_done=got.append, stream=stream
    )
    for chunk in CHUNKS:
        dispatcher.feed(chunk)
    # Events alone, up to DONE.
    assert got == [Event(data="1"), Event(data="2", id="7")] and stream.complete
    dispatcher.feed(b"data: 4\n\n")
    dispatcher.close()
    assert len(got) == 2


def test_the_options_of_the_stream_hold() -> None:
    got: list[Item] = []
    stream = EventStream(
        parser=Parser(report_ignored=True, last_event_id="4"),
        all_items=True,
        until=lambda event: event.data == "2",
    )
    dispatcher = Dispatcher(on_event=got.append, on_ignored=got.append, stream=stream)
    dispatcher.feed(b"foo\ndata: 1\n\ndata: 2\n\ndata: 3\n\n")
    dispatcher.close()
    assert got == [Ignored("foo"), Event(data="1", id="4"), Event(data="2", id="4")]
    # The lines of a parser that reports them are passed over without on_ignored.
    parser = Parser(report_ignored=True)
    Dispatcher(stream=EventStream(parser=parser, all_items=True)).feed(b"foo\n")


def test_blocks_go_to_on_event() -> None:
    got: list[Any] = []
    stream = EventStream(parser=Parser(blocks=True), all_items=True)
    dispatcher = Dispatcher(on_event=got.append, on_comment=got.append, stream=stream)
    dispatcher.feed(b"id: 1\n\n: a\nevent: message\ndata: 2\n\n")
    assert got == [Block(id="1"), Comment("a"), Block("message", "2")]


@pytest.mark.parametrize("stream", [types.SimpleNamespace(), Parser(), EventStream, 0])
def test_a_stream_of_another_copy_is_refused(stream: Any) -> None:
    with pytest.raises(TypeError, match=r"stream must be an? EventStream of this package, not <"):
        Dispatcher(stream=stream)


def test_flush_and_require_done_are_those_of_the_stream() -> None:
    got: list[Event] = []
    dispatcher = Dispatcher(on_event=got.append, stream=EventStream(flush=True))
    dispatcher.feed(b"data: x")
    dispatcher.close()
    assert got == [Event(data="x")]

    dispatcher = Dispatcher(on_event=got.append, stream=EventStream(require_done=True))
    dispatcher.feed(b"id: 7\ndata: y\n\n")
    with pytest.raises(IncompleteStreamError) as caught:
        dispatcher.close()
    assert caught.value.last_event_id == "7" and len(got) == 2


# Errors.


def test_calls_after_the_end() -> None:
    dispatcher = Dispatcher()
    dispatcher.feed(b"data: y")
    dispatcher.close()
    for _ in range(2):
        with pytest.raises(ParserClosedError):
            dispatcher.feed(b"")
        with pytest.raises(ParserClosedError):
            dispatcher.close()


def test_errors_pass_through() -> None:
    def fail(event: Event) -> None:
        raise Stop

    with pytest.raises(Stop):
        Dispatcher(on_event=fail).feed(b"data\n\n")
    got: list[Item] = []
    stream = EventStream(parser=Parser(max_event_size=9))
    dispatcher = Dispatcher(on_event=got.append, stream=stream)
    dispatcher.feed(b"data: x\n\ndata: 1234")
    assert got == [Event(data="x")]
    with pytest.raises(EventTooLargeError):
        dispatcher.close()
    with pytest.raises(TypeError, match="bytes, not str"):
        Dispatcher().feed("data")  # type: ignore[arg-type]
    with pytest.raises(NotEventStreamError):
        Dispatcher().feed(b"\x1f\x8b")
    dispatcher = Dispatcher()
    dispatcher.feed(b"<html>")
    with pytest.raises(NotEventStreamError):
        dispatcher.close()


def test_no_item_is_lost_to_a_callback_that_raises() -> None:
    got: list[str] = []

    def process(event: Event) -> None:
        got.append(event.data)
        if event.data == "2":
            raise Stop

    stream = EventStream(parser=Parser(max_event_size=20))
    dispatcher = Dispatcher(on_event=process, stream=stream)
    with pytest.raises(Stop):
        dispatcher.feed(b"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: " + b"x" * 20)
    assert got == ["1", "2"]
    # Also if the next call itself only raises an error.
    with pytest.raises(EventTooLargeError):
        dispatcher.close()
    assert got == ["1", "2", "3", "4"]


def test_no_error_of_the_stream_is_lost_to_a_callback_that_raises() -> None:
    def fail(item: object) -> None:
        raise Stop

    stream = EventStream(require_done=True)
    dispatcher = Dispatcher(on_event=fail, stream=stream)
    with pytest.raises(Stop):
        dispatcher.feed(b"data: 1\n\ndata: 2\n\ndata: 3\n\n")
    # The error of the stream comes after the callbacks of all items before it.
    for _ in range(2):
        with pytest.raises(Stop):
            dispatcher.close()
    with pytest.raises(IncompleteStreamError):
        dispatcher.close()
    with pytest.raises(ParserClosedError):
        dispatcher.close()


def test_no_error_of_until_is_lost_to_a_callback_that_raises() -> None:
    def fail(item: object) -> None:
        raise Stop

    def until(event: Event) -> bool:
        if event.data == "3":
            raise ValueError("until")
        return False

    dispatcher = Dispatcher(on_event=fail, stream=EventStream(until=until))
    with pytest.raises(Stop):
        dispatcher.feed(b"data: 1\n\ndata: 2\n\n")
    with pytest.raises(Stop):
        dispatcher.feed(b"data: 3\n\n")
    for error in (ValueError, ParserClosedError):
        with pytest.raises(error):
            dispatcher.feed(b"")


def test_a_callback_that_raises_hides_no_done() -> None:
    def fail(item: object) -> None:
        raise Stop

    stream = EventStream(all_items=True, require_done=True)
    dispatcher = Dispatcher(on_event=fail, on_done=fail, stream=stream)
    for chunk in (b"data: 1\n\ndata: [DONE]\n\n", b""):
        with pytest.raises(Stop):
            dispatcher.feed(chunk)
    dispatcher.close()


def test_the_order_stays_when_a_callback_feeds() -> None:
    got: list[str] = []

    def process(event: Event) -> None:
        got.append(event.data)
        if event.data == "1":
            dispatcher.feed(b"data: 3\n\n")

    dispatcher = Dispatcher(on_event=process)
    dispatcher.feed(b"data: 1\n\ndata: 2\n\n")
    assert got == ["1", "2", "3"]


def test_no_bytes_are_lost_to_a_callback_that_raises() -> None:
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
