# SPDX-License-Identifier: MIT
"""Whether a response says that it is an event stream."""

from __future__ import annotations

# The characters of a MIME type and of its subtype, in lower case.
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def is_event_stream(content_type: str | None) -> bool:
    """Whether a Content-Type is ``text/event-stream``, with any parameters and case.

    In a header with several values the last valid one counts, as in the Fetch standard
    (extract a MIME type).

    >>> is_event_stream("Text/Event-Stream; charset=utf-8"), is_event_stream(None)
    (True, False)
    """
    found = ""
    for value in _values(content_type or ""):
        essence = value.partition(";")[0].strip(" \t\r\n").lower()
        kind, _, subtype = essence.partition("/")
        if kind and subtype and _TOKEN.issuperset(kind + subtype) and essence != "*/*":
            found = essence
    return found == "text/event-stream"


def _values(header: str) -> list[str]:
    """Split a header at the commas that are not inside a quoted string."""
    values = [""]
    quoted = escaped = False
    # Only ASCII can be a MIME type; lower() makes ASCII of some other characters.
    for character in header.encode("ascii", "replace").decode():
        if character == "," and not quoted:
            values.append("")
            continue
        values[-1] += character
        if escaped:
            escaped = False
        elif character == '"':
            quoted = not quoted
        else:
            escaped = quoted and character == "\\"
    return values
