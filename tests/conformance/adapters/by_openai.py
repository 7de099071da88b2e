"""openai: the decoder of its client."""

import base64
import json
import sys

from openai._streaming import SSEDecoder

for line in sys.stdin:
    chunks = map(base64.b64decode, json.loads(line)["chunks"])
    try:
        found = list(SSEDecoder().iter_bytes(chunks))
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
        continue
    times = [event.retry for event in found if event.retry is not None]
    answer = {
        "events": [{"type": e.event or "message", "data": e.data, "id": e.id or ""} for e in found],
        # It tells a time with the event of its block alone.
        "retry": times[-1] if times else None,
    }
    print(json.dumps(answer), flush=True)
