"""The errors that are raised, and the checks of arguments that raise Python's own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer


class SSEError(Exception):
    """Base of every error that is about the event stream itself.

    >>> issubclass(EventTooLargeError, SSEError)
    True
    """


class EventTooLargeError(SSEError):
    """The bytes retained for one block exceed the limit.

    ``limit`` is in bytes. ``last_event_id`` is the last event ID string, to resume from.

    >>> from sse_stream import Parser
    >>> Parser(max_event_size=8).feed(b"data: 123")
    Traceback (most recent call last):
        ...
    sse_stream.errors.EventTooLargeError: an event or a line is larger than the limit of 8 bytes
    """

    def __init__(self, limit: int, last_event_id: str = "") -> None:
        super().__init__(limit, last_event_id)
        self.limit = limit
        self.last_event_id = last_event_id

    def __str__(self) -> str:
        return f"an event or a line is larger than the limit of {self.limit} bytes"


class IncompleteStreamError(SSEError):
    """The source ended before DONE, or before the event that ``until`` waits for.

    ``last_event_id`` is the last event ID string, to resume from.

    >>> from sse_stream import iter_events
    >>> try:
    ...     for event in iter_events([b"id: 7\\ndata: a\\n\\ndata: b"], require_done=True):
    ...         print(event.data)
    ... except IncompleteStreamError as error:
    ...     print("truncated; resume after", error.last_event_id)
    a
    truncated; resume after 7
    """

    def __init__(self, last_event_id: str = "") -> None:
        super().__init__(last_event_id)
        self.last_event_id = last_event_id

    def __str__(self) -> str:
        return (
            f"the event stream ended before its final event (last event ID {self.last_event_id!r})"
        )


# How the bytes of a body begin that no event stream begins with, and what to do about it.
_REASONS = (
    (b"\x1f\x8b", "gzip: decompress the body first"),
    (b"\x78\x9c", "zlib: decompress the body first"),
    (b"\x28\xb5\x2f\xfd", "Zstandard: decompress the body first"),
    (b"\xff\xfe", "UTF-16: an event stream is UTF-8"),
    (b"\xfe\xff", "UTF-16: an event stream is UTF-8"),
    (b"{", "JSON: perhaps an error of the server"),
    (b"[", "JSON: perhaps an error of the server"),
    (b"<", "HTML or XML: perhaps an error page"),
)


class NotEventStreamError(SSEError):
    """The source ended, and nothing in it was an event stream.

    ``start`` holds its first bytes, at most 200.

    >>> from sse_stream import iter_events
    >>> list(iter_events([b'{"error": "bad key"}']))
    Traceback (most recent call last):
        ...
    sse_stream.errors.NotEventStreamError: not an event stream (JSON: perhaps an error of the \
server); it starts with b'{"error": "bad key"}'
    """

    def __init__(self, start: bytes = b"") -> None:
        super().__init__(start)
        self.start = start

    def __str__(self) -> str:
        text = self.start.removeprefix(b"\xef\xbb\xbf").lstrip()
        reasons = [reason for magic, reason in _REASONS if text.startswith(magic)]
        # UTF-16 without a byte order mark has a NUL in each ASCII character.
        if not reasons and b"\0" in self.start[:2]:
            reasons = ["UTF-16: an event stream is UTF-8"]
        reason = f" ({reasons[0]})" if reasons else ""
        return f"not an event stream{reason}; it starts with {self.start!r}"


class ParserClosedError(SSEError):
    """feed() or close() was called after close(), or after a call that failed.

    >>> from sse_stream import Parser
    >>> parser = Parser()
    >>> parser.close()
    []
    >>> parser.feed(b"data")
    Traceback (most recent call last):
        ...
    sse_stream.errors.ParserClosedError: the parser is closed: use a new parser for each stream
    """

    def __init__(
        self, message: str = "the parser is closed: use a new parser for each stream"
    ) -> None:
        super().__init__(message)


_CHARACTERS = {"\0": "NUL", "\r": "CR", "\n": "LF"}


def check_text(name: str, value: object, refused: str) -> str:
    """Return the argument ``name`` as an exact str, without any of the characters refused.

    Exact, since the methods of a subclass could say something else later. Raises TypeError
    for what is no str, ValueError for a character that is refused.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    text = str.__str__(value)
    for character in refused:
        if character in text:
            raise ValueError(f"{name} cannot hold {_CHARACTERS[character]}")
    return text


def check_limit(value: object) -> int:
    """Return the argument ``max_event_size`` as an exact int, which is positive.

    Raises TypeError for what is no int, ValueError for what is not positive.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"max_event_size must be an int or None, not {type(value).__name__}")
    limit = int.__index__(value)
    if limit <= 0:
        raise ValueError(f"max_event_size must be positive, not {limit}")
    return limit


def as_bytes(data: Buffer) -> bytes:
    """Return the bytes of a bytes-like object; raise TypeError for any other."""
    if isinstance(data, str):
        raise TypeError("feed() takes bytes, not str: pass the bytes of the response, undecoded")
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"feed() takes a bytes-like object, not {type(data).__name__}") from None
    with view:
        return view.tobytes()
