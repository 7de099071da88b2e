"""Parsing what encode() wrote gives the same items; it refuses what cannot be written."""

from __future__ import annotations

from engine import Input, fuzz, instrumented, read

with instrumented():
    from sse_stream import Comment, Event, Item, Parser, encode
    from sse_stream.parser import PureParser

PARSERS = {PureParser, Parser}


def check(data: bytes) -> None:
    """Encode the items of the stream, then items made from the chunks."""
    given = read(data)
    done = "[DONE]" if given.options & 1 else None
    for kind in PARSERS:
        items = kind(done=done).feed(given.stream)
        assert read_back(items, done) == items
    for item in made_of(given):
        try:
            encoded = encode(item)
        except ValueError:
            assert not can_be_encoded(item)
        else:
            assert can_be_encoded(item)
            for kind in PARSERS:
                assert kind(done=None).feed(encoded) == [normalised(item)]


def read_back(items: list[Item], done: str | None) -> list[Item]:
    """Encode each item with the last event ID of the reader, and parse it."""
    reader = Parser(done=done)
    read: list[Item] = []
    for item in items:
        read += reader.feed(encode(item, last_event_id=reader.last_event_id))
    return read


def made_of(given: Input) -> tuple[Event, Comment]:
    """Return an event and a comment of the chunks; invalid bytes become lone surrogates."""
    texts = [chunk.decode("utf-8", "surrogateescape") for chunk in given.chunks]
    event, data, id, text = (*texts, "", "", "", "")[:4]
    retry = [None, given.limit - 10, given.limit - 10 + 2**64][given.options % 3]
    return Event(event, data, id, retry), Comment(text)


def can_be_encoded(item: Event | Comment) -> bool:
    """Return whether all values can be written; the encoder itself checks bytes, not text."""
    if isinstance(item, Comment):
        lines, others = item.text, ""
    else:
        if "\0" in item.id or not (item.retry is None or item.retry in range(2**64)):
            return False
        lines, others = item.event + item.id, item.data
    return not (
        any(character in "\r\n" for character in lines)
        or any("\ud800" <= character <= "\udfff" for character in lines + others)
    )


def normalised(item: Event | Comment) -> Event | Comment:
    """Return the item as a reader sees it: an empty type is message, a line break is LF."""
    if isinstance(item, Comment):
        return item
    data = item.data.replace("\r\n", "\n").replace("\r", "\n")
    return Event(item.event or "message", data, item.id, item.retry)


if __name__ == "__main__":
    fuzz(check)
