// The clock is set, and the process suspended.

import { assert, assertEquals } from "@std/assert";
import { FakeTime, settled } from "../helpers/fake_time.ts";
import { gate, send } from "../helpers/tcp.ts";
import { answerTo, type Arrived, Model, record } from "./model.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

Deno.test("EventClient does not care about the clock on the wall", async () => {
  let held = gate();
  await using server = record({
    async instead(conn, message) {
      if (message.params.n % 3 === 2) return false;
      if (message.params.n % 3 === 1) { // the second of three waits
        await held.opened;
        await send(conn, answerTo(message));
      }
      return true;
    },
  });
  const model = new Model("wall clock", server.socket, { syncMode: true });
  const { now } = Date;
  try {
    for (const days of [0, 1, -1, 3650, -3650]) {
      held = gate();
      // Both are in flight while the clock is set. When the one is given up,
      // the other is looked at too.
      const lost = model.raise({ timeoutMs: 100 });
      const patient = model.raise();
      await server.arrival(model.raised.at(-2)!.n);
      Date.now = () => now() + days * DAY_MS;
      assertEquals(
        await model.inTime(lost, "it is given up"),
        "DeliveryTimeoutError, may have arrived",
      );
      held.open();
      assertEquals(await model.inTime(patient, "it settles"), "delivered");
      await model.nextWorks(server);
    }
  } finally {
    Date.now = now;
  }
  await model.check(server);
  assertEquals(server.accepted, 1);
});

/** A minute passes in which nothing runs, then all at once; or the reverse. */
const SUSPENSIONS: {
  name: string;
  /** What comes first when the process goes on. */
  first: "the reply" | "the timer";
  timeoutMs: number;
  outcome: string;
}[] = [
  {
    name: "before a reply that comes first",
    first: "the reply",
    timeoutMs: 1000,
    outcome: "delivered",
  },
  {
    name: "before a reply that comes after the timer",
    first: "the timer",
    timeoutMs: 1000,
    outcome: "DeliveryTimeoutError, may have arrived",
  },
  {
    name: "for less than the time-out",
    first: "the timer",
    timeoutMs: 120_000,
    outcome: "delivered",
  },
];

for (const { name, first, timeoutMs, outcome } of SUSPENSIONS) {
  Deno.test(`EventClient survives a minute of suspension ${name}`, async () => {
    const arrived = gate(), mayAnswer = gate(), answered = gate();
    let isFirst = true;
    await using server = record({
      async instead(conn, message) {
        if (!isFirst) return false;
        isFirst = false;
        arrived.open();
        await mayAnswer.opened;
        await send(conn, answerTo(message));
        answered.open();
        return true;
      },
    });
    const model = new Model(name, server.socket, { syncMode: true, timeoutMs });
    using time = new FakeTime();
    const { now } = performance; // the fake one
    const raising = model.raise();
    await arrived.opened;
    // No timer has run yet: FakeTime runs them when it ticks.
    performance.now = () => now.call(performance) + 60_000;
    if (first === "the reply") {
      mayAnswer.open();
      await raising;
      await time.tick(timeoutMs);
    } else {
      await time.tick(1000);
      mayAnswer.open();
    }
    assertEquals(await raising, outcome);
    await answered.opened;
    while (model.client.stats.confirmed + model.client.stats.unmatched === 0) {
      await settled();
    }
    await model.nextWorks(server);
    await model.check(server);
    assertEquals(server.accepted, 1);
    assertEquals(time.timers, 0);
  });
}

Deno.test("EventClient survives that its process is stopped and goes on", async () => {
  const EVENTS = 20;
  const arrived: Arrived[] = [];
  const all = gate();
  const conns = new Set<Deno.TcpConn>();
  await using server = record({
    instead(conn, message) {
      conns.add(conn);
      arrived.push(message);
      if (arrived.length === EVENTS) all.open();
      return Promise.resolve(arrived.length <= EVENTS);
    },
  });
  // Half of them are given up while the process is stopped.
  const raiser = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-net",
      new URL("raiser.ts", import.meta.url).href,
      server.socket,
      `${EVENTS}`,
      "stopped",
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = raiser.output();
  await all.opened;
  raiser.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const [conn] = conns;
  for (const message of arrived) await send(conn, answerTo(message));
  raiser.kill("SIGCONT");
  const writer = raiser.stdin.getWriter();
  await writer.close();
  const { code, stdout } = await output;
  const { outcomes, stats, next } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  assertEquals(code, 0);
  assertEquals(outcomes.length, EVENTS);
  for (const [n, outcome] of outcomes.entries()) {
    if (n % 2 === 0) assertEquals(outcome, "delivered"); // they could wait
    else assert(/^delivered$|^DeliveryTimeoutError, may/.test(outcome));
  }
  assertEquals(next, "delivered");
  assertEquals(stats.confirmed + stats.failed.timeout, EVENTS + 1);
  assertEquals(stats.failed.timeout, stats.unmatched);
  assertEquals(server.accepted, 1);
});
