"""launchdarkly-eventsource: the two classes of its client that read the body."""

import base64
import json
import sys

from ld_eventsource.actions import Comment, Event
from ld_eventsource.reader import _BufferedLineReader, _SSEReader

for line in sys.stdin:
    chunks = map(base64.b64decode, json.loads(line)["chunks"])
    retry: list[int] = []
    reader = _SSEReader(_BufferedLineReader.lines_from(chunks), None, retry.append)
    try:
        items = list(reader.events_and_comments())
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
        continue
    found = [item for item in items if isinstance(item, Event)]
    answer = {
        "events": [{"type": e.event, "data": e.data, "id": e.last_event_id or ""} for e in found],
        "retry": retry[-1] if retry else None,
        "last_event_id": reader.last_event_id or "",
        "comments": [item.comment.removeprefix(" ") for item in items if isinstance(item, Comment)],
    }
    print(json.dumps(answer), flush=True)
