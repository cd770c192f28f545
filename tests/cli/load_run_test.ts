import { assert, assertEquals } from "@std/assert";
import {
  ConnectError,
  DeliveryError,
  DeliveryTimeoutError,
  ServerError,
} from "../../mod.ts";
import { kindOf, LoadRun, type LoadSettings } from "../../src/cli/load_run.ts";
import { FakeTime, settled } from "../helpers/fake_time.ts";

/** A run whose events are all delivered at once, unless `settings` differ. */
function runOf(settings: Partial<LoadSettings>): LoadRun {
  return new LoadRun({
    count: Infinity,
    rate: undefined,
    signal: new AbortController().signal,
    raise: () => Promise.resolve(undefined),
    onFailure() {},
    ...settings,
  });
}

Deno.test("LoadRun raises at a rate, counted from the start", async () => {
  for (
    const [rate, raised] of [
      [10, [1, 11, 31]],
      [0.5, [1, 1, 2]],
      [1000, [1, 1001, 3001]],
    ] as const
  ) {
    using time = new FakeTime();
    const stopping = new AbortController();
    const run = runOf({ rate, signal: stopping.signal });
    const done = run.run();
    const seen: number[] = [];
    for (const ms of [0, 1000, 2000]) {
      await time.tick(ms);
      seen.push(run.raised);
    }
    assertEquals(seen, [...raised], `${rate}`);
    stopping.abort();
    await done;
    assertEquals([run.delivered, run.underWay], [run.raised, 0]);
  }
});

Deno.test("LoadRun does not wait for a server at a rate, and for all at the end", async () => {
  using time = new FakeTime();
  const settle: (() => void)[] = [];
  const run = runOf({
    count: 300,
    rate: 100,
    raise: () =>
      new Promise((resolve) => settle.push(() => resolve(undefined))),
  });
  let isDone = false;
  const done = run.run().then(() => isDone = true);
  await time.tick(10_000);
  assertEquals([run.raised, run.underWay, isDone], [300, 300, false]);
  for (const one of settle) one();
  await done;
  assertEquals([run.delivered, run.latencies.count], [300, 300]);
  // The first one waited for ten seconds, the last one for seven.
  assert(run.latencies.max === 10_000, `${run.latencies.max}`);
});

Deno.test("LoadRun without a rate has some events under way, and no more", async () => {
  let most = 0;
  const run = runOf({
    count: 1000,
    async raise() {
      most = Math.max(most, run.underWay);
      await null;
      return undefined;
    },
  });
  await run.run();
  assertEquals([run.raised, run.delivered, most], [1000, 1000, 64]);
});

Deno.test("LoadRun stops when it is aborted, and waits for what is under way", async () => {
  for (const rate of [undefined, 1_000_000]) {
    const stopping = new AbortController();
    const answer = Promise.withResolvers<undefined>();
    const run = runOf({
      rate,
      signal: stopping.signal,
      raise: () => answer.promise,
    });
    let isDone = false;
    const done = run.run().then(() => isDone = true);
    await settled();
    stopping.abort();
    await settled();
    const { raised } = run;
    assert(raised > 0 && !isDone);
    answer.resolve(undefined);
    await done;
    assertEquals([run.raised, run.delivered], [raised, raised]);
  }
});

Deno.test("LoadRun counts failures by kind, tells the first of each, and keeps the worst code", async () => {
  const errors = [
    undefined,
    new ServerError(404, "No"),
    new ServerError(404, "Not again"),
    new DeliveryTimeoutError("late", { mayHaveArrived: true }),
  ];
  const told: string[] = [];
  let n = 0;
  const run = runOf({
    count: 8,
    raise: () => Promise.resolve(errors[n++ % 4]),
    onFailure: ({ message }) => void told.push(message),
  });
  await run.run();
  assertEquals([run.raised, run.delivered, run.failed], [8, 2, 6]);
  assertEquals([...run.failures], [["server error 404", 4], ["timed out", 2]]);
  assertEquals(told, ["No", "late"]);
  assertEquals(run.code, 4);
});

Deno.test("LoadRun keeps few kinds of failures, whatever a server makes up", async () => {
  let code = 0, told = 0;
  const run = runOf({
    count: 5000,
    raise: () => Promise.resolve(new ServerError(code++, "?")),
    onFailure: () => void told++,
  });
  await run.run();
  assertEquals([run.failures.size, told], [21, 20]);
  assertEquals(run.failures.get("other"), 5000 - 20);
});

Deno.test("kindOf() names what all sockets of a virtual one have in common", () => {
  const refused = new ConnectError("no");
  const late = new DeliveryTimeoutError("late", { mayHaveArrived: true });
  const of = (...errors: Error[]) =>
    kindOf(new DeliveryError("none", { cause: new AggregateError(errors) }));
  assertEquals(of(refused, refused), "cannot connect");
  assertEquals(of(refused, late), "several causes");
  assertEquals(kindOf(new RangeError("x")), "RangeError");
});
