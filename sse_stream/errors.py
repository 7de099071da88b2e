"""The errors that the parser and the adapters raise."""


class SSEError(Exception):
    """Base of every error that is about the event stream itself.

    >>> issubclass(EventTooLargeError, SSEError)
    True
    """


class EventTooLargeError(SSEError):
    """The bytes retained for one block exceed the limit; ``limit`` is in bytes.

    >>> from sse_stream import Parser
    >>> Parser(max_event_size=8).feed(b"data: 123")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    sse_stream.errors.EventTooLargeError: the event stream holds an event or a line larger ...
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"the event stream holds an event or a line larger than {self.limit} bytes"


class IncompleteStreamError(SSEError):
    """The source ended before its last event; resume from ``last_event_id``.

    >>> from sse_stream import iter_events
    >>> try:
    ...     for event in iter_events([b"id: 7\\ndata: a\\n\\ndata: b"], require_done=True):
    ...         print(event.data)
    ... except IncompleteStreamError as error:
    ...     print("cut short; go on after", error.last_event_id)
    a
    cut short; go on after 7
    """

    def __init__(self, last_event_id: str = "") -> None:
        super().__init__(last_event_id)
        self.last_event_id = last_event_id

    def __str__(self) -> str:
        return (
            f"the event stream ended before its final event (last event ID {self.last_event_id!r})"
        )


class ParserClosedError(SSEError):
    """feed() or close() was called after close().

    >>> from sse_stream import Parser
    >>> parser = Parser()
    >>> parser.close()
    []
    >>> parser.feed(b"data")
    Traceback (most recent call last):
        ...
    sse_stream.errors.ParserClosedError: the parser is closed: one stream, one parser
    """

    def __init__(self, message: str = "the parser is closed: one stream, one parser") -> None:
        super().__init__(message)
