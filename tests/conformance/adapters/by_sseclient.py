"""sseclient-py: its SSEClient. It tells the ID of the block, not the last event ID."""

import base64
import json
import sys

from sseclient import SSEClient

for line in sys.stdin:
    chunks = map(base64.b64decode, json.loads(line)["chunks"])
    try:
        found = list(SSEClient(chunks).events())
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
        continue
    # Without an ID in the block, the last event ID is not known. A time is text, not judged.
    answer = [
        {"type": e.event, "data": e.data} | ({} if e.id is None else {"id": e.id}) for e in found
    ]
    print(json.dumps({"events": answer}), flush=True)
