import { assertEquals, assertThrows } from "@std/assert";
import type { JsonValue } from "../../src/protocol/message.ts";
import { ReplyReader } from "../../src/client/response_reader.ts";
import { isJson } from "../helpers/tcp.ts";
import { cutAtRandom, newSeed, randomFrom } from "../helpers/random.ts";

const pure = { permissions: "none" } as const;
const encoder = new TextEncoder();
const ALL = { get: () => true };

// Replies that are alike are not parsed again; nobody may notice.

/** Reads pieces, with every id in flight. */
function readAll(pieces: Iterable<Uint8Array>): JsonValue[] {
  const reader = new ReplyReader();
  const replies: JsonValue[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let reply; (reply = reader.next(ALL)) !== undefined;) {
      replies.push(reply);
    }
  }
  return replies;
}

/** Texts in pieces: one by one, all at once, or cut at random. */
function* ways(texts: string[], random: () => number) {
  yield texts.map((text) => encoder.encode(text));
  const whole = encoder.encode(texts.join(""));
  yield [whole];
  yield [...cutAtRandom(whole, random)];
}

/** What matters of a reply: whatever else it has settles nothing. */
function gist(reply: JsonValue): unknown {
  if (typeof reply !== "object" || reply === null || Array.isArray(reply)) {
    return reply;
  }
  const { id, result, error, method } = reply;
  return { id, result, error: error ?? undefined, method };
}

const IDS = [
  "1",
  "23",
  "2147483647",
  "0",
  "10",
  "01",
  "-1",
  "1.5",
  "1e3",
  "99999999999",
  "null",
  '"7"',
  "true",
];
const SHAPES: [name: string, (id: string) => string][] = [
  ["the id last", (id) => `{"jsonrpc":"2.0","result":true,"id":${id}}`],
  ["the id first", (id) => `{"id":${id},"jsonrpc":"2.0","result":"ok"}`],
  ["white space", (id) => `{"id" : ${id} , "result" : 8 }`],
  ["an id in a string", (id) => `{"result":"\\"id\\":${id}","id":5}`],
  ["an id in the result", (id) => `{"result":{"id":${id}},"id":5}`],
  ["an id beside it", (id) => `{"result":1,"of":{"id":${id}},"id":5}`],
  ["two ids", (id) => `{"result":1,"id":5,"id":${id}}`],
  ["an escaped id", (id) => `{"result":1,"\\u0069d":${id}}`],
  ["an exponent behind the id", (id) => `{"id":${id}e5,"result":true}`],
  ["a fraction behind the id", (id) => `{"id":${id}.5,"result":true}`],
  [
    "another id that is escaped",
    (id) => `{"id":${id},"\\u0069d":5,"result":true}`,
  ],
  [
    "an id at the end of an escaped name",
    (id) => `{"x\\"id":${id},"result":1,"\\u0069d":5}`,
  ],
  ["digits behind the id", (id) => `{"id":${id}0,"result":true}`],
  ["a result that is an array", (id) => `{"id":${id},"result":[${id}]}`],
  ["a result that has the id", (id) => `{"id":${id},"result":${id}}`],
  ["a result of null", (id) => `{"id":${id},"result":null}`],
  ["an error of null", (id) => `{"id":${id},"result":1,"error":null}`],
  ["an error", (id) => `{"id":${id},"error":{"code":1,"message":""}}`],
  ["both", (id) => `{"id":${id},"result":1,"error":{"code":1}}`],
  ["a method", (id) => `{"id":${id},"result":1,"method":"E_X"}`],
  ["no result", (id) => `{"id":${id}}`],
  ["an array", (id) => `[{"id":${id},"result":1}]`],
];

for (const [name, shape] of SHAPES) {
  Deno.test(
    `ReplyReader reads alike replies as JSON.parse does: ${name}`,
    pure,
    () => {
      const seed = newSeed();
      const random = randomFrom(seed);
      for (const first of IDS) {
        for (const id of IDS) {
          const texts = [shape(first), shape(id), shape("3"), shape("4")]
            .filter(isJson);
          for (const pieces of ways(texts, random)) {
            assertEquals(
              readAll(pieces).map(gist),
              texts.map((text) => gist(JSON.parse(text))),
              `seed ${seed}, ${texts.join(" ")}`,
            );
          }
        }
      }
    },
  );
}

Deno.test(
  "ReplyReader reads any mix of replies, in any pieces, as JSON.parse does",
  pure,
  () => {
    const seed = newSeed();
    const random = randomFrom(seed);
    const any = <T>(list: T[]) => list[Math.floor(random() * list.length)];
    let shape = any(SHAPES)[1];
    for (let round = 0; round < 200; round++) {
      const texts = Array.from({ length: 100 }, () => {
        if (random() < 0.1) shape = any(SHAPES)[1];
        const id = random() < 0.8
          ? String(Math.floor(random() * 1e5))
          : any(IDS);
        return shape(id);
      }).filter(isJson);
      for (const pieces of ways(texts, random)) {
        assertEquals(
          readAll(pieces).map(gist),
          texts.map((text) => gist(JSON.parse(text))),
          `seed ${seed}`,
        );
      }
    }
  },
);

Deno.test(
  "ReplyReader refuses what is not JSON though it looks alike",
  pure,
  () => {
    for (const bad of ["01", "1 2", "", "+1", "0x1", "1_000"]) {
      const good = `{"id":1,"result":true}`;
      for (
        const pieces of ways([good, good, good.replace("1", bad)], () => 0.5)
      ) {
        assertThrows(() => readAll(pieces), SyntaxError);
      }
    }
  },
);

Deno.test(
  "ReplyReader gives a reply that settles nothing as a whole",
  pure,
  () => {
    const reader = new ReplyReader();
    const inFlight = new Map([[1, true]]);
    for (const id of [1, 1, 2]) {
      const reply = { jsonrpc: "2.0", result: "é", id, of: "server" };
      reader.push(encoder.encode(JSON.stringify(reply)));
      const read = reader.next(inFlight);
      if (id === 2) assertEquals(read, reply);
    }
  },
);

Deno.test(
  "ReplyReader has next() throw what push() found, in its turn",
  pure,
  () => {
    const reader = new ReplyReader({ maxMessageBytes: 40 });
    reader.push(encoder.encode(`{"id":1,"result":true}`));
    assertEquals(gist(reader.next(ALL)!), gist({ id: 1, result: true }));
    reader.push(encoder.encode(`{"id":2,"result":true}{"id":3,`));
    assertEquals(reader.next(ALL), { id: 2, result: true });
    assertEquals(reader.next(ALL), undefined);
    assertEquals(reader.inText, true);
    reader.push(
      encoder.encode(`${" ".repeat(40)}"result":1}{"id":4,"result":true}`),
    );
    assertThrows(() => reader.next(ALL), RangeError, "larger than 40 bytes");
  },
);

Deno.test(
  "ReplyReader learns no reply of which a part came before",
  pure,
  () => {
    assertEquals(
      readAll([
        '{"id":1,"result":true}',
        '{"id":2,"resu',
        'lt":false}{"id":3,"result":true} ',
      ].map((text) => encoder.encode(text))).map(gist),
      [[1, true], [2, false], [3, true]].map(([id, result]) =>
        gist({ id, result })
      ),
    );
  },
);

Deno.test("ReplyReader takes no other id for that of a reply", pure, () => {
  const texts = [
    '{"id":5.0,"result":true,"of":{"id":5}}',
    '{"id":5.0,"result":true,"of":{"id":6}}',
    `{"id":1,"result":true}`,
    `{"id":${"9".repeat(400)},"result":true}`,
  ];
  const pieces = texts.map((text) => encoder.encode(text));
  assertEquals(
    readAll(pieces).map((reply) => (reply as { id: number }).id),
    [5, 5, 1, Infinity],
  );
  assertThrows(
    () =>
      readAll(
        ['{"id":1,"result":true}', '{"id":,"result":true} '].map((t) =>
          encoder.encode(t)
        ),
      ),
    SyntaxError,
  );
});
