// Shows what a user of eventsource-parser gets for each stream on standard input, one a line:
// {chunks: [[base64, times], …], options: {…}, piped: whether by the stream variant}.
import { createInterface } from "node:readline";
import { createParser } from "eventsource-parser";
import { EventSourceParserStream } from "eventsource-parser/stream";

function* chunksOf(stream) {
  for (const [base64, times] of stream.chunks) {
    const chunk = Buffer.from(base64, "base64");
    for (let time = 0; time < times; time++) yield chunk;
  }
}

const plain = (event) => [event.event ?? "message", event.data, event.id ?? null];

function feed(stream, seen) {
  const decoder = new TextDecoder();
  const parser = createParser({
    ...stream.options,
    onEvent: (event) => seen.events.push([seen.fed, plain(event)]),
    onComment: (text) => seen.comments.push(text),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") throw error;
    },
  });
  for (const chunk of chunksOf(stream)) {
    seen.fed++;
    parser.feed(decoder.decode(chunk, { stream: true }));
  }
  parser.reset({ consume: true });
}

async function pipe(stream, seen) {
  const events = ReadableStream.from(chunksOf(stream))
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream(stream.options));
  for await (const event of events) seen.events.push([seen.fed, plain(event)]);
}

for await (const line of createInterface({ input: process.stdin })) {
  const stream = JSON.parse(line);
  const seen = { events: [], comments: [], error: "", fed: 0 };
  try {
    await (stream.piped ? pipe : feed)(stream, seen);
  } catch (error) {
    seen.error = error.name;
  }
  console.log(JSON.stringify(seen));
}
