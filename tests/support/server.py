"""A real HTTP server on loopback that sends a stream step by step, as the client sees it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import HttpVersion11, web

# Only a client that waits for more than it was sent ever meets this time.
PATIENCE = 10.0


class Step(NamedTuple):
    """Pieces sent one by one, then the number of items that the client must have seen."""

    pieces: Sequence[bytes]
    items: int


class Unframed(web.StreamResponse):
    """A body without length or chunks: the connection's end is its end, as in HTTP/1.0."""

    _length_check = False


class Exchange:
    """One request and its answer: the steps, then an ending.

    ``end`` ends the body as its framing asks, ``drop`` breaks the connection before that,
    and ``hold`` sends nothing more until the client leaves.
    """

    def __init__(self, steps: Sequence[Step], framing: str = "chunked", ending: str = "end"):
        self.steps = steps
        self.closed = "closed" in framing
        self.gzip = "gzip" in framing
        self.gzipped = False
        self.ending = ending
        self.left = threading.Event()
        self.waited_in_vain = False
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
        # As any server should: no encoding for a client that does not ask for one.
        self.gzipped = self.gzip and "gzip" in request.headers.get("Accept-Encoding", "")
        if self.gzipped:
            response.headers["Content-Encoding"] = "gzip"
        watchdog = self._loop.call_later(PATIENCE, self._give_up, request)
        try:
            await response.prepare(request)
            await self._send_steps(response, closed)
            if self.ending == "drop":
                self._drop(request, reset=closed)
            elif self.ending == "hold":
                await asyncio.Event().wait()
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        finally:
            watchdog.cancel()
        return response

    async def _send_steps(self, response: web.StreamResponse, closed: bool) -> None:
        compressor = zlib.compressobj(wbits=31)
        for step in self.steps:
            for piece in step.pieces:
                if self.gzipped:
                    # Every piece goes out whole, as a server that means to stream does it.
                    packed = compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)
                    for start in range(0, len(packed), 5):
                        await self._send(response, packed[start : start + 5])
                else:
                    await self._send(response, piece)
            # What a reset overtakes may be lost, so there the client comes first.
            if self.ending != "drop" or closed:
                for _ in range(step.items):
                    await self._seen.acquire()
        if self.gzipped and self.ending == "end":
            await response.write(compressor.flush())

    async def _send(self, response: web.StreamResponse, data: bytes) -> None:
        await response.write(data)
        # Lets the client read this before more is there; nothing depends on it.
        await asyncio.sleep(0.001)

    def _give_up(self, request: web.Request) -> None:
        self.waited_in_vain = True
        self._drop(request, reset=False)

    def _drop(self, request: web.Request, *, reset: bool) -> None:
        transport = request.transport
        assert transport is not None
        if reset:
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        transport.abort()


class Server:
    """Runs in a thread of its own; answers every request with the exchange of the moment."""

    def __init__(self) -> None:
        self.port = 0
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
            return await self.exchange.answer(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
