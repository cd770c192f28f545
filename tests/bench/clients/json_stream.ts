// The splitter alone: how fast bytes become texts, by what they are and how
// they are cut.
//
//     json_stream.ts <input> <bytes of a piece> <MiB>

import { JsonStream } from "../../../mod.ts";

const MIB = 1024 * 1024;
const [input, pieceBytes, mib] = Deno.args;
const length = Number(pieceBytes);

/** By name, the text of each input with a number; they follow each other. */
const TEXTS: Record<string, (i: number) => string> = {
  "small responses": (i) =>
    `{"jsonrpc":"2.0","result":${i},"id":${1_000_000_000 + i}}`,
  "1 MiB texts": (i) => textOf(i, "x", MIB),
  "16 MiB texts": (i) => textOf(i, "x", 16 * MIB),
  "1 MiB texts full of escapes": (i) => textOf(i, String.raw`\"\\`, MIB),
};

/** A text of a number and of many pieces. */
function textOf(i: number, piece: string, length: number): string {
  const head = `[${1_000_000 + i},"`, tail = `"]`;
  const count = Math.floor((length - head.length - tail.length) / piece.length);
  return head + piece.repeat(count) + tail;
}

const encoder = new TextEncoder();
const bytes = new Uint8Array(Number(mib) * MIB);
let filled = 0, count = 0;
for (;; count++) {
  const text = encoder.encode(TEXTS[input](count));
  if (filled + text.length > bytes.length) break;
  bytes.set(text, filled);
  filled += text.length;
}

/** Splits bytes, and returns how many texts were found. */
function split(bytes: Uint8Array): number {
  const stream = new JsonStream({ maxMessageBytes: 16 * MIB });
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
  return texts;
}

split(bytes.subarray(0, filled >> 2)); // to warm up
const start = performance.now();
const texts = split(bytes.subarray(0, filled));
const seconds = (performance.now() - start) / 1000;
console.log(
  JSON.stringify({ rate: filled / 1e6 / seconds, lost: count - texts }),
);
