"""The parser instead of the decoder of other clients; their users see no difference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.pages import blocks
from support.server import Exchange, Server, Step

from sse_stream import Parser

BLOCKS = {block.language: block.code for block in blocks("docs/replacing-other-parsers.md")}
ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
CHAT = (DATA / "chat.sse").read_bytes()
MESSAGES = (DATA / "messages.sse").read_bytes()
CHAT_TEXT = "Grüße aus Zürich! 東京ではこんにちは。 First line\u2028second line, and a smile: 😀."
MESSAGES_TEXT = "Ja, natürlich: 東京\u2028と京都 😀"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(params=[1, 7, 1000, "CRLF"], ids=lambda size: f"chunks of {size}")
def serve(request: pytest.FixtureRequest, server: Server) -> Any:
    """Return a function that makes the server send a stream in chunks of that size."""

    def serve(stream: bytes) -> str:
        size = request.param
        if size == "CRLF":
            stream, size = stream.replace(b"\n", b"\r\n"), 11
        # Small chunks only at the start: each chunk takes time on both sides.
        small = min(len(stream), 100 * size)
        chunks = [stream[at : at + size] for at in range(0, small, size)]
        chunks += [stream[at : at + 997] for at in range(small, len(stream), 997)]
        server.exchange = Exchange([Step(chunks, 0)])
        return f"http://127.0.0.1:{server.port}"

    return serve


def event_source() -> Any:
    """Return the page's replacement for the class of httpx-sse."""
    found: dict[str, Any] = {}
    code, _, _ = BLOCKS["python"].partition("\n\nwith httpx.stream")
    exec(code, found)
    return found["EventSource"]


def client(base: Any) -> Any:
    """Return a subclass of ``base``, made as on the page."""
    found: dict[str, Any] = {}
    exec(BLOCKS["py"], found)
    return type("Client", (base,), {"_make_sse_decoder": found["Client"]._make_sse_decoder})


def test_the_openai_client(serve: Any) -> None:
    openai = pytest.importorskip("openai")

    kind = client(openai.OpenAI)
    with kind(api_key="none", base_url=serve(CHAT)) as api:
        stream = api.chat.completions.create(model="m", messages=[], stream=True)
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == CHAT_TEXT
    assert chunks[-1].usage is not None


def test_the_async_openai_client(serve: Any) -> None:
    openai = pytest.importorskip("openai")

    kind = client(openai.AsyncOpenAI)

    async def main(url: str) -> str:
        async with kind(api_key="none", base_url=url) as api:
            stream = await api.chat.completions.create(model="m", messages=[], stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    assert asyncio.run(main(serve(CHAT))) == CHAT_TEXT


def test_the_openai_client_raises_what_the_stream_reports(serve: Any) -> None:
    openai = pytest.importorskip("openai")

    kind = client(openai.OpenAI)
    failing = CHAT[: CHAT.index(b"\xe6\x9d\xb1") - 300].rpartition(b"\n\n")[0] + (
        b'\n\ndata: {"error": {"message": "upstream went away"}}\n\n'
    )
    with kind(api_key="none", base_url=serve(failing)) as api:
        stream = api.chat.completions.create(model="m", messages=[], stream=True)
        with pytest.raises(openai.APIError, match="upstream went away"):
            list(stream)


def test_the_anthropic_client(serve: Any) -> None:
    anthropic = pytest.importorskip("anthropic")

    kind = client(anthropic.Anthropic)
    with (
        kind(api_key="none", base_url=serve(MESSAGES)) as api,
        api.messages.stream(model="m", max_tokens=9, messages=[]) as stream,
    ):
        assert "".join(stream.text_stream) == MESSAGES_TEXT
        assert stream.get_final_message().stop_reason == "end_turn"


def test_the_async_anthropic_client(serve: Any) -> None:
    anthropic = pytest.importorskip("anthropic")

    kind = client(anthropic.AsyncAnthropic)

    async def main(url: str) -> str:
        async with (
            kind(api_key="none", base_url=url) as api,
            api.messages.stream(model="m", max_tokens=9, messages=[]) as stream,
        ):
            return "".join([text async for text in stream.text_stream])

    assert asyncio.run(main(serve(MESSAGES))) == MESSAGES_TEXT


def seen(events: Any) -> list[tuple[str, str, str]]:
    return [(event.event, event.data, event.id) for event in events]


def test_the_interface_of_httpx_sse(serve: Any) -> None:
    httpx_sse = pytest.importorskip("httpx_sse")
    ours = event_source()
    got = []
    for kind in (ours, httpx_sse.EventSource):
        with httpx.stream("GET", serve(MESSAGES)) as response:
            got.append(seen(kind(response).iter_sse()))
    assert got[0] == got[1] == seen(Parser().feed(MESSAGES))
    with httpx.stream("GET", serve(CHAT)) as response:
        assert seen(ours(response).iter_sse())[-1][1] == "[DONE]"


def test_the_async_interface_of_httpx_sse(serve: Any) -> None:
    ours = event_source()

    async def main(url: str) -> Any:
        async with httpx.AsyncClient() as api, api.stream("GET", url) as response:
            return seen([event async for event in ours(response).aiter_sse()])

    assert asyncio.run(main(serve(MESSAGES))) == seen(Parser().feed(MESSAGES))


def test_a_response_of_another_type_is_refused() -> None:
    ours = event_source()
    response = httpx.Response(200, json={"error": "no"})
    with pytest.raises(httpx.TransportError):
        list(ours(response).iter_sse())
