"""The annotations can be evaluated at run time, although nothing imports typing for them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Generator, Iterator
from types import FunctionType
from typing import Any

import pytest

import sse_stream
from sse_stream import (
    Block,
    Comment,
    Done,
    Event,
    EventStream,
    Ignored,
    Item,
    Parser,
    encode,
    iter_events,
)
from sse_stream.errors import Buffer
from sse_stream.parser import PureParser


def functions(name: str, value: object) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions of a public name: itself, or methods and properties of a class."""
    if isinstance(value, FunctionType):
        yield name, value
    elif isinstance(value, type):
        for member in dir(value):
            found = inspect.getattr_static(value, member)
            found = found.fget if isinstance(found, property) else found
            found = getattr(found, "__func__", found)
            if isinstance(found, FunctionType) and (member[:1] != "_" or member[-2:] == "__"):
                yield f"{name}.{member}", found


NAMES = [(name, getattr(sse_stream, name)) for name in sse_stream.__all__]
FUNCTIONS = dict(
    pair for name, value in [*NAMES, ("PureParser", PureParser)] for pair in functions(name, value)
)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.endswith(".json")])
def test_the_annotations_of_a_function_can_be_evaluated(name: str) -> None:
    hints = typing.get_type_hints(FUNCTIONS[name])
    assert set(hints) == set(FUNCTIONS[name].__annotations__)


def test_what_they_are() -> None:
    hints = typing.get_type_hints(iter_events)
    assert hints["parser"] == Parser | None
    assert hints["until"] == Callable[[Event], object] | None
    assert hints["return"] == Generator[Event, None, None]
    assert typing.get_type_hints(encode) == {
        "item": Event | Block | Comment | Done,
        "last_event_id": str,
        "return": bytes,
    }
    assert typing.get_type_hints(PureParser.feed) == {"data": Buffer, "return": list[Item]}
    assert typing.get_type_hints(EventStream.close) == {"cut": bool, "return": list[Item]}
    assert Ignored in typing.get_args(typing.get_type_hints(EventStream.feed)["return"].__args__[0])


def test_a_stream_can_be_written_with_the_type_of_its_items() -> None:
    kind: Any = EventStream[Block]
    stream = kind(parser=Parser(blocks=True))
    assert type(stream) is EventStream
    assert stream.feed(b"id: 7\n\n") == [Block(id="7")]
    assert not hasattr(stream, "__dict__")
