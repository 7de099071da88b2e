"""The errors that the parser and the adapters raise."""


class SSEError(Exception):
    """Base of every error that is about the event stream itself."""


class EventTooLargeError(SSEError):
    """The bytes retained for one block exceed the limit; ``limit`` is in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"the event stream holds an event or a line larger than {self.limit} bytes"


class IncompleteStreamError(SSEError):
    """The source ended before its last event; resume from ``last_event_id``."""

    def __init__(self, last_event_id: str = "") -> None:
        super().__init__(last_event_id)
        self.last_event_id = last_event_id

    def __str__(self) -> str:
        return (
            f"the event stream ended before its final event (last event ID {self.last_event_id!r})"
        )


class ParserClosedError(SSEError):
    """feed() or close() was called after close()."""

    def __init__(self, message: str = "the parser is closed: one stream, one parser") -> None:
        super().__init__(message)
