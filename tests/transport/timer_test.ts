import { assertEquals } from "@std/assert";
import { Timer } from "../../src/transport/timer.ts";
import { FakeTime } from "../helpers/fake_time.ts";

const pure = { permissions: "none" } as const;

/** A timer that counts how often it rings, and signals that it made. */
function counted() {
  const counts = { rings: 0, signals: 0 };
  const { timeout } = AbortSignal;
  AbortSignal.timeout = (ms) => {
    counts.signals++;
    return timeout.call(AbortSignal, ms);
  };
  return { timer: new Timer(() => counts.rings++), counts };
}

Deno.test("Timer rings once, when it is due", pure, async () => {
  using time = new FakeTime();
  const { timer, counts } = counted();
  assertEquals(timer.due, Infinity);
  const deadline = performance.now() + 100;
  timer.set(deadline);
  assertEquals(timer.due, deadline);
  await time.tick(99);
  assertEquals(counts.rings, 0);
  await time.tick(1);
  assertEquals([counts.rings, timer.due, time.timers], [1, Infinity, 0]);
  await time.tick(1000);
  assertEquals(counts.rings, 1);
  timer.set(performance.now() - 1); // that was before
  await time.tick(0);
  assertEquals(counts.rings, 2);
});

Deno.test("Timer can be set to earlier, not to later", pure, async () => {
  using time = new FakeTime();
  const { timer, counts } = counted();
  const start = performance.now();
  timer.set(start + 100);
  timer.set(start + 200);
  timer.set(start + 50);
  assertEquals(timer.due, start + 50);
  await time.tick(50);
  assertEquals(counts.rings, 1);
  await time.tick(1000);
  assertEquals(counts, { rings: 1, signals: 2 });
});

Deno.test("Timer that is cleared does not ring", pure, async () => {
  using time = new FakeTime();
  const { timer, counts } = counted();
  timer.clear();
  timer.set(performance.now() + 100);
  timer.clear();
  timer.clear();
  assertEquals([timer.due, time.timers], [Infinity, 0]);
  await time.tick(1000);
  assertEquals(counts.rings, 0);
  timer.set(performance.now() + 100); // the signal is of no use any more
  await time.tick(100);
  assertEquals(counts, { rings: 1, signals: 2 });
});

Deno.test(
  "Timer that is set and cleared leaves but one signal behind",
  pure,
  async () => {
    using time = new FakeTime();
    const { timer, counts } = counted();
    for (let i = 0; i < 100; i++) {
      timer.set(performance.now() + 1000);
      await time.tick(1);
      timer.clear();
    }
    assertEquals(counts, { rings: 0, signals: 1 });
    // So it may ring too early, and never too late.
    timer.set(performance.now() + 1000);
    await time.tick(1000);
    assertEquals(counts.rings, 1);
  },
);

Deno.test("Timer rings early for what is too far away", pure, async () => {
  using time = new FakeTime();
  const { timer, counts } = counted();
  timer.set(performance.now() + 2 ** 40);
  assertEquals(timer.due, performance.now() + 10_000);
  await time.tick(10_000);
  assertEquals([counts.rings, timer.due], [1, Infinity]);
});

Deno.test("Timer keeps the process alive while it is set", async () => {
  const url = JSON.stringify(
    import.meta.resolve("../../src/transport/timer.ts"),
  );
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-config",
      `import { Timer } from ${url};
       new Timer(() => console.log("rings")).set(performance.now() + 50);
       const cleared = new Timer(() => console.log("must not ring"));
       cleared.set(performance.now() + 3_600_000);
       cleared.clear();`,
    ],
    stdin: "null",
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "rings\n"]);
});
