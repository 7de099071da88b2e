"""What one event costs that arrives alone, as from a model: one event a chunk."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest
from loads import WORDS, chat
from pytest_benchmark.fixture import BenchmarkFixture

from sse_stream import Parser, aiter_events, iter_events
from sse_stream.parser import PureParser

CHUNKS = chat(random.Random(1), 20_000, WORDS)
KINDS = {"compiled": Parser, "pure": PureParser}
if Parser is PureParser:
    del KINDS["compiled"]


async def source() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


def feed(kind: type[Parser]) -> None:
    parser = kind()
    for chunk in CHUNKS:
        for _ in parser.feed(chunk):
            pass


def through_iter_events(kind: type[Parser]) -> None:
    for _ in iter_events(CHUNKS, parser=kind()):
        pass


def through_aiter_events(kind: type[Parser]) -> None:
    async def main() -> None:
        async for _ in aiter_events(source(), parser=kind()):
            pass

    asyncio.run(main())


def async_source_alone(kind: type[Parser]) -> None:
    async def main() -> None:
        async for _ in source():
            pass

    asyncio.run(main())


WAYS = {
    "Parser.feed": feed,
    "iter_events": through_iter_events,
    "aiter_events": through_aiter_events,
    "the async source alone": async_source_alone,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_single_events(benchmark: BenchmarkFixture, way: str, kind: str) -> None:
    read: Callable[[type[Parser]], None] = WAYS[way]
    benchmark.pedantic(read, (KINDS[kind],), rounds=15)
    benchmark.extra_info["events"] = len(CHUNKS)
