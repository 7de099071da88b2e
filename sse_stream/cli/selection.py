# SPDX-License-Identifier: MIT
"""What is looked for in the JSON of each event: --select, --text and --until."""

from __future__ import annotations

import json
import re

from .. import Event, error_message
from ..payload import answer_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..payload import Json

_ABSENT = object()


class Selection:
    """What --text writes of each event; it reports the errors inside the stream."""

    reports_errors = True

    def __init__(self, complain: Callable[[str], None]) -> None:
        self.failed = False  # an error inside the stream, or data that is not JSON
        self._complain = complain
        self._found = False
        self._example = ""  # describes the first JSON in which nothing was found
        self._half = ""  # the first half of a surrogate pair

    def text(self, event: Event) -> str:
        """Return what to write for an event; report an error in it."""
        message = error_message(event) if self.reports_errors else None
        text = ""
        if event.data:
            try:
                text = self._selected(event, is_error=message is not None)
            except (ValueError, RecursionError) as error:
                if message is None:
                    what = "not JSON" if isinstance(error, ValueError) else _TOO_DEEP
                    self._fail(f"data is {what}: {shortened(event.data)!r}")
        if message is not None:
            self._fail(f"the stream reports an error: {shortened(message)}")
        return self._joined(text)

    def rest(self) -> str:
        """Return what to write after the last event."""
        return "\ufffd" if self._half else ""

    def not_found(self) -> str:
        """Return the message if nothing was found in any event, else ""."""
        if self._found or self.failed:
            return ""
        content = f": {self._example}" if self._example else ""
        return f"no event has a text of an answer{content}"

    def _selected(self, event: Event, is_error: bool) -> str:
        text = answer_text(event, _decode)
        if text:
            self._found = True
        elif not is_error and not self._example:
            self._example = _description(_decode(event.data))
        return text

    def _fail(self, message: str) -> None:
        self.failed = True
        self._complain(message)

    def _joined(self, text: str) -> str:
        """Join the halves of a surrogate pair, which JSON lets a server split between events."""
        text = self._half + text
        whole = len(text) - ("\ud800" <= text[-1:] <= "\udbff")
        self._half = text[whole:]
        return text[:whole].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_TOO_DEEP = "JSON nested too deeply"


class PathSelection(Selection):
    """What --select writes of each event: the value at a path in its JSON."""

    def __init__(self, path: str, complain: Callable[[str], None]) -> None:
        super().__init__(complain)
        self._path = path
        self._steps = path.split(".")
        self.reports_errors = self._steps[0] != "error"

    def not_found(self) -> str:
        """Return the message if there was JSON but none had the path, else ""."""
        if self._found or not self._example:
            return ""
        message = f"PATH {self._path!r} is in no event's JSON: {self._example}"
        # The notation of other tools, as in $.choices[0]["delta"].
        steps = ".".join(filter(None, re.split(r"[\[\]\"'.$]+", self._path)))
        return message if steps == self._path else f"{message}; write PATH as {steps!r}"

    def _selected(self, event: Event, is_error: bool) -> str:
        value = event.json(loads=_decode)
        selected = _value_at(value, self._steps)
        if selected is not _ABSENT:
            self._found = True
        elif not is_error and not self._example:
            self._example = _description(value)
        return "" if selected is _ABSENT or selected is None else _as_text(selected)


class Until:
    """The event that --until waits for: its type, or the value at a path in its JSON."""

    def __init__(self, given: str) -> None:
        self._path, equals, self._value = given.partition("=")
        self._steps = self._path.split(".") if equals else []
        self.name = f"an event with {given!r}" if equals else f"an event of type {given!r}"

    def __call__(self, event: Event) -> bool:
        """Whether this is the event."""
        if not self._steps and event.event == self._path:
            return True
        try:
            value: Json = _decode(event.data)
            if self._steps:
                selected = _value_at(value, self._steps)
                return selected is not _ABSENT and _as_text(selected) == self._value
            return isinstance(value, dict) and self._path in (value.get("type"), value.get("event"))
        except (ValueError, RecursionError):
            return False


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits  # more than the 4300 digits that Python converts


_decode: Callable[[str], Any] = json.JSONDecoder(parse_int=_integer).decode


def is_half_json(data: str) -> bool:
    """Whether the data begins like a JSON object or array, but is none: its end is missing."""
    if data.startswith(("{", "[")):
        try:
            _decode(data)
        except (ValueError, RecursionError):
            return True
    return False


def _description(value: Json) -> str:
    if isinstance(value, dict) and value:
        return f"the top-level keys of the first are {shortened(', '.join(value))}"
    return f"the first is {shortened(_as_text(value))}"


def _value_at(value: Any, steps: list[str]) -> Any:
    """Return the value at a path as it is written in an option; _ABSENT if there is none."""
    try:
        for step in steps:
            value = value[int(step) if isinstance(value, list) else step]
    except (LookupError, TypeError, ValueError):
        return _ABSENT
    return value


def _as_text(value: Json) -> str:
    """Return a text as it is, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shortened(text: str, size: int = 200) -> str:
    """Return the text, or its start."""
    return text if len(text) <= size else f"{text[:size]}..."
