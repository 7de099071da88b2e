"""Type checkers know all kinds of items: the chains and patterns below leave nothing over."""

# The last test of a complete chain is always true, which pyright reports in its strict mode.
# pyright: reportUnnecessaryIsInstance=false, reportUnnecessaryComparison=false

from __future__ import annotations

from typing_extensions import assert_never, assert_type

from sse_stream import DONE, Block, Comment, Done, Event, Ignored, Item


def in_a_chain(item: Item) -> str:
    if isinstance(item, Event):
        return item.data
    elif isinstance(item, Block):
        assert_type(item.data, str | None)
        return item.data or ""
    elif item is DONE:
        return "done"
    elif isinstance(item, Comment):
        return item.text
    elif isinstance(item, Ignored):
        return item.line
    else:
        assert_never(item)


def done_last(item: Event | Block | Done) -> str:
    if isinstance(item, (Event, Block)):
        return item.data or ""
    elif item is DONE:
        return "done"
    else:
        assert_never(item)


def done_first(item: Event | Done) -> str:
    if item is DONE:
        return "done"
    assert_type(item, Event)
    return item.data


def not_done(item: Event | Done) -> str:
    if item is not DONE:
        return item.data
    done: Done = item
    return repr(done)


def by_class(item: Event | Done) -> str:
    return "done" if isinstance(item, Done) else item.data


def by_pattern(item: Item) -> str:
    match item:
        case Event(event, data, id, retry):
            assert_type(event, str)
            assert_type(retry, int | None)
            return event + data + id
        case Block(event=name, data=None):
            assert_type(name, str | None)
            return name or ""
        case Block(_, text, _, time):
            assert_type(time, int | None)
            return text or ""
        case Comment(text) | Ignored(text):
            assert_type(text, str)
            return text
        case Done():
            return "done"
        case _:
            assert_never(item)
