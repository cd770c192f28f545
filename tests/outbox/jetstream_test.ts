// What only a store that many share can show.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { EventInterface } from "../../mod.ts";
import {
  type EventStore,
  jetstream,
  type JetStreamOptions,
  type NatsClient,
  Outbox,
  StoreError,
} from "../../src/outbox/mod.ts";
import { findNatsServer, NatsServer } from "../helpers/nats.ts";
import { newSeed } from "../helpers/random.ts";
import { collect, newEvent, noting, TARGET } from "./helpers.ts";
import { many } from "./many.ts";
import { CLIENTS, openJetStream } from "./nats_clients.ts";
import { until } from "../helpers/until.ts";

const command = await findNatsServer();
const never = new AbortController().signal;

/** A test that is skipped where there is no command to start a server by. */
function testWith(name: string, fn: (command: string) => Promise<void>): void {
  Deno.test({
    name: command === undefined ? `${name} (skipped: no nats-server)` : name,
    ignore: command === undefined,
    fn: () => fn(command!),
  });
}

/** The same, with a server that has such a configuration. */
function test(
  name: string,
  fn: (server: NatsServer) => Promise<void>,
  config?: string,
): void {
  testWith(name, async (command) => {
    await using server = await NatsServer.start(command, config);
    await fn(server);
  });
}

function open(
  { port }: NatsServer,
  options: JetStreamOptions = {},
): Promise<EventStore> {
  return openJetStream("@nats-io/transport-node", port, {
    ackWaitMs: 500,
    ...options,
  });
}

const numberOf = ({ params }: { params: string }) => JSON.parse(params).n;

for (const [rounds, window] of [[4, 1], [3, 8]]) {
  const name =
    `jetstream() loses nothing when raisers, deliverers and the server are killed ${rounds} times, with window ${window}`;
  testWith(name, async (command) => {
    const seed = newSeed();
    try {
      const account = await many(command, rounds, window, seed);
      assert(account.acknowledged > 0);
      // How many come twice depends on when the server notes what is done.
      console.log(account);
    } catch (error) {
      throw new Error(`With seed ${seed}`, { cause: error });
    }
  });
}

test("jetstream() hands the events of a dead deliverer on, in order", async (server) => {
  await using store = await open(server);
  await store.append([0, 1, 2].map((n) => newEvent(n)));
  {
    // It dies: it neither gives back nor says anything more.
    const { close, ...client } = await CLIENTS.nats(server.port);
    await using dead = jetstream(client, { ackWaitMs: 500 });
    const deliverer = await dead.deliver({ window: 1, onTarget() {} });
    const [event] = await deliverer.take(TARGET, 1, never);
    assertEquals(numberOf(event), 0);
    await close();
  }
  const deliverer = await store.deliver({ window: 1, onTarget() {} });
  for (const n of [0, 1, 2]) {
    const [event] = await deliverer.take(TARGET, 1, never);
    assertEquals([numberOf(event), event.attempts], [n, 0]);
    await deliverer.done(event);
  }
});

test("jetstream() leaves an event with its deliverer, however long that takes", async (server) => {
  await using one = await open(server, { ackWaitMs: 150 });
  await using two = await open(server, { ackWaitMs: 150 });
  await one.append([newEvent(0), newEvent(1)]);
  const slow = await one.deliver({ window: 1, onTarget() {} });
  const [event] = await slow.take(TARGET, 1, never);
  const other = await two.deliver({ window: 1, onTarget() {} });
  const next = other.take(TARGET, 1, never);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await slow.done(event);
  await slow.close();
  assertEquals((await next).map(numberOf), [1]);
});

test("jetstream() has many deliver a target's events, once each and in order", async (server) => {
  await using receiver = noting();
  const stores = await Promise.all([open(server), open(server), open(server)]);
  const interfaces = stores.map(() => new EventInterface({ syncMode: true }));
  const outboxes = stores.map((store, i) => new Outbox(store, interfaces[i]));
  await Promise.all(outboxes.map(({ ready }) => ready));
  await outboxes[0].subscribe("E_X", receiver.socket);
  // The others hear of it.
  for (const events of interfaces) {
    await until(() => events.subscribers("E_X").length !== 0);
  }
  for (let n = 0; n < 60; n++) await outboxes[n % 3].raise("E_X", { n });
  await outboxes[1].flush();
  assertEquals(receiver.numbers(), Array.from({ length: 60 }, (_, n) => n));
  const stats = await Promise.all(outboxes.map((outbox) => outbox.stats()));
  assertEquals(stats.reduce((sum, { delivered }) => sum + delivered, 0), 60);

  assertEquals(await outboxes[2].unsubscribe("E_X", receiver.socket), true);
  for (const events of interfaces) {
    await until(() => events.subscribers("E_X").length === 0);
  }
  assertEquals(await stores[0].subscriptions(), []);
  for (const parts of [outboxes, interfaces, stores]) {
    await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
  }
});

test("jetstream() keeps the order, and each once, while the server starts anew", async (server) => {
  await using store = await open(server);
  const raised: Promise<unknown>[] = [];
  for (let n = 0; n < 300; n++) {
    const event = newEvent(n, { isKeyGiven: true });
    raised.push(store.append([event]));
    if (n === 100) await server.kill();
    if (n === 200) await server.restart();
  }
  await Promise.all(raised);
  const listed = (await collect(store.list())).map(numberOf);
  assertEquals(listed, Array.from({ length: 300 }, (_, n) => n));
});

test("jetstream() rejects, and may keep, what a server does not confirm in time", async (server) => {
  await using store = await open(server, { timeoutMs: 300 });
  await store.append([newEvent(0)]);
  await server.kill();
  const error = await assertRejects(
    () => store.append([newEvent(1)]),
    StoreError,
    "Cannot keep the event",
  );
  assertEquals(error.reason, "failed");
  await assertRejects(() => store.stats(), StoreError, "Cannot count events");
  await server.restart();
  while (true) {
    try {
      await store.append([newEvent(2)]);
      break;
    } catch { /* not yet */ }
  }
  const numbers = (await collect(store.list())).map(numberOf);
  assertEquals([numbers[0], numbers.at(-1)], [0, 2]);
});

test("jetstream() makes room again for what a killed server has not removed", async (server) => {
  await using store = await open(server);
  const deliverer = await store.deliver({ window: 1, onTarget() {} });
  for (let n = 0; n < 50; n++) {
    await store.append([newEvent(n)]);
    const [event] = await deliverer.take(TARGET, 1, never);
    await deliverer.done(event);
  }
  await server.kill();
  await server.restart();
  // What comes again is a second coming, and what does not is removed.
  for (;;) {
    const [event] = await deliverer.take(TARGET, 1, never);
    if (event === undefined) break;
    await deliverer.done(event);
  }
  assertEquals(await store.stats(), []);
});

test("jetstream() shows what is not an event of an outbox", async (server) => {
  await using store = await open(server);
  await store.append([newEvent(0)]);
  const client = await CLIENTS.nats(server.port);
  client.connection.publish(
    `outbox.kept.${TARGET.replace(/[^\w-]/g, hex)}`,
    "hello",
  );
  const deliverer = await store.deliver({ window: 1, onTarget() {} });
  const [event] = await deliverer.take(TARGET, 1, never);
  await deliverer.done(event);
  while ((await store.stats())[0]?.setAside !== 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const [shown] = await collect(store.list());
  assertEquals(shown.params, '["hello"]');
  assertEquals(shown.refusal?.message, "It is not an event of an outbox");
  await client.close();
});

const hex = (c: string) =>
  `=${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

test("jetstream() keeps events of targets whose sockets are long", async (server) => {
  await using store = await open(server);
  const targets = [100, 101].map((count) =>
    `virtual:FAILOVER ${
      Array.from({ length: count }, (_, i) => `jsonrpc:host-${i}:80`).join(" ")
    }`
  );
  await store.append(targets.map((target, n) => newEvent(n, { target })));
  assertEquals(
    (await store.stats()).map(({ target, kept }) => [target, kept]).sort(),
    targets.map((target) => [target, 1]).sort(),
  );
});

test("jetstream() keeps apart what has other names", async (server) => {
  await using one = await open(server, { name: "one" });
  await using two = await open(server, { name: "one-2" });
  await one.append([newEvent(0)]);
  await two.append([newEvent(1)]);
  assertEquals((await collect(one.list())).map(numberOf), [0]);
  assertEquals((await collect(two.list())).map(numberOf), [1]);
});

test("jetstream() takes the bounds that are given now", async (server) => {
  {
    await using store = await open(server, { maxEvents: 1 });
    const outcomes = await store.append([newEvent(0), newEvent(1)]);
    assertEquals(outcomes, ["stored", "full"]);
  }
  await using store = await open(server, { maxEvents: 2 });
  const outcomes = await store.append([newEvent(1), newEvent(2)]);
  assertEquals(outcomes, ["stored", "full"]);
});

Deno.test("jetstream() throws for options and clients that are none", () => {
  const client = {
    connection: { request() {}, status: () => ({}) },
    headers() {},
  } as unknown as NatsClient;
  for (
    const [options, ErrorClass, part] of [
      [{ name: "a.b" }, TypeError, 'name "a.b"'],
      [{ ackWaitMs: 0 }, RangeError, "ackWaitMs 0"],
      [{ replicas: 6 }, RangeError, "replicas 6"],
      [{ rememberKeysMs: -1 }, RangeError, "rememberKeysMs -1"],
      [{ timeoutMs: NaN }, RangeError, "timeoutMs NaN"],
      [{ maxEvents: 0 }, RangeError, "maxEvents 0"],
      [{ maxBytes: "1" }, TypeError, "maxBytes"],
    ] as [JetStreamOptions, typeof Error, string][]
  ) assertThrows(() => jetstream(client, options), ErrorClass, part);
  for (const wrong of [undefined, {}, client.connection]) {
    assertThrows(
      () => jetstream(wrong as unknown as NatsClient),
      TypeError,
      "expected { connection, headers }",
    );
  }
});

test(
  "jetstream() delivers what is kept though the server has no more room",
  async (server) => {
    {
      await using store = await open(server, { maxBytes: 60_000_000 });
      await store.append([newEvent(0)]);
      const other = newEvent(1, { target: "jsonrpc:127.0.0.1:2" });
      const error = await assertRejects(
        () => store.append([other]),
        StoreError,
      );
      assertEquals(error.reason, "full");
    }
    await using store = await open(server, { maxBytes: 60_000_000 });
    const deliverer = await store.deliver({ window: 1, onTarget() {} });
    const [event] = await deliverer.take(TARGET, 1, never);
    assertEquals(numberOf(event), 0);
    await deliverer.done(event);
    assertEquals(await store.append([newEvent(2)]), ["stored"]);
  },
  "jetstream { max_file_store: 100MB }",
);
