"""axio-sse, which needs Python 3.12: its Decoder."""

import base64
import json
import sys

from axio_sse import Decoder

for line in sys.stdin:
    chunks = [base64.b64decode(chunk) for chunk in json.loads(line)["chunks"]]
    decoder = Decoder()
    try:
        found = [event for chunk in chunks for event in decoder.decode(chunk)]
        found += decoder.decode(final=True)
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
        continue
    times = [event.retry for event in found if event.retry is not None]
    answer = {
        "events": [{"type": e.name, "data": e.data, "id": e.id} for e in found],
        # It tells a time with the event of its block alone.
        "retry": times[-1] if times else None,
    }
    print(json.dumps(answer), flush=True)
