# SPDX-License-Identifier: MIT
"""Names for annotations that exist at run time too, without an import of typing or collections.

Type checkers see the real ones; ``typing.get_type_hints`` finds those in their place.
"""

from __future__ import annotations

from .items import Event, Item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable as AsyncIterable
    from collections.abc import Callable as Callable
    from collections.abc import Generator as Generator
    from typing import Any as Any
    from typing import Generic as Generic
    from typing import Literal as Literal
    from typing import overload as overload

    from typing_extensions import Self as Self
    from typing_extensions import TypeVar

    T = TypeVar("T")
    ItemT = TypeVar("ItemT", bound=Item, default=Event)
else:
    # The module that collections.abc is made of; every start of Python imports it.
    from _collections_abc import AsyncIterable as AsyncIterable
    from _collections_abc import Callable as Callable
    from _collections_abc import Generator as Generator

    Any = Self = T = object
    ItemT = Item

    class Generic:
        __slots__ = ()
        __class_getitem__ = classmethod(type(list[int]))

    def overload(function):
        return function
