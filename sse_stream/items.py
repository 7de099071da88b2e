"""What a parser hands out: Event, Comment and DONE, all immutable values."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias


class Event:
    """A dispatched event (HTML standard, 9.2.6).

    ``event`` is its type, ``data`` the data buffer, ``id`` the last event ID string
    when it was dispatched, ``retry`` the reconnection time in milliseconds if this very
    block set one, else None.

    >>> Event(data='{"n": 1}').json()
    {'n': 1}
    """

    # Private slots behind read-only properties: half the cost of a __setattr__ that refuses.
    __slots__ = ("_data", "_event", "_id", "_retry")
    __match_args__ = ("event", "data", "id", "retry")

    def __init__(
        self, event: str = "message", data: str = "", id: str = "", retry: int | None = None
    ) -> None:
        self._event = event
        self._data = data
        self._id = id
        self._retry = retry

    @property
    def event(self) -> str:
        """The event type; ``message`` unless the block named another."""
        return self._event

    @property
    def data(self) -> str:
        """The values of the block's data fields, joined by newlines."""
        return self._data

    @property
    def id(self) -> str:
        """The last event ID string when the event was dispatched."""
        return self._id

    @property
    def retry(self) -> int | None:
        """The reconnection time in milliseconds that this very block set, or None."""
        return self._retry

    def json(self, *, loads: Callable[[str], Any] | None = None) -> Any:
        """Return the data decoded by ``loads`` (json.loads by default).

        The decoder's own error passes through.
        """
        if loads is None:
            # Imported here, since the parser itself has no need of it.
            from json import loads as decode

            return decode(self._data)
        return loads(self._data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return (
            self._event == other._event
            and self._data == other._data
            and self._id == other._id
            and self._retry == other._retry
        )

    def __hash__(self) -> int:
        return hash((Event, self._event, self._data, self._id, self._retry))

    def __repr__(self) -> str:
        return (
            f"Event(event={self._event!r}, data={self._data!r}, "
            f"id={self._id!r}, retry={self._retry!r})"
        )

    def __reduce__(self) -> tuple[type[Event], tuple[str, str, str, int | None]]:
        return Event, (self._event, self._data, self._id, self._retry)


class Comment:
    """A comment line: ``text`` is without its colon and without one following space.

    >>> Comment("PROCESSING").text
    'PROCESSING'
    """

    __slots__ = ("_text",)
    __match_args__ = ("text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def text(self) -> str:
        """The comment, decoded."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Comment):
            return NotImplemented
        return self._text == other._text

    def __hash__(self) -> int:
        return hash((Comment, self._text))

    def __repr__(self) -> str:
        return f"Comment(text={self._text!r})"

    def __reduce__(self) -> tuple[type[Comment], tuple[str]]:
        return Comment, (self._text,)


class Done:
    """The class of DONE, the sentinel that ends the streams of model providers.

    >>> Done() is DONE
    True
    """

    __slots__ = ()
    __match_args__ = ()

    def __new__(cls) -> Done:
        return DONE

    def __repr__(self) -> str:
        return "DONE"

    def __reduce__(self) -> str:
        # A string names the global: copy and pickle give the same object.
        return "DONE"


DONE: Done = object.__new__(Done)
"""What comes in the place of an event whose data is ``[DONE]``; test for it with ``is``."""

if TYPE_CHECKING:
    Item: TypeAlias = Event | Comment | Done
else:
    Item = Event | Comment | Done
