"""docs/httpx_sse.py, the file to copy, against the package httpx-sse."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

httpx = pytest.importorskip("httpx")
httpx_sse = pytest.importorskip("httpx_sse")

FILE = Path(__file__).resolve().parent.parent.parent / "docs" / "httpx_sse.py"
URL = "http://testserver/stream"
Seen = tuple[str, str, str, Any]


def load() -> Any:
    spec = importlib.util.spec_from_file_location("copied_httpx_sse", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


copied = load()
BOTH = pytest.mark.parametrize("module", [copied, httpx_sse], ids=["copied file", "package"])


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):  # type: ignore[name-defined,misc]
    """A body of these chunks that counts how often it is closed."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def transport(body: Body, headers: dict[str, str] | None = None) -> Any:
    headers = headers or {"Content-Type": "text/event-stream"}
    return httpx.MockTransport(lambda request: httpx.Response(200, headers=headers, stream=body))


def members(sse: Any) -> Seen:
    return sse.event, sse.data, sse.id, sse.retry


def read(module: Any, chunks: Sequence[bytes], headers: dict[str, str] | None = None) -> list[Seen]:
    """Return the events of a response, after checking that the async form gives the same."""
    with (
        httpx.Client(transport=transport(Body(chunks), headers)) as client,
        module.connect_sse(client, "GET", URL) as source,
    ):
        seen = [members(sse) for sse in source.iter_sse()]

    async def main() -> list[Seen]:
        body = transport(Body(chunks), headers)
        async with (
            httpx.AsyncClient(transport=body) as client,
            module.aconnect_sse(client, "GET", URL) as source,
        ):
            return [members(sse) async for sse in source.aiter_sse()]

    assert asyncio.run(main()) == seen
    return seen


# Without CR, LF and NUL, which end a line or make an ID invalid, and without surrogates.
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n\0\ufeff"))


@st.composite
def ordinary_streams(draw: st.DrawFn) -> list[bytes]:
    """A stream that the package reads right, in chunks."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines: list[str] = []
    has_id = False
    for _ in range(draw(st.integers(0, 4))):
        others = st.one_of(
            TEXT.map("data:{}".format),
            TEXT.map("data: {}".format),
            TEXT.map(": {}".format),
            TEXT.map("event: {}".format),
            TEXT.map("id: {}".format),
            st.integers(0, 2**64 - 1).map("retry: {}".format),
            st.sampled_from(
                ["data", "event", "id", "event: message", "unknown: field", "retry: no number"]
            ),
        )
        block = draw(st.lists(others, min_size=1, max_size=4))
        # After an ID, the package gives an event for a block without any field.
        has_id = has_id or any(line.startswith("id: ") for line in block)
        if has_id and not any(re.match("data|id: .|retry: .*[0-9]$", line) for line in block):
            block.append("event: ping")
        lines += [*block, ""]
    stream = "".join(line + end for line in lines).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@given(ordinary_streams())
def test_ordinary_streams_give_the_same_events(chunks: list[bytes]) -> None:
    assert read(copied, chunks) == read(httpx_sse, chunks)


EXAMPLE = [("message", "1", "", None)]
WITHOUT_DATA: dict[str, tuple[bytes, list[Seen]]] = {
    "retry alone": (b"retry: 5\n\ndata: 1\n\n", [("message", "", "", 5), *EXAMPLE]),
    "id alone": (
        b"id: 7\n\ndata: 1\n\n",
        [("message", "", "7", None), ("message", "1", "7", None)],
    ),
    "event alone": (b"event: ping\n\ndata: 1\n\n", [("ping", "", "", None), *EXAMPLE]),
    "all three": (b"event: ping\nid: 7\nretry: 5\n\n", [("ping", "", "7", 5)]),
    "an event field without a value": (b"event\n\ndata: 1\n\n", EXAMPLE),
    "an ID without a value": (b"id\n\ndata: 1\n\n", EXAMPLE),
    "an ID that is reset": (
        b"id: 7\ndata: 1\n\nid\n\ndata: 2\n\n",
        [("message", "1", "7", None), ("message", "2", "", None)],
    ),
    "an ignored retry": (b"retry: soon\n\ndata: 1\n\n", EXAMPLE),
}


@BOTH
@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_a_block_without_data(name: str, module: Any) -> None:
    stream, expected = WITHOUT_DATA[name]
    assert read(module, [stream]) == expected


DIFFERENCES: dict[str, tuple[bytes, list[Seen], list[Seen]]] = {
    "a comment after an ID": (
        b"id: 7\ndata: 1\n\n: ping\n\n",
        [("message", "1", "7", None), ("message", "", "7", None)],
        [("message", "1", "7", None)],
    ),
    "two blank lines after an ID": (
        b"id: 7\ndata: 1\n\n\n",
        [("message", "1", "7", None), ("message", "", "7", None)],
        [("message", "1", "7", None)],
    ),
    "a byte order mark": (b"\xef\xbb\xbfdata: 1\n\n", [], EXAMPLE),
    "retry with a sign": (b"retry: -1\ndata: 1\n\n", [("message", "1", "", -1)], EXAMPLE),
    "retry with an underscore": (b"retry: 1_0\ndata: 1\n\n", [("message", "1", "", 10)], EXAMPLE),
    "retry with spaces": (b"retry:  5 \ndata: 1\n\n", [("message", "1", "", 5)], EXAMPLE),
    "retry in other digits": (
        "retry: ٣\ndata: 1\n\n".encode(),
        [("message", "1", "", 3)],
        EXAMPLE,
    ),
    "retry of 2**64": (
        b"retry: 18446744073709551616\ndata: 1\n\n",
        [("message", "1", "", 2**64)],
        EXAMPLE,
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_that_the_page_names(name: str) -> None:
    stream, package, copy = DIFFERENCES[name]
    assert read(httpx_sse, [stream]) == package
    assert read(copied, [stream]) == copy


def test_another_charset_is_read_as_utf_8() -> None:
    headers = {"Content-Type": "text/event-stream; charset=latin-1"}
    assert read(httpx_sse, ["data: é\n\n".encode()], headers)[0][1] == "Ã©"
    assert read(copied, ["data: é\n\n".encode()], headers)[0][1] == "é"


def test_an_event_that_ends_with_cr_comes_at_once() -> None:
    def first_event(module: Any) -> int:
        """Return how many chunks were read before the first event came."""
        sent: list[bytes] = []

        class Counting(Body):
            def __iter__(self) -> Iterator[bytes]:
                for chunk in self.chunks:
                    sent.append(chunk)
                    yield chunk

        body = Counting([b"data: 1\r\r", b"data: 2\r\r"])
        with (
            httpx.Client(transport=transport(body)) as client,
            module.connect_sse(client, "GET", URL) as source,
        ):
            next(source.iter_sse())
        return len(sent)

    assert (first_event(copied), first_event(httpx_sse)) == (1, 2)


@BOTH
@pytest.mark.parametrize(
    "stream", [b"", b"\n\n", b": comment\n\n", b"unknown: field\n\n", b'{"error": 1}', b"data: 1\n"]
)
def test_a_body_without_an_event_gives_no_event(module: Any, stream: bytes) -> None:
    assert read(module, [stream]) == []


@BOTH
def test_done_is_an_event(module: Any) -> None:
    assert read(module, [b"data: [DONE]\n\ndata: 1\n\n"]) == [
        ("message", "[DONE]", "", None),
        *EXAMPLE,
    ]


CONTENT_TYPES = {
    # content type: (refused by the package, refused by the copied file)
    "text/event-stream": (False, False),
    "text/event-stream;charset=utf-8": (False, False),
    "application/json, text/event-stream; charset=utf-8": (False, False),
    "application/json": (True, True),
    "": (True, True),
    "Text/Event-Stream": (True, False),
    "text/event-streams": (False, True),
    "text/event-stream, text/html": (False, True),
}


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_the_content_type_is_checked_at_the_first_event(content_type: str) -> None:
    def is_refused(module: Any) -> bool:
        response = httpx.Response(
            200, headers={"Content-Type": content_type}, stream=Body([b"data: 1\n\n"])
        )
        events = module.EventSource(response).iter_sse()
        try:
            assert members(next(events)) == EXAMPLE[0]
        except module.SSEError as error:
            assert "text/event-stream" in str(error)
            return True
        return False

    assert (is_refused(httpx_sse), is_refused(copied)) == CONTENT_TYPES[content_type]


@BOTH
def test_the_request_and_the_response(module: Any) -> None:
    requests: list[Any] = []

    def answer(request: Any) -> Any:
        requests.append(request)
        return httpx.Response(503, headers={"Content-Type": "text/event-stream"})

    headers = {"X-Token": "secret", "Accept": "*/*"}
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        module.connect_sse(client, "POST", URL, json={"a": 1}, headers=headers) as source,
    ):
        assert source.response.status_code == 503
    (request,) = requests
    sent = [request.headers[name] for name in ("Accept", "Cache-Control", "X-Token")]
    assert sent == ["text/event-stream", "no-store", "secret"]
    assert (request.method, request.content) == ("POST", b'{"a":1}')
    assert (headers["Accept"] == "*/*") == (module is copied)


@pytest.mark.parametrize("headers", [None, [("X-Token", "secret")], httpx.Headers({"X-Token": ""})])
def test_headers_of_each_kind_are_accepted(headers: Any) -> None:
    with (
        httpx.Client(transport=transport(Body([]))) as client,
        copied.connect_sse(client, "GET", URL, headers=headers) as source,
    ):
        assert source.response.request.headers["Accept"] == "text/event-stream"
    with (
        httpx.Client(transport=transport(Body([]))) as client,
        nullcontext() if isinstance(headers, httpx.Headers) else pytest.raises(TypeError),
        httpx_sse.connect_sse(client, "GET", URL, headers=headers),
    ):
        pass


@BOTH
def test_the_body_is_closed_when_the_loop_is_left(module: Any) -> None:
    body = Body([b"data: 1\n\n"] * 3)
    with (
        httpx.Client(transport=transport(body)) as client,
        module.connect_sse(client, "GET", URL) as source,
    ):
        for _ in source.iter_sse():
            break
    assert body.closed == 1

    async def main() -> int:
        body = Body([b"data: 1\n\n"] * 3)
        async with (
            httpx.AsyncClient(transport=transport(body)) as client,
            module.aconnect_sse(client, "GET", URL) as source,
        ):
            events = source.aiter_sse()
            assert members(await anext(events)) == EXAMPLE[0]
            await events.aclose()
        return body.closed

    assert asyncio.run(main()) == 1


@BOTH
def test_an_error_of_the_connection_passes_through(module: Any) -> None:
    class Failing(Body):
        def __iter__(self) -> Iterator[bytes]:
            yield from self.chunks
            raise httpx.ReadError("the connection was closed")

    seen: list[Seen] = []
    with (
        httpx.Client(transport=transport(Failing([b"data: 1\n\ndata: 2"]))) as client,
        module.connect_sse(client, "GET", URL) as source,
        pytest.raises(httpx.ReadError),
    ):
        seen.extend(members(sse) for sse in source.iter_sse())
    assert seen == EXAMPLE


def test_the_limit_of_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    # Larger than the default limit of Parser.
    large = 64 * 1024 * 1024 + 1
    ((_, data, _, _),) = read_sync(copied, [b"data: ", b"x" * large, b"\n\n"])
    assert len(data) == large
    monkeypatch.setattr(copied.EventSource, "max_event_size", 10)
    with pytest.raises(copied.SSEError, match="10 bytes"):
        read_sync(copied, [b"data: 12345678901\n\n"])


def read_sync(module: Any, chunks: Sequence[bytes]) -> list[Seen]:
    response = httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, stream=Body(chunks)
    )
    return [members(sse) for sse in module.EventSource(response).iter_sse()]


@BOTH
def test_an_event_is_made_of_any_members(module: Any) -> None:
    make: Callable[..., Any] = module.ServerSentEvent
    assert members(make()) == ("message", "", "", None)
    assert members(make(event=None, data=None, id=None, retry=None)) == ("message", "", "", None)
    assert members(make(event="")) == ("message", "", "", None)
    event = make("add", '{"a": 1}', "7", 5)
    assert members(event) == ("add", '{"a": 1}', "7", 5)
    assert event.json() == {"a": 1}
    with pytest.raises(ValueError, match="Expecting value"):
        make().json()
    with pytest.raises(AttributeError):
        event.data = "other"


@BOTH
def test_the_repr_of_an_event(module: Any) -> None:
    make: Callable[..., Any] = module.ServerSentEvent
    assert repr(make()) == "ServerSentEvent(event='message')"
    assert repr(make("add", "1")) == "ServerSentEvent(event='add', data='1')"
    assert repr(make(id="7", retry=0)) == "ServerSentEvent(event='message', id='7', retry=0)"


@BOTH
def test_only_the_same_event_is_equal(module: Any) -> None:
    event, other = module.ServerSentEvent("add", "1"), module.ServerSentEvent("add", "1")
    assert event == event and event != other
    assert len({event, other}) == 2


def test_the_names_and_their_kinds() -> None:
    assert set(httpx_sse.__all__) - set(copied.__all__) == {"__version__"}
    assert issubclass(copied.SSEError, httpx.TransportError)
    response = httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, stream=Body([b"data: 1\n\n"])
    )
    (event,) = copied.EventSource(response).iter_sse()
    assert type(event) is copied.ServerSentEvent
