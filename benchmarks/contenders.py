"""Who is timed and compared: for each, a function that reads chunks and hands out its events.

Each takes bytes, as they come from a transport, by the way its own users would.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any

Reader = Callable[[Iterable[bytes]], Iterable[Any]]
Counter = Callable[[Iterable[bytes]], int]


def counter(read: Reader) -> Counter:
    """Return a function that reads to the end and counts the events."""

    def count(chunks: Iterable[bytes]) -> int:
        number = 0
        for _ in read(chunks):
            number += 1
        return number

    return count


def pure() -> Reader:
    from sse_stream import iter_events
    from sse_stream.parser import PureParser

    return lambda chunks: iter_events(chunks, parser=PureParser())


def compiled() -> Reader:
    from sse_stream import Parser, iter_events
    from sse_stream.parser import PureParser

    if Parser is PureParser:
        raise ImportError("the compiled parser is not built")
    return iter_events


def fed() -> Reader:
    """The parser without an adapter, called as eventsource-parser is: its comments come too."""
    from sse_stream import Parser

    compiled()  # raises where there is none
    return lambda chunks: chain.from_iterable(map(Parser().feed, chunks))


def httpx_sse() -> Reader:
    import httpx
    import httpx_sse as module

    class Body(httpx.SyncByteStream):
        def __init__(self, chunks: Iterable[bytes]) -> None:
            self.chunks = chunks

        def __iter__(self) -> Iterator[bytes]:
            return iter(self.chunks)

    def read(chunks: Iterable[bytes]) -> Iterable[Any]:
        headers = {"content-type": "text/event-stream"}
        response = httpx.Response(200, headers=headers, stream=Body(chunks))
        return module.EventSource(response).iter_sse()

    return read


def httpx2() -> Reader:
    import httpx2 as module

    class Body(module.SyncByteStream):
        def __init__(self, chunks: Iterable[bytes]) -> None:
            self.chunks = chunks

        def __iter__(self) -> Iterator[bytes]:
            return iter(self.chunks)

    def read(chunks: Iterable[bytes]) -> Iterable[Any]:
        headers = {"content-type": "text/event-stream"}
        request = module.Request("GET", "http://loopback")
        response = module.Response(200, headers=headers, stream=Body(chunks), request=request)
        return module.EventSource(response, max_event_size=None)

    return read


def sseclient() -> Reader:
    import sseclient as module

    return lambda chunks: module.SSEClient(iter(chunks)).events()


def launchdarkly() -> Reader:
    # Its client connects by itself; these two are what reads the body inside.
    from ld_eventsource.actions import Event
    from ld_eventsource.reader import _BufferedLineReader, _SSEReader

    def read(chunks: Iterable[bytes]) -> Iterable[Any]:
        items = _SSEReader(_BufferedLineReader.lines_from(chunks)).events_and_comments()
        return (item for item in items if isinstance(item, Event))

    return read


def assel() -> Reader:
    import assel as module

    return module.parse


def openai() -> Reader:
    from openai._streaming import SSEDecoder

    return lambda chunks: SSEDecoder().iter_bytes(iter(chunks))


def anthropic() -> Reader:
    from anthropic._streaming import SSEDecoder

    return lambda chunks: SSEDecoder().iter_bytes(iter(chunks))


def langgraph() -> Reader:
    # It decodes the JSON of each event too, which nobody else does.
    from langgraph_sdk.sse import BytesLineDecoder, SSEDecoder

    def read(chunks: Iterable[bytes]) -> Iterable[Any]:
        lines, decoder = BytesLineDecoder(), SSEDecoder()
        for chunk in chunks:
            for line in lines.decode(chunk):
                if (event := decoder.decode(bytes(line))) is not None:
                    yield event

    return read


OURS = {"compiled": compiled, "pure": pure}
FED = "compiled, fed"
PEERS = {
    "launchdarkly-eventsource": launchdarkly,
    "httpx-sse": httpx_sse,
    "httpx2": httpx2,
    "sseclient-py": sseclient,
    "assel": assel,
    "openai": openai,
    "anthropic": anthropic,
    "langgraph-sdk": langgraph,
}
# The module that users of each import.
MODULES = {"sse-stream": "sse_stream", "launchdarkly-eventsource": "ld_eventsource"}
MODULES |= {"sseclient-py": "sseclient", "httpx-sse": "httpx_sse", "httpx2": "httpx2"}
MODULES |= {"assel": "assel", "openai": "openai", "anthropic": "anthropic"}
MODULES |= {"langgraph-sdk": "langgraph_sdk.sse"}


def available() -> dict[str, Counter]:
    """Return the contenders that are installed, each to read to the end and count."""
    found = {}
    for name, make in {**OURS, FED: fed, **PEERS}.items():
        try:
            found[name] = counter(make())
        except ImportError:
            continue
    return found


def versions() -> dict[str, str]:
    """Return the version of each installed contender's package."""
    found = {}
    for name in MODULES:
        try:
            importlib.import_module(MODULES[name])
            found[name] = version(name)
        except (ImportError, PackageNotFoundError):
            continue
    return found
