// How fast the splitter is, by what it reads and how that is cut. The rounds of
// all cases alternate, so that a noisy machine is so for each of them.
//
//     deno task bench            prints medians, and ratios to whole pieces
//     deno task bench --quick    a smaller text, to see that it works

import { JsonStream } from "../../src/json_stream.ts";

const isQuick = Deno.args.includes("--quick");
const MIB = 1024 * 1024;
const SIZE = (isQuick ? 1 : 16) * MIB;
const ROUNDS = isQuick ? 1 : 7;

const encoder = new TextEncoder();
const filled = (text: string) =>
  encoder.encode(text.repeat(SIZE / text.length));

const INPUTS: Record<string, Uint8Array> = {
  "one text": encoder.encode(`["${"x".repeat(SIZE - 4)}"]`),
  "one text full of escapes": encoder.encode(
    `["${String.raw`\"\\`.repeat((SIZE - 4) / 4)}"]`,
  ),
  "small replies": filled(`{"jsonrpc":"2.0","result":true,"id":1234567890}`),
};
const CUTS: Record<string, number> = {
  "whole": SIZE,
  "64 KiB": 64 * 1024,
  "1 byte": 1,
};

/** Milliseconds to split `bytes` in pieces of `length`, and the texts found. */
function measure(bytes: Uint8Array, length: number): [number, number] {
  const start = performance.now();
  const stream = new JsonStream({ maxMessageBytes: SIZE });
  let texts = 0;
  const single = new Uint8Array(1); // pushed bytes may be reused
  for (let i = 0; i < bytes.length; i += length) {
    if (length === 1) {
      single[0] = bytes[i];
      stream.push(single);
    } else {
      stream.push(bytes.subarray(i, i + length));
    }
    while (stream.next() !== undefined) texts++;
  }
  return [performance.now() - start, texts];
}

const rows = Object.entries(INPUTS).flatMap(([input, bytes]) =>
  Object.entries(CUTS).map(([cut, length]) => ({
    input,
    cut,
    bytes,
    length,
    times: [] as number[],
    texts: 0,
  }))
);
for (let round = 0; round < ROUNDS; round++) {
  for (const row of rows) {
    const [time, texts] = measure(row.bytes, row.length);
    row.times.push(time);
    row.texts = texts;
  }
}

console.log(`JsonStream, ${SIZE / MIB} MiB, medians of ${ROUNDS} rounds`);
console.log(`Deno ${Deno.version.deno}, V8 ${Deno.version.v8}\n`);
let whole = 0;
for (const { input, cut, bytes, times, texts } of rows) {
  const time = times.sort((a, b) => a - b)[times.length >> 1];
  if (cut === "whole") whole = time;
  console.log(
    [
      input.padEnd(25),
      `in pieces: ${cut}`.padEnd(18),
      `${(bytes.length / 1000 / time).toFixed(0).padStart(5)} MB/s`,
      `${(time / whole).toFixed(1).padStart(5)} x whole`,
      `${texts} text${texts === 1 ? "" : "s"}`,
    ].join("  "),
  );
  const expected = input === "small replies"
    ? Math.floor(bytes.length / 47)
    : 1;
  if (texts !== expected) {
    console.error(`${texts} texts were found, ${expected} were there`);
    Deno.exit(1);
  }
}
