"""What a parser hands out: Event, Comment and DONE, all immutable values."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeAlias


class _Value:
    """Refuses assignment, so that an item can be a dict key and be shared."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: {name!r} cannot be deleted")


class Event(_Value):
    """A dispatched event (HTML standard, 9.2.6).

    ``event`` is its type, ``data`` the data buffer, ``id`` the last event ID string
    when it was dispatched, ``retry`` the reconnection time in milliseconds if this very
    block set one, else None.

    >>> Event(data='{"n": 1}').json()
    {'n': 1}
    """

    __slots__ = ("data", "event", "id", "retry")
    __match_args__ = ("event", "data", "id", "retry")

    event: str
    data: str
    id: str
    retry: int | None

    def __init__(
        self, event: str = "message", data: str = "", id: str = "", retry: int | None = None
    ) -> None:
        # The slots' own setters go round __setattr__, at half the cost of object.__setattr__.
        _set_event(self, event)
        _set_data(self, data)
        _set_id(self, id)
        _set_retry(self, retry)

    def json(self, *, loads: Callable[[str], Any] | None = None) -> Any:
        """Return the data decoded by ``loads`` (json.loads by default).

        The decoder's own error passes through.
        """
        if loads is None:
            # Imported here, since the parser itself has no need of it.
            from json import loads as decode

            return decode(self.data)
        return loads(self.data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return (
            self.event == other.event
            and self.data == other.data
            and self.id == other.id
            and self.retry == other.retry
        )

    def __hash__(self) -> int:
        return hash((Event, self.event, self.data, self.id, self.retry))

    def __repr__(self) -> str:
        return (
            f"Event(event={self.event!r}, data={self.data!r}, "
            f"id={self.id!r}, retry={self.retry!r})"
        )

    def __reduce__(self) -> tuple[type[Event], tuple[str, str, str, int | None]]:
        return Event, (self.event, self.data, self.id, self.retry)


_set_event = Event.__dict__["event"].__set__
_set_data = Event.__dict__["data"].__set__
_set_id = Event.__dict__["id"].__set__
_set_retry = Event.__dict__["retry"].__set__


class Comment(_Value):
    """A comment line: ``text`` is without its colon and without one following space.

    >>> Comment("PROCESSING").text
    'PROCESSING'
    """

    __slots__ = ("text",)
    __match_args__ = ("text",)

    text: str

    def __init__(self, text: str) -> None:
        _set_text(self, text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Comment):
            return NotImplemented
        return self.text == other.text

    def __hash__(self) -> int:
        return hash((Comment, self.text))

    def __repr__(self) -> str:
        return f"Comment(text={self.text!r})"

    def __reduce__(self) -> tuple[type[Comment], tuple[str]]:
        return Comment, (self.text,)


_set_text = Comment.__dict__["text"].__set__


class Done(_Value):
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

if TYPE_CHECKING:
    Item: TypeAlias = Event | Comment | Done
else:
    Item = Event | Comment | Done
