"""An HTTP server on loopback that sends a stream in steps, each after the client saw the last."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import pytest

try:
    from aiohttp import HttpVersion11, web
except ImportError:
    pytest.skip("the server of this test is aiohttp's", allow_module_level=True)

# Seconds; reached only if a client waits for more bytes than were sent.
PATIENCE = 10.0


class Step(NamedTuple):
    """Chunks sent one by one, then the number of items that the client must have seen."""

    chunks: Sequence[bytes]
    items: int


class Unframed(web.StreamResponse):
    """A body without Content-Length or chunked coding: it ends with the connection (HTTP/1.0)."""

    _length_check = False


class Exchange:
    """The response to one request: the steps, then an ending.

    ``end`` ends the body as its framing requires, ``abort`` aborts the connection before that,
    and ``hold`` sends nothing more until the client closes the connection.
    """

    def __init__(self, steps: Sequence[Step], framing: str = "chunked", ending: str = "end"):
        self.steps = steps
        self.closed = "closed" in framing
        self.gzip = "gzip" in framing
        self.gzipped = False
        self.ending = ending
        self.client_left = threading.Event()
        self.timed_out = False
        self._seen = asyncio.Semaphore(0)
        self._loop: asyncio.AbstractEventLoop | None = None

    def saw(self) -> None:
        """Tell the server, from any thread, that the client has seen one more item."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._seen.release)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the steps, waiting after each for the client, and the ending."""
        self._loop = asyncio.get_running_loop()
        closed = self.closed or request.version < HttpVersion11
        response = (Unframed if closed else web.StreamResponse)()
        response.content_type = "text/event-stream"
        if closed:
            response.force_close()
        # No content coding for a client that does not ask for one.
        self.gzipped = self.gzip and "gzip" in request.headers.get("Accept-Encoding", "")
        if self.gzipped:
            response.headers["Content-Encoding"] = "gzip"
        watchdog = self._loop.call_later(PATIENCE, self._give_up, request)
        try:
            await response.prepare(request)
            await self._send_steps(response, closed)
            if self.ending == "abort":
                self._abort(request, reset=closed)
            elif self.ending == "hold":
                await asyncio.Event().wait()
        except (asyncio.CancelledError, ConnectionError):
            self.client_left.set()
            raise
        finally:
            watchdog.cancel()
        return response

    async def _send_steps(self, response: web.StreamResponse, closed: bool) -> None:
        compressor = zlib.compressobj(wbits=31)
        for step in self.steps:
            for chunk in step.chunks:
                if self.gzipped:
                    # Flushed for each chunk, as a streaming server does.
                    packed = compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH)
                    for start in range(0, len(packed), 5):
                        await self._send(response, packed[start : start + 5])
                else:
                    await self._send(response, chunk)
            # A reset may discard bytes that the client has not read: wait until it has.
            if self.ending != "abort" or closed:
                for _ in range(step.items):
                    await self._seen.acquire()
        if self.gzipped and self.ending == "end":
            await response.write(compressor.flush())

    async def _send(self, response: web.StreamResponse, data: bytes) -> None:
        await response.write(data)
        # Gives the client time to read this chunk alone; no test depends on it.
        await asyncio.sleep(0.001)

    def _give_up(self, request: web.Request) -> None:
        self.timed_out = True
        self._abort(request, reset=False)

    def _abort(self, request: web.Request, *, reset: bool) -> None:
        transport = request.transport
        assert transport is not None
        if reset:
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        transport.abort()


class Server:
    """Runs in its own thread; answers every request with the current exchange.

    ``connections`` holds the addresses that requests came from, one for each connection.
    """

    def __init__(self) -> None:
        self.port = 0
        self.connections: set[object] = set()
        self.exchange = Exchange([])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Server:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            self.connections.add(request.transport.get_extra_info("peername"))
            return await self.exchange.answer(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
