import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  JsonStream,
  MAX_DEPTH,
  MAX_MESSAGE_BYTES,
} from "../../src/protocol/json_stream.ts";
import { cutAtRandom, newSeed, randomFrom } from "../helpers/random.ts";

const pure = { permissions: "none" } as const;
const MAX = 64; // maxMessageBytes of the table

/** What comes of a stream: its texts, and then how it ends. */
interface Split {
  texts: string[];
  error?: "not JSON" | "too large" | "too deep" | "cut off";
}

const CASES: {
  name: string;
  input: string | Uint8Array;
  split: Split;
  max?: number;
}[] = [
  { name: "nothing", input: "", split: { texts: [] } },
  { name: "one object", input: `{"a":1}`, split: { texts: [`{"a":1}`] } },
  {
    name: "many texts in a row",
    input: `{"a":1}{"b":[2]}[3,{"c":4}]{}[]`,
    split: { texts: [`{"a":1}`, `{"b":[2]}`, `[3,{"c":4}]`, `{}`, `[]`] },
  },
  {
    name: "white space between and around",
    input: ` \t\r\n{} \n [ ]\r\n\t`,
    split: { texts: [`{}`, `[ ]`] },
  },
  {
    name: "braces in strings",
    input: `{"}{][":"}}{{]]["}["]}",{}]`,
    split: { texts: [`{"}{][":"}}{{]]["}`, `["]}",{}]`] },
  },
  {
    name: "every escape",
    input: String.raw`{"s":"\"\\\/\b\f\n\r\t\u007d\u0022"}{"\\":"\\"}`,
    split: {
      texts: [
        String.raw`{"s":"\"\\\/\b\f\n\r\t\u007d\u0022"}`,
        String.raw`{"\\":"\\"}`,
      ],
    },
  },
  {
    name: "an escaped quote at the end of a string",
    input: String.raw`["\\\""]["\\"]`,
    split: { texts: [String.raw`["\\\""]`, String.raw`["\\"]`] },
  },
  {
    name: "UTF-8 of two, three and four bytes",
    input: `{"é":"漢字"}["😀"]"ł"`,
    split: { texts: [`{"é":"漢字"}`, `["😀"]`, `"ł"`] },
  },
  {
    name: "a lone high surrogate as an escape",
    input: String.raw`["\ud800"]{}`,
    split: { texts: [String.raw`["\ud800"]`, `{}`] },
  },
  {
    name: "scalars",
    input: `1 -2.5e+10 true false null "s" 0`,
    split: { texts: ["1", "-2.5e+10", "true", "false", "null", `"s"`, "0"] },
  },
  {
    name: "scalars with nothing between",
    input: `1"a""b"true{}null[]2`,
    split: { texts: ["1", `"a"`, `"b"`, "true", "{}", "null", "[]", "2"] },
  },
  {
    name: "byte order marks between texts",
    input: "\ufeff{} \ufeff[]\ufeff",
    split: { texts: ["{}", "[]"] },
  },
  {
    name: "a BOM inside a string",
    input: `["\ufeff"]`,
    split: { texts: [`["\ufeff"]`] },
  },
  {
    name: "invalid UTF-8 in a string",
    input: new Uint8Array([0x7b, 0x7d, 0x22, 0xff, 0x22, 0x7b, 0x7d]),
    split: { texts: ["{}", `"\ufffd"`, "{}"] },
  },
  {
    name: "bytes of ISO 8859-1 in a string",
    input: new Uint8Array([0x5b, 0x22, 0xe9, 0x6c, 0xe9, 0x22, 0x5d, 0x31]),
    split: { texts: [`["\ufffdl\ufffd"]`, "1"] },
  },
  {
    name: "invalid UTF-8 between texts",
    input: new Uint8Array([0x7b, 0x7d, 0xff, 0x7b, 0x7d]),
    split: { texts: ["{}"], error: "not JSON" },
  },
  {
    name: "UTF-8 that is cut by the end of a string",
    input: new Uint8Array([0x22, 0xe2, 0x82, 0x22]),
    split: { texts: [`"\ufffd"`] },
  },
  {
    name: "UTF-8 that is cut by the end of the bytes",
    input: new Uint8Array([0x7b, 0x7d, 0x22, 0xe2, 0x82]),
    split: { texts: ["{}"], error: "cut off" },
  },
  {
    name: "an overlong quote in UTF-8",
    input: new Uint8Array([0x22, 0xc0, 0xa2, 0x22]),
    split: { texts: [`"\ufffd\ufffd"`] },
  },
  {
    name: "NUL between texts",
    input: "{}\0{}",
    split: { texts: ["{}"], error: "not JSON" },
  },
  {
    name: "NUL in a string, which JSON.parse refuses",
    input: `["\0"]{}`,
    split: { texts: [`["\0"]`, "{}"] },
  },
  {
    name: "garbage between texts",
    input: `{"a":1}garbage{"b":2}`,
    split: { texts: [`{"a":1}`], error: "not JSON" },
  },
  {
    name: "an HTTP answer",
    input: "HTTP/1.1 400 Bad Request\r\n\r\n",
    split: { texts: [], error: "not JSON" },
  },
  {
    name: "a comma between texts",
    input: `{},{}`,
    split: { texts: ["{}"], error: "not JSON" },
  },
  {
    name: "a bracket that closes nothing",
    input: `{}}`,
    split: { texts: ["{}"], error: "not JSON" },
  },
  {
    name: "brackets of the wrong kind, which JSON.parse refuses",
    input: `{]{}`,
    split: { texts: ["{]", "{}"] },
  },
  {
    name: "a text of maxMessageBytes",
    input: `["${"x".repeat(MAX - 4)}"]{}`,
    split: { texts: [`["${"x".repeat(MAX - 4)}"]`, "{}"] },
  },
  {
    name: "a text of maxMessageBytes in UTF-8",
    input: `["${"é".repeat((MAX - 4) / 2)}"]`,
    split: { texts: [`["${"é".repeat((MAX - 4) / 2)}"]`] },
  },
  {
    name: "a text of one byte more",
    input: `{}["${"x".repeat(MAX - 3)}"]{}`,
    split: { texts: ["{}"], error: "too large" },
  },
  {
    name: "a number without end",
    input: "1".repeat(MAX + 1),
    split: { texts: [], error: "too large" },
  },
  {
    name: "brackets that never close",
    input: "[".repeat(MAX + 1),
    split: { texts: [], error: "too large" },
  },
  {
    name: "brackets as deep as they may be",
    input: "[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH) + "{}",
    split: {
      texts: ["[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH), "{}"],
    },
    max: MAX_DEPTH * 2,
  },
  {
    name: "brackets that are one level deeper",
    input: "{}" + "[".repeat(MAX_DEPTH + 1) + "]".repeat(MAX_DEPTH + 1),
    split: { texts: ["{}"], error: "too deep" },
    max: MAX_DEPTH * 4,
  },
  {
    name: "white space without end, which costs nothing",
    input: " ".repeat(MAX * 10) + "{}",
    split: { texts: ["{}"] },
  },
  {
    name: "the end in an object",
    input: `{}{"a":`,
    split: { texts: ["{}"], error: "cut off" },
  },
  {
    name: "the end in a string",
    input: `"abc`,
    split: { texts: [], error: "cut off" },
  },
  {
    name: "the end after an escape",
    input: `["\\`,
    split: { texts: [], error: "cut off" },
  },
];

/** Everything that comes of these pieces, and of the end after them. */
function split(pieces: Iterable<Uint8Array>, maxMessageBytes = MAX): Split {
  const stream = new JsonStream({ maxMessageBytes });
  const texts: string[] = [];
  const take = () => {
    for (let text; (text = stream.next()) !== undefined;) texts.push(text);
  };
  try {
    for (const piece of pieces) {
      const own = piece.slice();
      stream.push(own);
      own.fill(0x58); // bytes that were pushed may be reused
      take();
    }
    stream.end();
    take();
  } catch (error) {
    assertThrows(() => stream.next(), Error, (error as Error).message);
    return { texts, error: kindOf(error as Error) };
  }
  return { texts };
}

function kindOf(error: Error): Split["error"] {
  if (error instanceof RangeError) {
    return error.message.includes("nested") ? "too deep" : "too large";
  }
  assert(error instanceof SyntaxError, String(error));
  return error.message.includes("end in the middle") ? "cut off" : "not JSON";
}

function bytesOf(input: string | Uint8Array): Uint8Array {
  return typeof input === "string" ? new TextEncoder().encode(input) : input;
}

for (const { name, input, split: expected, max } of CASES) {
  const bytes = bytesOf(input);

  Deno.test(`JsonStream splits ${name}, whole`, pure, () => {
    assertEquals(split([bytes], max), expected);
  });

  Deno.test(`JsonStream splits ${name}, byte by byte`, pure, () => {
    const pieces = Array.from(bytes, (b) => Uint8Array.of(b));
    assertEquals(split(pieces, max), expected);
  });

  Deno.test(`JsonStream splits ${name}, with more behind it`, pure, () => {
    if (expected.error === "cut off") return; // more would change it
    const more = new TextEncoder().encode(` {"more":1}`);
    const both = new Uint8Array([...bytes, ...more]);
    const texts = expected.error === undefined
      ? [...expected.texts, `{"more":1}`]
      : expected.texts;
    assertEquals(split([both], max), { ...expected, texts });
  });
}

Deno.test("JsonStream splits the same at 10,000 random cuts", pure, () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const cases = CASES.map(({ name, input, split, max }) => ({
    name,
    bytes: bytesOf(input),
    expected: split,
    max,
  }));
  for (let i = 0; i < 10_000; i++) {
    const { name, bytes, expected, max } = cases[i % cases.length];
    const pieces = [...cutAtRandom(bytes, random)];
    assertEquals(
      split(pieces, max),
      expected,
      `${name}, seed ${seed}, round ${i}, pieces of ${
        pieces.map((p) => p.length)
      }`,
    );
  }
});

Deno.test(
  "JsonStream agrees with JSON.parse on random values at random cuts",
  pure,
  () => {
    const seed = newSeed();
    const random = randomFrom(seed);
    const text = (n: number): string =>
      Array.from(
        { length: Math.floor(random() * n) },
        () => `{}[]",:\\ \n\u0000aé漢😀\ud800`[Math.floor(random() * 18)],
      ).join("");
    const value = (depth: number): unknown => {
      const kind = Math.floor(random() * (depth > 3 ? 4 : 6));
      if (kind === 0) return text(12);
      if (kind === 1) return Math.floor(random() * 1e6) - 5e5;
      if (kind === 2) return random() < 0.5;
      if (kind === 3) return null;
      const length = Math.floor(random() * 4);
      const members = Array.from({ length }, () => value(depth + 1));
      return kind === 4
        ? members
        : Object.fromEntries(members.map((m) => [text(6), m]));
    };
    for (let i = 0; i < 2000; i++) {
      const texts = Array.from(
        { length: 5 },
        () => JSON.stringify({ v: value(0) }),
      );
      const bytes = new TextEncoder().encode(texts.join(""));
      assertEquals(
        split(cutAtRandom(bytes, random), MAX_MESSAGE_BYTES),
        { texts },
        `seed ${seed}, round ${i}`,
      );
    }
  },
);

Deno.test(
  "JsonStream.next() gives every text before what is wrong",
  pure,
  () => {
    const stream = new JsonStream();
    stream.push(new TextEncoder().encode(`{"a":1}{"b":2}!{"c":3}`));
    stream.push(new TextEncoder().encode(`{"d":4}`));
    assertEquals(stream.next(), `{"a":1}`);
    assertEquals(stream.next(), `{"b":2}`);
    assertThrows(() => stream.next(), SyntaxError, `no text begins with "!"`);
    stream.end();
    assertThrows(() => stream.next(), SyntaxError, `no text begins with "!"`);
  },
);

Deno.test("JsonStream.inText tells whether a text is under way", pure, () => {
  const stream = new JsonStream();
  assertEquals(stream.inText, false);
  const take = (text: string) => {
    stream.push(new TextEncoder().encode(text));
    while (stream.next() !== undefined);
    return stream.inText;
  };
  assertEquals(take("{} ["), true);
  assertEquals(take("]"), false);
  assertEquals(take(' 1 "'), true);
  assertEquals(take('" \ufeff'), false);
});

Deno.test(
  "JsonStream.replaced counts what is not UTF-8, at any cuts",
  pure,
  () => {
    const seed = newSeed();
    const random = randomFrom(seed);
    const CASES: [bytes: number[], replaced: number][] = [
      [[0xe9], 1],
      [[0xc3, 0xa9], 0],
      [[0xef, 0xbf, 0xbd], 0], // U+FFFD itself
      [[0xef, 0xbf, 0xbd, 0xff, 0xef, 0xbf, 0xbd], 1],
      [[0xe2, 0x82], 1],
      [[0xf0, 0x9f, 0x98, 0x80, 0x80, 0xc0], 2],
    ];
    for (let i = 0; i < 1000; i++) {
      const stream = new JsonStream();
      let expected = 0, texts = 0;
      const all: number[] = [];
      for (let n = 0; n < 10; n++) {
        const [bytes, replaced] = CASES[Math.floor(random() * CASES.length)];
        all.push(0x22, ...bytes, 0x22);
        expected += replaced;
      }
      for (const piece of cutAtRandom(Uint8Array.from(all), random)) {
        stream.push(piece);
        while (stream.next() !== undefined) texts++;
      }
      assertEquals([texts, stream.replaced], [10, expected], `seed ${seed}`);
    }
  },
);

Deno.test(
  "JsonStream takes a text of its default limit and no more",
  pure,
  () => {
    const bytes = new Uint8Array(MAX_MESSAGE_BYTES).fill(0x20);
    bytes[0] = 0x5b;
    bytes[bytes.length - 1] = 0x5d;
    const stream = new JsonStream();
    stream.push(bytes);
    assertEquals(stream.next()?.length, MAX_MESSAGE_BYTES);
    stream.push(bytes.subarray(0, -1));
    stream.push(bytes.subarray(1));
    assertThrows(
      () => stream.next(),
      RangeError,
      "a text is larger than 1048576 bytes",
    );
  },
);

Deno.test("JsonStream refuses a limit that is none", pure, () => {
  for (const maxMessageBytes of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(
      () => new JsonStream({ maxMessageBytes }),
      RangeError,
      `maxMessageBytes ${maxMessageBytes}`,
    );
  }
  for (const maxMessageBytes of ["64", 64n, [64], null]) {
    assertThrows(
      () => new JsonStream({ maxMessageBytes } as never),
      TypeError,
      "Cannot use maxMessageBytes",
    );
  }
});
