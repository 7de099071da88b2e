"""docs/replacing-other-parsers.md: each project with its own parser and with sse_stream."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts import adoption, replaced
from support.replacements import execute

from sse_stream import Block, Comment, Event, Parser, encode

BOM = b"\xef\xbb\xbf"
Read = Callable[[Sequence[bytes]], list[Any]]


class Response:
    """What these parsers use of a response."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = chunks
        self.closed = 0

    def iter_bytes(self) -> Iterator[bytes]:
        return iter(self.chunks)

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def both(sync: Iterator[Any], items: AsyncIterator[Any]) -> list[Any]:
    """Return what a sync parser gives, after checking that the async one gives the same."""

    async def read() -> list[Any]:
        return [item async for item in items]

    found = list(sync)
    assert asyncio.run(read()) == found
    return found


def members(event: Any) -> tuple[Any, Any, Any, Any]:
    return event.event, event.data, event.id, event.retry


class Project(NamedTuple):
    """A project with its own parser and the page's block, read by the same code."""

    own: Read
    ours: Read


def speakeasy(module: str, block: str, sentinel: str | None, data_required: bool) -> Project:
    eventstreaming = pytest.importorskip(module)
    own = (eventstreaming.stream_events, eventstreaming.stream_events_async)
    found = execute("speakeasy")
    execute(block, **found)
    ours = (eventstreaming.stream_events, eventstreaming.stream_events_async)
    eventstreaming.stream_events, eventstreaming.stream_events_async = own
    assert ours == (found["stream_events"], found["stream_events_async"])

    def reader(functions: tuple[Any, Any]) -> Read:
        def read(chunks: Sequence[bytes]) -> list[Any]:
            response, other = Response(chunks), Response(chunks)
            events = both(
                functions[0](response, str, sentinel, data_required=data_required),
                functions[1](other, str, sentinel, data_required=data_required),
            )
            assert response.closed == other.closed == 1
            return events

        return read

    return Project(reader(own), reader(ours))


def mistralai() -> Project:
    return speakeasy("mistralai.client.utils.eventstreaming", "mistralai", "[DONE]", True)


def mistralai_without_data() -> Project:
    return speakeasy("mistralai.client.utils.eventstreaming", "mistralai", None, False)


def google_genai() -> Project:
    return speakeasy("google.genai._gaos.utils.eventstreaming", "google-genai", "[DONE]", True)


def own_and_ours(kind: Any, names: tuple[str, str], block: str) -> tuple[Any, Any]:
    """Return two methods of a class as they are and as the block sets them; leave them as they are.

    Each is a pair, the sync method and the async one.
    """
    own = tuple(getattr(kind, name) for name in names)
    execute(block)
    ours = tuple(getattr(kind, name) for name in names)
    for name, function in zip(names, own, strict=True):
        setattr(kind, name, function)
    assert not set(own) & set(ours)
    return own, ours


def cohere() -> Project:
    api = pytest.importorskip("cohere.core.http_sse._api")
    httpx = pytest.importorskip("httpx")
    own, ours = own_and_ours(api.EventSource, COHERE, "cohere")

    def reader(functions: tuple[Any, Any]) -> Read:
        source: Any = type("Source", (api.EventSource,), {})
        source._decode_response, source._adecode_response = functions
        headers = {"Content-Type": "text/event-stream"}

        def read(chunks: Sequence[bytes]) -> list[Any]:
            async def body() -> AsyncIterator[bytes]:
                for chunk in chunks:
                    yield chunk

            response = httpx.Response(200, headers=headers, content=iter(chunks))
            other = httpx.Response(200, headers=headers, content=body())
            events = both(source(response).iter_sse(), source(other).aiter_sse())
            return [members(event) for event in events]

        return read

    return Project(reader(own), reader(ours))


COHERE = ("_decode_response", "_adecode_response")
HTTPX2 = ("__iter__", "__aiter__")


def httpx2() -> Project:
    module = pytest.importorskip("httpx2")
    own, ours = own_and_ours(module.EventSource, HTTPX2, "httpx2")
    return Project(httpx2_reader(own), httpx2_reader(ours))


def httpx2_reader(functions: tuple[Any, Any], **options: Any) -> Read:
    module = pytest.importorskip("httpx2")
    headers = {"Content-Type": "text/event-stream"}
    request = module.Request("GET", "http://testserver/")

    def read(chunks: Sequence[bytes]) -> list[Any]:
        async def body() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        response = module.Response(200, headers=headers, content=iter(chunks), request=request)
        other = module.Response(200, headers=headers, content=body(), request=request)
        sources = module.EventSource(response, **options), module.EventSource(other, **options)
        return [members(e) for e in both(functions[0](sources[0]), functions[1](sources[1]))]

    return read


LANGGRAPH = ["_sync.http", "_async.http", "stream.transport.http", "stream.transport.sync_http"]


def langgraph_sdk() -> Project:
    sse = pytest.importorskip("langgraph_sdk.sse")
    modules: list[Any] = [importlib.import_module(f"langgraph_sdk.{name}") for name in LANGGRAPH]
    own = sse.SSEDecoder
    ours = execute("langgraph-sdk")["SSEDecoder"]
    for module in modules:
        assert module.SSEDecoder is ours
        module.SSEDecoder = own

    def reader(kind: Any) -> Read:
        def read(chunks: Sequence[bytes]) -> list[Any]:
            # As the four modules read.
            decoder = kind(last_event_id="0")
            seen: list[Any] = []
            for line in [*sse.iter_lines_raw(Response(chunks)), b""]:
                part = decoder.decode(line)
                if part is not None:
                    seen.append((part, decoder.last_event_id, decoder.has_data))
            return seen

        return read

    return Project(reader(own), reader(ours))


def sseclient_py() -> Project:
    sseclient = pytest.importorskip("sseclient")
    client = execute("sseclient-py")["Client"]

    def reader(kind: Any) -> Read:
        return lambda chunks: [members(event) for event in kind(iter(chunks)).events()]

    return Project(reader(sseclient.SSEClient), reader(client))


def launchdarkly() -> Project:
    sync = pytest.importorskip("ld_eventsource.sse_client")
    async_ = pytest.importorskip("ld_eventsource.async_client")

    def found() -> tuple[Any, ...]:
        return (
            *(sync._BufferedLineReader, sync._SSEReader),
            *(async_._AsyncBufferedLineReader, async_._AsyncSSEReader),
        )

    def put(kinds: tuple[Any, ...]) -> None:
        sync._BufferedLineReader, sync._SSEReader = kinds[:2]
        async_._AsyncBufferedLineReader, async_._AsyncSSEReader = kinds[2:]

    own = found()
    execute("launchdarkly-eventsource")
    ours = found()
    put(own)
    assert not set(own) & set(ours)

    def seen(action: Any, reader: Any) -> Any:
        if hasattr(action, "comment"):
            return action.comment.removeprefix(" ")
        shown = (action.event, action.data, action.id, action.last_event_id)
        return shown, reader.last_event_id

    def reader(kinds: tuple[Any, ...]) -> Read:
        def read(chunks: Sequence[bytes]) -> list[Any]:
            response = Response(chunks)
            sync_reader = kinds[1](kinds[0].lines_from(response.iter_bytes()), "0", None)
            async_reader = kinds[3](kinds[2].lines_from(response.aiter_bytes()), "0", None)

            async def actions() -> AsyncIterator[Any]:
                async for action in async_reader.events_and_comments():
                    yield seen(action, async_reader)

            return both(
                (seen(action, sync_reader) for action in sync_reader.events_and_comments()),
                actions(),
            )

        return read

    return Project(reader(own), reader(ours))


PROJECTS: list[Callable[[], Project]] = [
    mistralai, mistralai_without_data, google_genai, cohere, httpx2, langgraph_sdk, sseclient_py,
    launchdarkly,
]  # fmt: skip
EACH = pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.__name__)

LINES = [
    "data", "data: [DONE]", 'data: {"a": "東\u2028京"}', "data: 12", "event", "event: message",
    "event: ping", "id", "id: 1", "id: 2", "retry: 5", ": comment", "unknown: field",
]  # fmt: skip
# Lines that only some of the projects read right.
NOT_EVERYWHERE = ["id: a\0b", "retry: soon"]


@st.composite
def streams(draw: st.DrawFn, project: str) -> list[bytes]:
    """A stream in chunks, with blocks of every kind, that this project reads right."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = LINES
    if project not in ("mistralai_without_data", "sseclient_py"):
        lines = LINES + NOT_EVERYWHERE
    if project == "langgraph_sdk":
        # Its data is JSON.
        lines = [line for line in lines if line != "data: [DONE]"]
    stream = ""
    for _ in range(draw(st.integers(0, 4))):
        block = draw(st.lists(st.sampled_from(lines), min_size=1, max_size=4))
        if project == "langgraph_sdk" and sum(line.startswith("data: ") for line in block) > 1:
            block = ["data: 1"]
        if project == "cohere":
            # After an ID, cohere gives an event for a block without any field.
            block.append("event: ping")
        if project == "launchdarkly" and not any(line.startswith("data") for line in block):
            # It loses the ID of a block without data.
            block.append("data: 1")
        stream += end.join([*block, "", ""])
    # httpx2 gives an event for a block that ends with CR and the stream.
    at_the_end = ["", "data: 1", "data: 1\n"]
    stream += draw(st.sampled_from(at_the_end))
    whole = stream.encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    return [chunk for chunk in chunks if chunk]


@EACH
def test_a_stream_that_the_own_parser_reads_right_gives_the_same(
    project: Callable[[], Project],
) -> None:
    own, ours = project()

    @given(streams(project.__name__))
    def test(chunks: list[bytes]) -> None:
        assert ours(chunks) == own(chunks)

    test()


def outcome(read: Read, chunks: Sequence[bytes]) -> Any:
    """Return what came, or the name of the exception."""
    try:
        return read(chunks)
    except Exception as error:
        return type(error).__name__


PLAIN = ("message", "1", "", None)
UNTYPED = ("", "1", "", None)
WITH_ID = ("message", "1", None, None)
ONE = ('{"data": 1}',)
LD = (("message", "1", None, "0"), "0")
DIFFERENCES: list[tuple[Callable[[], Project], str, list[bytes], Any, Any]] = [
    (mistralai, "invalid UTF-8", [b"data: \xff\n\ndata: 1\n\n"], "UnicodeDecodeError",
     ['{"data": "\\ufffd"}', *ONE]),
    (mistralai, "a byte order mark in two chunks", [BOM[:1], BOM[1:] + b"data: 1\n\n"], [], [*ONE]),
    (mistralai, "the bytes of a mark later", [b"data: 1\n\n", BOM + b"data: 2\n\n"],
     [*ONE, '{"data": 2}'], [*ONE]),
    (mistralai, "retry in another digit", ["retry: ²\ndata: 1\n\n".encode()], "ValueError", [*ONE]),
    (mistralai_without_data, "an ignored retry alone", [b"retry: soon\n\n"], ["{}"], []),
    (cohere, "a byte order mark", [BOM + b"data: 1\n\n"], [], [UNTYPED]),
    (cohere, "a comment after an ID", [b"id: 7\ndata: 1\n\n: ping\n\n"],
     [("", "1", "7", None), ("", "", "7", None)], [("", "1", "7", None)]),
    (cohere, "a line of more than 1 MiB", [b"data: ", b"1" * 2**20, b"\n\n"], "SSEError",
     [("", "1" * 2**20, "", None)]),
    (cohere, "retry with a sign", [b"retry: -1\ndata: 1\n\n"], [("", "1", "", -1)], [UNTYPED]),
    (httpx2, "a byte order mark", [BOM + b"data: 1\n\n"], [], [PLAIN]),
    (httpx2, "CR at the end of a truncated block", [b"data: 1\r"], [PLAIN], []),
    (httpx2, "retry with a sign", [b"retry: -1\ndata: 1\n\n"], [("message", "1", "", -1)], [PLAIN]),
    (langgraph_sdk, "retry with a sign alone", [b"retry: -1\n\n"],
     [(("", None, "0"), "0", False)], []),
    (sseclient_py, "invalid UTF-8", [b"data: \xff\n\ndata: 1\n\n"], "UnicodeDecodeError",
     [("message", "\ufffd", None, None), WITH_ID]),
    (sseclient_py, "a byte order mark", [BOM + b"data: 1\n\n"], [], [WITH_ID]),
    (sseclient_py, "LF, then CRLF", [b"id: 1\ndata: 1\n\r\nid: 2\ndata: 2\n\r\n"],
     [("message", "1\n2", "2", None)], [("message", "1", "1", None), ("message", "2", "2", None)]),
    (sseclient_py, "NUL in an ID", [b"id: a\0b\ndata: 1\n\n"], [("message", "1", "a\0b", None)],
     [WITH_ID]),
    (sseclient_py, "retry that is no number", [b"retry: soon\ndata: 1\n\n"],
     [("message", "1", None, "soon")], [WITH_ID]),
    (launchdarkly, "invalid UTF-8", [b"data: \xff\n\ndata: 1\n\n"], "UnicodeDecodeError",
     [(("message", "\ufffd", None, "0"), "0"), LD]),
    (launchdarkly, "a byte order mark", [BOM + b"data: 1\n\n"], [], [LD]),
    (launchdarkly, "an ID without data", [b"id: 7\n\ndata: 1\n\n"], [LD],
     [(("message", "1", None, "7"), "7")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("project", "chunks", "own", "ours"),
    [(case[0], *case[2:]) for case in DIFFERENCES],
    ids=[f"{case[0].__name__}: {case[1]}" for case in DIFFERENCES],
)
def test_a_difference_that_the_page_names(
    project: Callable[[], Project], chunks: list[bytes], own: Any, ours: Any
) -> None:
    found = project()
    assert outcome(found.own, chunks) == own
    assert outcome(found.ours, chunks) == ours


def test_a_blank_line_that_ends_with_cr_does_not_delay_an_event_of_httpx2() -> None:
    module = pytest.importorskip("httpx2")
    (own, _), (ours, _) = own_and_ours(module.EventSource, HTTPX2, "httpx2")
    request = module.Request("GET", "http://testserver/")
    headers = {"Content-Type": "text/event-stream"}

    def chunks_before_the_first_event(function: Any) -> int:
        sent: list[bytes] = []

        def source() -> Iterator[bytes]:
            for chunk in (b"data: 1\r\r", b"data: 2\r\r"):
                sent.append(chunk)
                yield chunk

        response = module.Response(200, headers=headers, content=source(), request=request)
        assert members(next(iter(function(module.EventSource(response))))) == PLAIN
        return len(sent)

    assert chunks_before_the_first_event(ours) == 1
    assert chunks_before_the_first_event(own) == 2


@pytest.mark.parametrize("project", [cohere, httpx2], ids=lambda project: project.__name__)
def test_another_charset_is_read_as_utf_8(project: Callable[[], Project]) -> None:
    module = pytest.importorskip("httpx" if project is cohere else "httpx2")
    seen: list[str] = []
    kind: Any
    read: Callable[[Any], Any]
    headers = {"Content-Type": "text/event-stream; charset=latin-1"}
    request = module.Request("GET", "http://testserver/")
    body = "data: é\n\n".encode()
    response = module.Response(200, headers=headers, content=body, request=request)
    if project is httpx2:
        kind, names, block, read = module.EventSource, HTTPX2, "httpx2", iter
    else:
        kind, names, block = (
            pytest.importorskip("cohere.core.http_sse._api").EventSource,
            COHERE,
            "cohere",
        )
        read = kind.iter_sse
    for functions in own_and_ours(kind, names, block):
        tried = type("Tried", (kind,), dict(zip(names, functions, strict=True)))
        seen += [event.data for event in read(tried(response))]
    assert seen == ["Ã©", "é"]


def test_the_limit_of_httpx2() -> None:
    module = pytest.importorskip("httpx2")
    for functions in own_and_ours(module.EventSource, HTTPX2, "httpx2"):
        read = httpx2_reader(functions, max_event_size=20)
        assert read([b"data: 1\n\n"]) == [PLAIN]
        with pytest.raises(module.SSEError) as caught:
            read([b"data: ", b"1" * 20, b"\n\n"])
        assert caught.value.request.url == "http://testserver/"
        assert httpx2_reader(functions, max_event_size=None)([b"data: ", b"1" * 2**21, b"\n\n"])


def test_httpx2_checks_the_content_type_with_both_parsers() -> None:
    module = pytest.importorskip("httpx2")
    request = module.Request("GET", "http://testserver/")
    response = module.Response(200, json={"error": "no such model"}, request=request)
    for sync, _ in own_and_ours(module.EventSource, HTTPX2, "httpx2"):
        with pytest.raises(module.SSEError, match="application/json"):
            list(sync(module.EventSource(response)))


def test_the_limit_of_cohere_is_that_of_the_parser() -> None:
    api = pytest.importorskip("cohere.core.http_sse._api")
    httpx = pytest.importorskip("httpx")
    _, functions = own_and_ours(api.EventSource, COHERE, "cohere")
    tried: Any = type("Tried", (api.EventSource,), dict(zip(COHERE, functions, strict=True)))
    headers = {"Content-Type": "text/event-stream"}
    chunks = [b"data: ", *[b"x" * 2**20] * 64, b"x\n\n"]
    response = httpx.Response(200, headers=headers, content=iter(chunks))
    with pytest.raises(api.SSEError, match="max_event_size"):
        list(tried(response).iter_sse())


def test_the_table_of_the_projects_own_tests_has_each_project_and_its_version() -> None:
    text = adoption.TABLE.read_text("utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")][1:]
    shown = {cells[0].strip(): cells[1].strip() for cells in rows}
    assert shown == {name: project.version for name, project in adoption.PROJECTS.items()}
    assert set(replaced.REPLACE) == {name.replace(" ", "-") for name in adoption.PROJECTS}


def test_the_lines_that_are_replaced_are_counted() -> None:
    source = "import a\n\n\nclass B:\n    x = 1\n\n    def c(self):\n        pass\n\n\n"
    source += "def d():\n    pass\n"
    assert adoption.count_lines(source, ["B", "d"]) == 7
    assert adoption.count_lines(source, ["B.c"]) == 2
    assert adoption.count_lines(source, []) == 12
    with pytest.raises(KeyError):
        adoption.count_lines(source, ["e"])


def test_the_loop_over_lines() -> None:
    printed: list[object] = []
    found = execute("lines", print=printed.append)
    assert printed == [Event("delta", "one\ntwo")]
    stream = b": hi\ndata: one\n\nid: 7\nretry: 5\ndata: two\n\n"
    # Lines without their ends, as iter_lines() gives them.
    events = [event for line in stream.splitlines() for event in found["events_of"](line)]
    assert events == [item for item in Parser().feed(stream) if isinstance(item, Event)]


async def body_of(response: Any) -> bytes:
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("body", b""))

    await response({"type": "http", "asgi": {}, "method": "GET", "path": "/"}, receive, send)
    return b"".join(sent)


def test_sse_starlette_sends_what_encode_returns() -> None:
    pytest.importorskip("sse_starlette")
    answer = execute("sse-starlette")["answer"]

    async def main() -> bytes:
        return await body_of(await answer(None))

    body = asyncio.run(main())
    assert Parser(blocks=True, done=None).feed(body) == [
        Block(retry=3000),
        Block("message", '{"jsonrpc": "2.0"}'),
        Block(None, "one\ntwo", "7"),
        Comment("searching"),
        Comment("reading"),
        Block(None, "[DONE]"),
    ]


VALUES: list[tuple[dict[str, Any], Any]] = [
    ({"event": "a\nb"}, ValueError),
    ({"id": "a\rb"}, ValueError),
    ({"id": "a\0b"}, ValueError),
    ({"retry": -1}, ValueError),
    ({"retry": 2**64}, ValueError),
    ({"data": 12}, TypeError),
]


@pytest.mark.parametrize(("fields", "error"), VALUES, ids=[str(case[0]) for case in VALUES])
def test_a_value_that_sse_starlette_writes_and_encode_refuses(
    fields: dict[str, Any], error: type[Exception]
) -> None:
    event = pytest.importorskip("sse_starlette").ServerSentEvent(**{"data": "1", **fields})
    (item,) = Parser(blocks=True).feed(event.encode())
    ((name, value),) = fields.items()
    # Written without an error, and read as something else.
    assert getattr(item, name) != value
    with pytest.raises(error):
        encode(Block(**{"data": "1", **fields}))


def test_a_lone_surrogate_is_refused_with_the_name_of_the_member() -> None:
    event = pytest.importorskip("sse_starlette").ServerSentEvent(data="\ud800")
    with pytest.raises(UnicodeEncodeError):
        event.encode()
    with pytest.raises(ValueError, match="data cannot hold a lone surrogate"):
        encode(Block(data="\ud800"))
