"""For any chunk boundaries, items, state and errors are the same, and those of the standard."""

from __future__ import annotations

from typing import Any

from engine import fuzz, in_pieces, instrumented, outcome, read, single_bytes

with instrumented():
    from support.standard import interpret

    from sse_stream import Block, Comment, Done, Event, Ignored, Item, Parser
    from sse_stream.parser import PureParser


def plain(item: object) -> tuple[object, ...]:
    """Return an item in the form that the transcription gives."""
    match item:
        case Event(event, data, id, retry):
            return ("event", event, data, id, retry)
        case Comment(text):
            return ("comment", text)
        case Ignored(line):
            return ("ignored", line)
        case Done():
            return ("done",)
    raise TypeError(item)


def interpreted(items: list[Item]) -> list[Item]:
    """Make the Events of the standard from Blocks; other items stay."""
    events: list[Item] = []
    last_event_id = ""
    for item in items:
        if not isinstance(item, Block):
            events.append(item)
            continue
        assert item != Block(), "a block of no fields"
        last_event_id = last_event_id if item.id is None else item.id
        if item.data is not None:
            name = item.event or "message"
            events.append(Event(name, item.data, last_event_id, item.retry))
    return events


def check(data: bytes) -> None:
    """Feed the stream in chunks, whole and byte by byte, to each parser."""
    given = read(data)
    in_pieces(given.options)
    options: Any = {
        "done": None if given.options & 1 else "[DONE]",
        "report_ignored": bool(given.options & 2),
    }
    flush = bool(given.options & 4)
    wanted = interpret(given.stream + b"\n\n" * flush, **options)
    items = wanted.items + [("done",)] * wanted.done_at_end
    state = (wanted.last_event_id, wanted.retry, wanted.incomplete, wanted.ignored)
    for kind in {PureParser, Parser}:
        for chunks in ([given.stream], given.chunks, single_bytes(given.stream)):
            got = outcome(kind(**options), chunks, flush=flush)
            assert [plain(item) for item in got.items] == items
            assert (got.last_event_id, got.retry, got.incomplete, got.ignored) == state
            blocks = outcome(kind(**options, blocks=True), chunks, flush=flush)
            assert blocks[2:] == got[2:]
            # The ID in the block of DONE is in no item.
            if options["done"] is None or not any(item == ("done",) for item in items):
                assert interpreted(blocks.items) == got.items


if __name__ == "__main__":
    fuzz(check)
