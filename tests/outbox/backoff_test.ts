import { assertEquals } from "@std/assert";
import { backoff } from "../../src/outbox/mod.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "backoff() waits twice as long each time, up to the bound",
  pure,
  () => {
    const cases: [number, number, number, number][] = [
      [1, 100, 30_000, 100],
      [2, 100, 30_000, 200],
      [9, 100, 30_000, 25_600],
      [10, 100, 30_000, 30_000],
      [1_000_000, 100, 30_000, 30_000],
      [Infinity, 100, 30_000, 30_000],
      [0, 5, 7, 5],
      [3, 5, 7, 7],
      [1, 50, 20, 20],
    ];
    for (const [attempt, minDelayMs, maxDelayMs, expected] of cases) {
      assertEquals(backoff(attempt, { minDelayMs, maxDelayMs }), expected);
    }
  },
);

Deno.test("backoff() has defaults", pure, () => {
  assertEquals([1, 4, 99].map((n) => backoff(n)), [100, 800, 30_000]);
});
