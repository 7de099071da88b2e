"""The parser gives the items and state of the transcribed standard, for any chunking."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.standard import Outcome, PlainItem, decode, interpret
from support.strategies import CHUNK_BOUNDARIES, STREAMS, single_bytes, split_at

from sse_stream import DONE, Comment, Event, Item, Parser

DONES = st.sampled_from(["[DONE]", None, "", "12", "x", "\ufffd"])


def plain(item: Item) -> PlainItem:
    if isinstance(item, Event):
        return ("event", item.event, item.data, item.id, item.retry)
    return ("comment", item.text) if isinstance(item, Comment) else ("done",)


def state(parser: Parser, items: list[Item], at_end: list[Item]) -> Outcome:
    assert at_end in ([], [DONE])
    return Outcome(
        [plain(item) for item in items],
        parser.last_event_id,
        parser.retry,
        parser.incomplete,
        parser.ignored,
        bool(at_end),
    )


def outcome(parser: Parser, chunks: list[bytes]) -> Outcome:
    items: list[Item] = []
    for chunk in chunks:
        items += parser.feed(chunk)
    return state(parser, items, parser.close())


@given(
    stream=STREAMS,
    boundaries=CHUNK_BOUNDARIES,
    done=DONES,
    last_event_id=st.sampled_from(["", "41", "é"]),
)
@example(stream=b"", boundaries=[], done="", last_event_id="")
@example(stream=b"\xef\xbb", boundaries=[1], done="\ufffd", last_event_id="")
@example(stream=b"data: [DONE]\n\ndata", boundaries=[], done=None, last_event_id="")
def test_any_stream_in_any_chunks_agrees_with_the_standard(
    stream: bytes, boundaries: list[int], done: str | None, last_event_id: str
) -> None:
    # Any exception fails the test.
    expected = interpret(stream, done, last_event_id)
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        parser = Parser(done=done, last_event_id=last_event_id)
        assert outcome(parser, chunks) == expected


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES)
def test_flush_is_a_blank_line_at_the_end(stream: bytes, boundaries: list[int]) -> None:
    expected = interpret(stream + b"\n\n")
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        parser = Parser()
        items = [item for chunk in chunks for item in parser.feed(chunk)]
        items += parser.close(flush=True)
        assert state(parser, items, []) == expected


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES)
def test_the_state_after_each_chunk_is_that_of_the_bytes_so_far(
    stream: bytes, boundaries: list[int]
) -> None:
    parser = Parser()
    fed = b""
    items: list[Item] = []
    for chunk in split_at(stream, boundaries):
        items += parser.feed(chunk)
        fed += chunk
        # All complete items were returned, and no others.
        expected = interpret(fed)._replace(done_at_end=False)
        assert state(parser, items, []) == expected


@pytest.mark.parametrize("size", [1, 997, 65536, 1 << 20])
def test_large_streams_agree_with_the_standard(size: int) -> None:
    # Blocks larger than the parts in which a parser may process a chunk.
    blocks = [
        b"data: " + b"x" * 70_000 + b"\n\n",
        b": " + "é".encode() * 40_000 + b"\r\n",
        b"data: a\r" * 9_000 + b"\r",
        b"id: 1\nevent: e\nretry: 5\ndata: 1\r\ndata: 2\n\n" * 2_000,
        b"data: " + "😀".encode() * 30_000 + b"\xf0\x9f\r\n\r\ndata: [DONE]\n\nid: 2\ndata",
    ]
    stream = b"\xef\xbb\xbf" + b"".join(blocks)
    chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert outcome(Parser(), chunks) == interpret(stream)


@given(st.lists(st.integers(0, 255), max_size=40).map(bytes) | STREAMS)
def test_the_transcribed_decoder_agrees_with_python(stream: bytes) -> None:
    assert decode(stream) == stream.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
