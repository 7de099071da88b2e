"""What servers put into the JSON of their events: errors, and the text of an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sse_stream import Block, Event, error_message, iter_events
from sse_stream.payload import answer_text

CHAT = Path(__file__).resolve().parent / "data" / "chat.sse"

ERRORS: dict[str, tuple[Event | Block, str]] = {
    # By the type of the event.
    "type": (Event("error", "went away"), "went away"),
    "type-and-json": (Event("error", '{"message": "quota"}'), "quota"),
    "type-and-nested-json": (
        Event("error", '{"type": "error", "error": {"type": "o", "message": "Overloaded"}}'),
        "Overloaded",
    ),
    "type-and-other-json": (Event("error", '{"code": 429}'), '{"code": 429}'),
    "type-and-false-error": (Event("error", '{"error": null}'), '{"error": null}'),
    "type-and-json-text": (Event("error", '"quota"'), '"quota"'),
    "type-and-json-list": (Event("error", '[{"message": "x"}]'), '[{"message": "x"}]'),
    "type-without-data": (Event("error"), "no data"),
    "type-and-deep-json": (Event("error", "[" * 100_000), "[" * 200),
    "block": (Block("error", "went away"), "went away"),
    "block-without-data": (Block("error"), "no data"),
    "block-with-empty-data": (Block("error", ""), "no data"),
    # By the JSON.
    "error": (Event(data='{"error": {"message": "quota", "code": 429}}'), "quota"),
    "error-beside-choices": (Event(data='{"choices": [], "error": {"message": "q"}}'), "q"),
    "error-without-message": (Event(data='{"error": {"code": 1}}'), '{"error": {"code": 1}}'),
    "error-is-text": (Event(data='{"error": "quota"}'), "quota"),
    "error-is-true": (Event(data='{"error": true, "message": "quota"}'), "quota"),
    "error-is-list": (Event(data='{"error": [1]}'), '{"error": [1]}'),
    "error-and-message": (Event(data='{"error": "limit", "message": "wait"}'), "limit"),
    "empty-messages": (Event(data='{"error": {"message": ""}, "message": "q"}'), "q"),
    "message-is-no-text": (Event(data='{"error": {"message": 5}, "message": "q"}'), "q"),
    "type-in-json": (Event(data='{"type": "error", "message": "quota"}'), "quota"),
    "object-in-json": (Event(data='{"object": "error", "message": "quota"}'), "quota"),
    "failed": (
        Event(data='{"type": "response.failed", "response": {"error": {"message": "quota"}}}'),
        "quota",
    ),
    "error as the event in the JSON": (
        Event(data='{"event": "error", "message": "quota"}'),
        "quota",
    ),
    "a type of the event that ends with .failed": (
        Event("thread.run.failed", '{"last_error": null}'),
        '{"last_error": null}',
    ),
    "failed-without-message": (Event(data='{"type": "x.failed"}'), '{"type": "x.failed"}'),
    "block-with-json": (Block(data='{"error": "quota"}'), "quota"),
    "long-data": (Event("error", "x" * 1000), "x" * 200),
    "long-message": (Event(data=json.dumps({"error": "x" * 1000})), "x" * 1000),
}


@pytest.mark.parametrize(
    ("event", "message"), [pytest.param(*case, id=name) for name, case in ERRORS.items()]
)
def test_the_message_of_an_error(event: Event | Block, message: str) -> None:
    assert error_message(event) == message


@pytest.mark.parametrize(
    "event",
    [
        Event(),
        Event(data="error"),
        Event(data='"error"'),
        Event(data='["error"]'),
        Event(data="error: failed"),
        Event("response.error", "{}"),
        Event(data='{"a": {"error": "x"}}'),
        Event(data='{"choices": [{"delta": {"content": "the error"}}]}'),
        Event(data='{"type": "errors"}'),
        Event(data='{"type": "failed"}'),
        Event(data='{"type": ["error"], "object": {"error": 1}}'),
        Event(data='{"type": "response.failed.x"}'),
        Event(data="[" * 100_000 + '"error"'),
        *(Event(data=f'{{"error": {value}}}') for value in ("null", "false", "0", '""', "[]")),
        Event(data='{"error": {}, "message": "x"}'),
        Block(),
        Block("message", "x"),
        Block(data=""),
    ],
    ids=lambda event: repr(event)[:60],
)
def test_what_is_no_error(event: Event | Block) -> None:
    assert error_message(event) is None


def test_an_answer_has_no_error() -> None:
    assert [error_message(event) for event in iter_events(CHAT.read_bytes())] == [None] * 17


# The keys that are looked at.
KEYS = ["error", "message", "type", "object", "response", "event", "done", "choices", "candidates"]
KEYS += ["results", "index", "delta", "content", "text", "parts", "thought", "data", "answer"]
KEYS += ["value", "content_block", "generated_text", "event_type"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("error"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)
TYPES = st.sampled_from(["message", "error", "output", "x"])


@given(event=st.builds(Event, TYPES, JSON.map(json.dumps) | st.text()))
def test_no_json_raises(event: Event) -> None:
    message = error_message(event)
    assert message is None or (isinstance(message, str) and message)
    try:
        event.json()
    except ValueError:
        return
    assert isinstance(answer_text(event), str)


class Undecodable:
    """An event that must not be decoded."""

    event = "message"
    data = '{"choices": [{"delta": {"content": "Hi"}}]}'

    def json(self) -> Any:
        raise AssertionError("it was decoded")


def test_ordinary_data_is_not_decoded() -> None:
    event: Any = Undecodable()
    assert error_message(event) is None
    event.data = '{"choices": [{"delta": {"content": "error"}}]}'
    with pytest.raises(AssertionError):
        error_message(event)


def choice(delta: object, **more: object) -> dict[str, Any]:
    return {"index": 0, "delta": delta, **more}


ANSWERS: dict[str, tuple[object, str]] = {
    "chat": ({"choices": [choice({"role": "assistant", "content": "Hi"})]}, "Hi"),
    "chat-without-index": ({"choices": [{"delta": {"content": "Hi"}}]}, "Hi"),
    "chat-index-null": ({"choices": [{"index": None, "delta": {"content": "Hi"}}]}, "Hi"),
    "chat-second-choice": ({"choices": [{"index": 1, "delta": {"content": "no"}}]}, ""),
    "chat-choices-in-any-order": (
        {"choices": [{"index": 1, "delta": {"content": "no"}}, choice({"content": "Hi"})]},
        "Hi",
    ),
    "chat-choice-is-no-object": ({"choices": ["no", None, choice({"content": "Hi"})]}, "Hi"),
    "chat-content-null": ({"choices": [choice({"content": None})]}, ""),
    "chat-delta-null": ({"choices": [choice(None)]}, ""),
    "chat-without-delta": ({"choices": [{"index": 0, "content_filter_results": {}}]}, ""),
    "chat-choices-null": ({"choices": None}, ""),
    "chat-usage": ({"choices": [], "usage": {"total_tokens": 1}}, ""),
    "chat-reasoning": (
        {"choices": [choice({"content": "", "reasoning_content": "no", "reasoning": "no"})]},
        "",
    ),
    "chat-tool-call": (
        {"choices": [choice({"tool_calls": [{"function": {"arguments": "no"}}]})]},
        "",
    ),
    "chat-with-the-whole-message": (
        {"choices": [choice({"content": ""}, message={"content": "no"})]},
        "",
    ),
    "chat-parts": (
        {
            "choices": [
                choice(
                    {
                        "content": [
                            {"type": "thinking", "thinking": [{"type": "text", "text": "no"}]},
                            {"type": "text", "text": "H"},
                            {"type": "reference", "reference_ids": [1], "text": "no"},
                            {"type": "text", "text": "i"},
                            {"type": "text", "text": None},
                            "no",
                        ]
                    }
                )
            ]
        },
        "Hi",
    ),
    "completion": ({"object": "text_completion", "choices": [{"index": 0, "text": "Hi"}]}, "Hi"),
    "completion-and-chat": ({"choices": [choice({"content": "Hi"}, text="Hi")]}, "Hi"),
    "responses": ({"type": "response.output_text.delta", "delta": "Hi"}, "Hi"),
    "responses-done": ({"type": "response.output_text.done", "text": "no"}, ""),
    "responses-reasoning": ({"type": "response.reasoning_text.delta", "delta": "no"}, ""),
    "responses-summary": ({"type": "response.reasoning_summary_text.delta", "delta": "no"}, ""),
    "responses-tool-call": ({"type": "response.function_call_arguments.delta", "delta": "no"}, ""),
    "responses-completed": (
        {"type": "response.completed", "response": {"output": [{"content": [{"text": "no"}]}]}},
        "",
    ),
    "anthropic": (
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
        "Hi",
    ),
    "anthropic-start": (
        {"type": "content_block_start", "content_block": {"type": "text", "text": "Hi"}},
        "Hi",
    ),
    "anthropic-thinking": (
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "no"}},
        "",
    ),
    "anthropic-tool-call": (
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{"}},
        "",
    ),
    "anthropic-citation": (
        {
            "type": "content_block_delta",
            "delta": {"type": "citations_delta", "citation": {"cited_text": "no"}},
        },
        "",
    ),
    "anthropic-tool-result": (
        {
            "type": "content_block_start",
            "content_block": {"type": "x_tool_result", "content": {"text": "no"}},
        },
        "",
    ),
    "gemini": (
        {"candidates": [{"content": {"parts": [{"text": "H"}, {"text": "i"}], "role": "model"}}]},
        "Hi",
    ),
    "gemini-thought": (
        {"candidates": [{"content": {"parts": [{"text": "no", "thought": True}, {"text": "Hi"}]}}]},
        "Hi",
    ),
    "gemini-code": (
        {"candidates": [{"content": {"parts": [{"executableCode": {"code": "no"}}]}}]},
        "",
    ),
    "gemini-second-candidate": (
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}}]},
        "",
    ),
    "gemini-grounding": (
        {"candidates": [{"groundingMetadata": {"groundingChunks": [{"text": "no"}]}}]},
        "",
    ),
    "cohere": ({"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}}, "Hi"),
    "cohere-start": (
        {"type": "content-start", "delta": {"message": {"content": {"type": "text", "text": "H"}}}},
        "H",
    ),
    "cohere-thinking": (
        {"type": "content-delta", "delta": {"message": {"content": {"thinking": "no"}}}},
        "",
    ),
    "cohere-plan": ({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "no"}}}, ""),
    "cohere-citation": (
        {"type": "citation-start", "delta": {"message": {"citations": {"text": "no"}}}},
        "",
    ),
    "cohere-1": ({"event_type": "text-generation", "text": "Hi"}, "Hi"),
    "cohere-1-end": ({"event_type": "stream-end", "response": {"text": "no"}, "text": "no"}, ""),
    "assistants": (
        {
            "object": "thread.message.delta",
            "delta": {"content": [{"type": "text", "text": {"value": "Hi", "annotations": []}}]},
        },
        "Hi",
    ),
    "assistants-completed": (
        {"object": "thread.message", "content": [{"type": "text", "text": {"value": "no"}}]},
        "",
    ),
    "assistants-step": (
        {"object": "thread.run.step.delta", "delta": {"step_details": {"type": "tool_calls"}}},
        "",
    ),
    "watsonx": ({"results": [{"generated_text": "Hi", "stop_reason": "not_finished"}]}, "Hi"),
    "ollama-chat": (
        {"message": {"role": "assistant", "content": "Hi", "thinking": "no"}, "done": False},
        "Hi",
    ),
    "ollama-generate": ({"response": "Hi", "done": False}, "Hi"),
    "ollama-thinking": ({"response": "", "thinking": "no", "done": False}, ""),
    "ollama-last": ({"response": "Hi", "done": True}, "Hi"),
    "dify": ({"event": "message", "answer": "Hi"}, "Hi"),
    "dify-agent": ({"event": "agent_message", "answer": "Hi"}, "Hi"),
    "dify-workflow": ({"event": "text_chunk", "data": {"text": "Hi"}}, "Hi"),
    "dify-thought": ({"event": "agent_thought", "thought": "no", "answer": "no"}, ""),
    "dify-end": ({"event": "workflow_finished", "data": {"outputs": {"text": "no"}}}, ""),
    "an-unknown-form": ({"text": "no", "answer": "no", "response": "no", "delta": "no"}, ""),
    "text-is-no-text": ({"choices": [{"text": 5, "delta": {"content": {"a": 1}}}]}, ""),
    "list": (["no"], ""),
    "number": (5, ""),
}


@pytest.mark.parametrize(
    ("value", "text"), [pytest.param(*case, id=name) for name, case in ANSWERS.items()]
)
def test_the_text_of_an_answer(value: object, text: str) -> None:
    assert answer_text(Event(data=json.dumps(value))) == text
    assert answer_text(Block(data=json.dumps(value))) == text


@pytest.mark.parametrize("data", ["Hi", "", "\n", '{"a": 1}', "[DONE]"])
def test_the_data_of_an_output_event_is_the_text(data: str) -> None:
    # Replicate sends plain text.
    assert answer_text(Event("output", data)) == data
    assert answer_text(Block("output", data)) == data
    assert answer_text(Block("output")) == ""


def test_data_that_is_no_json_is_an_error() -> None:
    for data in ("", "x", "{"):
        with pytest.raises(ValueError):
            answer_text(Event(data=data))
    with pytest.raises(ValueError, match="the block has no data"):
        answer_text(Block("message"))
    with pytest.raises(RecursionError):
        answer_text(Event(data="[" * 100_000))


def test_the_decoder_can_be_chosen() -> None:
    assert answer_text(Event(data="Hi"), lambda data: {"choices": [{"text": data}]}) == "Hi"
