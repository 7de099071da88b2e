"""Which Content-Type headers are those of an event stream."""

from __future__ import annotations

import pytest

from sse_stream import is_event_stream


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        ("text/event-stream", True),
        ("text/event-stream;charset=utf-8", True),
        ("TEXT/Event-Stream ; charset=x", True),
        (" text/event-stream\t", True),
        ("text/event-stream;", True),
        ("text/event-streams", False),
        ("text/event", False),
        ("text/", False),
        ("/event-stream", False),
        ("text/event-stream/", False),
        ("text /event-stream", False),
        ("text/event-stream charset=utf-8", False),
        ("application/json; a=text/event-stream", False),
        ("xtext/event-stream", False),
        ("text/event-stream\u2003", False),
        ("text/event-\u017ftream", False),
        ("", False),
        (None, False),
        # Several values: the last that is valid counts.
        ("text/event-stream, text/html", False),
        ("text/html, text/event-stream", True),
        ("text/html;q=1, text/event-stream;charset=utf-8", True),
        ("text/event-stream,", True),
        ("text/event-stream, ", True),
        (",text/event-stream", True),
        ("text/event-stream, */*", True),
        ("*/*, text/event-stream", True),
        ("text/event-stream, text", True),
        ("text/event-stream, text/html(comment)", True),
        ("text/event-stream, text/html/x", True),
        ("text/event-stream, ;charset=utf-8", True),
        # A comma inside quotation marks separates nothing.
        ('text/html;a="b, text/event-stream', False),
        ('text/html;a=", text/event-stream"', False),
        ('text/html;a=", text/event-stream", text/event-stream', True),
        ('text/event-stream;a=", text/html"', True),
        ('text/html;a="\\", text/event-stream"', False),
        ('text/html;a="\\\\", text/event-stream', True),
        ('text/html;a="b"c, text/event-stream', True),
        ('text/html, text/event-stream"a"', False),
        # One that does not end goes on to the end of the header.
        ('text/event-stream;a="b, text/html', True),
        ('text/html;a="b\\', False),
        # A backslash escapes only inside quotation marks.
        ('text/event-stream;a=\\", text/html', True),
        ('text/html;a=\\", text/event-stream"', False),
        ('text/html;a=\\\\", text/event-stream"', False),
        ("text/html;a=\\, text/event-stream", True),
        # No character outside of ASCII belongs to a MIME type.
        ("text/event-stream, \u212a/x", True),
        ("text/event-stream, x/\xff", True),
        ("text/event-stream\ud800", False),
    ],
)
def test_is_event_stream(content_type: str | None, answer: bool) -> None:
    assert is_event_stream(content_type) is answer
