"""The interface of httpx-sse 0.4 on sse_stream: a file to copy into your project.

Use it instead of the package: ``from yourpackage.httpx_sse import aconnect_sse``. What is
different from the package is listed in docs/replacing-other-parsers.md of sse-stream.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from sse_stream import (
    Event,
    EventTooLargeError,
    NotEventStreamError,
    Parser,
    aiter_events,
    is_event_stream,
    iter_events,
)

__all__ = ["EventSource", "SSEError", "ServerSentEvent", "aconnect_sse", "connect_sse"]


class SSEError(httpx.TransportError):
    """The response is not an event stream, or one of its events exceeds the limit."""


class ServerSentEvent(Event):
    """An event; an argument that is None or absent means that the block had no such field."""

    __slots__ = ()

    def __new__(
        cls,
        event: str | None = None,
        data: str | None = None,
        id: str | None = None,
        retry: int | None = None,
    ) -> ServerSentEvent:
        return super().__new__(cls, event or "message", data or "", id or "", retry)


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
        parser = self._new_parser()
        with _errors_of_httpx_sse():
            for event in iter_events(self._response.iter_bytes(), parser=parser):
                yield ServerSentEvent(event.event, event.data, event.id, event.retry)

    async def aiter_sse(self) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield the events of an async response; raise as iter_sse()."""
        parser = self._new_parser()
        with _errors_of_httpx_sse():
            async with aiter_events(self._response.aiter_bytes(), parser=parser) as events:
                async for event in events:
                    yield ServerSentEvent(event.event, event.data, event.id, event.retry)

    def _new_parser(self) -> Parser:
        content_type = self._response.headers.get("Content-Type", "")
        if not is_event_stream(content_type):
            raise SSEError(
                "Expected response header Content-Type to contain 'text/event-stream', "
                f"got {content_type!r}"
            )
        # [DONE] is an event like any other in httpx-sse.
        return Parser(done=None, max_event_size=self.max_event_size)


@contextmanager
def _errors_of_httpx_sse() -> Iterator[None]:
    try:
        yield
    except NotEventStreamError:
        pass  # httpx-sse yields nothing for such a body
    except EventTooLargeError as error:
        raise SSEError(str(error)) from error


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
