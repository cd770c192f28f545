import { assertEquals } from "@std/assert";
import { Timeouts } from "../../src/transport/timeouts.ts";
import { FakeTime } from "../helpers/fake_time.ts";

const pure = { permissions: "none" } as const;

Deno.test("Timeouts calls what is over, once and in order", pure, async () => {
  using time = new FakeTime();
  const alarm = new Timeouts();
  const over: string[] = [];
  alarm.begin(200, () => over.push("b"));
  alarm.begin(100, () => over.push("a"));
  alarm.begin(Infinity, () => over.push("never"));
  alarm.end(alarm.begin(50, () => over.push("ended")));
  await time.tick(1000);
  assertEquals([over, time.timers], [["a", "b"], 0]);
});

Deno.test(
  "Timeouts does not call a wait that another has ended",
  pure,
  async () => {
    using time = new FakeTime();
    const alarm = new Timeouts();
    const over: string[] = [];
    alarm.begin(100, () => {
      over.push("first");
      alarm.end(second);
    });
    const second = alarm.begin(100, () => over.push("second"));
    await time.tick(100);
    assertEquals(over, ["first"]);
  },
);

Deno.test("Timeouts sets no timer when nothing waits", pure, async () => {
  using time = new FakeTime();
  const alarm = new Timeouts();
  const waits = [100, 200].map((ms) => alarm.begin(ms, () => {}));
  alarm.end(waits[0]);
  alarm.end(waits[0]);
  assertEquals(time.timers, 1);
  alarm.end(waits[1]);
  assertEquals(time.timers, 0);
  alarm.begin(Infinity, () => {});
  assertEquals(time.timers, 0);
  await time.tick(1000);
});
