import { assertEquals, assertThrows } from "@std/assert";
import { MessageReader } from "../../src/server/message_reader.ts";

const bytesOf = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0)); // one byte a character

function texts(reader: MessageReader): string[] {
  const all: string[] = [];
  for (let text; (text = reader.next()) !== undefined;) all.push(text);
  return all;
}

const LIKENESSES: [sent: string, likeness: string][] = [
  ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"],
  ["POST /mi HTTP/1.1\r\n\r\n{}", "HTTP"],
  ["CONNECT http://x HTTP/1.1\r\n", "HTTP"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP"],
  ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"],
  ["REGISTER sip:example.com SIP/2.0\r\n", "SIP"],
  ["OPTIONS sips:a@example.com SIP/2.0\r\n", "SIP"],
  ["SIP/2.0 200 OK\r\n", "SIP"],
  ["Content-Length: 52\r\n\r\n{}", "a message with a header before it"],
  ["\xff\xfe{\0}\0", "UTF-16, expected UTF-8"],
];

for (const [sent, likeness] of LIKENESSES) {
  Deno.test(`MessageReader says what ${JSON.stringify(sent)} looks like`, () => {
    const reader = new MessageReader(undefined);
    reader.push(bytesOf(sent));
    for (let i = 0; i < 2; i++) {
      const { message } = assertThrows(() => reader.next(), SyntaxError);
      assertEquals(message, `Cannot read JSON: this looks like ${likeness}`);
    }
  });
}

Deno.test("MessageReader says what is no JSON, and like nothing else", () => {
  const reader = new MessageReader(undefined);
  reader.push(bytesOf("oops"));
  assertThrows(() => reader.next(), SyntaxError, 'no text begins with "o"');
  const late = new MessageReader(undefined);
  late.push(bytesOf("{}GET / HTTP/1.1"));
  assertEquals(late.next(), "{}");
  assertThrows(() => late.next(), SyntaxError, 'no text begins with "G"');
});

/** Pieces as they are read, and after which a line feed has been seen. */
const LINES: [pieces: string[], seen: boolean[]][] = [
  [["{}\n"], [true]],
  [["{}\r\n"], [true]],
  [["{}{}"], [false]],
  [["{}", "\n"], [false, true]],
  [["{}", "\r", "\n", "{}"], [false, false, true, true]],
  [["\n{}"], [false]],
  [["\n", "{}"], [false, false]],
  [["{\n", '"a":1}'], [false, false]],
  [["{}\n{}"], [false]], // it is seen with the next
  [["{}\n{}", "\n"], [false, true]],
];

for (const [pieces, seen] of LINES) {
  Deno.test(`MessageReader sees where lines end in ${JSON.stringify(pieces)}`, () => {
    const reader = new MessageReader(undefined);
    assertEquals(
      pieces.map((piece) => {
        reader.push(bytesOf(piece));
        texts(reader);
        return reader.isByLine;
      }),
      seen,
    );
  });
}

Deno.test("MessageReader.push() counts what is not UTF-8", () => {
  const reader = new MessageReader(undefined);
  assertEquals(reader.push(bytesOf('{"a":"T\xe9l\xe9"}')), 2);
  assertEquals(texts(reader), ['{"a":"T\ufffdl\ufffd"}']);
  assertEquals(reader.push(bytesOf("{}")), 0);
  assertEquals(reader.push(bytesOf("\xe6")), 0); // more may come
  assertEquals(reader.end(), 1);
});
