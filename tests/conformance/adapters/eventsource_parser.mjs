// eventsource-parser. It tells the ID of the block, not the last event ID.
import { createInterface } from "node:readline";
import { createParser } from "eventsource-parser";

for await (const line of createInterface({ input: process.stdin })) {
  const answer = { events: [], retry: null, comments: [] };
  const parser = createParser({
    // JSON leaves out an id that is undefined: then it is not judged.
    onEvent: ({ event, data, id }) => answer.events.push({ type: event ?? "message", data, id }),
    onRetry: (time) => (answer.retry = time),
    onComment: (text) => answer.comments.push(text),
  });
  const decoder = new TextDecoder();
  for (const chunk of JSON.parse(line).chunks) {
    parser.feed(decoder.decode(Buffer.from(chunk, "base64"), { stream: true }));
  }
  console.log(JSON.stringify(answer));
}
