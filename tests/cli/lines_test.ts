import { assertEquals } from "@std/assert";
import { LineError, MAX_LINE_BYTES, readLines } from "../../src/cli/lines.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";

/** The lines; of one that cannot be read, what is wrong with it. */
async function linesOf(pieces: Iterable<Uint8Array>): Promise<string[]> {
  const all: string[] = [];
  const stream = ReadableStream.from(pieces);
  for await (const some of readLines(stream, new AbortController().signal)) {
    for (const line of some) {
      all.push(line instanceof LineError ? line.message : line);
    }
  }
  return all;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

Deno.test("readLines() gives the lines however the bytes are cut", {
  permissions: "none",
}, async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  for (let round = 0; round < 500; round++) {
    const lines = Array.from(
      { length: Math.floor(random() * 6) },
      () =>
        ["", "a", "é漢😀", "x\ry\r", "\ufeff\ufffd"][Math.floor(random() * 5)],
    );
    const text = lines.map((l) => l + "\n").join("") +
      (random() < 0.5 ? "last" : "");
    const bytes = new TextEncoder().encode(text);
    const cuts = Array.from(
      { length: Math.floor(random() * 4) },
      () => Math.floor(random() * (bytes.length + 1)),
    ).sort((a, b) => a - b);
    const all = await linesOf(
      [...cuts, bytes.length].map((end, i) => bytes.slice(cuts[i - 1], end)),
    );
    const expected = text.endsWith("last") ? [...lines, "last"] : lines;
    if (expected.length > 0) expected[0] = expected[0].replace("\ufeff", "");
    assertEquals(all, expected, `seed ${seed}, round ${round}`);
  }
});

Deno.test("readLines() gives up a line that is too long, and only that", {
  permissions: "none",
}, async () => {
  const half = bytesOf("x".repeat(MAX_LINE_BYTES / 2 + 1));
  const problem = `it is longer than ${MAX_LINE_BYTES} bytes`;
  const [start, end] = [bytesOf("a\n"), bytesOf("\nb\n")];
  assertEquals(await linesOf([start, half, half, half, end]), [
    "a",
    problem,
    "b",
  ]);
  assertEquals(await linesOf([half, half]), [problem]);
  const whole = new Uint8Array([...start, ...half, ...half, ...end]);
  assertEquals(await linesOf([whole]), ["a", problem, "b"]);
});

Deno.test(
  "readLines() finds the lines that are not UTF-8, however they are cut",
  {
    permissions: "none",
  },
  async () => {
    const wrong = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0x4a, 0xfc, 0x72]];
    for (const bad of wrong) {
      const line = Uint8Array.from([
        ...bytesOf("\ufeffa é\n"),
        ...bad,
        ...bytesOf("\nb\n"),
        ...bad,
      ]);
      const expected = ["a é", "it is not UTF-8", "b", "it is not UTF-8"];
      for (let cut = 0; cut <= line.length; cut++) {
        const pieces = [line.slice(0, cut), line.slice(cut)];
        assertEquals(await linesOf(pieces), expected);
      }
      assertEquals(
        await linesOf([...line].map((b) => Uint8Array.of(b))),
        expected,
      );
    }
  },
);

Deno.test("readLines() keeps all of a line before its newline", {
  permissions: "none",
}, async () => {
  const text = "a\r\r\n\r\nb\r";
  assertEquals(await linesOf([bytesOf(text)]), ["a\r\r", "\r", "b\r"]);
});
