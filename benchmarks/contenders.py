"""The parsers that are timed and compared: for each, a function from chunks to its events.

Each takes bytes, as a transport brings them, in the way that its own users call it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from types import ModuleType
from typing import Any

from both_forms import FORMS

Reader = Callable[[Iterable[bytes]], Iterable[Any]]
Counter = Callable[[Iterable[bytes]], int]


def counter(read: Reader) -> Counter:
    """Return a function that reads to the end and counts the events.

    It reads type, data and ID of every event, since some parsers decode them only then.
    """

    def count(chunks: Iterable[bytes]) -> int:
        number = 0
        for event in read(chunks):
            event.event, event.data, event.id  # noqa: B018
            number += 1
        return number

    return count


def through_iter_events(package: ModuleType) -> Reader:
    return lambda chunks: package.iter_events(chunks, parser=package.Parser())


def through_feed(package: ModuleType) -> Reader:
    """Read with the parser alone; nothing but events may be in the stream."""
    return lambda chunks: chain.from_iterable(map(package.Parser().feed, chunks))


def through_feed_with_comments(package: ModuleType) -> Reader:
    """Read with the parser alone, and leave out the comments."""

    def read(chunks: Iterable[bytes]) -> Iterator[Any]:
        event = package.Event
        for item in chain.from_iterable(map(package.Parser().feed, chunks)):
            if isinstance(item, event):
                yield item

    return read


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
    # Its client makes the request itself; these two classes read the body for it.
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
    # It decodes the JSON of each event too, which no other does.
    from langgraph_sdk.sse import BytesLineDecoder, SSEDecoder

    def read(chunks: Iterable[bytes]) -> Iterable[Any]:
        lines, decoder = BytesLineDecoder(), SSEDecoder()
        for chunk in chunks:
            for line in lines.decode(chunk):
                if (event := decoder.decode(bytes(line))) is not None:
                    yield event

    return read


def axio_sse() -> Reader:
    import axio_sse as module

    def read(chunks: Iterable[bytes]) -> Iterable[Any]:
        decoder = module.Decoder()
        for chunk in chunks:
            yield from decoder.decode(chunk)
        yield from decoder.decode(final=True)

    return read


# Ours by iter_events(), and by Parser.feed() alone.
OURS = list(FORMS)
FEED = {form: f"{form}, feed" for form in OURS}
PEERS = {
    "launchdarkly-eventsource": launchdarkly,
    "httpx-sse": httpx_sse,
    "httpx2": httpx2,
    "sseclient-py": sseclient,
    "assel": assel,
    "openai": openai,
    "anthropic": anthropic,
    "langgraph-sdk": langgraph,
    "axio-sse": axio_sse,
}
# The module that the users of each package import.
MODULES = {"sse-stream": "sse_stream", "launchdarkly-eventsource": "ld_eventsource"}
MODULES |= {"sseclient-py": "sseclient", "httpx-sse": "httpx_sse", "httpx2": "httpx2"}
MODULES |= {"assel": "assel", "openai": "openai", "anthropic": "anthropic"}
MODULES |= {"langgraph-sdk": "langgraph_sdk.sse", "axio-sse": "axio_sse"}


def peers() -> dict[str, Counter]:
    """Return the peers that are installed, each as a function that reads and counts."""
    found = {}
    for name, make in PEERS.items():
        try:
            found[name] = counter(make())
        except ImportError:
            continue
    return found


def ours(comments: bool = False) -> dict[str, Counter]:
    """Return ours; ``comments`` tells whether there are comments in the stream."""
    feed = through_feed_with_comments if comments else through_feed
    found = {form: counter(through_iter_events(package)) for form, package in FORMS.items()}
    return found | {FEED[form]: counter(feed(package)) for form, package in FORMS.items()}


def versions() -> dict[str, str]:
    """Return the version of each package that is installed."""
    found = {}
    for name in MODULES:
        try:
            importlib.import_module(MODULES[name])
            found[name] = version(name)
        except (ImportError, PackageNotFoundError):
            continue
    return found
