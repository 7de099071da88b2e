"""Parser(blocks=True): what a block literally said, for any chunking, limit and ending."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.standard import decode, is_done, process, split
from support.strategies import CHUNK_BOUNDARIES, STREAMS, single_bytes, split_at

from sse_stream import DONE, Block, Comment, Event, EventTooLargeError, Item, Parser

CASES: dict[str, tuple[bytes, list[Item]]] = {
    "data alone": (b"data: a\n\n", [Block(data="a")]),
    "the type written out": (b"event: message\ndata: a\n\n", [Block("message", "a")]),
    "an empty type": (b"event\ndata: a\n\n", [Block("", "a")]),
    "type alone": (b"event: ping\n\n", [Block("ping")]),
    "ID alone": (b"id: 7\n\n", [Block(id="7")]),
    "an empty ID": (b"id\n\n", [Block(id="")]),
    "retry alone": (b"retry: 5\n\n", [Block(retry=5)]),
    "empty data": (b"data\n\n", [Block(data="")]),
    "two data lines": (b"data: a\ndata: b\n\n", [Block(data="a\nb")]),
    "the last of two": (b"event: a\nevent: b\nid: 1\nid: 2\n\n", [Block("b", id="2")]),
    "no field": (b"\n\n: hi\n\n", [Comment("hi")]),
    "unknown names": (b"foo: 1\n\n", []),
    "an ignored ID": (b"id: 1\0\n\n", []),
    "an ignored retry": (b"retry: x\n\nretry: x\ndata: a\n\n", [Block(data="a")]),
    "nothing of the block before": (
        b"event: e\nid: 1\nretry: 5\ndata: a\n\ndata: b\n\n",
        [Block("e", "a", "1", 5), Block(data="b")],
    ),
    "invalid UTF-8": (
        b"event: \xff\nid: \xfe\ndata: \xc3\n\n",
        [Block("\ufffd", "\ufffd", "\ufffd")],
    ),
    "DONE": (b"event: e\ndata: [DONE]\n\n", [DONE]),
    "an unfinished block": (b"data: a", []),
    "DONE without its blank line": (b"data: [DONE]", [DONE]),
}


def read(chunks: list[bytes], *, flush: bool = False, **options: Any) -> tuple[list[Item], Parser]:
    parser = Parser(blocks=True, **options)
    items = [item for chunk in chunks for item in parser.feed(chunk)]
    return items + parser.close(flush=flush), parser


@pytest.mark.parametrize("name", CASES)
def test_the_fields_of_a_block(name: str) -> None:
    stream, items = CASES[name]
    assert read([stream])[0] == read(single_bytes(stream))[0] == items
    # After a block, the fast path for a chunk that is one event must not be taken.
    assert read([b"data: 0\n\n", stream])[0] == [Block(data="0"), *items]


def test_flush_gives_the_block_that_the_end_cut() -> None:
    for stream, block in ((b"id: 7", Block(id="7")), (b"retry: 5\n", Block(retry=5))):
        assert read([stream])[0] == []
        assert read([stream], flush=True)[0] == [block]


def test_the_parser_tells_that_it_gives_blocks() -> None:
    assert Parser(blocks=True).blocks and not Parser().blocks
    assert Parser(blocks=1).blocks is True  # type: ignore[arg-type]


def literal(stream: bytes, done: str | None) -> list[Item]:
    """Return the Blocks and DONE of a stream, by the transcription's functions."""
    items: list[Item] = []
    lines, rest = split(decode(stream))
    data: list[str] = []
    fields: dict[str, Any] = {}
    for line in lines:
        name, value = process(line)
        if line == "":
            if data:
                fields["data"] = "\n".join(data)
            if data and is_done(fields["data"], done):
                items.append(DONE)
            elif fields:
                items.append(Block(**fields))
            data, fields = [], {}
        elif name == "":
            items.append(Comment(value))
        elif name == "data":
            data.append(value)
        elif name == "event" or (name == "id" and "\0" not in value):
            fields[name] = value
        elif name == "retry" and value and all("0" <= digit <= "9" for digit in value):
            number = int(value.lstrip("0")[:21] or "0")
            if number < 2**64:
                fields["retry"] = number
    name, value = process(rest)
    if rest and name == "data":
        data.append(value)
    if data and is_done("\n".join(data), done):
        items.append(DONE)
    return items


@given(
    stream=STREAMS,
    boundaries=CHUNK_BOUNDARIES,
    done=st.sampled_from(["[DONE]", None, "", "12", "x"]),
)
def test_any_stream_gives_its_literal_blocks(
    stream: bytes, boundaries: list[int], done: str | None
) -> None:
    expected = literal(stream, done)
    for chunks in ([stream], single_bytes(stream), split_at(stream, boundaries)):
        assert read(chunks, done=done)[0] == expected


@given(stream=STREAMS, boundaries=CHUNK_BOUNDARIES, limit=st.none() | st.integers(1, 40))
def test_all_else_is_as_without_blocks(
    stream: bytes, boundaries: list[int], limit: int | None
) -> None:
    """The comments, DONE, the limit, the state: and an Event is a Block that has data."""
    plain, blocks = Parser(max_event_size=limit), Parser(max_event_size=limit, blocks=True)

    def events(items: list[Item], last_event_id: str) -> list[Item]:
        found: list[Item] = []
        for item in items:
            if not isinstance(item, Block):
                found.append(item)
                continue
            last_event_id = last_event_id if item.id is None else item.id
            if item.data is not None:
                found.append(Event(item.event or "message", item.data, last_event_id, item.retry))
        return found

    found: list[list[Item]] = [[], []]
    for chunk in [*split_at(stream, boundaries), b"", None]:
        last_event_id = plain.last_event_id
        # A Block that comes before the limit delays the error to the next call: the empty chunk.
        errors: list[bool] = []
        for parser, got in zip((plain, blocks), found, strict=True):
            try:
                items = parser.close(flush=True) if chunk is None else parser.feed(chunk)
                got += events(items, last_event_id)
                errors.append(False)
            except EventTooLargeError:
                errors.append(True)
        assert found[0] == found[1] and (chunk or errors[0] == errors[1])
        states = [
            (p.last_event_id, p.retry, p.incomplete, p.ignored, p.in_line, p.recognised)
            for p in (plain, blocks)
        ]
        assert states[0] == states[1] and plain.ignored_tail == blocks.ignored_tail


def test_a_block_is_a_value() -> None:
    block = Block("ping", None, "7", 5)
    assert block == Block(event="ping", id="7", retry=5) != Block("ping", "", "7", 5)
    assert block != Event("ping", "", "7", 5) and len({block, copy.deepcopy(block)}) == 1
    assert pickle.loads(pickle.dumps(block)) == block
    assert repr(Block()) == "Block(event=None, data=None, id=None, retry=None)"
    match block:
        case Block(event, data, id, retry):
            assert (event, data, id, retry) == ("ping", None, "7", 5)
    with pytest.raises(AttributeError):
        block.data = "x"  # type: ignore[misc]


def test_the_json_of_a_block() -> None:
    assert Block(data='{"a": [1]}').json("a", 0) == 1
    with pytest.raises(ValueError, match="no data"):
        Block(id="7").json()
