"""sse-stream: with SSE_STREAM_PURE=1 in the environment its pure form, else the compiled one."""

import base64
import json
import sys
from pathlib import Path

# The package, unless it is installed.
sys.path.append(str(Path(__file__).resolve().parent.parent.parent.parent))

from sse_stream import DONE, Comment, Event, Parser

for line in sys.stdin:
    chunks = [base64.b64decode(chunk) for chunk in json.loads(line)["chunks"]]
    # The standard knows no [DONE]; a second parser tells which events are that.
    parser, knows_done = Parser(done=None), Parser()
    items = [item for chunk in chunks for item in parser.feed(chunk)]
    events = [item for item in items if isinstance(item, Event)]
    again = [item for chunk in chunks for item in knows_done.feed(chunk)]
    again = [item for item in again if not isinstance(item, Comment)]
    answer = {
        "events": [{"type": e.event, "data": e.data, "id": e.id} for e in events],
        "retry": parser.retry,
        "last_event_id": parser.last_event_id,
        "comments": [item.text for item in items if isinstance(item, Comment)],
        "done": [number for number, item in enumerate(again) if item is DONE],
    }
    print(json.dumps(answer), flush=True)
