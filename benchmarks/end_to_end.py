"""Measure what a user pays for one event of a chat: client, parser and JSON together.

    python benchmarks/end_to_end.py [--quick] [--seed N] [--json FILE]

CPU time of the client's process for one event (user and system), over a body of many events:
httpx, requests and aiohttp over loopback, from a server in another process that sends each event
as a transfer chunk of its own; httpx and the openai SDK with a mock transport that gives an event
a chunk. Each client is read in the ways that its users read it, in turns, and the best round
counts. The data of each event is only read, or decoded by json, or by orjson.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import socketserver
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import aiohttp
import httpx
import httpx2
import httpx_sse
import openai
import orjson
import requests
from both_forms import FORMS
from loads import WORDS, chat
from rich.console import Console
from rich.table import Table

# How the data of an event is decoded: not at all, as the client or the package does it, or so.
COLUMNS = ["not decoded", "json", "orjson"]
DONE = b"data: [DONE]\n\n"
ALONE, LINES, HTTPX_SSE = "the client alone", "a loop over its lines", "httpx-sse"
SDK = "the openai SDK"
HEADERS = {"content-type": "text/event-stream"}


def ours(form: str) -> str:
    return f"sse-stream, {form}"


class Way(NamedTuple):
    """``read`` returns the CPU seconds, and how many events it saw (chunks, for a client alone)."""

    client: str
    name: str
    column: str
    read: Callable[[], tuple[float, int]]


def handlers() -> dict[str, Callable[[str | bytes], Any]]:
    """Return for each column what is done with the text of an event."""
    return {"not decoded": len, "json": json.loads, "orjson": orjson.loads}


# The server


def serve(seed: int, count: int) -> None:
    """Answer every request with the same event stream; print the port first."""
    events = [*chat(random.Random(seed), count, WORDS), DONE]
    body = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    head += b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.request.sendall(head + body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


@contextmanager
def served(seed: int, count: int) -> Iterator[str]:
    """Run the server in another process; give its address."""
    command = [sys.executable, __file__, "--serve", str(count), "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()


# The ways to read a response. Each returns the number of events.


def lines_of(lines: Iterable[Any], handle: Callable[[Any], Any]) -> int:
    """Read the lines as people do who use no parser; the client decides whether they are text."""
    number = 0
    for line in lines:
        prefix, done = ("data: ", "[DONE]") if isinstance(line, str) else (b"data: ", b"[DONE]")
        if line.startswith(prefix):
            data = line[6:]
            if data == done:
                break
            handle(data)
            number += 1
    return number


def events_of(events: Iterable[Any], column: str) -> int:
    """Read the events of iter_events, which stops at [DONE]."""
    handle = handlers()[column]
    number = 0
    if column == "json":
        for event in events:
            event.json()
            number += 1
    else:
        for event in events:
            handle(event.data)
            number += 1
    return number


def httpx_sse_events_of(response: httpx.Response, column: str) -> int:
    """Read the events of httpx-sse, which its users compare with [DONE]."""
    handle = handlers()[column]
    number = 0
    for event in httpx_sse.EventSource(response).iter_sse():
        if event.data == "[DONE]":
            break
        if column == "json":
            event.json()
        else:
            handle(event.data)
        number += 1
    return number


def chunks_of(chunks: Iterable[bytes]) -> int:
    return sum(1 for _ in chunks)


def timed(read: Callable[[], int]) -> tuple[float, int]:
    start = time.process_time()
    number = read()
    return time.process_time() - start, number


def with_httpx(client: httpx.Client, url: str, name: str) -> list[Way]:
    """Return the ways to read a response of httpx; ``name`` says over what."""

    def way(what: str, column: str, read: Callable[[httpx.Response], int]) -> Way:
        def run() -> tuple[float, int]:
            def whole() -> int:
                with client.stream("GET", url) as response:
                    return read(response)

            return timed(whole)

        return Way(name, what, column, run)

    ways = [way(ALONE, COLUMNS[0], lambda response: chunks_of(response.iter_bytes()))]
    for column, handle in handlers().items():
        ways += [
            way(LINES, column, lambda response, h=handle: lines_of(response.iter_lines(), h)),
            way(HTTPX_SSE, column, lambda response, c=column: httpx_sse_events_of(response, c)),
        ]
        ways += [
            way(ours(form), column, lambda response, p=package, c=column: events_of(
                p.iter_events(response), c))
            for form, package in FORMS.items()
        ]  # fmt: skip
    return ways


def with_requests(url: str) -> list[Way]:
    session = requests.Session()

    def way(what: str, column: str, read: Callable[[requests.Response], int]) -> Way:
        def run() -> tuple[float, int]:
            def whole() -> int:
                with session.get(url, stream=True) as response:
                    return read(response)

            return timed(whole)

        return Way("requests", what, column, run)

    ways = [way(ALONE, COLUMNS[0], lambda response: chunks_of(response.iter_content(None)))]
    for column, handle in handlers().items():
        ways.append(
            way(LINES, column, lambda response, h=handle: lines_of(response.iter_lines(), h))
        )
        ways += [
            way(ours(form), column, lambda response, p=package, c=column: events_of(
                p.iter_events(response), c))
            for form, package in FORMS.items()
        ]  # fmt: skip
    return ways


def with_aiohttp(url: str) -> list[Way]:
    async def alone(response: aiohttp.ClientResponse, column: str) -> int:
        number = 0
        async for _ in response.content.iter_any():
            number += 1
        return number

    async def lines(response: aiohttp.ClientResponse, column: str) -> int:
        handle = handlers()[column]
        number = 0
        async for line in response.content:
            if line.startswith(b"data: "):
                data = line[6:].rstrip()
                if data == b"[DONE]":
                    break
                handle(data)
                number += 1
        return number

    def events(package: ModuleType) -> Any:
        async def read(response: aiohttp.ClientResponse, column: str) -> int:
            handle = handlers()[column]
            number = 0
            if column == "json":
                async for event in package.aiter_events(response):
                    event.json()
                    number += 1
            else:
                async for event in package.aiter_events(response):
                    handle(event.data)
                    number += 1
            return number

        return read

    def way(what: str, column: str, read: Any) -> Way:
        async def main() -> tuple[float, int]:
            async with aiohttp.ClientSession() as session:
                start = time.process_time()
                async with session.get(url) as response:
                    number = await read(response, column)
                return time.process_time() - start, number

        return Way("aiohttp", what, column, lambda: asyncio.run(main()))

    ways = [way(ALONE, COLUMNS[0], alone)]
    for column in COLUMNS:
        ways.append(way(LINES, column, lines))
        ways += [way(ours(form), column, events(package)) for form, package in FORMS.items()]
    return ways


class Decoder:
    """What the openai SDK asks of a decoder; the members of an Event are what it reads."""

    def __init__(self, package: ModuleType) -> None:
        self.package = package

    def iter_bytes(self, chunks: Iterable[bytes]) -> Iterator[Any]:
        # The SDK looks for [DONE] itself.
        parser = self.package.Parser(done=None, max_event_size=None)
        events: Iterator[Any] = self.package.iter_events(chunks, parser=parser)
        return events


def body_of(module: Any, chunks: list[bytes]) -> Any:
    """Return a body of httpx or httpx2 that gives those chunks."""

    class Body(module.SyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            return iter(chunks)

    return Body()


def mocked(module: Any, chunks: list[bytes]) -> Any:
    """Return a client of httpx or httpx2 that answers every request with those chunks."""
    return module.Client(
        transport=module.MockTransport(
            lambda request: module.Response(200, headers=HEADERS, stream=body_of(module, chunks))
        )
    )


def with_openai(chunks: list[bytes]) -> list[Way]:
    http_client = mocked(httpx2, chunks)
    client = openai.OpenAI(api_key="none", base_url="http://loopback", http_client=http_client)
    own = client._make_sse_decoder
    messages: Any = [{"role": "user", "content": "x"}]

    def way(what: str, decoder: Callable[[], Any]) -> Way:
        def read() -> int:
            vars(client)["_make_sse_decoder"] = decoder
            stream = client.chat.completions.create(model="m", messages=messages, stream=True)
            number = 0
            for chunk in stream:
                assert chunk.choices[0].delta.content is not None
                number += 1
            return number

        return Way(f"{SDK}, mock transport", what, "json", lambda: timed(read))

    ways = [way("its own decoder", own)]
    ways += [way(ours(form), lambda p=package: Decoder(p)) for form, package in FORMS.items()]  # type: ignore[misc]
    return ways


# The measurement

Costs = dict[str, dict[str, dict[str, float]]]


def measure(seed: int, count: int, rounds: int) -> Costs:
    """Return the microseconds for an event, by client, way and column."""
    chunks = [*chat(random.Random(seed), count, WORDS), DONE]
    costs: Costs = {}
    with served(seed, count) as url, httpx.Client() as client:
        for ways in (
            with_httpx(mocked(httpx, chunks), "http://loopback/", "httpx, mock transport"),
            with_httpx(client, url, "httpx"),
            with_requests(url),
            with_aiohttp(url),
            with_openai(chunks),
        ):
            for _ in range(rounds):
                for way in ways:
                    took, number = way.read()
                    if way.name != ALONE and number != count:
                        raise RuntimeError(f"{way}: {number} events, not {count}")
                    cells = costs.setdefault(way.client, {}).setdefault(way.name, {})
                    cost = took / count * 1e6
                    cells[way.column] = min(cost, cells.get(way.column, math.inf))
    return costs


def rows(costs: Costs) -> list[list[str]]:
    """Return the cells of the table."""
    return [
        [client, name, *(f"{cells[column]:.2f}" if column in cells else "" for column in COLUMNS)]
        for client, ways in costs.items()
        for name, cells in ways.items()
    ]


def summary(costs: Costs) -> list[str]:
    """Return a sentence for each comparison with what people come from."""
    sentences = []
    for form in FORMS:
        compared = []
        for client, ways in costs.items():
            for other in (HTTPX_SSE, LINES, "its own decoder"):
                if other in ways:
                    ratio = ways[other]["json"] / ways[ours(form)]["json"]
                    compared.append(f"{ratio:.2f} ({client}, {other})")
        sentences.append(
            f"CPU time of an event whose JSON is decoded, relative to {ours(form)} with the same "
            f"client: {'; '.join(compared)}."
        )
    return sentences


def main() -> None:
    options = argparse.ArgumentParser(description="Measure client, parser and JSON together.")
    options.add_argument("--quick", action="store_true", help="few events, few rounds")
    options.add_argument("--seed", type=int, default=1, help="of the events (1)")
    options.add_argument("--json", type=Path, help="also write the figures to this file")
    options.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve:
        serve(given.seed, given.serve)
        return
    count, rounds = (500, 2) if given.quick else (5000, 9)
    costs = measure(given.seed, count, rounds)
    table = Table("client", "read by", *COLUMNS, title="CPU time of one event, µs")
    for row in rows(costs):
        table.add_row(*row)
    console = Console(width=120)
    console.print(table)
    for sentence in summary(costs):
        console.print(sentence)
    if given.json:
        found = {"events": count, "head": ["client", "read by", *COLUMNS], "rows": rows(costs)}
        given.json.write_text(json.dumps({**found, "summary": summary(costs)}))


if __name__ == "__main__":
    main()
