"""The code blocks of docs/replacing-other-parsers.md, by name."""

from __future__ import annotations

from typing import Any

from support.pages import blocks

PAGE = "docs/replacing-other-parsers.md"
CODE = [block.code for block in blocks(PAGE)]

# A text that only this block of the page has.
PARTS = {
    "stainless": "class Decoder",
    "openai": "class OpenAI",
    "anthropic": "class Anthropic",
    "complete chat": "def complete_chat",
    "complete message": "def complete_message",
    "speakeasy": "def stream_events",
    "mistralai": "from mistralai.client.utils",
    "google-genai": "from google.genai",
    "cohere": "from cohere",
    "httpx-sse": "with connect_sse",
    "a library that imports httpx-sse": "import yourpackage",
    "httpx2": "from httpx2",
    "langgraph-sdk": "from langgraph_sdk",
    "sseclient-py": "from sseclient",
    "launchdarkly-eventsource": "from ld_eventsource",
    "sse-starlette": "from sse_starlette",
    "lines": "def events_of",
    "vendored": "from yourpackage._sse",
}


def code_of(name: str) -> str:
    """Return the code block of this name."""
    (found,) = [code for code in CODE if PARTS[name] in code]
    return found


def execute(name: str, **names: object) -> dict[str, Any]:
    """Run the code block with these names defined; return all names that it has then."""
    found = dict(names)
    exec(compile(code_of(name), f"{PAGE}: {name}", "exec"), found)
    return found
