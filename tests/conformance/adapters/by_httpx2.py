"""httpx2: its EventSource, without a limit."""

import base64
import json
import sys
from collections.abc import Iterator

import httpx2


class Body(httpx2.SyncByteStream):
    def __init__(self, chunks: list[str]) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return map(base64.b64decode, self.chunks)


headers = {"content-type": "text/event-stream"}
request = httpx2.Request("GET", "http://localhost")
for line in sys.stdin:
    body = Body(json.loads(line)["chunks"])
    response = httpx2.Response(200, headers=headers, stream=body, request=request)
    try:
        found = list(httpx2.EventSource(response, max_event_size=None))
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
