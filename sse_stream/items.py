# SPDX-License-Identifier: MIT
"""What a parser returns: Event, Block, Comment, Ignored and DONE, all immutable values."""

# make_event() fills the private slots of an Event itself.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from os import environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import Enum
    from typing import Any, Final, TypeAlias, TypeVar

    from typing_extensions import Self, overload
    from typing_extensions import final as final

    T = TypeVar("T")
else:
    Any = Self = object  # for typing.get_type_hints()

    def final(definition):
        """Return the definition as it is: only type checkers use this decorator."""
        return definition

    overload = final

_new = object.__new__


class _Value:
    """What the item classes share; ``__match_args__`` names the members of each.

    The members are private slots with read-only properties. Creating an item so takes half as
    long as with a ``__setattr__`` that raises an error.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        if cls.__module__ != __name__:
            names = " and ".join([base.__name__ for base in cls.__bases__])
            raise TypeError(f"{names} is final: it cannot be the base of a class")

    def _members(self) -> tuple[object, ...]:
        kind: Any = type(self)
        return tuple([getattr(self, name) for name in kind.__match_args__])

    def _by_name(self) -> dict[str, object]:
        kind: Any = type(self)
        return dict(zip(kind.__match_args__, self._members(), strict=True))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._members() == other._members()

    def __hash__(self) -> int:
        return hash(self._members())

    def __repr__(self) -> str:
        members = [f"{name}={value!r}" for name, value in self._by_name().items()]
        return f"{type(self).__name__}({', '.join(members)})"

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        return type(self), self._members()

    def __replace__(self, **changes: Any) -> Self:
        """Return a copy with other values for the members named (``copy.replace``)."""
        return type(self)(**self._by_name() | changes)


class _WithData(_Value):
    """What Event and Block share: their data can be decoded as JSON."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def data(self) -> str | None: ...

    @overload
    def json(self, *, loads: Callable[[str], T]) -> T: ...
    @overload
    def json(  # noqa: F811
        self, *path: str | int, default: Any = None, loads: Callable[[str], Any] | None = None
    ) -> Any: ...
    def json(  # noqa: F811
        self, *path: str | int, default: Any = None, loads: Callable[[str], Any] | None = None
    ) -> Any:
        """Return the data decoded as JSON, or the value at ``path`` in it.

        ``path`` is keys of objects and indexes of arrays. ``default`` is returned where a step
        of it is missing, null or in a value of another kind. ``loads`` decodes the text
        (json.loads by default); its own error, such as ValueError, passes through. Raises
        ValueError for a Block without data.

        >>> event = Event(data='{"choices": [{"delta": {"content": null}}]}')
        >>> event.json("choices", 0, "delta", "content", default="")
        ''
        """
        data = self.data
        if data is None:
            raise ValueError("the block has no data")
        value: Any = _decode(data) if loads is None else loads(data)
        return value_at(value, path, default) if path else value


def value_at(value: Any, path: tuple[str | int, ...], default: Any) -> Any:
    """Return the value at a path in decoded JSON, or ``default``; see Event.json()."""
    for step in path:
        kind: Any = list if isinstance(step, int) else dict
        try:
            value = value[step] if isinstance(value, kind) else None
        except LookupError:
            return default
    return default if value is None else value


_raw_decode: Callable[[str], tuple[Any, int]] | None = None


def _decode(data: str) -> Any:
    """Return the same as json.loads(), in less time."""
    global _raw_decode
    if _raw_decode is None:
        # Imported here, since the parser itself does not need it.
        from json import JSONDecoder

        _raw_decode = JSONDecoder().raw_decode
    try:
        value, end = _raw_decode(data)
        if end == len(data):
            return value
    except (ValueError, TypeError):
        pass
    # White space around the value, an error, or bytes in place of text.
    from json import loads

    return loads(data)


@final
class Event(_WithData):
    """A dispatched event (HTML standard, 9.2.6).

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
        """The reconnection time that this block set, in milliseconds, or None."""
        return self._retry


def make_event(event: str, data: str, id: str, retry: int | None) -> Event:
    """Return the same as Event(event, data, id, retry), in two thirds of the time."""
    self = _new(Event)
    self._event = event
    self._data = data
    self._id = id
    self._retry = retry
    return self


@final
class Block(_WithData):
    """The fields of one block as they were received; see ``Parser(blocks=True)``.

    None stands for a field that the block did not have, and an empty text for one without a
    value. The last ``event``, ``id`` and ``retry`` count; an ``id`` or ``retry`` that the
    standard ignores is no field. A block without ``data`` is returned too.

    >>> Block(event="message", id="7")
    Block(event='message', data=None, id='7', retry=None)
    """

    __slots__ = ("_data", "_id", "_retry", "_type")
    __match_args__ = ("event", "data", "id", "retry")

    _data: str | None
    _type: str | None
    _id: str | None
    _retry: int | None

    def __new__(
        cls,
        event: str | None = None,
        data: str | None = None,
        id: str | None = None,
        retry: int | None = None,
    ) -> Self:
        self = _new(cls)
        self._type = event
        self._data = data
        self._id = id
        self._retry = retry
        return self

    @property
    def event(self) -> str | None:
        """The value of the last event field, or None."""
        return self._type

    @property
    def data(self) -> str | None:
        """The values of the data fields, joined by newlines, or None."""
        return self._data

    @property
    def id(self) -> str | None:
        """The value of the last id field, or None."""
        return self._id

    @property
    def retry(self) -> int | None:
        """The value of the last retry field, in milliseconds, or None."""
        return self._retry


@final
class Comment(_Value):
    """A comment line (HTML standard, 9.2.6), which is returned at its own place in the stream.

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
        """The line, decoded, without its colon and one space after it."""
        return self._text


@final
class Ignored(_Value):
    """A line that the standard tells a parser to ignore; see ``Parser(report_ignored=True)``.

    It has an unknown field name, a ``retry`` that is not a number below 2**64, or an ``id``
    with NUL.

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


if TYPE_CHECKING:

    class Done(Enum):
        """For type checkers an Enum of one member: ``item is DONE`` excludes it afterwards."""

        DONE = "[DONE]"
        __match_args__ = ()

    DONE: Final = Done.DONE
else:

    class Done:
        """The class of DONE, which ends the streams of model providers.

        >>> Done() is DONE
        True
        """

        __slots__ = ()
        __match_args__ = ()

        def __init_subclass__(cls) -> None:
            raise TypeError("Done is final: it cannot be the base of a class")

        def __new__(cls) -> Done:
            return DONE

        def __repr__(self) -> str:
            return "DONE"

        def __reduce__(self) -> str:
            # A string names the global: copy and pickle give the same object.
            return "DONE"

    DONE = _new(Done)
    """What a parser returns for an event whose data is ``[DONE]``; test for it with ``is``."""

# Whether the compiled form is used. Only its absence is no error: one that cannot be loaded is.
COMPILED = False
if not TYPE_CHECKING and environ.get("SSE_STREAM_PURE", "0") in ("", "0"):
    try:
        from ._speedups import DONE, Block, Comment, Done, Event, Ignored

        make_event = Event
        COMPILED = True
    except ModuleNotFoundError as error:
        if error.name != f"{__package__}._speedups":
            raise

if TYPE_CHECKING:
    Item: TypeAlias = Event | Block | Comment | Done | Ignored
else:
    Item = Event | Block | Comment | Done | Ignored
    """Everything that a parser returns. DONE is the only object of the class Done."""
