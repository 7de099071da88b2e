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
    # Only parameters have quoted strings, which may contain commas.
    text = (content_type or "").replace("\\\\", "").replace('\\"', "")
    for value in '"'.join(text.split('"')[::2]).split(","):
        essence = value.partition(";")[0].strip(" \t\r\n").lower()
        kind, _, subtype = essence.partition("/")
        if kind and subtype and _TOKEN.issuperset(kind + subtype) and essence != "*/*":
            found = essence
    return found == "text/event-stream"
