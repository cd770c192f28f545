import { assertEquals } from "@std/assert";
import { Chunk, CHUNK_BYTES } from "../../src/client/write_buffer.ts";

const pure = { permissions: "none" } as const;

/** A chunk of parts that have the length and the byte of their number. */
function chunkOf(...parts: number[]) {
  const chunk = new Chunk<{ start: number; end: number; outcome: string }>(1);
  for (const n of parts) {
    chunk.reserve(n);
    const start = chunk.length;
    chunk.bytes.fill(n, start, chunk.length += n);
    chunk.parts.push({ start, end: chunk.length, outcome: "pending" });
  }
  return chunk;
}

const bytesOf = (chunk: ReturnType<typeof chunkOf>) => [
  ...chunk.bytes.subarray(0, chunk.length),
];

Deno.test("Chunk grows as needed", pure, () => {
  assertEquals(bytesOf(chunkOf(1, 2, 3)), [1, 2, 2, 3, 3, 3]);
  assertEquals(chunkOf().length, 0);
});

Deno.test(
  "Chunk.compact() leaves what is pending, wherever it stands",
  pure,
  () => {
    for (
      const [failed, left] of [
        [[], [1, 2, 2, 3, 3, 3]],
        [[0], [2, 2, 3, 3, 3]],
        [[1], [1, 3, 3, 3]],
        [[2], [1, 2, 2]],
        [[0, 1], [3, 3, 3]],
        [[0, 2], [2, 2]],
        [[0, 1, 2], []],
      ]
    ) {
      const chunk = chunkOf(1, 2, 3);
      const parts = [...chunk.parts];
      let freed = 0;
      for (const n of failed) {
        parts[n].outcome = "failed";
        freed += chunk.drop(parts[n]);
      }
      freed += chunk.compact();
      assertEquals(bytesOf(chunk), left);
      assertEquals(freed, 6 - left.length);
      for (const { start, end, outcome } of chunk.parts) {
        assertEquals(outcome, "pending");
        const own = bytesOf(chunk).slice(start, end);
        assertEquals(own, Array(own.length).fill(own.length));
      }
    }
  },
);

Deno.test(
  "Chunk.drop() makes room once half of the bytes are of no use",
  pure,
  () => {
    const chunk = chunkOf(1, 2, 3);
    const [one, two] = chunk.parts;
    one.outcome = "failed";
    assertEquals(chunk.drop(one), 0);
    two.outcome = "failed";
    assertEquals(chunk.drop(two), 3);
    assertEquals(bytesOf(chunk), [3, 3, 3]);
  },
);

Deno.test(
  "Chunk takes a message of any length, but none besides a large one",
  pure,
  () => {
    const chunk = chunkOf();
    assertEquals(chunk.takes(10 * CHUNK_BYTES), true);
    chunk.reserve(10 * CHUNK_BYTES);
    chunk.length = 10 * CHUNK_BYTES;
    assertEquals(chunk.takes(1), false);
    const small = chunkOf(1);
    assertEquals(small.takes(CHUNK_BYTES - 1), true);
    assertEquals(small.takes(CHUNK_BYTES), false);
  },
);

Deno.test("Chunk.clear() leaves room for other parts", pure, () => {
  const chunk = chunkOf(1, 2, 3);
  const [one] = chunk.parts;
  one.outcome = "failed";
  chunk.drop(one);
  chunk.clear();
  assertEquals([chunk.length, chunk.parts, chunk.compact()], [0, [], 0]);
});

Deno.test("Chunk does not keep the memory of what was dropped", pure, () => {
  const chunk = chunkOf(...Array(100).fill(100), 3);
  for (const part of chunk.parts.slice(0, 100)) {
    part.outcome = "failed";
    chunk.drop(part);
  }
  chunk.compact();
  assertEquals([bytesOf(chunk), chunk.bytes.length], [[3, 3, 3], 3]);
});
