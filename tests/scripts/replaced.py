"""A pytest plugin: before any test, it puts a block of docs/replacing-other-parsers.md in place.

    REPLACE=openai python -m pytest -p replaced tests/test_streaming.py

It marks each test that uses this package in the report with the property ``uses``.
The block alone would leave a project's own classes importable; where its tests import these, they
are set to the block's too, so that the tests cannot pass with the project's own parser.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.replacements import execute

import sse_stream
from sse_stream.parser import PureParser

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def module(name: str) -> Any:
    return importlib.import_module(name)


def stainless(name: str) -> None:
    found = execute("stainless")
    base = module(f"{name}._base_client")
    base.BaseClient._make_sse_decoder = found["OnSSEStream"]._make_sse_decoder
    base.BaseClient.skip_blocks_without_data = False
    for place in (base, module(f"{name}._streaming")):
        place.SSEDecoder = found["Decoder"]


def speakeasy(block: str) -> None:
    execute(block, **execute("speakeasy"))


def httpx_sse() -> None:
    package = module("httpx_sse")
    spec = importlib.util.spec_from_file_location("copied_httpx_sse", DOCS / "httpx_sse.py")
    assert spec is not None and spec.loader is not None
    copied = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copied)
    for name in copied.__all__:
        setattr(package, name, getattr(copied, name))


def httpx2() -> None:
    execute("httpx2")


def langgraph_sdk() -> None:
    found = execute("langgraph-sdk")
    module("langgraph_sdk.sse").SSEDecoder = found["SSEDecoder"]


def sseclient() -> None:
    module("sseclient").SSEClient = execute("sseclient-py")["Client"]


def launchdarkly() -> None:
    found = execute("launchdarkly-eventsource")

    # The tests of the reader itself pass lines.
    def reader(lines: Iterable[str], *arguments: Any, **options: Any) -> Any:
        encoded = (line.encode() + b"\n" for line in lines)
        return found["Reader"](encoded, *arguments, **options)

    def async_reader(lines: Any, *arguments: Any, **options: Any) -> Any:
        encoded = (line.encode() + b"\n" async for line in lines)
        return found["AsyncReader"](encoded, *arguments, **options)

    module("ld_eventsource.reader")._SSEReader = reader
    module("ld_eventsource.async_reader")._AsyncSSEReader = async_reader


def sse_starlette() -> None:
    from sse_stream import Block, Comment, encode

    event = module("sse_starlette.event")

    def parts(value: Any) -> Iterator[bytes]:
        if value.comment is not None:
            # The fields that follow belong to the same block: no blank line.
            yield encode(Comment(str(value.comment))).removesuffix(b"\n")
        data = None if value.data is None else str(value.data)
        fields = (value.event, data, value.id, value.retry)
        yield b"\n" if fields == (None,) * 4 else encode(Block(*fields))

    def encode_event(self: Any) -> bytes:
        # encode() writes LF, and only at the ends of lines.
        return b"".join(parts(self)).replace(b"\n", self._sep.encode())

    event.ServerSentEvent.encode = encode_event


REPLACE: dict[str, Callable[[], None]] = {
    "openai": lambda: stainless("openai"),
    "anthropic": lambda: stainless("anthropic"),
    "groq": lambda: stainless("groq"),
    "together": lambda: stainless("together"),
    "cerebras-cloud-sdk": lambda: stainless("cerebras.cloud.sdk"),
    "mistralai": lambda: speakeasy("mistralai"),
    "google-genai": lambda: speakeasy("google-genai"),
    "httpx-sse": httpx_sse,
    "mcp": httpx2,
    "mcp-1": httpx_sse,
    "langgraph-sdk": langgraph_sdk,
    "sseclient-py": sseclient,
    "launchdarkly-eventsource": launchdarkly,
    "sse-starlette": sse_starlette,
}

calls = 0


def counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does the same, and counts its calls."""

    def call(*arguments: Any, **options: Any) -> Any:
        global calls
        calls += 1
        return function(*arguments, **options)

    return call


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    before = calls
    try:
        return (yield)
    finally:
        if calls != before:
            item.user_properties.append(("uses", "sse_stream"))


if name := os.environ.get("REPLACE"):
    assert re.fullmatch(r"[\w-]+", name)
    PureParser.feed = counted(PureParser.feed)  # type: ignore[method-assign]
    sse_stream.encode = counted(sse_stream.encode)
    REPLACE[name]()
