# SPDX-License-Identifier: MIT
"""A push parser for server-sent events: it returns events, comments and ``[DONE]``."""

from .async_iterators import (
    AsyncChunks,
    AsyncEvents,
    AsyncItems,
    aiter_chunks,
    aiter_events,
    aiter_items,
)
from .content_type import is_event_stream
from .dispatcher import Dispatcher
from .encoder import encode
from .errors import (
    EventTooLargeError,
    IncompleteStreamError,
    NotEventStreamError,
    ParserClosedError,
    SSEError,
)
from .event_stream import EventStream
from .items import DONE, Block, Comment, Done, Event, Ignored, Item
from .iterators import iter_chunks, iter_events, iter_items
from .parser import Parser
from .payload import error_message

__all__ = [
    "DONE",
    "AsyncChunks",
    "AsyncEvents",
    "AsyncItems",
    "Block",
    "Comment",
    "Dispatcher",
    "Done",
    "Event",
    "EventStream",
    "EventTooLargeError",
    "Ignored",
    "IncompleteStreamError",
    "Item",
    "NotEventStreamError",
    "Parser",
    "ParserClosedError",
    "SSEError",
    "aiter_chunks",
    "aiter_events",
    "aiter_items",
    "encode",
    "error_message",
    "is_event_stream",
    "iter_chunks",
    "iter_events",
    "iter_items",
]

__version__ = "0.1.0"
