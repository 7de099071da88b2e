# SPDX-License-Identifier: MIT
"""The errors of the package, and the checks of arguments that raise TypeError or ValueError."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer as Buffer
else:
    Buffer = bytes | bytearray | memoryview  # any bytes-like object; for typing.get_type_hints()


class SSEError(Exception):
    """Base of every error that is about the event stream itself.

    >>> issubclass(EventTooLargeError, SSEError)
    True
    """


class EventTooLargeError(SSEError):
    """The bytes buffered for one block exceed ``max_event_size`` of the parser.

    - ``limit``: that limit, in bytes.
    - ``last_event_id``: the last event ID string, to resume from.

    >>> from sse_stream import Parser
    >>> Parser(max_event_size=8).feed(b"data: 123")
    Traceback (most recent call last):
        ...
    sse_stream.errors.EventTooLargeError: an event or a line is larger than the limit of 8 bytes \
(max_event_size)
    """

    def __init__(self, limit: int, last_event_id: str = "") -> None:
        super().__init__(limit, last_event_id)
        self.limit = limit
        self.last_event_id = last_event_id

    def __str__(self) -> str:
        return f"an event or a line is larger than the limit of {self.limit} bytes (max_event_size)"


class IncompleteStreamError(SSEError):
    """The source ended before DONE or the event that ``until`` waits for, or it broke off.

    - ``last_event_id``: the last event ID string, to resume from.
    - ``tail``: if the stream broke off with an error page or a JSON error, its first 200 bytes
      as text, else an empty text.
    - ``missing``: which end did not come, in words.

    >>> from sse_stream import iter_events
    >>> try:
    ...     for event in iter_events([b"id: 7\\ndata: a\\n\\ndata: b"], require_done=True):
    ...         print(event.data)
    ... except IncompleteStreamError as error:
    ...     print("incomplete; resume after", error.last_event_id)
    a
    incomplete; resume after 7
    """

    def __init__(
        self, last_event_id: str = "", tail: str = "", missing: str = "its final event"
    ) -> None:
        super().__init__(last_event_id, tail, missing)
        self.last_event_id = last_event_id
        self.tail = tail
        self.missing = missing

    def __str__(self) -> str:
        tail = f", and its last text is no event: {self.tail!r}" if self.tail else ""
        resume = f" (last event ID {self.last_event_id!r})" if self.last_event_id else ""
        return f"the event stream ended before {self.missing}{tail}{resume}"


# The first bytes of binary formats, and what the message says about them.
_SIGNATURES = (
    (b"\x1f\x8b", "gzip: decompress the body first"),
    (b"\x78\x01", "zlib: decompress the body first"),
    (b"\x78\x5e", "zlib: decompress the body first"),
    (b"\x78\x9c", "zlib: decompress the body first"),
    (b"\x78\xda", "zlib: decompress the body first"),
    (b"\x28\xb5\x2f\xfd", "Zstandard: decompress the body first"),
    (b"\xff\xfe", "UTF-16: an event stream is UTF-8"),
    (b"\xfe\xff", "UTF-16: an event stream is UTF-8"),
)
# The same for text.
_TEXTS = (
    (b"{", "JSON: perhaps an error of the server"),
    (b"[", "JSON: perhaps an error of the server"),
    (b"<", "HTML or XML: perhaps an error page"),
)


def find_signature(start: bytes) -> tuple[int, str]:
    """Return how many of the first bytes show that a body is binary, and what it is.

    The number is 0 if they do not show it, or not yet.
    """
    for magic, reason in _SIGNATURES:
        if start.startswith(magic):
            return len(magic), reason
    nul = start[:2].find(b"\0")
    return nul + 1, "binary or UTF-16: an event stream is UTF-8" if nul >= 0 else ""


class NotEventStreamError(SSEError):
    """What came was not an event stream, but a JSON error, an HTML page or compressed bytes.

    - ``start``: its first bytes, at most 4,096.

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
        reasons = [reason for start, reason in _TEXTS if text.startswith(start)]
        reason = find_signature(self.start)[1] or "".join(reasons)
        shown = f" ({reason})" if reason else ""
        return f"not an event stream{shown}; it starts with {self.start[:200]!r}"


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
    """Return the value of the argument ``name`` as an exact str.

    Exact, because the methods of a subclass could return something else later. Raises
    TypeError if it is not a str, ValueError if it contains a character of ``refused``.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    text = str.__str__(value)
    for character in refused:
        if character in text:
            raise ValueError(f"{name} cannot hold {_CHARACTERS[character]}")
    return text


def check_limit(value: object) -> int:
    """Return the value of the argument ``max_event_size`` as an exact int.

    Raises TypeError if it is not an int, ValueError if it is not positive.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"max_event_size must be an int or None, not {type(value).__name__}")
    limit = int.__index__(value)
    if limit <= 0:
        raise ValueError(f"max_event_size must be positive, not {limit}")
    return limit


def as_bytes(data: Buffer) -> bytes:
    """Return the bytes of a bytes-like object; raise TypeError for any other object."""
    if isinstance(data, str):
        raise TypeError("feed() takes bytes, not str: pass the bytes of the response, undecoded")
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"feed() takes a bytes-like object, not {type(data).__name__}") from None
    with view:
        return view.tobytes()


_CO_COROUTINE, _CO_ASYNC_GENERATOR = 0x80, 0x200  # of inspect, without the import


def is_async(function: object) -> bool:
    """Whether a function, method, functools.partial or callable object is ``async``.

    Only what is written in Python can be recognised.
    """
    while type(function).__name__ == "partial":
        function = getattr(function, "func", None)
    if not hasattr(function, "__code__") and callable(function):
        function = type(function).__call__
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & (_CO_COROUTINE | _CO_ASYNC_GENERATOR))
