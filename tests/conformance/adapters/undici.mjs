// undici: the stream inside its EventSource, which sets the time and the ID in `state`.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { EventSourceStream } from "undici/lib/web/eventsource/eventsource-stream.js";

for await (const line of createInterface({ input: process.stdin })) {
  const events = [];
  const state = { lastEventId: "", reconnectionTime: null, origin: "" };
  const push = (event) => {
    // null is the end of the stream.
    if (event !== null) {
      events.push({ type: event.type, data: event.options.data, id: event.options.lastEventId });
    }
    return true;
  };
  const stream = new EventSourceStream({ eventSourceSettings: state, push });
  for (const chunk of JSON.parse(line).chunks) stream.write(Buffer.from(chunk, "base64"));
  stream.end();
  await once(stream, "finish");
  const answer = { events, retry: state.reconnectionTime, last_event_id: state.lastEventId };
  console.log(JSON.stringify(answer));
}
