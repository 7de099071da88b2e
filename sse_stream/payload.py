# SPDX-License-Identifier: MIT
"""What servers put into the JSON of their events: errors, and where the text of an answer is."""

from __future__ import annotations

from .items import value_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .items import Block, Event

# Where the message of an error is, the most specific place first.
_MESSAGES: tuple[tuple[str, ...], ...] = (
    ("error", "message"),
    ("error",),
    ("message",),
    ("response", "error", "message"),
)


def error_message(event: Event | Block) -> str | None:
    """Return the message of an error that the server reports in this event, else None.

    An error is an event of type ``error``, and JSON with a top-level ``error`` that is true in
    Python, with ``error`` as its ``type`` or ``object``, or with a ``type`` that ends with
    ``.failed``. Without a message in the JSON it is the data, at most 200 characters, or
    ``no data``. It raises nothing.

    >>> from sse_stream import Event
    >>> error_message(Event(data='{"error": {"message": "overloaded"}}'))
    'overloaded'
    >>> error_message(Event(data='{"choices": []}'))
    """
    data = event.data or ""
    is_error = event.event == "error"
    if not is_error and "error" not in data and "failed" not in data:
        return None  # not decoded: this costs next to nothing
    try:
        value: Any = event.json()
    except (ValueError, RecursionError):
        value = None
    if not is_error and not _is_error(value):
        return None
    for path in _MESSAGES:
        message = value_at(value, path, None)
        if message and isinstance(message, str):
            return message
    return data[:200] or "no data"


def _is_error(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    failed = isinstance(kind, str) and kind.endswith(".failed")
    return failed or "error" in (kind, value.get("object")) or bool(value.get("error"))
