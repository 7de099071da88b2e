"""The streams that are timed: for each its name, its chunks and the number of its events."""

from __future__ import annotations

import json
import random
from typing import NamedTuple

WORDS = ["the", " stream", " of", " tokens", " arrives,", " cut", " any", "where", ".\n", ' "so"']
WIDE = ["你好", "世界", "流式传输", "😀", "トークン", "가나다", "🦆🦆", "。", "한국어", "中"]


class Load(NamedTuple):
    """One load: ``chunks`` as a transport brings them, and the number of items in them."""

    name: str
    chunks: list[bytes]
    events: int
    comments: int = 0

    @property
    def size(self) -> int:
        """Bytes of the whole stream."""
        return sum(map(len, self.chunks))


def cut(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def chat(chance: random.Random, count: int, words: list[str]) -> list[bytes]:
    """Events of a chat, each of about 370 bytes, as model providers send them."""
    identity = f"chatcmpl-{chance.getrandbits(116):029x}"
    fingerprint = f"fp_{chance.getrandbits(40):010x}"
    events = []
    for _ in range(count):
        choice = {
            "index": 0,
            "delta": {"content": chance.choice(words)},
            "logprobs": None,
            "finish_reason": None,
        }
        body = {
            "id": identity,
            "object": "chat.completion.chunk",
            "created": 1764000000,
            "model": "example-model-mini-2026-01-01",
            "service_tier": "default",
            "system_fingerprint": fingerprint,
            "choices": [choice],
            "usage": None,
            "obfuscation": f"{chance.getrandbits(240):060x}",
        }
        events.append(f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode())
    return events


def typed(chance: random.Random, count: int) -> list[bytes]:
    """Events with a type, in the form of the anthropic API."""
    events = []
    for _ in range(count):
        delta = {"type": "text_delta", "text": chance.choice(WORDS)}
        body = {"type": "content_block_delta", "index": 0, "delta": delta}
        events.append(f"event: content_block_delta\ndata: {json.dumps(body)}\n\n".encode())
    return events


def build(seed: int, scale: float = 1.0) -> list[Load]:
    """Build every load from a seed; ``scale`` makes them larger or smaller."""
    chance = random.Random(seed)
    many = int(6000 * scale)
    plain = chat(chance, many, WORDS)
    wide = chat(chance, many, WIDE)
    types = typed(chance, 2 * many)
    stream = b"".join(plain)
    short = plain[: many // 4]
    fields = b"".join(
        b'id: %d\nevent: update\nretry: 3000\ndata: {\ndata: "number": %d\ndata: }\n\n'
        % (number, chance.getrandbits(30))
        for number in range(many)
    )
    tiny = b"".join(b"data: %04d\n\n" % (1000 + chance.randrange(9000)) for _ in range(4 * many))
    crlf = [event.replace(b"\n", b"\r\n") for event in plain]
    line = b'data: "' + b"x" * (8 << 20) + b'"\n\n'
    rows = int(100_000 * min(scale, 1))
    lines = b"data: [\n" + b"".join(
        b"data: %d,\n" % chance.getrandbits(60) for _ in range(rows - 2)
    )
    lines += b"data: 0]\n\n"
    comments = b"".join(
        event + b": PROCESSING\n\n" * (number % 3 == 0) for number, event in enumerate(plain)
    )
    return [
        Load("chat, one event a chunk", plain, many),
        Load("chat, 64 KiB chunks", cut(stream, 65536), many),
        Load("chat, 1460 B chunks", cut(stream, 1460), many),
        Load("chat, 16 B chunks", cut(b"".join(short), 16), len(short)),
        Load("chat in CJK and emoji, one event a chunk", wide, many),
        Load("anthropic, one event a chunk", types, len(types)),
        Load("anthropic, 64 KiB", cut(b"".join(types), 65536), len(types)),
        Load("chat with CRLF, one event a chunk", crlf, many),
        Load("chat with CRLF, 1460 B", cut(b"".join(crlf), 1460), many),
        Load("chat with CRLF, 64 KiB", cut(b"".join(crlf), 65536), many),
        Load("id, event, retry, 3 data lines, 64 KiB", cut(fields, 65536), many),
        Load("tiny events (12 B), 64 KiB", cut(tiny, 65536), 4 * many),
        Load("one 8 MiB line, 1460 B", cut(line, 1460), 1),
        Load("one 8 MiB line, 64 KiB", cut(line, 65536), 1),
        Load("one event of 100,000 data lines", cut(lines, 65536), 1),
        Load("chat with comments, 1460 B", cut(comments, 1460), many, (many + 2) // 3),
    ]
