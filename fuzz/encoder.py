"""Parsing what encode() wrote gives the same items; it refuses what cannot be written."""

from __future__ import annotations

from engine import Input, fuzz, instrumented, read

with instrumented():
    from sse_stream import Block, Comment, Event, Ignored, Item, Parser, encode
    from sse_stream.parser import PureParser

PARSERS = {PureParser, Parser}


def check(data: bytes) -> None:
    """Encode the items of the stream, then items made from the chunks."""
    given = read(data)
    done = "[DONE]" if given.options & 1 else None
    for kind in PARSERS:
        for blocks in (False, True):
            items = kind(done=done, blocks=blocks).feed(given.stream)
            assert read_back(items, done, blocks) == items
    for item in made_of(given):
        try:
            encoded = encode(item)
        except ValueError:
            assert not can_be_encoded(item)
        else:
            assert can_be_encoded(item)
            for kind in PARSERS:
                parser = kind(done=None, blocks=isinstance(item, Block))
                assert parser.feed(encoded) == as_read(item)


def read_back(items: list[Item], done: str | None, blocks: bool) -> list[Item]:
    """Encode each item with the last event ID of the reader, and parse it."""
    reader = Parser(done=done, blocks=blocks)
    read: list[Item] = []
    for item in items:
        assert not isinstance(item, Ignored)
        read += reader.feed(encode(item, last_event_id=reader.last_event_id))
    return read


def made_of(given: Input) -> tuple[Event, Comment, Block]:
    """Return an event, a comment and a block of the chunks.

    Invalid bytes become lone surrogates. Each bit of ``skip`` leaves out a field of the block.
    """
    texts = [chunk.decode("utf-8", "surrogateescape") for chunk in given.chunks]
    event, data, id, text = (*texts, "", "", "", "")[:4]
    retry = [None, given.limit - 10, given.limit - 10 + 2**64][given.options % 3]
    skip = len(given.stream)
    block = Block(
        None if skip & 1 else event,
        None if skip & 2 else data,
        None if skip & 4 else id,
        retry,
    )
    return Event(event, data, id, retry), Comment(text), block


def can_be_encoded(item: Event | Comment | Block) -> bool:
    """Return whether all values can be written; the encoder itself checks bytes, not text."""
    if isinstance(item, Comment):
        lines, others = "", item.text
    else:
        if item == Block() or not (item.retry is None or item.retry in range(2**64)):
            return False
        lines, others = (item.event or "") + (item.id or ""), item.data or ""
        if "\0" in (item.id or ""):
            return False
    return not (
        any(character in "\r\n" for character in lines)
        or any("\ud800" <= character <= "\udfff" for character in lines + others)
    )


def as_read(item: Event | Comment | Block) -> list[Item]:
    """Return what a reader gets: line breaks are LF, and each line of a comment is a Comment."""
    if isinstance(item, Comment):
        return [Comment(line) for line in normalised(item.text).split("\n")]
    if isinstance(item, Event):
        return [item.__replace__(event=item.event or "message", data=normalised(item.data))]
    return [item if item.data is None else item.__replace__(data=normalised(item.data))]


def normalised(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


if __name__ == "__main__":
    fuzz(check)
