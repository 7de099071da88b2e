"""What the tests with real clients share: the stream that the server sends, and its reader."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from sse_stream import Comment, Event, Item, aiter_events, aiter_items, iter_events, iter_items
from support.server import Exchange, Step

# The chunk boundaries are inside the byte order mark, names, characters and line endings.
BEGIN = Step([b"\xef\xbb", b"\xbf: wai", b"ting\r", b"\n"], 1)
FIRST = Step([b"da", b"ta: caf\xc3", b"\xa9 \xf0\x9f", b"\x98\x80\r\n", b"\r"], 1)
SECOND = Step([b"\nid", b": 7\r", b"\ndata: t", b"wo\n", b"\n"], 1)
TRUNCATED = Step([b"data: ha", b"lf\n"], 0)
LAST = Step([b"data: [DO", b"NE]\r", b"\n\r"], 1)
# The same without waiting; what follows DONE is a comment and the end of the body.
ANSWER = [Step([*FIRST.chunks, *SECOND.chunks, *LAST.chunks, b": bye\n\n"], 0)]

SENT: list[Item] = [Comment("waiting"), Event(data="café 😀"), Event(data="two", id="7")]

CHUNKED, CLOSED = ["chunked", "chunked gzip"], ["closed", "closed gzip"]
FRAMINGS = [*CHUNKED, *CLOSED]
# Of clients that do not decompress, and of those that decode no transfer coding.
PLAIN, BARE = ["chunked", "closed"], ["closed"]
# HTTP/1.0, because a client without an HTTP library does not decode chunked coding.
REQUEST = b"GET /chat.sse HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"


class Stop(Exception):
    """Raised by the user's own code in the middle of a stream."""


class Reader:
    """The user's code: processes items, reports each to the server, and may stop at one."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        stop: Callable[[Item], bool] = lambda item: False,
        require_done: bool = False,
        closing: bool = False,
    ) -> None:
        self.got: list[Item] = []
        self._exchange = exchange
        self._stop = stop
        self._require_done = require_done
        self._closing = closing

    def process(self, item: Item) -> bool:
        self.got.append(item)
        self._exchange.saw()
        return self._stop(item)

    def each(self, source: Any) -> None:
        items: Any = (
            iter_events(source, require_done=True) if self._require_done else iter_items(source)
        )
        with contextlib.closing(items) if self._closing else contextlib.nullcontext():
            for item in items:
                if self.process(item):
                    break

    async def aeach(self, source: Any) -> None:
        items: Any = (
            aiter_events(source, require_done=True) if self._require_done else aiter_items(source)
        )
        async with items if self._closing else contextlib.nullcontext():
            async for item in items:
                if self.process(item):
                    break


class Transport(NamedTuple):
    """A client: a function that reads with it, and the framings of a body that it can read."""

    read: Callable[[int, Reader], Coroutine[None, None, None] | None]
    framings: list[str]


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}/chat.sse"
