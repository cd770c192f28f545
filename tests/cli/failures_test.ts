import { assertEquals } from "@std/assert";
import { Failures } from "../../src/cli/failures.ts";

/** Failures, and all that they told. */
function record(countMs?: number) {
  const told: string[] = [];
  const counted = Promise.withResolvers<void>();
  const clock = { now: 0 };
  const failures = new Failures(
    {
      fail: (message) => void told.push(message),
      count(message) {
        told.push(message);
        counted.resolve();
      },
    },
    () => clock.now,
    countMs,
  );
  const fail = (from: number, to: number) => {
    for (let n = from; n <= to; n++) failures.failed(`${n}`);
  };
  return { failures, told, counted: counted.promise, clock, fail };
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => `${i + 1}`);

Deno.test("Failures tells ten one by one, and counts the rest", () => {
  for (
    const [count, rest] of [
      [1, []],
      [10, []],
      [11, ["1 more error: 11"]],
      [500, ["490 more errors, the last: 500"]],
    ] as const
  ) {
    const { failures, told, fail } = record();
    fail(1, count);
    assertEquals(told, upTo(Math.min(count, 10)));
    failures.countHeld();
    failures.countHeld();
    assertEquals(told, [...upTo(Math.min(count, 10)), ...rest]);
  }
});

Deno.test("Failures tells again when an event was delivered", () => {
  const { failures, told, clock, fail } = record();
  fail(1, 15);
  told.length = 0;
  failures.succeeded();
  assertEquals(told, ["5 more errors, the last: 15"]);
  clock.now = 1000;
  for (let n = 0; n < 3; n++) failures.succeeded();
  fail(16, 17);
  assertEquals(told.slice(1), ["16", "17"]);
});

Deno.test("Failures is bounded when events fail and succeed in turn", () => {
  const { failures, told, clock, fail } = record();
  for (let n = 1; n <= 10_000; n++) {
    clock.now = n / 10; // one second in all
    fail(n, n);
    failures.succeeded();
  }
  assertEquals(told.length, 11);
  failures.countHeld();
  assertEquals(told.at(-1), "9989 more errors, the last: 10000");
});

Deno.test("Failures counts what it holds back without being asked", async () => {
  const { told, counted, fail } = record(1);
  fail(1, 12);
  await counted;
  assertEquals(told.slice(10), ["2 more errors, the last: 12"]);
});
