"""What a parser returns: Event, Comment, Ignored and DONE, all immutable values."""

# make_event() fills the private slots of an Event itself.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from os import environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from typing_extensions import Self

_new = object.__new__


class _Value:
    """What the item classes share; ``__match_args__`` names the members of each.

    The members are private slots with read-only properties. Creating an item so takes half as
    long as with a ``__setattr__`` that raises an error.
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def _members(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self._members() == other._members()

    def __hash__(self) -> int:
        return hash(self._members())

    def __repr__(self) -> str:
        members = [f"{name}={getattr(self, name)!r}" for name in self.__match_args__]
        return f"{type(self).__name__}({', '.join(members)})"

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        return type(self), self._members()

    def __replace__(self, **changes: Any) -> Self:
        """Return a copy with other values for the members named (``copy.replace``)."""
        members = {name: getattr(self, name) for name in self.__match_args__}
        return type(self)(**members | changes)


class Event(_Value):
    """A dispatched event (HTML standard, 9.2.6).

    ``event`` is its type, ``data`` the data buffer, ``id`` the last event ID string
    when it was dispatched, ``retry`` the reconnection time in milliseconds if this block
    set one, else None.

    >>> Event(data='{"n": 1}').json()
    {'n': 1}
    """

    __slots__ = ("_data", "_event", "_id", "_retry")
    __match_args__ = ("event", "data", "id", "retry")

    _data: str
    _event: str
    _id: str
    _retry: int | None

    def __new__(
        cls, event: str = "message", data: str = "", id: str = "", retry: int | None = None
    ) -> Self:
        self = _new(cls)
        self._event = event
        self._data = data
        self._id = id
        self._retry = retry
        return self

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
        """The reconnection time in milliseconds that this block set, or None."""
        return self._retry

    def json(self, *, loads: Callable[[str], Any] | None = None) -> Any:
        """Return the data decoded by ``loads`` (json.loads by default).

        The decoder's own error passes through.
        """
        if loads is None:
            # Imported here, since the parser itself does not need it.
            from json import loads as decode

            return decode(self._data)
        return loads(self._data)


def make_event(event: str, data: str, id: str, retry: int | None) -> Event:
    """Return the same as Event(event, data, id, retry), in two thirds of the time."""
    self = _new(Event)
    self._event = event
    self._data = data
    self._id = id
    self._retry = retry
    return self


class Comment(_Value):
    """A comment line: ``text`` is the line without its colon and one space after it.

    >>> Comment("PROCESSING").text
    'PROCESSING'
    """

    __slots__ = ("_text",)
    __match_args__ = ("text",)

    _text: str

    def __new__(cls, text: str) -> Self:
        self = _new(cls)
        self._text = text
        return self

    @property
    def text(self) -> str:
        """The comment, decoded."""
        return self._text


class Ignored(_Value):
    """A line that the standard tells a parser to ignore; see ``Parser(report_ignored=True)``.

    ``line`` is the whole line: one with an unknown field name, a ``retry`` that is not a
    number, or an ``id`` with NUL.

    >>> Ignored("error: context full").line
    'error: context full'
    """

    __slots__ = ("_line",)
    __match_args__ = ("line",)

    _line: str

    def __new__(cls, line: str) -> Self:
        self = _new(cls)
        self._line = line
        return self

    @property
    def line(self) -> str:
        """The line, decoded, without its line end."""
        return self._line


class Done:
    """The class of DONE, which ends the streams of model providers.

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


DONE: Done = _new(Done)
"""What a parser returns for an event whose data is ``[DONE]``; test for it with ``is``."""

if not TYPE_CHECKING and environ.get("SSE_STREAM_PURE", "0") in ("", "0"):
    try:
        from ._speedups import DONE, Comment, Done, Event, Ignored

        make_event = Event
    except ImportError:
        pass  # not built here

if TYPE_CHECKING:
    Item: TypeAlias = Event | Comment | Done | Ignored
else:
    Item = Event | Comment | Done | Ignored
