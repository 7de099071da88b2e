"""Any chunking gives the same items, state and errors, and they are those of the standard."""

from __future__ import annotations

from engine import fuzz, in_pieces, instrumented, outcome, read

with instrumented():
    from support.standard import interpret

    from sse_stream import Comment, Done, Event, Parser
    from sse_stream.parser import PureParser


def plain(item: object) -> tuple[object, ...]:
    """Return an item in the form that the transcription gives."""
    match item:
        case Event(event, data, id, retry):
            return ("event", event, data, id, retry)
        case Comment(text):
            return ("comment", text)
        case Done():
            return ("done",)
    raise TypeError(item)


def check(data: bytes) -> None:
    """Feed the stream in chunks, whole and byte by byte, to each parser."""
    given = read(data)
    in_pieces(given.options)
    wanted = interpret(given.stream)
    single = [given.stream[at : at + 1] for at in range(len(given.stream))]
    for kind in {PureParser, Parser}:
        for chunks in ([given.stream], given.chunks, single):
            got = outcome(kind(), chunks)
            assert [plain(item) for item in got.items] == wanted.items
            assert (got.last_event_id, got.retry, got.incomplete) == wanted[1:]


if __name__ == "__main__":
    fuzz(check)
