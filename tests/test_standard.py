"""Agreement with a plain transcription of the standard's algorithm (9.2.6)."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sse_stream import Comment, Done, Event, Parser

TOKENS = [b"data", b"id", b"event", b"retry", b":", b" ", b"\r", b"\n", b"\n\n", b"\xef\xbb\xbf"]
TOKENS += [b"\xff", b"\0", b"12", b"[DONE]", b"data: ", "\u2028".encode()]


def interpret(stream: bytes) -> list[tuple[object, ...]]:
    """Decode the whole stream, then take it line by line, as the standard puts it."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    out: list[tuple[object, ...]] = []
    data = kind = last_id = committed = ""
    retry: int | None = None
    for line in re.split("\r\n|\r|\n", text)[:-1]:
        if line == "":
            committed = last_id
            if data:
                body = data[:-1]
                known = (kind or "message", body, committed, retry)
                out.append(("done",) if body == "[DONE]" else ("event", *known))
            data, kind, retry = "", "", None
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line[0] == ":":
            out.append(("comment", value))
        elif field == "data":
            data += value + "\n"
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last_id = value
        elif field == "retry" and re.fullmatch("[0-9]+", value) and int(value) < 2**64:
            retry = int(value)
    return out


@given(st.lists(st.sampled_from(TOKENS) | st.binary(max_size=4), max_size=60).map(b"".join))
def test_agrees_with_the_standard(stream: bytes) -> None:
    got: list[tuple[object, ...]] = []
    for item in Parser().feed(stream):
        match item:
            case Event(event, data, id, retry):
                got.append(("event", event, data, id, retry))
            case Comment(text):
                got.append(("comment", text))
            case Done():
                got.append(("done",))
    assert got == interpret(stream)
