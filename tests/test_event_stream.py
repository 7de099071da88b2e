"""EventStream: what is returned, and what the end of a stream means."""

from __future__ import annotations

import functools
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from support.sources import CHUNKS, EVENTS, ITEMS, Stop, consume
from support.strategies import single_bytes

from sse_stream import (
    DONE,
    Block,
    Comment,
    Event,
    EventStream,
    EventTooLargeError,
    Ignored,
    IncompleteStreamError,
    Item,
    NotEventStreamError,
    Parser,
    ParserClosedError,
    aiter_events,
    aiter_items,
    iter_events,
    iter_items,
)

# The calls that take the arguments of EventStream; the others also take a source, asked for later.
SOURCE: Any = object()
TAKING_UNTIL: list[Callable[..., object]] = [
    EventStream,
    functools.partial(iter_events, SOURCE),
    functools.partial(iter_items, SOURCE),
    functools.partial(aiter_events, SOURCE),
    functools.partial(aiter_items, SOURCE),
]


def fed(stream: EventStream[Any], chunks: list[bytes]) -> list[Any]:
    return [item for chunk in chunks for item in stream.feed(chunk)]


def chunkings(stream: bytes) -> list[list[bytes]]:
    """Whole, byte by byte (the first 300), and split after the first byte."""
    single = [*single_bytes(stream[:300]), stream[300:]]
    return [[stream], single, [b"", stream[:1], stream[1:]]]


def is_stop(event: Event | Block) -> bool:
    return event.event == "stop"


# What is returned.


def test_events_alone_or_every_item() -> None:
    stream: EventStream[Any] = EventStream()
    assert [stream.feed(chunk) for chunk in CHUNKS] == [[], EVENTS, []]
    assert stream.complete and stream.over and stream.feed(b"data: 4\n\n") == []
    assert stream.close() == []

    stream = EventStream(all_items=True)
    assert fed(stream, CHUNKS) == ITEMS
    # DONE completes the answer, and reading goes on.
    assert stream.complete and not stream.over
    assert stream.feed(b"data: 4\n\n") == [Event(data="4", id="7")]
    assert stream.close() == [] and stream.over


def test_what_completes_an_answer_and_what_ends_reading() -> None:
    stream = EventStream()
    assert (stream.complete, stream.over) == (False, False)
    stream.feed(b"data: 1\n\n")
    assert (stream.complete, stream.over) == (False, False)
    assert stream.close() == []
    assert (stream.complete, stream.over) == (False, True)


@pytest.mark.parametrize("all_items", [False, True])
def test_until_ends_after_the_event_that_it_accepts(all_items: bool) -> None:
    stream = EventStream(until=is_stop, all_items=all_items, require_done=True)
    got = stream.feed(b"data: 1\n\nevent: stop\ndata: 2\n\n: later\ndata: 3\n\n")
    assert got == [Event(data="1"), Event("stop", "2")]
    assert stream.complete and stream.over
    assert stream.feed(b"data: 4\n\n") == [] and stream.close() == []


def test_until_is_called_once_for_each_event_in_order() -> None:
    asked: list[str] = []

    def until(event: Event) -> bool:
        asked.append(event.data)
        return False

    stream = EventStream(until=until, all_items=True, flush=True)
    stream.feed(b": a\ndata: 1\n\ndata: 2\n\nid: 3\n\ndata: [DONE]\n\ndata: 4\n\n")
    stream.feed(b"data: 5\n")
    assert asked == ["1", "2", "4"]
    stream.close()
    assert asked == ["1", "2", "4", "5"]
    # Not for events after DONE, where nothing is returned after it.
    asked.clear()
    EventStream(until=until).feed(b"data: 1\n\ndata: [DONE]\n\ndata: 2\n\n")
    assert asked == ["1"]


def test_until_is_called_before_the_event_is_returned() -> None:
    seen: list[Event] = []
    for event in iter_events([b"data: 1\n\ndata: 2\n\n"], until=lambda event: event in seen):
        seen.append(event)
    assert [event.data for event in seen] == ["1", "2"]


@pytest.mark.parametrize("error", [Stop(), KeyboardInterrupt()], ids=repr)
def test_an_error_of_until_passes_at_once_and_ends_the_stream(error: BaseException) -> None:
    def until(event: Event) -> bool:
        if event.data == "3":
            raise error
        return False

    stream = EventStream(until=until)
    assert stream.feed(b"data: 1\n\n") == [Event(data="1")]
    # What this call completed is not returned.
    with pytest.raises(type(error)) as caught:
        stream.feed(b"data: 2\n\ndata: 3\n\n")
    assert caught.value is error
    assert stream.over and not stream.complete
    with pytest.raises(ParserClosedError):
        stream.feed(b"")
    with pytest.raises(ParserClosedError):
        stream.close()


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration])
@pytest.mark.parametrize("end", [b"\n\n", b""])
def test_until_cannot_end_an_iteration_by_its_error(error: type[Exception], end: bytes) -> None:
    def until(event: Event) -> bool:
        raise error

    for iterate in (iter_events, iter_items, aiter_events, aiter_items):
        got = consume(iterate, [b"data: 1" + end], until=until, flush=True)
        assert isinstance(got.error, RuntimeError), iterate
        assert str(got.error) == f"until raised {error.__name__}"
        assert got.items == []
        # A source that was read to its end is left open.
        assert got.source.closed == (1 if end else 0)


def test_an_error_of_until_at_the_end() -> None:
    def until(event: Event) -> bool:
        raise Stop

    stream = EventStream(until=until, flush=True)
    stream.feed(b"data: 1")
    with pytest.raises(Stop):
        stream.close()
    with pytest.raises(ParserClosedError):
        stream.close()


class Truth:
    """A result of ``until`` without a truth value."""

    def __bool__(self) -> bool:
        raise Stop


def test_an_answer_of_until_without_a_truth_value_is_an_error_of_until() -> None:
    stream = EventStream(until=lambda event: Truth())
    with pytest.raises(Stop):
        stream.feed(b"data: 1\n\n")
    assert stream.over and not stream.complete


async def is_last(*args: object) -> bool:
    return True


class Callables:
    """Each of them is a coroutine function."""

    async def method(self, event: Event) -> bool:
        return True

    @classmethod
    async def class_method(cls, event: Event) -> bool:
        return True

    async def __call__(self, event: Event) -> bool:
        return True


async def generator(event: Event) -> Any:
    yield event


@pytest.mark.parametrize("make", TAKING_UNTIL)
@pytest.mark.parametrize(
    "until",
    [
        is_last,
        Callables().method,
        Callables.class_method,
        Callables(),
        functools.partial(is_last, 1),
        functools.partial(functools.partial(Callables().method), 1),
        functools.partial(Callables()),
        generator,
    ],
)
def test_a_coroutine_function_as_until_is_refused_at_once(
    make: Callable[..., object], until: object
) -> None:
    with pytest.raises(TypeError, match="until must not be async: it is called without await"):
        make(until=until)


@pytest.mark.parametrize("make", TAKING_UNTIL)
@pytest.mark.parametrize("until", ["stop", 1, True])
def test_until_must_be_a_function(make: Callable[..., object], until: object) -> None:
    with pytest.raises(TypeError, match=f"must be a function or None, not {type(until).__name__}"):
        make(until=until)


@pytest.mark.filterwarnings("ignore:coroutine")
def test_until_that_returns_a_coroutine_is_refused_when_it_is_called() -> None:
    stream = EventStream(until=lambda event: is_last())
    with pytest.raises(TypeError, match="until must not be async: it returned an awaitable"):
        stream.feed(b"data: 1\n\n")
    assert stream.over and not stream.complete


# The parser.


def test_a_parser_that_is_passed_keeps_its_options_and_its_state() -> None:
    parser = Parser(last_event_id="4", done=None, report_ignored=True)
    stream = EventStream(parser=parser, all_items=True)
    assert stream.parser is parser
    got = fed(stream, [b"foo\ndata: [DONE]\n\n", b"id: 5\ndata: half"])
    assert got == [Ignored("foo"), Event(data="[DONE]", id="4")]
    assert stream.close() == [] and parser.incomplete and parser.last_event_id == "4"
    with pytest.raises(ParserClosedError):
        parser.feed(b"")


def test_without_all_items_only_events_are_returned_whatever_the_parser_reports() -> None:
    stream = EventStream(parser=Parser(report_ignored=True))
    assert stream.feed(b": a\nfoo\ndata: 1\n\n") == [Event(data="1")]


def test_a_parser_that_was_used_before() -> None:
    parser = Parser()
    parser.feed(b"data: 1\n\n{")
    # The parser recognised an event stream: these bytes are no signature.
    stream = EventStream(parser=parser)
    assert stream.feed(b"\x1f\x8b\n\0\ndata: 2\n\n") == [Event(data="2")]

    parser = Parser()
    parser.close()
    with pytest.raises(ParserClosedError):
        EventStream(parser=parser).feed(b"")
    with pytest.raises(ParserClosedError):
        EventStream(parser=parser).close()


def test_blocks_take_the_place_of_events() -> None:
    for all_items in (False, True):
        stream = EventStream(
            parser=Parser(blocks=True), until=is_stop, require_done=True, all_items=all_items
        )
        assert stream.feed(b"id: 1\n\nretry: 5\n\nevent: stop\n\ndata: 1\n\n") == [
            Block(id="1"),
            Block(retry=5),
            Block(event="stop"),
        ]
        assert stream.complete and stream.over
    # DONE is no block.
    stream = EventStream(parser=Parser(blocks=True))
    assert stream.feed(b"data: 1\n\ndata: [DONE]\n\n") == [Block(data="1")] and stream.complete


class Foreign:
    """The parser of another copy of the package."""

    recognised = True

    def feed(self, data: bytes) -> list[object]:
        return []


@pytest.mark.parametrize("parser", [Foreign(), Parser, "x", 0])
@pytest.mark.parametrize("make", TAKING_UNTIL)
def test_a_parser_of_another_copy_is_refused(make: Callable[..., object], parser: object) -> None:
    with pytest.raises(TypeError, match="parser must be a Parser of this package, not <class"):
        make(parser=parser)


@pytest.mark.parametrize("data", ["data: x\n\n", None, 7, ["x"]])
@pytest.mark.parametrize("before", [b"", b"da", b"data: 1\n\n", b"data: 1\n\n\n"])
def test_text_is_refused_and_changes_nothing(before: bytes, data: Any) -> None:
    stream = EventStream()
    stream.feed(before)
    stream.feed(b"")
    for _ in range(2):
        with pytest.raises(TypeError, match=r"takes bytes, not str|takes a bytes-like object"):
            stream.feed(data)
    rest = b"ta: 2\n\n" if before == b"da" else b"data: 2\n\n"
    assert stream.feed(rest) == [Event(data="2")] and stream.close() == []


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_any_bytes_like_object_is_a_chunk(form: Any) -> None:
    stream = EventStream(all_items=True)
    assert fed(stream, [form(chunk) for chunk in CHUNKS]) == ITEMS


# Calls after the end.


def test_after_close_and_after_an_error_every_call_raises() -> None:
    def closed() -> EventStream:
        stream = EventStream()
        stream.close()
        return stream

    def complete() -> EventStream:
        stream = EventStream()
        stream.feed(b"data: [DONE]\n\n")
        stream.close()
        return stream

    def incomplete() -> EventStream:
        stream = EventStream(require_done=True)
        with pytest.raises(IncompleteStreamError):
            stream.close()
        return stream

    def binary() -> EventStream:
        stream = EventStream()
        with pytest.raises(NotEventStreamError):
            stream.feed(b"\0")
        return stream

    for make in (closed, complete, incomplete, binary):
        stream = make()
        for _ in range(2):
            with pytest.raises(ParserClosedError):
                stream.feed(b"data: 1\n\n")
            with pytest.raises(ParserClosedError):
                stream.close()
        assert stream.over and stream.complete == (make is complete)


@pytest.mark.parametrize("all_items", [False, True])
def test_the_limit_is_reported_again(all_items: bool) -> None:
    stream = EventStream(parser=Parser(max_event_size=10), all_items=all_items)
    assert stream.feed(b"id: 1\ndata: 1\n\ndata: 12345678") == [Event(data="1", id="1")]
    assert not stream.over
    calls: list[Callable[[], object]] = [
        lambda: stream.feed(b""),
        stream.close,
        lambda: stream.feed(b""),
        stream.close,
    ]
    for call in calls:
        with pytest.raises(EventTooLargeError) as caught:
            call()
        assert (caught.value.limit, caught.value.last_event_id) == (10, "1")
        assert stream.over and not stream.complete


def test_the_limit_at_the_end() -> None:
    stream = EventStream(parser=Parser(max_event_size=10))
    stream.feed(b"data: 1\n\ndata: 12345678")
    with pytest.raises(EventTooLargeError):
        stream.close()
    with pytest.raises(EventTooLargeError):
        stream.feed(b"")


def test_the_limit_after_the_end_of_the_answer_does_not_count() -> None:
    stream = EventStream(parser=Parser(max_event_size=12))
    assert stream.feed(b"data: 1\n\ndata: [DONE]\n\ndata: 12345678") == [Event(data="1")]
    assert stream.feed(b"") == [] and stream.close() == []
    with pytest.raises(ParserClosedError):
        stream.feed(b"")

    def until(event: Event) -> bool:
        raise Stop

    stream = EventStream(parser=Parser(max_event_size=12), until=until)
    with pytest.raises(Stop):
        stream.feed(b"data: 1\n\ndata: 12345678")
    with pytest.raises(ParserClosedError):
        stream.close()


# require_done and flush.


@pytest.mark.parametrize("all_items", [False, True])
@pytest.mark.parametrize(
    ("stream", "complete"),
    [
        *[(b"data: 1\n\ndata: [DONE]" + end, True) for end in (b"\n\n", b"\n", b"", b"\r\n\r")],
        (b"data: 1\n\ndata:   [DONE]  ", True),
        (b"data: 1\n\ndata: [DONE]\n\ndata: in the middle of a block", True),
        (b"data: 1\n\ndata: [DO", False),
        (b"data: 1\n\n", False),
        (b"id: 7\ndata: 1\n\nid: 8\ndata: 2", False),
    ],
)
def test_done_completes_a_stream(stream: bytes, complete: bool, all_items: bool) -> None:
    for chunks in chunkings(stream):
        for flush in (False, True):
            for require_done in (False, True):
                read = EventStream(require_done=require_done, flush=flush, all_items=all_items)
                got = fed(read, chunks)
                assert got[0].data == "1"
                if complete or not require_done:
                    read.close()
                    assert read.complete == complete
                else:
                    with pytest.raises(IncompleteStreamError) as caught:
                        read.close()
                    # The ID of the block in progress is not the one to resume from.
                    assert caught.value.last_event_id == ("7" if b"id" in stream else "")
                    assert caught.value.missing == "[DONE]" and caught.value.tail == ""


def test_an_empty_source_is_incomplete_only_where_that_is_asked_for() -> None:
    assert EventStream().close() == []
    with pytest.raises(IncompleteStreamError, match=r"^the event stream ended before \[DONE\]$"):
        EventStream(require_done=True).close()


@pytest.mark.parametrize(
    ("stream", "items"),
    [
        # flush must not make an event out of a line that may be truncated.
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
    stream: bytes, items: list[Item]
) -> None:
    for chunks in chunkings(stream):
        for until in (None, is_stop):
            read: EventStream[Any] = EventStream(
                flush=True, require_done=True, until=until, all_items=True
            )
            got = fed(read, chunks)
            if until and Event("stop", "1") in items:
                assert got + read.close() == items and read.complete
            else:
                with pytest.raises(IncompleteStreamError) as caught:
                    read.close()
                end = "the event that `until` waits for" if until else "[DONE]"
                assert caught.value.missing == end and not read.complete

            # Without flush the last block is discarded.
            read = EventStream(require_done=True, until=until)
            fed(read, chunks)
            with pytest.raises(IncompleteStreamError):
                read.close()

            # Without require_done, flush completes the event.
            read = EventStream(flush=True, until=until)
            assert isinstance([*fed(read, chunks), *read.close()][-1], Event)


def test_what_a_truncated_end_completes_is_not_returned() -> None:
    read = EventStream(flush=True, require_done=True, all_items=True)
    assert read.feed(b"data: 1\n\n: a") == [Event(data="1")]
    with pytest.raises(IncompleteStreamError):
        read.close()


# A source that did not end by itself.


@pytest.mark.parametrize("flush", [False, True])
def test_a_stream_that_was_cut_is_incomplete(flush: bool) -> None:
    for chunk in (b"", b"id: 7\ndata: 1\n\n", b"data: 1\n", b"data: 1", b'{"error": 1}\n'):
        read = EventStream(flush=flush)
        read.feed(chunk)
        with pytest.raises(IncompleteStreamError) as caught:
            read.close(cut=True)
        error = caught.value
        assert (error.missing, error.tail) == ("its final event", "")
        assert error.last_event_id == ("7" if b"id" in chunk else "")
        assert read.over and not read.complete


def test_flush_completes_nothing_of_a_stream_that_was_cut() -> None:
    asked: list[Event] = []

    def until(event: Event) -> bool:
        asked.append(event)
        return True

    read = EventStream(flush=True, until=until)
    read.feed(b"event: stop\ndata: 2\n")
    with pytest.raises(IncompleteStreamError):
        read.close(cut=True)
    assert asked == [] and not read.complete


def test_a_cut_after_the_answer_was_complete_is_no_error() -> None:
    read: EventStream[Any] = EventStream(all_items=True)
    read.feed(b"data: [DONE]\n\ndata: 1\n")
    assert read.close(cut=True) == [] and read.complete
    # An unfinished block whose data is that of DONE is complete too.
    read = EventStream(all_items=True)
    read.feed(b"data: [DONE]")
    assert read.close(cut=True) == [DONE] and read.complete
    read = EventStream(until=is_stop)
    read.feed(b"event: stop\ndata\n\n")
    assert read.close(cut=True) == []


# Not an event stream.

ERROR_BODY = json.dumps({"error": {"message": "invalid key", "code": 401}})
JSON = "JSON: perhaps an error of the server"
HTML = "HTML or XML: perhaps an error page"
NOT_EVENT_STREAMS = {
    "json": (ERROR_BODY.encode(), JSON),
    "json-lf": (ERROR_BODY.encode() + b"\n", JSON),
    "json-pretty": (json.dumps(json.loads(ERROR_BODY), indent=2).encode(), JSON),
    "json-crlf": (b'{\r\n  "error": "x"\r\n}\r\n', JSON),
    "json-bom": (b'\xef\xbb\xbf{"error": 1}', JSON),
    "json-array": (b'[{"error": 1}]', JSON),
    "json-lines": (b'{"token": "a"}\n{"token": "b"}\n', JSON),
    "html": (b"<!DOCTYPE html>\n<html>\n\n<body>x</body></html>\n", HTML),
    "html-after-blank-line": (b"\r\n\r\n<html></html>", HTML),
    "html-with-a-style-sheet": (b"<style>\n:root {\n  color: red\n}\n</style>\n", HTML),
    "text": (b"upstream connect error or disconnect/reset before headers", None),
    "unknown-fields": (b"foo: bar\n\nbaz\n", None),
    "unknown-then-start-of-a-field": (b"foo: bar\nda", None),
    "unknown-then-whole-name": (b"foo: bar\ndata", None),
    "comment-after-an-ignored-line": (b"foo\n:\n", None),
    "comment-in-progress-after-an-ignored-line": (b"foo\n: pi", None),
    "long-line": (b"x" * 100_000, None),
    "short": (b"x", None),
}
EVENT_STREAMS = {
    "empty": b"",
    "bom": b"\xef\xbb\xbf",
    "truncated-bom": b"\xef\xbb",
    "blank-lines": b"\n\r\n\r",
    "comments": b": ping\n: ping\n\n",
    "comment-before-other-lines": b":\nfoo\n",
    "comment-in-progress": b": pi",
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
    "event-then-other-text": b"data: x\n\nfoo\n",
    "done-as-a-bare-line": b"data: x\n\n[DONE]\n",
    "event-after-json": b'{"error": 1}\ndata: x\n',
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"flush": True},
    {"require_done": True},
    {"until": is_stop, "all_items": True},
]


@pytest.mark.parametrize("name", NOT_EVENT_STREAMS)
def test_what_is_not_an_event_stream_is_an_error_at_its_end(name: str) -> None:
    stream, reason = NOT_EVENT_STREAMS[name]
    for chunks in chunkings(stream):
        for options in OPTIONS:
            read = EventStream(**options)
            assert [item for item in fed(read, chunks) if not isinstance(item, Comment)] == []
            with pytest.raises(NotEventStreamError) as caught:
                read.close()
            assert caught.value.start == stream[:4096]
            shown = f" ({reason})" if reason else ""
            start = f"; it starts with {stream[:200]!r}"
            assert str(caught.value) == "not an event stream" + shown + start


@pytest.mark.parametrize("name", EVENT_STREAMS)
def test_what_may_be_an_event_stream_is_no_error(name: str) -> None:
    stream = EVENT_STREAMS[name]
    for chunks in chunkings(stream):
        for flush in (False, True):
            read = EventStream(flush=flush)
            fed(read, chunks)
            read.close()


BINARY = {
    "gzip": (gzip.compress(b"data: x\n\n", mtime=0), 2, "gzip: decompress the body first"),
    "zlib-fast": (zlib.compress(b"data: x\n\n", 1), 2, "zlib: decompress the body first"),
    "zlib-level-5": (zlib.compress(b"data: x\n\n", 5), 2, "zlib: decompress the body first"),
    "zlib": (zlib.compress(b"data: x\n\n"), 2, "zlib: decompress the body first"),
    "zlib-best": (zlib.compress(b"data: x\n\n", 9), 2, "zlib: decompress the body first"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00", 4, "Zstandard: decompress the body first"),
    "utf-16-le": ("\ufeffdata".encode("utf-16-le"), 2, "UTF-16: an event stream is UTF-8"),
    "utf-16-be": ("\ufeffdata".encode("utf-16-be"), 2, "UTF-16: an event stream is UTF-8"),
    "utf-16-le-no-bom": (
        "data: x\n\n".encode("utf-16-le"),
        2,
        "binary or UTF-16: an event stream is UTF-8",
    ),
    "utf-16-be-no-bom": (
        "data: x\n\n".encode("utf-16-be"),
        1,
        "binary or UTF-16: an event stream is UTF-8",
    ),
    # A message of AWS's binary event stream, whose fourth byte of length is a CR here.
    "aws": (b"\0\0\0\r:content-type\n", 1, "binary or UTF-16: an event stream is UTF-8"),
    "nul-second": (b":\0\n", 2, "binary or UTF-16: an event stream is UTF-8"),
}


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_format_is_an_error_at_the_byte_that_shows_it(name: str) -> None:
    stream, size, reason = BINARY[name]
    for options in OPTIONS:
        for chunks in ([stream], [b"", stream], single_bytes(stream), [stream[:1], stream[1:]]):
            read = EventStream(**options)
            fed_bytes = 0
            with pytest.raises(NotEventStreamError) as caught:
                for chunk in chunks:
                    # Every chunk before the byte that decides is accepted.
                    assert fed_bytes < size
                    fed_bytes += len(chunk)
                    assert read.feed(chunk) == []
            assert caught.value.start == stream[:size]
            assert f"not an event stream ({reason}); it starts with" in str(caught.value)
            assert read.over and not read.complete


@pytest.mark.parametrize(
    "stream",
    [
        b"data: \0\n\n",  # NUL is a character like others after the first two bytes
        b": \0\n\x1f\x8b\n",
        b"\n\x1f\x8b\n:\n",  # a signature is at the start only
        b"\x1f",
        b"\x28\xb5\x2f",
        b"x\x02\n",
    ],
)
def test_other_first_bytes_are_no_signature(stream: bytes) -> None:
    for chunks in ([stream], single_bytes(stream)):
        read = EventStream()
        for chunk in chunks:
            read.feed(chunk)


def test_the_start_that_is_shown_is_at_most_4096_bytes() -> None:
    body = json.dumps({"error": {"message": "x" * 5000}}).encode()
    for size in (1, 100, 5100):
        read = EventStream()
        for at in range(0, len(body), size):
            read.feed(body[at : at + size])
        with pytest.raises(NotEventStreamError) as caught:
            read.close()
        assert caught.value.start == body[:4096]


# A broken tail.

GEMINI = b'{\r\n  "error": {\r\n    "code": 503,\r\n    "message": "overloaded"\r\n  }\r\n}\r\n'


@pytest.mark.parametrize(
    ("rest", "tail"),
    [
        (GEMINI, GEMINI.replace(b"\r\n", b"\n").decode()),
        (GEMINI[:-2], GEMINI[:-2].replace(b"\r\n", b"\n").decode()),
        (b'{"error": "x"}', '{"error": "x"}'),
        (b'[{"error": "x"}]\n', '[{"error": "x"}]\n'),
        (b"<html>\n\n<body>\n", "<html>\n<body>\n"),
        (b": ping\n<html>\n: ping\n", "<html>\n"),
        (b"<" + b"x" * 300, "<" + "x" * 199),
        (b"<\xff\xe2\x82", "<\ufffd\ufffd"),
    ],
)
def test_an_error_page_in_the_middle_of_an_answer_is_an_error(rest: bytes, tail: str) -> None:
    for chunks in chunkings(b"id: 7\ndata: 1\n\n" + rest):
        for options in OPTIONS:
            read = EventStream(**options)
            fed(read, chunks)
            with pytest.raises(IncompleteStreamError) as caught:
                read.close()
            error = caught.value
            assert (error.tail, error.last_event_id) == (tail, "7")
            assert f", and its last text is no event: {tail!r} (last event ID '7')" in str(error)
            missing = {"require_done": "[DONE]", "until": "the event that `until` waits for"}
            names = [missing[name] for name in options if name in missing]
            assert error.missing == (names[0] if names else "its final event")


@pytest.mark.parametrize(
    "rest",
    [
        b"[DONE]\n",
        b"[1, 2]\n",
        b" {\n",
        b'foo\n{"error": 1}\n',
        b'{"error": 1}\ndata: 2\n\n',
        b'{"error": 1}\nretry: soon\n',
        b'{"error": 1}\ndata:',
        b'{"error": 1}\n\nid: 8\n',
    ],
)
def test_other_text_that_is_ignored_is_no_broken_tail(rest: bytes) -> None:
    for chunks in chunkings(b"data: 1\n\n" + rest):
        for all_items in (False, True):
            read = EventStream(all_items=all_items)
            fed(read, chunks)
            assert read.close() == []


@pytest.mark.parametrize("all_items", [False, True])
def test_a_tail_after_a_complete_answer_is_no_error(all_items: bool) -> None:
    for chunks in chunkings(b"data: 1\n\ndata: [DONE]\n\n" + GEMINI):
        read = EventStream(all_items=all_items)
        fed(read, chunks)
        assert read.close() == [] and read.complete


def test_the_tail_of_a_stream_that_was_cut_is_not_judged() -> None:
    read = EventStream()
    read.feed(b"data: 1\n\n" + GEMINI)
    with pytest.raises(IncompleteStreamError) as caught:
        read.close(cut=True)
    assert caught.value.tail == ""
