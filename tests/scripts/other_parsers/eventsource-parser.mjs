// Reads streams, each a line of base64, and writes the items of eventsource-parser.
import { createInterface } from "node:readline";
import { createParser } from "eventsource-parser";

for await (const line of createInterface({ input: process.stdin })) {
  const items = [];
  const parser = createParser({
    onEvent: ({ event, data, id }) => items.push(["event", event ?? "message", data, id ?? null]),
    onComment: (text) => items.push(["comment", text]),
    onRetry: (time) => items.push(["retry", time]),
  });
  parser.feed(new TextDecoder().decode(Buffer.from(line, "base64")));
  console.log(JSON.stringify(items));
}
