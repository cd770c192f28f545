// The splitter alone: how fast bytes become texts, by what they are and how
// they are cut.
//
//     json_stream.ts <input> <bytes of a piece> <MiB>

import { JsonStream } from "../../../mod.ts";

const MIB = 1024 * 1024;
const [input, pieceBytes, mib] = Deno.args;
const length = Number(pieceBytes);

/** By name, one text of each input; they follow each other. */
const TEXTS: Record<string, string> = {
  "small replies": '{"jsonrpc":"2.0","result":true,"id":1234567890}',
  "1 MiB texts": `["${"x".repeat(MIB - 4)}"]`,
  "1 MiB texts full of escapes": `["${
    String.raw`\"\\`.repeat((MIB - 4) / 4)
  }"]`,
};
const text = TEXTS[input];
const count = Math.floor(Number(mib) * MIB / text.length);
const bytes = new TextEncoder().encode(text.repeat(count));

/** Splits them, and returns how many texts were found. */
function split(bytes: Uint8Array): number {
  const stream = new JsonStream({ maxMessageBytes: MIB });
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

split(bytes.subarray(0, Math.ceil(count / 4) * text.length)); // to warm up
const start = performance.now();
const texts = split(bytes);
const seconds = (performance.now() - start) / 1000;
console.log(
  JSON.stringify({ rate: bytes.length / 1e6 / seconds, lost: count - texts }),
);
