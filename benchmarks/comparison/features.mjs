// Prints what a user of eventsource-parser gets for each stream on standard input, one a line:
// {chunks: [[base64, times], …], options: {…}, way: "feed", "pipe", "until" or "timeout"}.
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { EventSourceParserStream } from "eventsource-parser/stream";

function* chunksOf(stream) {
  for (const [base64, times] of stream.chunks) {
    const chunk = Buffer.from(base64, "base64");
    for (let time = 0; time < times; time++) yield chunk;
  }
}

const plain = (event) => [event.event ?? "message", event.data, event.id ?? null];

const eventsOf = (source, options) =>
  ReadableStream.from(source)
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream(options));

const ways = {
  // The parser alone.
  async feed(stream, seen) {
    const decoder = new TextDecoder();
    const parser = createParser({
      ...stream.options,
      onEvent: (event) => seen.events.push([seen.fed, plain(event)]),
      onComment: (text) => seen.comments.push(text),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") throw error;
        seen.ignored.push(error.message);
      },
    });
    for (const chunk of chunksOf(stream)) {
      seen.fed++;
      parser.feed(decoder.decode(chunk, { stream: true }));
    }
    parser.reset({ consume: true });
  },

  // The stream that transforms text to events.
  async pipe(stream, seen) {
    for await (const event of eventsOf(chunksOf(stream), stream.options)) {
      seen.events.push([seen.fed, plain(event)]);
    }
  },

  // The same, left at [DONE].
  async until(stream, seen) {
    function* source() {
      yield* chunksOf(stream);
      seen.exhausted = true;
    }
    for await (const event of eventsOf(source(), stream.options)) {
      if (event.data === "[DONE]") break;
    }
  },

  // The same; the second chunk comes after the reader has waited for it with a timeout.
  async timeout(stream, seen) {
    let release;
    const released = new Promise((resolve) => (release = resolve));
    async function* source() {
      const [first, ...rest] = chunksOf(stream);
      yield first;
      await released;
      yield* rest;
    }
    const events = eventsOf(source(), stream.options)[Symbol.asyncIterator]();
    seen.events.push([0, plain((await events.next()).value)]);
    const next = events.next();
    await Promise.race([next, setTimeout(10)]);
    release();
    for (let result = await next; !result.done; result = await events.next()) {
      seen.events.push([0, plain(result.value)]);
    }
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const stream = JSON.parse(line);
  const seen = { events: [], comments: [], ignored: [], error: "", fed: 0, exhausted: false };
  try {
    await ways[stream.way](stream, seen);
  } catch (error) {
    seen.error = error.name;
  }
  console.log(JSON.stringify(seen));
}
