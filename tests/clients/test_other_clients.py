"""docs/replacing-other-parsers.md: the SDKs with sse_stream as decoder, and httpx-sse."""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

pytest.importorskip("aiohttp")

from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from support.replacements import CODE, PARTS, code_of, execute
from support.server import Exchange, Server, Step

from sse_stream import IncompleteStreamError, NotEventStreamError

ROOT = Path(__file__).resolve().parent.parent.parent
DECODER = execute("stainless")
OURS = DECODER["OnSSEStream"]
# With skip_blocks_without_data.
SKIPPING = type("Skipping", (OURS,), {"skip_blocks_without_data": True})


class SDK(NamedTuple):
    """How a client class is found and used, and what its stream looks like."""

    module: str
    name: str
    is_async: bool

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def is_anthropic(self) -> bool:
        return self.module == "anthropic"

    def client(self, url: str, *first: type) -> Any:
        """Return a client; its class is a subclass of ``first`` and of the SDK's own class."""
        base = getattr(pytest.importorskip(self.module), self.name)
        options = {"warm_tcp_connection": False} if "Cerebras" in self.name else {}
        kind = type("Client", (*first, base), {})
        return kind(api_key="none", base_url=url, max_retries=0, **options)

    def request(self, client: Any) -> Any:
        messages = [{"role": "user", "content": "Hello"}]
        if self.is_anthropic:
            return client.messages.create(
                model="example-1", max_tokens=9, messages=messages, stream=True
            )
        return client.chat.completions.create(model="example-1", messages=messages, stream=True)

    def chunks(self, client: Any, limit: int | None = None) -> list[Any]:
        """Return what the client yields; leave its stream after ``limit`` chunks."""
        seen: list[Any] = []
        if self.is_async:
            asyncio.run(self._read_async(client, limit, seen))
            return seen
        with client, self.request(client) as stream:
            for chunk in stream:
                seen.append(chunk.model_dump())
                if len(seen) == limit:
                    break
        return seen

    async def _read_async(self, client: Any, limit: int | None, seen: list[Any]) -> None:
        async with client, await self.request(client) as stream:
            async for chunk in stream:
                seen.append(chunk.model_dump())
                if len(seen) == limit:
                    break

    def stream(self, texts: list[str], keep_alive: bytes = b"") -> bytes:
        """Return the answer whose text is divided like this, in the manner of the provider."""
        if self.is_anthropic:
            return anthropic_stream(texts, keep_alive)
        return chat_stream(texts, keep_alive, self.module)

    def text(self, chunks: list[Any]) -> str:
        if self.is_anthropic:
            return "".join(c["delta"]["text"] for c in chunks if c["type"] == "content_block_delta")
        return "".join(c["choices"][0]["delta"]["content"] or "" for c in chunks if c["choices"])


def data(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def chat_stream(texts: list[str], keep_alive: bytes, module: str) -> bytes:
    """Chunks of a chat completion; each provider adds members of its own."""

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1764000000,
            "model": "example-1",
            "choices": [choice],
        }

    def added(last: bool) -> dict[str, Any]:
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
        members: dict[str, dict[str, Any]] = {
            "openai": {"service_tier": "default", "usage": usage if last else None},
            "groq": {"x_groq": {"id": "req_1", "usage": usage} if last else {"id": "req_1"}},
            "together": {"usage": usage if last else None},
            "cerebras.cloud.sdk": {"system_fingerprint": "fp_1", "usage": usage} if last else {},
        }
        return members[module]

    role = {"role": "assistant"}
    parts = [data(chunk(role | {"content": ""}) | added(False))]
    parts += [data(chunk(role | {"content": text}) | added(False)) for text in texts]
    parts += [data(chunk(role | {"content": ""}, "stop") | added(True)), b"data: [DONE]\n\n"]
    return keep_alive + keep_alive.join(parts)


def anthropic_stream(texts: list[str], keep_alive: bytes) -> bytes:
    usage = {"input_tokens": 9, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "example-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    for text in texts:
        delta = {"type": "text_delta", "text": text}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": usage},
        {"type": "message_stop"},
    ]
    parts = [f"event: {event['type']}\n".encode() + data(event) for event in events]
    return keep_alive + keep_alive.join(parts)


OPENAI = SDK("openai", "OpenAI", False)
GROQ = SDK("groq", "Groq", False)
TOGETHER = SDK("together", "Together", False)
CEREBRAS = SDK("cerebras.cloud.sdk", "Cerebras", False)
ANTHROPIC = SDK("anthropic", "Anthropic", False)
SYNC = [OPENAI, GROQ, TOGETHER, CEREBRAS, ANTHROPIC]
SDKS = SYNC + [SDK(sdk.module, f"Async{sdk.name}", True) for sdk in SYNC]
EACH = pytest.mark.parametrize("sdk", SDKS, ids=str)
TEXTS = ["Grüße aus ", "東京\u2028と京都", " 😀\n\n", "data: x"]
COMMENT = b": keep-alive\n\n"
# Events without a type, which anthropic's client skips.
UNTYPED = b'data: {"type": "keep-alive"}\n\ndata:\n\n'


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(autouse=True)
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each client loads all certificates, which takes longer than a test, and uses none here."""
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *args, **kwargs: None)


class Recorded(Exchange):
    """An exchange that records the address of each client's connection."""

    def __init__(self, steps: list[Step], ending: str) -> None:
        super().__init__(steps, ending=ending)
        self.connections: list[object] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.connections.append(request.transport.get_extra_info("peername"))
        return await super().answer(request)


Serve = Callable[..., str]


@pytest.fixture
def serve(server: Server) -> Serve:
    """Return a function that makes the server send a stream in chunks of a size."""

    def serve(stream: bytes, size: int = 4096, ending: str = "end") -> str:
        # The server waits after each chunk, so only the start comes in very small ones.
        small = min(len(stream), 60 * size)
        chunks = [stream[at : at + size] for at in range(0, small, size)]
        chunks += [stream[at : at + 65536] for at in range(small, len(stream), 65536)]
        server.exchange = Recorded([Step(chunks, 0)], ending)
        return f"http://127.0.0.1:{server.port}"

    return serve


def own_and_ours(sdk: SDK, url: str) -> tuple[list[Any], list[Any]]:
    own = sdk.chunks(sdk.client(url))
    ours = sdk.chunks(sdk.client(url, OURS))
    assert sdk.chunks(sdk.client(url, SKIPPING)) == ours
    return own, ours


@pytest.mark.parametrize(
    ("line_end", "size"),
    [(b"\n", 1), (b"\n", 1000), (b"\r\n", 7)],
    ids=["LF, chunks of 1", "LF, chunks of 1000", "CRLF, chunks of 7"],
)
@EACH
def test_ordinary_streams_give_the_same_as_with_the_own_decoder(
    sdk: SDK, line_end: bytes, size: int, serve: Serve
) -> None:
    stream = sdk.stream(TEXTS, COMMENT).replace(b"\n", line_end)
    own, ours = own_and_ours(sdk, serve(stream, size))
    assert ours == own
    assert sdk.text(ours) == "".join(TEXTS)


@EACH
def test_a_large_event_gives_the_same_as_with_the_own_decoder(sdk: SDK, serve: Serve) -> None:
    text = "x" * 2_000_000
    own, ours = own_and_ours(sdk, serve(sdk.stream([text, "y"]), 65536))
    assert ours == own
    assert sdk.text(ours) == text + "y"


def test_an_event_above_the_default_limit_of_the_parser() -> None:
    chunks = [b"data: ", b"x" * (64 * 1024 * 1024 + 1), b"\n\n"]
    (event,) = DECODER["Decoder"]().iter_bytes(chunks)
    assert len(event.data) == len(chunks[1])


@pytest.mark.parametrize("extra", [UNTYPED, b"data: [DONE]\n\n"], ids=["untyped", "[DONE]"])
@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.is_anthropic], ids=str)
def test_anthropic_skips_events_that_are_not_its_own(sdk: SDK, extra: bytes, serve: Serve) -> None:
    own, ours = own_and_ours(sdk, serve(sdk.stream(TEXTS, extra)))
    assert ours == own
    assert sdk.text(ours) == "".join(TEXTS)


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if not sdk.is_anthropic], ids=str)
def test_nothing_after_done_is_yielded(sdk: SDK, serve: Serve) -> None:
    own, ours = own_and_ours(sdk, serve(sdk.stream(["a"]) + sdk.stream(["b"])))
    assert ours == own
    assert sdk.text(ours) == "a"


@EACH
def test_an_error_that_the_stream_reports_is_raised(sdk: SDK, serve: Serve) -> None:
    error: dict[str, Any] = {"error": {"type": "overloaded", "message": "upstream went away"}}
    report = b"event: error\n" * sdk.is_anthropic + data(error)
    stream = sdk.stream(TEXTS).replace(data({"type": "message_stop"}), b"")
    stream = stream.replace(b"data: [DONE]\n\n", b"").replace(b"event: message_stop\n", b"")
    url = serve(stream + report)
    kind = sys.modules[sdk.module].APIError
    for first in ((), (OURS,)):
        with pytest.raises(kind, match="upstream went away"):
            sdk.chunks(sdk.client(url, *first))


@EACH
def test_a_stream_that_is_left_is_closed(sdk: SDK, serve: Serve, server: Server) -> None:
    url = serve(sdk.stream(TEXTS), ending="hold")
    client = sdk.client(url, OURS)
    assert len(sdk.chunks(client, limit=2)) == 2
    assert server.exchange.client_left.wait(5)
    assert not server.exchange.timed_out


def connections(sdk: SDK, serve: Serve, server: Server, *first: type) -> int:
    """Return how many connections a client opens for three requests."""
    client = sdk.client(serve(sdk.stream(TEXTS)), *first)

    async def main() -> None:
        async with client:
            for _ in range(3):
                assert [chunk async for chunk in await sdk.request(client)]

    if sdk.is_async:
        asyncio.run(main())
    else:
        with client:
            for _ in range(3):
                assert list(sdk.request(client))
    exchange = server.exchange
    assert isinstance(exchange, Recorded)
    assert len(exchange.connections) == 3
    return len(set(exchange.connections))


@EACH
def test_the_connections_are_used_again(sdk: SDK, serve: Serve, server: Server) -> None:
    own = connections(sdk, serve, server)
    assert connections(sdk, serve, server, OURS) == own
    assert connections(sdk, serve, server, checked(sdk)) == 1
    # Their own decoders close the connection at [DONE].
    closing = ["openai.OpenAI", "together.Together", "together.AsyncTogether"]
    closing += ["cerebras.cloud.sdk.Cerebras", "cerebras.cloud.sdk.AsyncCerebras"]
    assert own == (3 if str(sdk) in closing else 1)


def checked(sdk: SDK) -> type:
    """Return the class of the page that raises for a truncated answer."""
    name = "complete message" if sdk.is_anthropic else "complete chat"
    found = execute(name, **DECODER)["OnSSEStream"]
    assert isinstance(found, type)
    return found


@EACH
def test_a_client_with_other_options_has_the_decoder_too(sdk: SDK) -> None:
    client = sdk.client("http://127.0.0.1:9", OURS)
    assert isinstance(client.with_options(timeout=5)._make_sse_decoder(), DECODER["Decoder"])


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.module == "openai"], ids=str)
def test_the_typed_events_of_openai_responses(
    sdk: SDK, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = {"id": "resp_1", "object": "response", "model": "example-1", "output": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_text.delta", "delta": "東京", "item_id": "msg_1"},
        {"type": "response.completed", "response": response},
    ]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    stream = b"".join(f"event: {event['type']}\n".encode() + data(event) for event in events)
    monkeypatch.setattr(
        SDK,
        "request",
        lambda _, client: client.responses.create(model="example-1", input="Hello", stream=True),
    )
    own, ours = own_and_ours(sdk, serve(stream))
    assert ours == own
    assert [(chunk["type"], chunk.get("delta")) for chunk in ours] == [
        (event["type"], event.get("delta")) for event in events
    ]


@pytest.mark.parametrize("sdk", SYNC, ids=str)
def test_the_decoders_give_the_same_for_a_stream_that_the_own_one_reads_right(sdk: SDK) -> None:
    own_decoder = pytest.importorskip(f"{sdk.module}._streaming").SSEDecoder

    def members(events: Iterator[Any]) -> list[Any]:
        return [(event.event, event.data, event.id, event.retry) for event in events]

    @given(streams())
    def test(chunks: list[bytes]) -> None:
        own = members(own_decoder().iter_bytes(iter(chunks)))
        assert members(DECODER["Decoder"]().iter_bytes(chunks)) == own

        async def read() -> list[Any]:
            async def source() -> AsyncIterator[bytes]:
                for chunk in chunks:
                    yield chunk

            found = DECODER["Decoder"]().aiter_bytes(source())
            return members(iter([event async for event in found]))

        assert asyncio.run(read()) == own

    test()


LINES = [
    "data", "data: [DONE]", "data:  {}", "data: 東\u2028京", "event", "event: message",
    "event: ping", "id", "id: 1", "id: 2", "id: a\0b", "retry: 5", "retry: soon", ": comment",
    "unknown: field",
]  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """A stream in chunks, with blocks of every kind, that these decoders read right.

    All line ends are of one kind. Each blank line ends a block that is an event for the own
    decoders: after an ID they give an event for every blank line.
    """
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    stream = ""
    for _ in range(draw(st.integers(0, 4))):
        block = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=4))
        if not any(line.startswith(("data", "id: 1", "retry: 5")) for line in block):
            block.append("event: ping")
        stream += end.join([*block, "", ""])
    stream += draw(st.sampled_from(["", "data: the end", "data: the end" + end]))
    whole = stream.encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


BOM = b"\xef\xbb\xbf"
CHATS = [OPENAI, GROQ, TOGETHER, CEREBRAS]


def outcome(sdk: SDK, url: str, *first: type) -> str:
    """Return the text that came, or the name of the exception."""
    try:
        return sdk.text(sdk.chunks(sdk.client(url, *first)))
    except Exception as error:
        return type(error).__name__


WITHOUT_DATA = {
    "event alone": b"event: ping\n\n",
    "event: message alone": b"event: message\n\n",
    "event without a value": b"event\n\n",
    "id alone": b"id: 1\n\n",
    "id without a value": b"id\n\n",
    "retry alone": b"retry: 5\n\n",
}


@pytest.mark.parametrize("name", WITHOUT_DATA)
@EACH
def test_a_block_without_data_gives_the_same_as_with_the_own_decoder(
    sdk: SDK, name: str, serve: Serve
) -> None:
    url = serve(sdk.stream(["a", "b"]).replace(b"\n\n", b"\n\n" + WITHOUT_DATA[name], 1))
    fails = not (sdk.is_anthropic or "without a value" in name)
    if sdk.module == "together" and "alone" in name and name.startswith("event"):
        fails = False
    expected = "JSONDecodeError" if fails else "ab"
    assert outcome(sdk, url) == expected
    assert outcome(sdk, url, OURS) == expected
    assert outcome(sdk, url, SKIPPING) == "ab"


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.is_anthropic], ids=str)
def test_anthropic_raises_an_error_event_without_data(sdk: SDK, serve: Serve) -> None:
    url = serve(sdk.stream(["a", "b"]) + b"event: error\n\n")
    kind = pytest.importorskip("anthropic").APIStatusError
    for first in ((), (OURS,)):
        with pytest.raises(kind, match="Error code: 200"):
            sdk.chunks(sdk.client(url, *first))
    assert outcome(sdk, url, SKIPPING) == "ab"


def differences() -> Iterator[tuple[str, SDK, bytes, str, str]]:
    """Yield a name, the SDK, a stream, and the outcome with its own decoder and with ours."""
    for sdk in SYNC:
        stream = sdk.stream(["a", "b"])
        fails = "ab" if sdk.is_anthropic else "JSONDecodeError"
        with_id = b"id: 1\n" + stream.replace(b"\n\n", b"\n\n" + COMMENT, 1)
        yield "a comment after an ID", sdk, with_id, fails, "ab"
        blank = b"id: 1\n" + stream.replace(b"\n\n", b"\n\n\n", 1)
        yield "a second blank line after an ID", sdk, blank, fails, "ab"
        signed = stream.replace(b"\n\n", b"\n\nretry: -1\n\n", 1)
        yield "retry with a sign", sdk, signed, fails, "ab"
        invalid = sdk.stream(["a#"]).replace(b"#", b"\xff")
        yield "invalid UTF-8", sdk, invalid, "UnicodeDecodeError", "a\ufffd"
    for sdk in CHATS:
        _, _, from_first_text = sdk.stream(["a", "b"]).partition(b"\n\n")
        yield "a byte order mark", sdk, BOM + from_first_text, "b", "ab"


DIFFERENCES = list(differences())


@pytest.mark.parametrize(
    ("sdk", "stream", "own", "ours"),
    [case[1:] for case in DIFFERENCES],
    ids=[f"{case[1].module}: {case[0]}" for case in DIFFERENCES],
)
def test_a_difference_that_the_page_names(
    sdk: SDK, stream: bytes, own: str, ours: str, serve: Serve
) -> None:
    url = serve(stream)
    assert outcome(sdk, url) == own
    assert outcome(sdk, url, OURS) == ours
    assert outcome(sdk, url, SKIPPING) == ours


@EACH
def test_a_body_that_is_no_event_stream(sdk: SDK, serve: Serve) -> None:
    url = serve(b'{"error": {"message": "no such model"}}')
    assert own_and_ours(sdk, url) == ([], [])
    with pytest.raises(NotEventStreamError, match="no such model"):
        sdk.chunks(sdk.client(url, checked(sdk)))


@pytest.mark.parametrize("sdk", SYNC, ids=str)
def test_a_blank_line_that_ends_otherwise_does_not_delay_an_event(sdk: SDK) -> None:
    own_decoder = pytest.importorskip(f"{sdk.module}._streaming").SSEDecoder

    def first_event(decoder: Any) -> int:
        """Return the number of chunks that were read before the first event came."""
        read: list[bytes] = []

        def source() -> Iterator[bytes]:
            for chunk in (b"data: 1\n\r\n", b"data: 2\n\n"):
                read.append(chunk)
                yield chunk

        assert next(decoder.iter_bytes(source())).data == "1"
        return len(read)

    assert first_event(DECODER["Decoder"]()) == 1
    assert first_event(own_decoder()) == (1 if sdk.module == "openai" else 2)


def test_a_byte_order_mark_costs_anthropic_its_first_event(serve: Serve) -> None:
    own, ours = own_and_ours(ANTHROPIC, serve(BOM + ANTHROPIC.stream(TEXTS)))
    assert ours[0]["type"] == "message_start"
    assert own == ours[1:]


@EACH
def test_the_type_message_written_out(sdk: SDK, serve: Serve) -> None:
    event = b"event: message\n"
    if sdk.is_anthropic:
        added = event + data({"type": "message_stop"})
        own, ours = own_and_ours(sdk, serve(sdk.stream(TEXTS) + added))
        assert own == ours
        assert ours[-1] == ours[-2]
        return
    stream = event + sdk.stream(TEXTS).replace(b"\n\n", b"\n\n" + event)
    own, ours = own_and_ours(sdk, serve(stream.removesuffix(event)))
    assert own == ours
    # What these SDKs do with such events.
    if sdk.module == "openai":
        assert sdk.text(ours) == "".join(TEXTS)
    elif sdk.module == "together":
        assert ours == []
    else:
        assert ours and all(chunk["choices"] is None for chunk in ours)


@EACH
def test_a_truncated_answer_raises_if_the_last_event_is_named(sdk: SDK, serve: Serve) -> None:
    stream = sdk.stream(TEXTS)
    before_last = stream.rindex(b"\n\n", 0, -2) + 2
    in_the_text = stream.index(b"data: x") + 200
    for end in (before_last, in_the_text):
        url = serve(stream[:end])
        half = sdk.chunks(sdk.client(url))
        assert sdk.chunks(sdk.client(url, OURS)) == half
        with pytest.raises(IncompleteStreamError):
            sdk.chunks(sdk.client(url, checked(sdk)))
    whole = sdk.chunks(sdk.client(serve(stream)))
    assert sdk.chunks(sdk.client(serve(stream), checked(sdk))) == whole
    if not sdk.is_anthropic:
        # Some servers leave out the blank line after [DONE].
        assert sdk.chunks(sdk.client(serve(stream[:-2]), checked(sdk))) == whole


class Printed:
    """What a block prints."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self.text = ""

    def __call__(self, *values: object, end: str = "\n", flush: bool = False) -> None:
        self.values += values
        self.text += " ".join(map(str, values)) + end


@pytest.mark.parametrize(
    ("name", "sdk"),
    [("openai", OPENAI), ("anthropic", ANTHROPIC)],
    ids=["openai", "anthropic"],
)
def test_the_example_of_an_sdk(
    name: str, sdk: SDK, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(sdk.module)
    made: list[object] = []

    class OnSSEStream(OURS):  # type: ignore[misc,valid-type]
        def _make_sse_decoder(self) -> object:
            made.append(self)
            return super()._make_sse_decoder()

    url = serve(sdk.stream(TEXTS, COMMENT))
    monkeypatch.setenv(f"{sdk.name.upper()}_BASE_URL", url)
    monkeypatch.setenv(f"{sdk.name.upper()}_API_KEY", "none")
    printed = Printed()
    found = execute(name, OnSSEStream=OnSSEStream, print=printed)
    found["client"].close()
    assert printed.text == "".join(TEXTS)
    assert len(made) == 1


@pytest.fixture
def copied_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make ``import httpx_sse`` find docs/httpx_sse.py, as in a project that holds the copy."""
    pytest.importorskip("httpx")
    monkeypatch.syspath_prepend(ROOT / "docs")
    package = sys.modules.pop("httpx_sse", None)
    yield
    sys.modules.pop("httpx_sse", None)
    if package is not None:
        sys.modules["httpx_sse"] = package


@pytest.mark.usefixtures("copied_file")
def test_the_example_of_httpx_sse(serve: Serve) -> None:
    url = serve(OPENAI.stream(TEXTS, COMMENT))
    printed = Printed()
    exec(code_of("httpx-sse").replace("http://127.0.0.1:8000", url), {"print": printed})
    assert sys.modules["httpx_sse"].__file__ == str(ROOT / "docs" / "httpx_sse.py")
    assert OPENAI.text(printed.values) == "".join(TEXTS)


@pytest.mark.usefixtures("copied_file")
def test_the_example_of_a_library_that_imports_httpx_sse(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("yourpackage")
    copied = importlib.import_module("httpx_sse")
    del sys.modules["httpx_sse"]
    package.httpx_sse = copied  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "yourpackage", package)
    monkeypatch.setitem(sys.modules, "yourpackage.httpx_sse", copied)
    code, _, _ = code_of("a library that imports httpx-sse").partition("\nfrom mcp")
    exec(code, {})
    assert importlib.import_module("httpx_sse") is copied


def test_every_block_of_the_page_has_a_name_by_which_the_tests_run_it() -> None:
    assert sorted(map(code_of, PARTS)) == sorted(CODE)
