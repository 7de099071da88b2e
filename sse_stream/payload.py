# SPDX-License-Identifier: MIT
"""What servers put into the JSON of their events: errors, and where the text of an answer is."""

from __future__ import annotations

from .annotations import Any, Callable
from .items import Block, Event, value_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Json: TypeAlias = dict[str, Any] | list[Any] | str | float | None

# Where the message of an error is, the most specific place first.
_MESSAGES: tuple[tuple[str, ...], ...] = (
    ("error", "message"),
    ("error",),
    ("message",),
    ("response", "error", "message"),
)


def error_message(event: Event | Block) -> str | None:
    """Return the message of an error that the server reports in this event, else None.

    An error is JSON with a top-level ``error`` that is true in Python, and an event whose type is
    ``error`` or ends with ``.failed``, where the type may also be the ``type``, ``event`` or
    ``object`` in its JSON. Without a message in the JSON it is the data, at most 200 characters,
    or ``no data``. It raises nothing.

    >>> from sse_stream import Event
    >>> error_message(Event(data='{"error": {"message": "overloaded"}}'))
    'overloaded'
    >>> error_message(Event(data='{"choices": []}'))
    """
    data = event.data or ""
    kind = event.event or ""
    is_error = kind == "error" or kind.endswith(".failed")
    if not is_error and "error" not in data and "failed" not in data:
        return None  # not decoded: this costs next to nothing
    try:
        value: Json = event.json()
    except (ValueError, RecursionError):
        value = None
    if not is_error and not _is_error(value):
        return None
    for path in _MESSAGES:
        message = value_at(value, path, None)
        if message and isinstance(message, str):
            return message
    return data[:200] or "no data"


def _is_error(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    kinds = [value.get("type"), value.get("event"), value.get("object")]
    return bool(value.get("error")) or any([_is_error_type(kind) for kind in kinds])


def _is_error_type(kind: object) -> bool:
    return isinstance(kind, str) and (kind == "error" or kind.endswith(".failed"))


# Where the text of an answer is: the JSON has ``key``, with a value of ``values`` (none: with any
# value), and the text is at one of the paths. _FIRST is the element of a list whose ``index`` is
# 0: several answers to one question have one index each.
_FIRST = 0
_TEXTS: tuple[tuple[str, tuple[str | bool, ...], tuple[tuple[str | int, ...], ...]], ...] = (
    # chat completions; completions
    ("choices", (), (("choices", _FIRST, "delta", "content"), ("choices", _FIRST, "text"))),
    # Responses
    ("type", ("response.output_text.delta",), (("delta",),)),
    # Anthropic; the other kinds of blocks and deltas have no ``text``
    ("type", ("content_block_start",), (("content_block", "text"),)),
    ("type", ("content_block_delta",), (("delta", "text"),)),
    # Gemini
    ("candidates", (), (("candidates", _FIRST, "content", "parts"),)),
    # Cohere, version 2 and 1
    ("type", ("content-start", "content-delta"), (("delta", "message", "content", "text"),)),
    ("event_type", ("text-generation",), (("text",),)),
    # Assistants
    ("object", ("thread.message.delta",), (("delta", "content"),)),
    # watsonx
    ("results", (), (("results", _FIRST, "generated_text"),)),
    # Ollama, chat and generate
    ("done", (False, True), (("message", "content"), ("response",))),
    # Dify, chat and workflow
    ("event", ("message", "agent_message"), (("answer",),)),
    ("event", ("text_chunk",), (("data", "text"),)),
)


def answer_text(event: Event | Block, loads: Callable[[str], Any] | None = None) -> str:
    """Return the text of the answer that an event of a model provider has, or an empty text.

    It is the text of the first choice, without reasoning, tool calls and citations. ``loads``
    decodes the JSON (json.loads by default). Raises its errors, and RecursionError for JSON
    that is nested too deeply.

    >>> from sse_stream import Event
    >>> answer_text(Event(data='{"choices": [{"index": 0, "delta": {"content": "Hi"}}]}'))
    'Hi'
    """
    if event.event == "output":
        return event.data or ""  # Replicate: the data itself is the text
    value: Json = event.json(loads=loads) if loads else event.json()
    if isinstance(value, dict):
        for key, values, paths in _TEXTS:
            if key in value and (not values or value[key] in values):
                for path in paths:
                    if text := _text_at(value, path):
                        return text
    return ""


def _text_at(value: Json, path: tuple[str | int, ...]) -> str:
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = _first(value)
    if isinstance(value, list):
        return "".join([_part_text(part) for part in value])
    return value if isinstance(value, str) else ""


def _first(choices: Json) -> Json:
    """Return the element whose ``index`` is 0 or missing, the first of them."""
    if isinstance(choices, list):
        choice: Json
        for choice in choices:
            if isinstance(choice, dict) and choice.get("index") in (None, 0):
                return choice
    return None


def _part_text(part: Json) -> str:
    """Return the text of one part of an answer; "" for a thought, a reference or an image."""
    if not isinstance(part, dict) or part.get("thought") or part.get("type", "text") != "text":
        return ""
    text: Json = part.get("text")
    if isinstance(text, dict):
        text = text.get("value")  # Assistants
    return text if isinstance(text, str) else ""
