# SPDX-License-Identifier: MIT
"""Dispatcher: callbacks for transports that push their bytes."""

from __future__ import annotations

from .annotations import Any, Callable
from .errors import Buffer
from .event_stream import EventStream, check_kind
from .items import DONE, Block, Comment, Done, Event, Ignored, Item
from .parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque


class Dispatcher:
    """Calls a function for each item, in the order of the stream.

    It is for transports that call a function when bytes arrive (asyncio.Protocol, pycurl). If a
    callback raises an error, it passes through, and the next call of feed() or close()
    continues with the items after it.

    - ``on_event`` is called with each Event, and with each Block.
    - ``on_comment``, ``on_done``, ``on_ignored`` are called with each Comment, DONE, Ignored.
    - ``stream``: an EventStream, which says how the stream ends. If it does not have
      ``all_items``, only ``on_event`` is called. Without it all items are dispatched, and
      ignored lines if ``on_ignored`` is given.

    Raises TypeError for a stream that is no EventStream of this package.

    >>> dispatcher = Dispatcher(on_event=lambda event: print(event.data))
    >>> dispatcher.feed(b"data: 1\\n\\n")
    1
    """

    __slots__ = (
        "_error", "_items", "_on_comment", "_on_done", "_on_event", "_on_ignored", "_stream",
    )  # fmt: skip

    def __init__(
        self,
        *,
        on_event: Callable[[Any], object] | None = None,
        on_comment: Callable[[Comment], object] | None = None,
        on_done: Callable[[Done], object] | None = None,
        on_ignored: Callable[[Ignored], object] | None = None,
        stream: EventStream[Any] | None = None,
    ) -> None:
        if stream is None:
            parser = Parser(report_ignored=on_ignored is not None)
            stream = EventStream(parser=parser, all_items=True)
        check_kind("stream must be an EventStream", stream, (EventStream,))
        # Imported here: nothing else needs it.
        import collections

        self._on_event = on_event
        self._on_comment: Callable[[Any], object] | None = on_comment
        self._on_done: Callable[[Any], object] | None = on_done
        self._on_ignored: Callable[[Any], object] | None = on_ignored
        self._stream = stream
        # The items that no callback has received yet.
        self._items: deque[Item] = collections.deque()
        # The error of the stream that comes after them.
        self._error: Exception | None = None

    def feed(self, data: Buffer) -> None:
        """Process the next chunk and call the callbacks.

        Raises the errors of EventStream.feed(), after the callbacks of all items before them.
        """
        try:
            self._items += self._stream.feed(data)
        except Exception as error:
            self._error = self._error or error
        self._dispatch()

    def close(self) -> None:
        """End the stream and call the callbacks for the items that its end completes.

        Raises the errors of EventStream.close(), after the callbacks of all items before them.
        """
        try:
            self._items += self._stream.close()
        except Exception as error:
            self._error = self._error or error
        self._dispatch()

    def _dispatch(self) -> None:
        while self._items:
            item = self._items.popleft()
            if isinstance(item, (Event, Block)):
                callback = self._on_event
            elif isinstance(item, Comment):
                callback = self._on_comment
            else:
                callback = self._on_done if item is DONE else self._on_ignored
            if callback is not None:
                callback(item)
        error, self._error = self._error, None
        if error is not None:
            raise error
