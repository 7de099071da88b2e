"""The time for one event when each chunk holds one event, as model providers send them.

Type, data and ID of every event are read.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from types import ModuleType

import pytest
from both_forms import FORMS
from loads import WORDS, chat
from pytest_benchmark.fixture import BenchmarkFixture

CHUNKS = chat(random.Random(1), 20_000, WORDS)


async def source() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


def feed(package: ModuleType) -> None:
    parser = package.Parser()
    for chunk in CHUNKS:
        for event in parser.feed(chunk):
            event.event, event.data, event.id  # noqa: B018


def iter_events(package: ModuleType) -> None:
    for event in package.iter_events(CHUNKS, parser=package.Parser()):
        event.event, event.data, event.id  # noqa: B018


def aiter_events(package: ModuleType) -> None:
    async def main() -> None:
        async for event in package.aiter_events(source(), parser=package.Parser()):
            event.event, event.data, event.id  # noqa: B018

    asyncio.run(main())


def async_source_alone(package: ModuleType) -> None:
    async def main() -> None:
        async for _ in source():
            pass

    asyncio.run(main())


WAYS = {
    "Parser.feed": feed,
    "iter_events": iter_events,
    "aiter_events": aiter_events,
    "the async source alone": async_source_alone,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", WAYS)
def test_single_events(benchmark: BenchmarkFixture, way: str, form: str) -> None:
    benchmark.pedantic(WAYS[way], (FORMS[form],), rounds=15)
    benchmark.extra_info["events"] = len(CHUNKS)
