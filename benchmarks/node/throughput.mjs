// Times eventsource-parser on loads from files: NAME.bin holds the stream, NAME.json its cuts.
// From bytes, as they come from a transport, to events; writes the best seconds of each load.
import { readFileSync } from "node:fs";
import { createParser } from "eventsource-parser";

function read(chunks) {
  let events = 0;
  const decoder = new TextDecoder();
  const parser = createParser({ onEvent: () => events++ });
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
  return events;
}

const results = [];
for (const name of process.argv.slice(2)) {
  const stream = readFileSync(`${name}.bin`);
  const chunks = [];
  let at = 0;
  for (const size of JSON.parse(readFileSync(`${name}.json`, "utf8"))) {
    chunks.push(stream.subarray(at, (at += size)));
  }
  let best = Infinity;
  let events = 0;
  const until = performance.now() + 2000;
  for (let round = 0; round < 5 || performance.now() < until; round++) {
    const start = performance.now();
    events = read(chunks);
    best = Math.min(best, performance.now() - start);
  }
  results.push({ seconds: best / 1000, events });
}
console.log(JSON.stringify({ node: process.version, results }));
