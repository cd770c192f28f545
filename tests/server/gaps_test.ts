import { assertEquals } from "@std/assert";
import { Gaps } from "../../src/server/gaps.ts";
import { FakeTime } from "../helpers/fake_time.ts";

Deno.test("Gaps.until() resolves when its time has come, not before", async () => {
  using time = new FakeTime();
  const gaps = new Gaps();
  const now = performance.now();
  const over: number[] = [];
  for (const ms of [2, 0.5, 3]) {
    gaps.until(now + ms).then(() => over.push(ms));
  }
  await time.tick(0.4);
  assertEquals(over, []);
  await time.tick(0.1);
  assertEquals(over, [0.5]);
  await time.tick(1.5);
  assertEquals(over, [0.5, 2]);
  await time.tick(1);
  assertEquals(over, [0.5, 2, 3]);
});

Deno.test("Gaps.until() resolves at once for a time that is over", async () => {
  const gaps = new Gaps();
  await gaps.until(-Infinity);
  await gaps.until(performance.now());
});

Deno.test("Gaps.until() uses a timer for what is far off", async () => {
  using time = new FakeTime();
  let isOver = false;
  new Gaps().until(performance.now() + 500).then(() => isOver = true);
  assertEquals(time.timers, 1);
  await time.tick(499);
  assertEquals(isOver, false);
  await time.tick(1);
  assertEquals([isOver, time.timers], [true, 0]);
});

Deno.test("Gaps let nothing run while nothing waits", async () => {
  const { setImmediate } = globalThis as unknown as {
    setImmediate: (run: () => void) => void;
  };
  let turns = 0;
  const stub = {
    setImmediate: (run: () => void) => {
      turns++;
      setImmediate(run);
    },
  };
  Object.assign(globalThis, stub);
  try {
    const gaps = new Gaps();
    await Promise.all([1, 2, 3].map(() => gaps.until(performance.now() + 0.5)));
    const before = turns;
    for (let i = 0; i < 20; i++) await new Promise((r) => setTimeout(r));
    assertEquals(turns, before);
  } finally {
    Object.assign(globalThis, { setImmediate });
  }
});
