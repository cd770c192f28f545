// Time-outs to the millisecond, by fake time over connections in memory; and
// with that, the client where there is no Deno: none of this has permissions.

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { EventClient } from "../../src/client/event_client.ts";
import type { EventClientOptions } from "../../src/client/options.ts";
import {
  ConnectionClosedError,
  DeliveryTimeoutError,
} from "../../src/protocol/errors.ts";
import { JsonStream } from "../../src/protocol/json_stream.ts";
import type { StreamPair } from "../../src/transport/connection.ts";
import { FakeTime, settled } from "../helpers/fake_time.ts";
import { memoryPair } from "../helpers/memory.ts";

const pure = { permissions: "none" } as const;
const SOCKET = "jsonrpc:127.0.0.1:8080";

/** What becomes of a promise, to be looked at without waiting. */
function watch(promise: Promise<unknown>): { outcome: unknown } {
  const watched: { outcome: unknown } = { outcome: "pending" };
  promise.then(
    (value) => watched.outcome = value ?? "delivered",
    (error) => watched.outcome = error,
  );
  return watched;
}

function assertTimedOut(
  { outcome }: { outcome: unknown },
  problem: string,
  mayHaveArrived: boolean,
): void {
  assertInstanceOf(outcome, DeliveryTimeoutError);
  assertEquals(outcome.message.includes(problem), true, outcome.message);
  assertEquals(outcome.mayHaveArrived, mayHaveArrived);
}

/** A client with a server in memory, which reads when asked to. */
function pair(options: EventClientOptions = {}) {
  const [ours, theirs] = memoryPair();
  const client = new EventClient(SOCKET, {
    connect: () => Promise.resolve(ours),
    ...options,
  });
  const reader = theirs.readable.getReader();
  const writer = theirs.writable.getWriter();
  const stream = new JsonStream();
  return {
    client,
    theirs,
    /** The next message that the client sent. */
    // deno-lint-ignore no-explicit-any
    async read(): Promise<any> {
      for (;;) {
        const text = stream.next();
        if (text !== undefined) return JSON.parse(text);
        const { value, done } = await reader.read();
        if (done) return undefined;
        stream.push(value);
      }
    },
    reply: (message: unknown) =>
      writer.write(new TextEncoder().encode(JSON.stringify(message))),
  };
}

Deno.test("EventClient works over a pair of web streams", pure, async () => {
  const { client, read, reply } = pair({ syncMode: true });
  const raised = client.raise("E_X", { ip: "::1" });
  const { id, ...message } = await read();
  assertEquals(message, {
    jsonrpc: "2.0",
    method: "E_X",
    params: { ip: "::1" },
  });
  await reply({ id, result: 8 });
  assertEquals(await raised, 8);
  const ended = read();
  await client.close();
  assertEquals(await ended, undefined);
});

Deno.test(
  "EventClient.raise() times out to the millisecond while connecting",
  pure,
  async () => {
    using time = new FakeTime();
    const signals: AbortSignal[] = [];
    const late = Promise.withResolvers<StreamPair>();
    const client = new EventClient(SOCKET, {
      timeoutMs: 1000,
      connect: (_host, _port, { signal }) => {
        signals.push(signal);
        return late.promise;
      },
    });
    const first = watch(client.raise("E_X"));
    await time.tick(500);
    const second = watch(client.raise("E_Y", {}, { timeoutMs: 200 }));
    await time.tick(199);
    assertEquals(second.outcome, "pending");
    await time.tick(1);
    assertTimedOut(second, "not connected within 200 ms", false);
    await time.tick(299);
    assertEquals(first.outcome, "pending");
    assertEquals(signals[0].aborted, false);
    await time.tick(1);
    assertTimedOut(first, "not connected within 1000 ms", false);
    // Nobody waits any more, yet connecting goes on until its own time is over;
    // should it succeed later, that connection is closed.
    await time.tick(28_999);
    assertEquals(signals[0].aborted, false);
    await time.tick(1);
    assertEquals(signals[0].aborted, true);
    assertEquals(time.timers, 0);
    const [ours, theirs] = memoryPair();
    late.resolve(ours);
    assertEquals((await theirs.readable.getReader().read()).done, true);
    assertEquals(client.stats.connects, 0);
    await client.close();
  },
);

Deno.test(
  "EventClient.raise() uses the default time-out of 1000 ms",
  pure,
  async () => {
    using time = new FakeTime();
    const client = new EventClient(SOCKET, {
      connect: () => new Promise(() => {}),
    });
    const raised = watch(client.raise("E_X"));
    await time.tick(999);
    assertEquals(raised.outcome, "pending");
    await time.tick(1);
    assertTimedOut(raised, "within 1000 ms", false);
  },
);

Deno.test(
  "EventClient.raise() times out to the millisecond while writing",
  pure,
  async () => {
    using time = new FakeTime();
    const { client, read } = pair({ timeoutMs: 100 });
    const writing = watch(client.raise("E_1"));
    await settled();
    const queued = watch(client.raise("E_2"));
    const patient = watch(client.raise("E_3", {}, { timeoutMs: 5000 }));
    await time.tick(99);
    assertEquals([writing.outcome, queued.outcome], ["pending", "pending"]);
    await time.tick(1);
    assertTimedOut(writing, "not written in full within 100 ms", true);
    assertTimedOut(queued, "not written within 100 ms", false);
    assertEquals(patient.outcome, "pending");
    // The message under way is finished, what waited is not sent.
    assertEquals((await read()).method, "E_1");
    assertEquals((await read()).method, "E_3");
    await settled();
    assertEquals(patient.outcome, "delivered");
    await client.close();
  },
);

Deno.test(
  "EventClient.raise() times out to the millisecond while waiting for the reply",
  pure,
  async () => {
    using time = new FakeTime();
    const { client, read, reply } = pair({ syncMode: true, timeoutMs: 300 });
    const one = watch(client.raise("E_1"));
    await time.tick(100);
    const two = watch(client.raise("E_2"));
    const three = watch(client.raise("E_3"));
    const { id } = await read();
    const ids = [(await read()).id, (await read()).id];
    await time.tick(199);
    assertEquals(one.outcome, "pending");
    await time.tick(1);
    assertTimedOut(one, "no response within 300 ms", true);
    // The others are unharmed, and the late reply is theirs in nothing.
    await reply({ id, result: "late" });
    await reply({ id: ids[1], result: "ok" });
    await settled();
    assertEquals([two.outcome, three.outcome], ["pending", "ok"]);
    assertEquals(client.stats.unmatched, 1);
    await time.tick(99);
    assertEquals(two.outcome, "pending");
    await time.tick(1);
    assertTimedOut(two, "no response within 300 ms", true);
    assertEquals(client.stats.failed.timeout, 2);
    await client.close();
  },
);

Deno.test(
  "EventClient.raise() counts the time from raise, not from the connection",
  pure,
  async () => {
    using time = new FakeTime();
    const connecting = Promise.withResolvers<StreamPair>();
    const { client, read } = pair({
      syncMode: true,
      timeoutMs: 100,
      connect: () => connecting.promise,
    });
    const raised = watch(client.raise("E_X"));
    await time.tick(60);
    const [ours, theirs] = memoryPair();
    connecting.resolve(ours);
    const reading = theirs.readable.getReader().read();
    await settled();
    assert((await reading).value !== undefined);
    await time.tick(39);
    assertEquals(raised.outcome, "pending");
    await time.tick(1);
    assertTimedOut(raised, "no response within 100 ms", true);
    await client.close();
    void read;
  },
);

Deno.test(
  "EventClient has one timer for all events, and none once it is closed",
  pure,
  async () => {
    using time = new FakeTime();
    const { client, read, reply } = pair({ syncMode: true });
    const raised = Array.from(
      { length: 1000 },
      (_, n) => client.raise("E_X", {}, { timeoutMs: 1000 + n % 7 }),
    );
    await settled();
    assertEquals(time.timers, 1);
    for (let n = 0; n < 1000; n++) {
      await reply({ id: (await read()).id, result: true });
    }
    await Promise.all(raised);
    assertEquals(time.timers, 1, "for the next event");
    await time.tick(1000);
    assertEquals(time.timers, 0, "as there was none");
    await Promise.all([client.raise("E_X"), answer()]);
    await client.close();
    assertEquals(time.timers, 0);

    async function answer() {
      await reply({ id: (await read()).id, result: true });
    }
  },
);

Deno.test(
  "EventClient.raise() with an earlier deadline is not held up by a later one",
  pure,
  async () => {
    using time = new FakeTime();
    const { client } = pair({ syncMode: true });
    const slow = watch(client.raise("E_X", {}, { timeoutMs: 10_000 }));
    const fast = watch(client.raise("E_X", {}, { timeoutMs: 10 }));
    await time.tick(10);
    assertTimedOut(fast, "within 10 ms", true);
    assertEquals(slow.outcome, "pending");
    await time.tick(9990);
    assertTimedOut(slow, "within 10000 ms", true);
    await client.close();
  },
);

Deno.test(
  "EventClient times out once though the clock of setTimeout is early",
  pure,
  async () => {
    using time = new FakeTime();
    const { client } = pair({ syncMode: true, timeoutMs: 100 });
    const raised = watch(client.raise("E_X"));
    await settled();
    const { now } = performance;
    performance.now = () => now() - 0.5; // as if the timer fired too soon
    await time.tick(100);
    assertEquals(raised.outcome, "pending");
    await time.tick(1);
    assertTimedOut(raised, "within 100 ms", true);
    assertEquals(client.stats.failed.timeout, 1);
    await client.close();
  },
);

Deno.test(
  "EventClient.close() gives the server a second to end, and no more",
  pure,
  async () => {
    using time = new FakeTime();
    const never = new Promise<void>(() => {});
    const client = new EventClient(SOCKET, {
      connect: () =>
        Promise.resolve({
          readable: new ReadableStream<Uint8Array>({ cancel: () => never }),
          writable: new WritableStream<Uint8Array>(),
          close: () => never,
        }),
    });
    await client.raise("E_X");
    const closed = watch(client.close());
    await time.tick(999);
    assertEquals(closed.outcome, "pending");
    await time.tick(1);
    assertEquals(closed.outcome, "delivered");
    assertEquals(time.timers, 0);
  },
);

Deno.test(
  "EventClient fails a write that failed at once, and waits for responses to those before",
  pure,
  async () => {
    using time = new FakeTime();
    let writes = 0;
    const client = new EventClient(SOCKET, {
      syncMode: true,
      timeoutMs: 5000,
      connect: () =>
        Promise.resolve({
          readable: new ReadableStream<Uint8Array>(),
          writable: new WritableStream<Uint8Array>({
            write() {
              if (++writes === 2) throw new Error("broken pipe");
            },
          }),
          close: () => {},
        }),
    });
    const one = watch(client.raise("E_1"));
    await settled();
    const two = watch(client.raise("E_2"));
    await settled();
    assertInstanceOf(two.outcome, ConnectionClosedError);
    assertEquals(two.outcome.mayHaveArrived, true);
    assertEquals(one.outcome, "pending");
    const three = watch(client.raise("E_3"));
    await settled();
    assertEquals(writes, 3, "on a new connection");
    assertEquals(client.stats.connects, 2);
    await time.tick(5000);
    assertTimedOut(one, "no response within 5000 ms", true);
    assertTimedOut(three, "no response within 5000 ms", true);
    client.close();
    await time.tick(1000);
  },
);

Deno.test(
  "EventClient forgets an event though code of the caller runs while it is given up",
  pure,
  async () => {
    using time = new FakeTime();
    const { client } = pair();
    const aborting = new AbortController();
    const { signal } = aborting;
    // As when Deno runs microtasks within a call of its own.
    signal.removeEventListener = () => void client.flush();
    const raised = client.raise("E_X", {}, { signal });
    aborting.abort();
    await raised.catch(() => {});
    await client.close();
    assertEquals(time.timers, 0);
  },
);
