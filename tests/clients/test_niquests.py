"""niquests with a real server, in an environment of its own: it replaces urllib3."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from support.live import (
    ANSWER,
    BEGIN,
    CHUNKED,
    CLOSED,
    FIRST,
    FRAMINGS,
    LAST,
    SECOND,
    SENT,
    TRUNCATED,
    Reader,
    Stop,
    url,
)
from support.server import PATIENCE, Exchange, Server
from support.sources import interrupt

from sse_stream import (
    DONE,
    Comment,
    Event,
    IncompleteStreamError,
    Item,
    aiter_items,
    iter_events,
    iter_items,
)

niquests: Any = pytest.importorskip("niquests", reason="tox -e niquests runs these tests")

GZIP = {"Accept-Encoding": "gzip"}


def with_niquests(port: int, reader: Reader) -> None:
    with niquests.get(url(port), stream=True) as response:
        reader.each(response)


def with_niquests_async(port: int, reader: Reader) -> None:
    async def main() -> None:
        async with niquests.AsyncSession() as session:
            response = await session.get(url(port), stream=True)
            try:
                await reader.aeach(response)
            finally:
                await response.close()

    asyncio.run(main())


def with_its_urllib3(port: int, reader: Reader) -> None:
    import urllib3

    with urllib3.request("GET", url(port), headers=GZIP, preload_content=False) as response:
        reader.each(response)


CLIENTS = [with_niquests, with_niquests_async, with_its_urllib3]
clients = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.mark.parametrize("framing", FRAMINGS)
@clients
def test_no_item_waits_for_later_bytes(client: Any, framing: str, server: Server) -> None:
    exchange = server.exchange = Exchange([BEGIN, FIRST, SECOND, LAST], framing)
    reader = Reader(exchange)
    client(server.port, reader)
    assert not exchange.timed_out
    assert exchange.gzipped == ("gzip" in framing)
    assert reader.got == [*SENT, DONE]


# It treats even a reset as the end of a body that ends with the connection.
@pytest.mark.parametrize("framing", CHUNKED)
@clients
def test_a_dropped_connection_gives_the_clients_own_error_after_all_items(
    client: Any, framing: str, server: Server
) -> None:
    import urllib3

    exchange = server.exchange = Exchange([BEGIN, FIRST, SECOND, TRUNCATED], framing, "abort")
    reader = Reader(exchange)
    with pytest.raises((niquests.RequestException, urllib3.exceptions.HTTPError)):
        client(server.port, reader)
    assert not exchange.timed_out
    assert reader.got == SENT


@pytest.mark.parametrize("framing", CLOSED)
@pytest.mark.parametrize("ending", ["end", "abort"])
@clients
def test_require_done_detects_truncation_where_the_client_cannot(
    client: Any, ending: str, framing: str, server: Server
) -> None:
    exchange = server.exchange = Exchange([FIRST, SECOND, TRUNCATED], framing, ending)
    reader = Reader(exchange, require_done=True)
    with pytest.raises(IncompleteStreamError) as caught:
        client(server.port, reader)
    assert caught.value.last_event_id == "7"
    assert reader.got == SENT[1:]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("how", ["break", "exception", "closing"])
@clients
def test_leaving_early_closes_the_connection(
    client: Any, how: str, framing: str, server: Server
) -> None:
    def stop(item: Item) -> bool:
        if how == "exception" and isinstance(item, Event):
            raise Stop
        return isinstance(item, Event)

    exchange = server.exchange = Exchange([BEGIN, FIRST], framing, "hold")
    reader = Reader(exchange, stop=stop, closing=how == "closing")
    with pytest.raises(Stop) if how == "exception" else contextlib.nullcontext():
        client(server.port, reader)
    assert exchange.client_left.wait(PATIENCE)
    assert not exchange.timed_out
    assert reader.got == SENT[:2]


def test_a_response_that_was_read(server: Server) -> None:
    content = [*SENT[1:], DONE, Comment("bye")]
    for framing in FRAMINGS:
        server.exchange = Exchange(ANSWER, framing)
        response = niquests.get(url(server.port))
        assert [list(iter_items(response)) for _ in range(2)] == [content] * 2
        with niquests.get(url(server.port), stream=True) as response:
            assert response.content
            assert list(iter_items(response)) == content
            assert list(iter_events(response)) == SENT[1:]


def test_a_response_of_the_other_kind_is_refused(server: Server) -> None:
    async def main() -> None:
        async with niquests.AsyncSession() as session:
            response = await session.get(url(server.port), stream=True)
            with pytest.raises(TypeError, match=r"^iter_items\(\) .*: call aiter_items\(source\)$"):
                iter_items(response)
            assert [item async for item in aiter_items(response)][:2] == SENT[1:]

    server.exchange = Exchange(ANSWER)
    asyncio.run(main())
    response = niquests.get(url(server.port), stream=True)
    with pytest.raises(TypeError, match=r"^aiter_items\(\) .*: call iter_items\(source\)$"):
        aiter_items(response)
    response.close()


def test_a_timeout_ends_a_response_which_is_incomplete_then(server: Server) -> None:
    async def main() -> None:
        exchange = server.exchange = Exchange([BEGIN._replace(items=2), FIRST], "closed")
        async with niquests.AsyncSession() as session:
            response = await session.get(url(server.port), stream=True)
            async with aiter_items(response) as items:
                assert await anext(items) == SENT[0]
                await interrupt(anext(items))
                with pytest.raises(IncompleteStreamError):
                    await anext(items)
        assert not exchange.timed_out

    asyncio.run(main())
