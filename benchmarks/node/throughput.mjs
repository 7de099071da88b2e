// Times eventsource-parser on loads from files: NAME.bin is the stream, NAME.json the chunk sizes.
// From bytes to events, of which type, data and ID are read; prints the best seconds of each load.
import { readFileSync } from "node:fs";
import { createParser } from "eventsource-parser";

// What was read last; assigned so that reading is not optimised away.
let type, data, id;

function read(chunks) {
  let events = 0;
  const decoder = new TextDecoder();
  const onEvent = (event) => {
    type = event.event;
    data = event.data;
    id = event.id;
    events++;
  };
  const parser = createParser({ onEvent });
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
