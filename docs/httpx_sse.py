"""The interface of httpx-sse 0.4 on sse_stream: a file to copy into your project.

Use it instead of the package: ``from yourpackage.httpx_sse import aconnect_sse``. What is
different from the package is listed in docs/replacing-other-parsers.md of sse-stream.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import httpx

from sse_stream import Block, EventTooLargeError, Parser, is_event_stream

__all__ = ["EventSource", "SSEError", "ServerSentEvent", "aconnect_sse", "connect_sse"]


class SSEError(httpx.TransportError):
    """The response is not an event stream, or one of its events exceeds the limit."""


class ServerSentEvent:
    """An event; an argument that is None or absent means that the block had no such field."""

    __slots__ = ("_data", "_event", "_id", "_retry")

    def __init__(
        self,
        event: str | None = None,
        data: str | None = None,
        id: str | None = None,
        retry: int | None = None,
    ) -> None:
        self._event = event or "message"
        self._data = data or ""
        self._id = id or ""
        self._retry = retry

    @property
    def event(self) -> str:
        """The event type; ``message`` unless the block named another."""
        return self._event

    @property
    def data(self) -> str:
        """The values of the data fields, joined by newlines."""
        return self._data

    @property
    def id(self) -> str:
        """The last event ID of the stream at this block."""
        return self._id

    @property
    def retry(self) -> int | None:
        """The reconnection time in milliseconds that this block set, or None."""
        return self._retry

    def json(self) -> Any:
        """Return the data decoded as JSON."""
        return json.loads(self._data)

    def __repr__(self) -> str:
        members = [f"event={self._event!r}"]
        members += [f"data={self._data!r}"] if self._data else []
        members += [f"id={self._id!r}"] if self._id else []
        members += [f"retry={self._retry!r}"] if self._retry is not None else []
        return f"ServerSentEvent({', '.join(members)})"


class EventSource:
    """Reads the events of a response.

    ``max_event_size`` is the limit of one event in bytes. None means no limit, as in httpx-sse;
    set it on the class or on one object.
    """

    max_event_size: int | None = None

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def response(self) -> httpx.Response:
        """The response that is read."""
        return self._response

    def iter_sse(self) -> Iterator[ServerSentEvent]:
        """Yield the events; raise SSEError if the content type is not text/event-stream."""
        reader = self._new_reader()
        for chunk in self._response.iter_bytes():
            yield from reader.read(chunk)

    async def aiter_sse(self) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield the events of an async response; raise as iter_sse()."""
        reader = self._new_reader()
        chunks = cast(AsyncGenerator[bytes, None], self._response.aiter_bytes())
        try:
            async for chunk in chunks:
                for event in reader.read(chunk):
                    yield event
        finally:
            await chunks.aclose()

    def _new_reader(self) -> _Reader:
        content_type = self._response.headers.get("Content-Type", "")
        if not is_event_stream(content_type):
            raise SSEError(
                "Expected response header Content-Type to contain 'text/event-stream', "
                f"got {content_type!r}"
            )
        return _Reader(self.max_event_size)


class _Reader:
    """Makes events of the blocks of one stream.

    Parser alone reads them: it raises nothing for a body that is not an event stream.
    """

    def __init__(self, max_event_size: int | None) -> None:
        # [DONE] is an event like any other in httpx-sse.
        self._parser = Parser(done=None, max_event_size=max_event_size, blocks=True)
        self._last_id = ""

    def read(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        try:
            items = self._parser.feed(chunk)
        except EventTooLargeError as error:
            raise SSEError(str(error)) from error
        for block in items:
            if not isinstance(block, Block):
                continue  # a comment
            if block.id is not None:
                self._last_id = block.id
            # httpx-sse gives no event for an event or id field without a value alone.
            if block.event or block.id or block.data is not None or block.retry is not None:
                yield ServerSentEvent(block.event, block.data, self._last_id, block.retry)


@contextmanager
def connect_sse(
    client: httpx.Client, method: str, url: httpx.URL | str, **kwargs: Any
) -> Iterator[EventSource]:
    """Send a request for an event stream; ``kwargs`` go to ``client.stream()``."""
    with client.stream(method, url, **_with_headers(kwargs)) as response:
        yield EventSource(response)


@asynccontextmanager
async def aconnect_sse(
    client: httpx.AsyncClient, method: str, url: httpx.URL | str, **kwargs: Any
) -> AsyncIterator[EventSource]:
    """Send a request for an event stream; ``kwargs`` go to ``client.stream()``."""
    async with client.stream(method, url, **_with_headers(kwargs)) as response:
        yield EventSource(response)


def _with_headers(kwargs: dict[str, Any]) -> dict[str, Any]:
    headers = httpx.Headers(kwargs.pop("headers", None))
    headers["Accept"] = "text/event-stream"
    headers["Cache-Control"] = "no-store"
    return kwargs | {"headers": headers}
