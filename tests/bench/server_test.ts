// The server decides how many messages are lost: so it must not err.

import { assertEquals } from "@std/assert";
import { Messages } from "./server/messages.ts";
import { MAX_ADDED_BYTES, Responses } from "./server/responses.ts";
import { resultOf, type Shape, SHAPES } from "./shapes.ts";

const encoder = new TextEncoder(), decoder = new TextDecoder();
const COUNT = 300;

const none = (text: string) => text;
const line = (text: string) => `${text}\n`;
const header = (text: string) =>
  `Content-Length: ${encoder.encode(text).length}\r\n\r\n${text}`;
const FRAMINGS = { none, line, header };

/** By name, how clients lay out requests. */
const LAYOUTS: Record<string, (shape: Shape, i: number) => unknown> = {
  "id first": ({ event, params }, i) => (
    { id: i * 37, jsonrpc: "2.0", method: event, params: params(i) }
  ),
  "id second": ({ event, params }, i) => (
    { jsonrpc: "2.0", id: i, method: event, params: params(i) }
  ),
  "id last": ({ event, params }, i) => (
    { jsonrpc: "2.0", method: event, params: params(i), id: i }
  ),
  "id last, a text": ({ event, params }, i) => (
    { jsonrpc: "2.0", method: event, params: params(i), id: `id-${i}` }
  ),
};

/** Finds messages in bytes that come in pieces; calls back for each. */
function findAll(
  bytes: Uint8Array,
  pieceBytes: number,
  found: (
    messages: Messages,
    bytes: Uint8Array,
    from: number,
    to: number,
  ) => void,
): number {
  const messages = new Messages(bytes.length);
  let from = 0;
  for (let at = 0; at < bytes.length;) {
    at = Math.min(at + pieceBytes, bytes.length);
    const unread = bytes.subarray(from, at);
    const count = messages.find(unread);
    for (let i = 0, start = 0; i < count; i++) {
      found(messages, unread, start, messages.ends[i]);
      start = messages.ends[i];
    }
    if (count > 0) from += messages.ends[count - 1];
  }
  return bytes.length - from;
}

for (const [framing, frame] of Object.entries(FRAMINGS)) {
  Deno.test(`Messages finds all, each shape, framing: ${framing}`, () => {
    for (const { event, params } of Object.values(SHAPES)) {
      const texts = Array.from(
        { length: COUNT },
        (_, i) =>
          frame(JSON.stringify(
            { id: null, jsonrpc: "2.0", method: event, params: params(i) },
          )),
      );
      const bytes = encoder.encode(texts.join(""));
      for (const pieceBytes of [1, 7, 100, 1000, bytes.length]) {
        const found: string[] = [];
        const odd = findAll(
          bytes,
          pieceBytes,
          (_, bytes, from, to) =>
            found.push(decoder.decode(bytes.subarray(from, to))),
        );
        // A line feed that comes after its message is left out at first.
        assertEquals(found.join(""), texts.join(""));
        assertEquals(odd, 0);
        if (pieceBytes > 300) assertEquals(found, texts);
      }
    }
  });

  for (const [layout, make] of Object.entries(LAYOUTS)) {
    Deno.test(`Responses answers all, framing: ${framing}, ${layout}`, () => {
      for (const shape of Object.values(SHAPES)) {
        const requests = Array.from(
          { length: COUNT },
          (_, i) => make(shape, i) as { id: unknown },
        );
        const bytes = encoder.encode(
          requests.map((request) => frame(JSON.stringify(request))).join(""),
        );
        const out = new Uint8Array(bytes.length + COUNT * MAX_ADDED_BYTES);
        let responses: Responses | undefined;
        findAll(bytes, 1000, (messages, bytes, from, to) => {
          if (responses === undefined) {
            const first = bytes.subarray(from, to);
            responses = Responses.of(first, messages.hasLines)!;
            responses.begin(out);
          }
          responses.add(bytes, from, to);
        });
        const expected = requests.map(({ id }, i) =>
          frame(JSON.stringify(
            { jsonrpc: "2.0", result: resultOf(shape, i), id },
          ))
        );
        assertEquals(decoder.decode(responses!.bytes), expected.join(""));
      }
    });
  }
}

Deno.test("Responses.of() returns undefined when it is a notification", () => {
  for (const { event, params } of Object.values(SHAPES)) {
    for (const id of [null, undefined]) {
      const text = JSON.stringify(
        { id, jsonrpc: "2.0", method: event, params: params(1) },
      );
      assertEquals(Responses.of(encoder.encode(text), false), undefined);
    }
  }
});
