"""A push parser for server-sent events: it returns events, comments and ``[DONE]``."""

from .adapters import (
    Dispatcher,
    aiter_events,
    aiter_items,
    aread_chunks,
    is_event_stream,
    iter_events,
    iter_items,
    read_chunks,
)
from .encoder import encode
from .errors import (
    EventTooLargeError,
    IncompleteStreamError,
    NotEventStreamError,
    ParserClosedError,
    SSEError,
)
from .items import DONE, Comment, Done, Event, Ignored, Item
from .parser import Parser

__all__ = [
    "DONE",
    "Comment",
    "Dispatcher",
    "Done",
    "Event",
    "EventTooLargeError",
    "Ignored",
    "IncompleteStreamError",
    "Item",
    "NotEventStreamError",
    "Parser",
    "ParserClosedError",
    "SSEError",
    "aiter_events",
    "aiter_items",
    "aread_chunks",
    "encode",
    "is_event_stream",
    "iter_events",
    "iter_items",
    "read_chunks",
]

__version__ = "0.1.0"
