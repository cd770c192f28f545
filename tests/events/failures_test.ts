import { assert, assertEquals } from "@std/assert";
import {
  type DeliveryReport,
  EventInterface,
  QueueFullError,
} from "../../mod.ts";
import { Failures } from "../../src/events/failures.ts";
import { memoryPair } from "../helpers/memory.ts";

const pure = { permissions: "none" } as const;
const REPORT: DeliveryReport = { socket: "s", outcome: "failed", ms: 0 };
const failure = (event: string, count: number, chain: readonly string[]) => ({
  event,
  count,
  chain,
  report: REPORT,
});

Deno.test(
  "Failures tells of each event, in a microtask of its own",
  pure,
  async () => {
    const told: string[] = [];
    const failures = new Failures((event) => told.push(event));
    failures.add(failure("A", 2, []));
    failures.add(failure("B", 1, []));
    assertEquals([told, failures.chain], [[], []]);
    await null;
    assertEquals([told, failures.chain], [["A", "A", "B"], []]);
  },
);

Deno.test(
  "Failures.chain tells what has led to a failure while it is told",
  pure,
  async () => {
    const told: string[] = [];
    const failures = new Failures((event) => {
      told.push(failures.chain.join());
      if (told.length < 4) {
        failures.add(failure(event + "x", 1, failures.chain));
      }
    });
    failures.add(failure("A", 1, []));
    failures.add(failure("B", 1, []));
    for (let n = 0; n < 5; n++) await null;
    assertEquals(told, ["A", "B", "A,Ax", "B,Bx", "A,Ax,Axx"]);
    assertEquals(failures.chain, []);
  },
);

/** An interface that refuses every event at once, as its queue is full. */
function full(): EventInterface {
  return new EventInterface({
    onWarning: () => {},
    maxQueueBytes: 1,
    connect: () => Promise.resolve(memoryPair()[0]),
  });
}

Deno.test(
  "EventInterface ends events that a listener raises at their own failure, also when that is at once",
  pure,
  async () => {
    const sockets = [
      "jsonrpc:h:1",
      "virtual:FAILOVER jsonrpc:h:1 jsonrpc:h:2",
      "virtual:PARALLEL jsonrpc:h:1 jsonrpc:h:1",
    ];
    for (const socket of sockets) {
      const events = full();
      events.subscribe("E_A", socket, { syncMode: false });
      const refused: unknown[] = [];
      let told = 0;
      events.addEventListener("failed", ({ detail: { event, report } }) => {
        told++;
        assert(report.error instanceof Error);
        events.raise(event).catch((error) => refused.push(error));
      });
      for (let n = 0; n < 10; n++) events.raise("E_A");
      const [report] = await events.raise("E_A");
      assertEquals(report!.outcome, "failed");
      await events.flush();
      assertEquals([told, refused.length], [11, 11]);
      assert(refused.every((error) => error instanceof RangeError));
      assertEquals((await events.raise("E_A")).length, 1, "it can be raised");
      await events.close();
    }
  },
);

Deno.test(
  "EventInterface lets a listener raise another event at a failure",
  pure,
  async () => {
    const events = full();
    const alarms: Promise<readonly DeliveryReport[]>[] = [];
    events.addEventListener("failed", ({ detail: { event } }) => {
      if (event !== "E_ALARM") alarms.push(events.raise("E_ALARM", { event }));
    });
    events.subscribe("E_A", "jsonrpc:h:1");
    events.subscribe("E_ALARM", "jsonrpc:h:2");
    await events.raise("E_A");
    assertEquals(alarms.length, 1);
    assert((await alarms[0]!)[0]!.error instanceof QueueFullError);
    await events.close();
  },
);

Deno.test(
  "EventInterface keeps apart an event that two failures have led to",
  pure,
  async () => {
    const events = full();
    const next: Record<string, string> = { E_A: "E_B", E_B: "E_C", E_C: "E_B" };
    for (const name of Object.keys(next)) events.subscribe(name, "jsonrpc:h:1");
    const refused: string[] = [];
    const told: string[] = [];
    events.addEventListener("failed", ({ detail: { event } }) => {
      told.push(event);
      events.raise(next[event]!)
        .catch(() => refused.push(`${event} raises ${next[event]}`));
    });
    events.raise("E_A");
    events.raise("E_C");
    for (let n = 0; n < 5; n++) await events.flush();
    // A leads to B and C, which may not lead to B again; C leads to B only.
    assertEquals(told, ["E_A", "E_C", "E_B", "E_B", "E_C"]);
    assertEquals(refused, ["E_B raises E_C", "E_C raises E_B"]);
    await events.close();
  },
);

Deno.test(
  "EventInterface tells of a failure before its report is there, once for each event",
  pure,
  async () => {
    const events = full();
    events.subscribe("E_A", "jsonrpc:h:1");
    events.subscribe("E_A", "jsonrpc:h:1/m");
    let told = 0;
    events.addEventListener("failed", () => told++);
    const seen: number[] = [];
    for (let n = 0; n < 1000; n++) {
      events.raise("E_A").then(() => seen.push(told));
      if (n % 100 === 0) await null; // within the turn, or after it
    }
    await events.flush();
    assertEquals([told, seen.length], [2000, 1000]);
    assert(seen.every((count) => count > 0 && count % 2 === 0));
    await events.close();
  },
);

Deno.test(
  "EventInterface lets a listener be removed, and tells of what is refused",
  pure,
  async () => {
    const events = full();
    events.subscribe("E_A", "jsonrpc:h:1");
    let told = 0;
    const refused: number[] = [];
    events.addEventListener("failed", function once() {
      told++;
      events.removeEventListener("failed", once);
    });
    events.addEventListener("full", ({ detail }) => {
      assertEquals(detail.destination, "h:1");
      refused.push(detail.events);
    });
    for (const count of [3, 5]) {
      for (let n = 0; n < count; n++) events.raise("E_A");
      await events.flush();
    }
    assertEquals([told, refused], [1, [3, 5]]);
    await events.close();
  },
);
