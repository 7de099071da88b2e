"""httpx-sse: its EventSource, on a response of httpx."""

import base64
import json
import sys
from collections.abc import Iterator

import httpx
from httpx_sse import EventSource


class Body(httpx.SyncByteStream):
    def __init__(self, chunks: list[str]) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return map(base64.b64decode, self.chunks)


headers = {"content-type": "text/event-stream"}
for line in sys.stdin:
    response = httpx.Response(200, headers=headers, stream=Body(json.loads(line)["chunks"]))
    try:
        found = list(EventSource(response).iter_sse())
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
        continue
    times = [event.retry for event in found if event.retry is not None]
    answer = {
        "events": [{"type": e.event, "data": e.data, "id": e.id} for e in found],
        # It tells a time with the event of its block alone.
        "retry": times[-1] if times else None,
    }
    print(json.dumps(answer), flush=True)
