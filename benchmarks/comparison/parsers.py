"""The columns of the table of features: each parser, called in the way that its users call it."""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from importlib.metadata import packages_distributions, requires, version
from itertools import groupby
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import contenders
import node_peer
from both_forms import FORMS
from imports_and_memory import ROUNDS
from packaging.requirements import Requirement

# A type, data and an ID, which may be unknown; or DONE alone.
Found = tuple[str | None, ...]

# Imports a module as if the others were not installed; prints the name of one that it needs.
ALONE = """
import sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in {others}:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Finder)
try:
    import {module}
except ModuleNotFoundError as error:
    print(error.name)
"""


def normal(name: str) -> str:
    """Return a package's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Seen:
    """What the user of a parser gets from a stream; for each event the number of chunks fed."""

    def __init__(self) -> None:
        self.events: list[tuple[int, Found]] = []
        self.comments: list[str] = []
        self.ignored: list[str] = []
        self.error = ""
        self.fed = 0
        self.exhausted = False  # whether the source was read to its end

    def add(self, item: Any, own_id: bool) -> None:
        if hasattr(item, "data"):
            # anthropic's decoder keeps the lines of an event in the event.
            raw = getattr(item, "raw", [])
            self.comments += [line[1:] for line in raw if line.startswith(":")]
            identity = getattr(item, "last_event_id", item.id)
            if not own_id:
                identity = identity or ""
            self.events.append((self.fed, (item.event or "message", item.data, identity)))
        elif hasattr(item, "line"):
            self.ignored.append(item.line)
        elif hasattr(item, "text"):
            self.comments.append(item.text)
        elif hasattr(item, "comment"):
            self.comments.append(item.comment)
        else:
            self.events.append((self.fed, ("done",)))

    @property
    def data(self) -> list[str | None]:
        return [found[1] for _, found in self.events if found != ("done",)]


class Body:
    """A body in chunks, sync and async; ``seen`` tells how many were taken."""

    def __init__(self, chunks: Iterable[bytes], seen: Seen) -> None:
        self.chunks = chunks
        self.seen = seen

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.seen.fed += 1
            yield chunk
        self.seen.exhausted = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


class SlowBody:
    """An async body whose chunks after the first come when ``continue_`` is set.

    Not an async generator: Python ends those when a read is cancelled.
    """

    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = iter(chunks)
        self.taken = 0
        self.waiting = asyncio.Event()
        self.continue_ = asyncio.Event()

    def __aiter__(self) -> SlowBody:
        return self

    async def __anext__(self) -> bytes:
        if self.taken:
            self.waiting.set()
            await self.continue_.wait()
        self.taken += 1
        for chunk in self.chunks:
            return chunk
        raise StopAsyncIteration


class Peer:
    """One column of the table; a Python package unless a subclass says otherwise."""

    limit: str | None = None  # the option that sets a size limit
    require_done: str | None = None  # the option that raises an error for a truncated stream
    report: str | None = None  # the option that reports ignored lines
    drain: str | None = None  # the option that reads on to the end of the body after [DONE]
    content_type: str | None = None  # the option of read() that sets the response's content type
    own_id = False  # whether it gives the ID of the block, not the last event ID
    done: str | None = None  # the data that ends a stream for it

    def __init__(self, name: str) -> None:
        self.name = name
        self.module = contenders.MODULES[name]

    def read(self, chunks: Iterable[bytes], **options: Any) -> Any:
        return contenders.PEERS[self.name]()(chunks)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        raise NotImplementedError

    def write(self, event: str, data: str, id: str) -> bytes:
        """Return the bytes of an event, if the package writes event streams too."""
        raise NotImplementedError

    def read_until_done(self, body: Iterable[bytes]) -> None:
        """Stop at [DONE], as its users do."""
        for event in self.read(body):
            if event.data == "[DONE]":
                break

    async def aread_until_done(self, body: AsyncIterable[bytes]) -> None:
        async for event in self.aread(body):
            if event.data == "[DONE]":
                break

    def see(self, streams: Iterable[list[bytes]], **options: Any) -> list[Seen]:
        return [self._see(chunks, options) for chunks in streams]

    def _see(self, chunks: list[bytes], options: dict[str, Any]) -> Seen:
        seen = Seen()
        try:
            for item in self.read(iter(Body(chunks, seen)), **options):
                seen.add(item, self.own_id)
        except Exception as error:
            seen.error = type(error).__name__
        return seen

    def asee(self, chunks: list[bytes]) -> Seen:
        seen = Seen()

        async def main() -> None:
            async for item in self.aread(aiter(Body(chunks, seen))):
                seen.add(item, self.own_id)

        return run(main(), seen)

    def see_until_done(self, chunks: list[bytes]) -> Seen:
        seen = Seen()
        try:
            self.read_until_done(iter(Body(chunks, seen)))
        except Exception as error:
            seen.error = type(error).__name__
        return seen

    def asee_until_done(self, chunks: list[bytes]) -> Seen:
        seen = Seen()
        return run(self.aread_until_done(aiter(Body(chunks, seen))), seen)

    def see_after_timeout(self, chunks: list[bytes]) -> Seen:
        """Read the first event, cancel the read of the second one, and read on."""
        seen = Seen()

        async def main() -> None:
            body = SlowBody(chunks)
            items = aiter(self.aread(body))
            seen.add(await anext(items), self.own_id)

            async def read_next() -> None:
                await anext(items)

            # What asyncio.wait_for does when its time is over.
            reading = asyncio.create_task(read_next())
            await asyncio.wait_for(body.waiting.wait(), 30)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            body.continue_.set()
            async for item in items:
                seen.add(item, self.own_id)

        return run(main(), seen)

    def seconds(self, streams: list[list[bytes]]) -> list[float]:
        """Return the shortest time for each stream, of a few rounds."""
        count = self.counter()
        best = []
        for chunks in streams:
            times: list[float] = []
            while len(times) < 20 and sum(times) < 1:
                start = time.perf_counter()
                count(chunks)
                times.append(time.perf_counter() - start)
            best.append(min(times))
        return best

    def counter(self) -> contenders.Counter:
        return contenders.peers()[self.name]

    @property
    def version(self) -> str:
        return version(self.name)

    def typed(self) -> bool:
        file = importlib.import_module(self.module).__file__
        assert file
        return Path(file).with_name("py.typed").exists()

    def dependencies(self) -> str:
        """Return how many packages are installed with it, and which one it needs besides."""
        found: set[str] = set()
        names = [self.name]
        while names:
            for text in requires(names.pop()) or []:
                need = Requirement(text)
                name = normal(need.name)
                if (not need.marker or need.marker.evaluate({"extra": ""})) and name not in found:
                    found.add(name)
                    names.append(name)
        installed = packages_distributions().items()
        allowed = found | {self.name}
        others = [module for module, by in installed if not allowed.intersection(map(normal, by))]
        code = ALONE.format(others=others, module=self.module)
        done = subprocess.run([sys.executable, "-c", code], stdout=-1, check=True)
        missing = done.stdout.decode().strip()
        return f"{len(found)} (needs {missing})" if missing else str(len(found))

    def import_time(self, measured: dict[str, float]) -> float:
        return measured[self.name] - measured["nothing"]


class Ours(Peer):
    limit = "max_event_size"
    require_done = "require_done"
    report = "report_ignored"
    drain = "drain"
    done = "[DONE]"

    def __init__(self, form: str) -> None:
        super().__init__("sse-stream")
        self.form = form
        self.package: ModuleType = FORMS[form]

    def read(self, chunks: Iterable[bytes], require_done: bool = False, **options: Any) -> Any:
        parser = self.package.Parser(**options)
        if require_done:
            return self.package.iter_events(chunks, parser=parser, require_done=True)
        return self.package.iter_items(chunks, parser=parser)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        return self.package.aiter_items(chunks, parser=self.package.Parser())

    def write(self, event: str, data: str, id: str) -> bytes:
        written: bytes = self.package.encode(self.package.Event(event, data, id))
        return written

    def read_until_done(self, body: Iterable[bytes]) -> None:
        for _ in self.package.iter_events(body, drain=True):
            pass

    async def aread_until_done(self, body: AsyncIterable[bytes]) -> None:
        async for _ in self.package.aiter_events(body, drain=True):
            pass

    def counter(self) -> contenders.Counter:
        return contenders.ours()[self.form]


def run(main: Any, seen: Seen) -> Seen:
    """Run a coroutine that adds to ``seen``."""
    try:
        asyncio.run(main)
    except Exception as error:
        seen.error = type(error).__name__
    return seen


EVENT_STREAM = "text/event-stream"


def response(module: Any, content: object, content_type: str = EVENT_STREAM) -> Any:
    """Return a response of httpx or httpx2 with that body."""
    headers = {"content-type": content_type}
    request = module.Request("GET", "http://loopback")
    return module.Response(200, headers=headers, content=content, request=request)


class HttpxSse(Peer):
    content_type = "content_type"

    def read(
        self, chunks: Iterable[bytes], content_type: str = EVENT_STREAM, **options: Any
    ) -> Any:
        import httpx
        import httpx_sse

        return httpx_sse.EventSource(response(httpx, chunks, content_type)).iter_sse()

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import httpx
        import httpx_sse

        return httpx_sse.EventSource(response(httpx, chunks)).aiter_sse()


class Httpx2(Peer):
    limit = "max_event_size"
    content_type = "content_type"

    def read(
        self, chunks: Iterable[bytes], content_type: str = EVENT_STREAM, **options: Any
    ) -> Any:
        import httpx2

        return httpx2.EventSource(response(httpx2, chunks, content_type), **options)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import httpx2

        return httpx2.EventSource(response(httpx2, chunks))


class SseClient(Peer):
    own_id = True

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import sseclient

        # It has no other way to read.
        return sseclient.SSEClient(chunks).events()  # type: ignore[arg-type]


class LaunchDarkly(Peer):
    """Its client makes the request itself; these classes read the body for it."""

    content_type = "content_type"

    def read(self, chunks: Iterable[bytes], content_type: str = "", **options: Any) -> Any:
        if content_type:
            return self.client(chunks, content_type).events
        reader = importlib.import_module("ld_eventsource.reader")
        lines = reader._BufferedLineReader.lines_from(chunks)
        return reader._SSEReader(lines).events_and_comments()

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        reader = importlib.import_module("ld_eventsource.async_reader")
        lines = reader._AsyncBufferedLineReader.lines_from(chunks)
        return reader._AsyncSSEReader(lines).events_and_comments()

    def client(self, chunks: Iterable[bytes], content_type: str) -> Any:
        """Return the client, with a urllib3 pool that gives one response with this body."""
        import ld_eventsource
        from ld_eventsource.config import ConnectStrategy, ErrorStrategy

        answer = SimpleNamespace(
            status=200,
            headers={"Content-Type": content_type},
            stream=lambda size: iter(chunks),
            close=lambda: None,
            release_conn=lambda: None,
        )
        pool: Any = SimpleNamespace(request=lambda *arguments, **options: answer)
        return ld_eventsource.SSEClient(
            ConnectStrategy.http("http://loopback", pool=pool),
            error_strategy=ErrorStrategy.always_fail(),
        )


class Assel(Peer):
    own_id = True

    def read(self, chunks: Iterable[bytes], **options: Any) -> Any:
        import assel

        # All its parsers share one decoder: a stream that ends inside a character, or with an
        # error, would change the result of the next stream.
        assel.LineParser.utf8dec.reset()
        return assel.parse(chunks)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import assel

        return assel.aparse(chunks)

    def write(self, event: str, data: str, id: str) -> bytes:
        import assel

        return assel.send(assel.Event(data, event, id))


class AxioSse(Peer):
    limit = "limit"

    def read(self, chunks: Iterable[bytes], **options: Any) -> Any:
        import axio_sse

        decoder = axio_sse.Decoder(**options)
        for chunk in chunks:
            yield from decoder.decode(chunk)
        yield from decoder.decode(final=True)

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        import axio_sse

        return axio_sse.events(chunks)

    async def aread_until_done(self, body: AsyncIterable[bytes]) -> None:
        import axio_sse

        async for _ in axio_sse.events(body, until="[DONE]"):
            pass


class Decoder(Peer):
    """The decoder of the openai and anthropic clients."""

    def aread(self, chunks: AsyncIterable[bytes]) -> Any:
        streaming = importlib.import_module(f"{self.module}._streaming")
        return streaming.SSEDecoder().aiter_bytes(chunks)

    # The end of a stream is the task of the client's Stream, not of its decoder.

    def read_until_done(self, body: Iterable[bytes]) -> None:
        for _ in self.stream(body, ""):
            pass

    async def aread_until_done(self, body: AsyncIterable[bytes]) -> None:
        async for _ in self.stream(body, "Async"):
            pass

    def stream(self, body: object, prefix: str) -> Any:
        import httpx2

        module = importlib.import_module(self.module)
        name = {"openai": "OpenAI", "anthropic": "Anthropic"}[self.name]
        client = getattr(module, f"{prefix}{name}")(api_key="none")
        kind = getattr(module, f"{prefix}Stream")

        # As with a body from the network, a second loop goes on where the first one ended.
        class Shared(httpx2.SyncByteStream, httpx2.AsyncByteStream):
            def __iter__(self) -> Any:
                return body

            def __aiter__(self) -> Any:
                return body

        request = httpx2.Request("GET", "http://loopback")
        answer = httpx2.Response(200, stream=Shared(), request=request)
        return kind(cast_to=object, response=answer, client=client)


class NodePeer(Peer):
    limit = "maxBufferSize"
    own_id = True

    def __init__(self, folder: Path) -> None:
        self.name = "eventsource-parser"
        self.folder = folder

    def see(self, streams: Iterable[list[bytes]], way: str = "feed", **options: Any) -> list[Seen]:
        lines = []
        for chunks in streams:
            runs = [(base64.b64encode(chunk), list(run)) for chunk, run in groupby(chunks)]
            stream = {"chunks": [(text.decode(), len(run)) for text, run in runs]}
            lines.append(json.dumps({**stream, "options": options, "way": way}))
        given = "".join(f"{line}\n" for line in lines).encode()
        answers = self._run("node", "features.mjs", given=given)
        found = []
        # Not splitlines(): that also splits at characters such as U+2028, which the data may have.
        for line in answers.split("\n")[:-1]:
            seen = Seen()
            vars(seen).update(json.loads(line))
            seen.events = [(fed, tuple(event)) for fed, event in seen.events]
            found.append(seen)
        if len(found) != len(lines):
            raise RuntimeError(f"Node answered {len(found)} of {len(lines)} streams")
        return found

    def asee(self, chunks: list[bytes]) -> Seen:
        return self.see([chunks], "pipe")[0]

    # There is one way to read, and it is asynchronous.

    def see_until_done(self, chunks: list[bytes]) -> Seen:
        return self.see([chunks], "until")[0]

    def asee_until_done(self, chunks: list[bytes]) -> Seen:
        return self.see([chunks], "until")[0]

    def see_after_timeout(self, chunks: list[bytes]) -> Seen:
        return self.see([chunks], "timeout")[0]

    def _run(self, *command: str, given: bytes = b"") -> str:
        done = subprocess.run(command, cwd=self.folder, input=given, stdout=-1, check=True)
        return done.stdout.decode()

    def seconds(self, streams: list[list[bytes]]) -> list[float]:
        results = node_peer.throughput(self.folder, streams)["results"]
        return [result["seconds"] for result in results]

    @property
    def version(self) -> str:
        return f"{node_peer.VERSION} on Node {self._run('node', '--version').strip()}"

    def typed(self) -> bool:
        package = self.folder / "node_modules" / self.name
        types = json.loads((package / "package.json").read_text()).get("types")
        return types is not None and (package / types).exists()

    def dependencies(self) -> str:
        # The first line is the folder, the second the package itself.
        return str(len(self._run("npm", "ls", "--all", "--parseable").splitlines()) - 2)

    def import_time(self, measured: dict[str, float]) -> float:
        best = dict.fromkeys(["", f'import "{self.name}"'], float("inf"))
        for _ in range(ROUNDS):
            for code in best:
                start = time.perf_counter()
                self._run("node", "--input-type=module", "--eval", code)
                best[code] = min(best[code], (time.perf_counter() - start) * 1000)
        bare, loaded = best.values()
        return loaded - bare


def peers(node: Path | None) -> list[Peer]:
    """Return the columns in their order."""
    return [
        Ours(next(iter(FORMS))),
        HttpxSse("httpx-sse"),
        Httpx2("httpx2"),
        SseClient("sseclient-py"),
        LaunchDarkly("launchdarkly-eventsource"),
        Assel("assel"),
        AxioSse("axio-sse"),
        Decoder("openai"),
        Decoder("anthropic"),
        *([NodePeer(node)] if node else []),
    ]
