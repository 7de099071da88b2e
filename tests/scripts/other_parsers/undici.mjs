// Reads streams, each a line of base64, serves each to undici's EventSource in small
// chunks, and writes the message events that arrive.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import { EventSource } from "undici";

const AT_ONCE = 50;
const streams = [];
for await (const line of createInterface({ input: process.stdin })) {
  streams.push(Buffer.from(line, "base64"));
}

const server = createServer(async (request, response) => {
  const number = Number(request.url.slice(1));
  const stream = streams[number];
  response.writeHead(200, { "content-type": "text/event-stream" });
  const size = 1 + (number % 17);
  for (let at = 0; at < stream.length; at += size) {
    response.write(stream.subarray(at, at + size));
    await setImmediate();
  }
  response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

function received(number) {
  return new Promise((resolve) => {
    const items = [];
    const source = new EventSource(`http://127.0.0.1:${server.address().port}/${number}`);
    // The type of an event can be any text, so no list of listeners would get all of them.
    source.dispatchEvent = (event) => {
      if (event instanceof MessageEvent || "lastEventId" in event) {
        items.push(["event", event.type, event.data, event.lastEventId]);
      } else if (event.type === "error") {
        // The end of the body: without close() it would connect again.
        source.close();
        resolve(items);
      }
      return true;
    };
  });
}

for (let at = 0; at < streams.length; at += AT_ONCE) {
  const numbers = streams.slice(at, at + AT_ONCE).map((_, index) => at + index);
  for (const items of await Promise.all(numbers.map(received))) {
    console.log(JSON.stringify(items));
  }
}
server.close();
process.exit(0);
