import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ConnectError,
  DeliveryError,
  EventClient,
  EventInterface,
  NamedParams,
  ParamsError,
  QueueFullError,
  serveEvents,
  ServerError,
  SocketSyntaxError,
} from "../../mod.ts";
import {
  type Deliverer,
  type EventStore,
  type KeptEvent,
  memoryStore,
  Outbox,
  OutboxFullError,
  type OutboxOptions,
  StoreError,
} from "../../src/outbox/mod.ts";
import { fakeServer } from "../../src/testing/mod.ts";
import { collect, Folder, next, noting, times } from "./helpers.ts";
import { KINDS } from "./kinds.ts";

const SYNC = { syncMode: true, timeoutMs: 10_000 };
const FAST: OutboxOptions = { minDelayMs: 1, maxDelayMs: 5 };

/** A port at which nobody listens. */
function deadSocket(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `jsonrpc:127.0.0.1:${port}`;
}

const range = (length: number) => Array.from({ length }, (_, n) => n);

for (const { name, open, ignore } of KINDS) {
  const test = (what: string, fn: (folder: Folder) => Promise<void>) =>
    Deno.test({
      name: `Outbox on ${name} ${what}`,
      ignore,
      async fn() {
        using folder = new Folder();
        await fn(folder);
      },
    });

  test("delivers in order, once each", async (folder) => {
    await using server = noting();
    await using store = await open(folder);
    await using client = new EventClient(server.socket, SYNC);
    await using outbox = new Outbox(store, client);
    const keys = await Promise.all(
      range(500).map((n) => outbox.raise("E_X", { n })),
    );
    await outbox.flush();
    assertEquals(server.numbers(), range(500));
    assertEquals(new Set(keys).size, 500);
    const { stored, delivered, kept, failed, targets } = await outbox.stats();
    assertEquals(
      [stored, delivered, kept, failed, targets],
      [500, 500, 0, 0, []],
    );
  });

  test("tries again until a server is there, in order", async (folder) => {
    const socket = deadSocket();
    await using store = await open(folder);
    await using client = new EventClient(socket, SYNC);
    await using outbox = new Outbox(store, client, FAST);
    for (const n of range(20)) await outbox.raise("E_X", { n });
    const { error } = await next<{ error: Error }>(outbox, "postponed");
    assert(error instanceof ConnectError);
    const { kept, oldest, failed } = await outbox.stats();
    assertEquals(kept, 20);
    assert(oldest !== undefined && oldest <= Date.now());
    assert(failed > 0);
    await using server = noting(undefined, Number(socket.split(":").at(-1)));
    await outbox.flush();
    assertEquals(server.numbers(), range(20));
  });

  test("goes on at the next start, also when nothing new comes", async (folder) => {
    const socket = deadSocket();
    await using store = await open(folder);
    {
      await using client = new EventClient(socket, SYNC);
      await using outbox = new Outbox(store, client, FAST);
      for (const n of range(5)) await outbox.raise("E_X", { n });
    }
    await using server = noting(undefined, Number(socket.split(":").at(-1)));
    await using client = new EventClient(socket, SYNC);
    await using outbox = new Outbox(store, client, FAST);
    await outbox.flush();
    assertEquals(server.numbers(), range(5));
  });

  test("keeps the order when a server is late, or ends the connection", async (folder) => {
    await using server = fakeServer((_, index) => {
      const fate = ["answer", "late", "end"][index % 3];
      if (fate === "end") return { close: "before" };
      return { result: true, afterMs: fate === "late" ? 400 : 0 };
    });
    await using store = await open(folder);
    await using client = new EventClient(server.socket, SYNC);
    await using outbox = new Outbox(store, client, { ...FAST, timeoutMs: 150 });
    for (const n of range(8)) await outbox.raise("E_X", { n });
    await outbox.flush();
    const numbers = server.requests
      .map(({ params }) => (params as { n: number }).n);
    assertEquals([...new Set(numbers)], range(8));
    assertEquals(numbers.toSorted((a, b) => a - b), numbers);
    // What was not answered comes again, before all others.
    for (const [index, n] of numbers.entries()) {
      if (index % 3 !== 0) assertEquals(numbers[index + 1], n);
    }
  });

  test("waits twice as long each time, up to the bound", async (folder) => {
    await using store = await open(folder);
    await using client = new EventClient(deadSocket(), SYNC);
    await using outbox = new Outbox(store, client, FAST);
    const delays: number[] = [];
    const enough = new Promise<void>((resolve) =>
      outbox.addEventListener("postponed", ({ detail }) => {
        if (delays.push(detail.delayMs) === 5) resolve();
      })
    );
    await outbox.raise("E_X");
    await enough;
    assertEquals(delays.slice(0, 5), [1, 2, 4, 5, 5]);
  });

  test("sets aside what the server answers with an error", async (folder) => {
    let isWilling = false;
    await using server = noting((_, { n }) => {
      if (n === 1 && !isWilling) throw new ServerError(-32050, "no such call");
    });
    await using store = await open(folder);
    await using client = new EventClient(server.socket, SYNC);
    await using outbox = new Outbox(store, client, FAST);
    const aside = next<{ event: KeptEvent; error: Error }>(outbox, "aside");
    for (const n of range(3)) await outbox.raise("E_X", { n });
    await outbox.flush();
    assert((await aside).error instanceof ServerError);
    assertEquals(server.numbers(), [0, 1, 2]);
    const [event] = await collect(store.list());
    assertEquals(event.refusal, { code: -32050, message: "no such call" });
    assertEquals((await outbox.stats()).setAside, 1);

    isWilling = true;
    assertEquals(await store.retry(), 1);
    await outbox.flush();
    assertEquals(server.numbers(), [0, 1, 2, 1]);
    assertEquals((await outbox.stats()).setAside, 0);
  });

  test("tries again what `retryOn` says, in order", async (folder) => {
    await using server = noting((count) => {
      if (count < 4) throw new ServerError(-32001, "busy");
    });
    await using store = await open(folder);
    await using client = new EventClient(server.socket, SYNC);
    await using outbox = new Outbox(store, client, {
      ...FAST,
      retryOn: (error) => (error as ServerError).code === -32001,
    });
    for (const n of range(2)) await outbox.raise("E_X", { n });
    await outbox.flush();
    assertEquals(server.numbers(), [0, 0, 0, 0, 1]);
  });

  test("sets aside what is too old", async (folder) => {
    await using store = await open(folder);
    await using client = new EventClient(deadSocket(), SYNC);
    await using outbox = new Outbox(store, client, { ...FAST, maxAgeMs: 30 });
    for (const n of range(3)) await outbox.raise("E_X", { n });
    await outbox.flush();
    const all = await collect(store.list({ isSetAside: true }));
    assertEquals(all.length, 3);
    for (const { refusal } of all) {
      assert(refusal!.message.startsWith("It is older than 30 ms"));
      assertEquals(refusal!.code, undefined);
    }
    // It is young again once it is retried.
    await store.retry({ ids: [all[0].id] });
    const [first] = await collect(store.list());
    assert(first.since > first.raisedAt);
    await outbox.flush();
  });

  test("stores the same key once, also after it was delivered", async (folder) => {
    await using server = noting();
    await using store = await open(folder);
    await using client = new EventClient(server.socket, SYNC);
    await using outbox = new Outbox(store, client);
    const options = { key: "call-17" };
    assertEquals(await outbox.raise("E_X", { n: 1 }, options), "call-17");
    assertEquals(await outbox.raise("E_X", { n: 1 }, options), "call-17");
    await outbox.flush();
    await outbox.raise("E_X", { n: 1 }, options);
    await outbox.raise("E_X", { n: 2 }, { key: "call-18" });
    await outbox.flush();
    assertEquals(server.numbers(), [1, 2]);
    assertEquals((await outbox.stats()).known, 2);
  });

  test("keeps subscriptions, and a row for each subscriber", async (folder) => {
    await using one = noting();
    await using two = noting();
    const dead = deadSocket();
    const virtual = `virtual:FAILOVER ${dead} ${two.socket}`;
    await using store = await open(folder);
    const all = Promise.withResolvers<void>();
    let delivered = 0;
    const note = () => {
      if (++delivered === 8) all.resolve();
    };
    {
      await using events = new EventInterface(SYNC);
      await using outbox = new Outbox(store, events, FAST);
      outbox.addEventListener("delivered", note);
      await outbox.subscribe("E_X", one.socket);
      await outbox.subscribe("E_X", virtual, { expire: 1000 });
      await outbox.subscribe("E_X", dead);
      await outbox.subscribe("E_Y", two.socket);
      await outbox.subscribe("E_Z", two.socket, { expire: 0.001 });
      assertEquals(await outbox.unsubscribe("E_Y", two.socket), true);
      assertEquals(await outbox.unsubscribe("E_Y", two.socket), false);
      for (const n of range(3)) await outbox.raise("E_X", { n });
      await outbox.raise("E_UNKNOWN", { n: 9 });
    }
    await using events = new EventInterface(SYNC);
    await using outbox = new Outbox(store, events, FAST);
    outbox.addEventListener("delivered", note);
    await outbox.ready;
    assertEquals(
      events.subscribers().map(({ event, socket, expire }) => [
        event,
        socket,
        expire !== undefined && expire > 990,
      ]).sort(),
      [
        ["E_X", dead, false],
        ["E_X", one.socket, false],
        ["E_X", virtual, true],
      ].sort(),
    );
    await outbox.raise("E_X", { n: 3 });
    await all.promise;
    assertEquals(one.numbers(), range(4));
    assertEquals(two.numbers(), range(4));
    const { targets } = await outbox.stats();
    assertEquals(targets.map(({ target, kept }) => [target, kept]), [[
      dead,
      4,
    ]]);
  });

  test("refuses for a target that is full, and stores for the others", async (folder) => {
    await using server = noting();
    const dead = deadSocket();
    await using store = await open(folder, { maxEvents: 2 });
    await using events = new EventInterface(SYNC);
    await using outbox = new Outbox(store, events, FAST);
    await outbox.subscribe("E_X", server.socket);
    await outbox.subscribe("E_X", dead);
    const two = times(2, outbox, "delivered");
    await outbox.raise("E_X", { n: 0 });
    await outbox.raise("E_X", { n: 1 });
    await two;
    const full = next<{ target: string }>(outbox, "full");
    const third = times(1, outbox, "delivered");
    const error = await assertRejects(
      () => outbox.raise("E_X", { n: 2 }),
      OutboxFullError,
      dead,
    );
    assert(error instanceof QueueFullError);
    assertEquals(error.targets, [dead]);
    assertEquals((await full).target, dead);
    // By its key it is stored for those only that it is missing for.
    await third;
    await store.drop({ target: dead });
    await outbox.raise("E_X", { n: 2 }, { key: error.key });
    assertEquals((await outbox.stats()).known, 1);
    assertEquals((await outbox.stats()).kept, 1);
  });

  test("has as many in flight as the window allows", async (folder) => {
    const gate = Promise.withResolvers<void>();
    let most = 0, now = 0;
    await using server = noting(async () => {
      most = Math.max(most, ++now);
      if (now === 8) gate.resolve();
      await gate.promise;
      now--;
    });
    await using store = await open(folder);
    await using client = new EventClient(server.socket, SYNC);
    await using outbox = new Outbox(store, client, { window: 8 });
    await Promise.all(range(100).map((n) => outbox.raise("E_X", { n })));
    await outbox.flush();
    assertEquals(most, 8);
    assertEquals(new Set(server.numbers()).size, 100);
  });

  test("closes without waiting for a dead server, and keeps the rest", async (folder) => {
    const gate = Promise.withResolvers<void>();
    await using server = serveEvents({ port: 0 }, () => gate.promise);
    await using store = await open(folder);
    const client = new EventClient(server.socket, { ...SYNC, timeoutMs: 1e9 });
    const outbox = new Outbox(store, client);
    await outbox.raise("E_X", { n: 1 });
    const flushed = assertRejects(() => outbox.flush(), StoreError);
    await Promise.all([outbox.close(), outbox.close()]);
    await flushed;
    gate.resolve();
    const [event] = await collect(store.list());
    assertEquals([event.params, event.attempts], ['{"n":1}', 0]);
    const error = await assertRejects(() => outbox.raise("E_X"), StoreError);
    assertEquals(error.reason, "closed");
    await client.close();
  });
}

/** What a server gets for params that are raised in sync mode. */
async function sent(
  params: Parameters<Outbox["raise"]>[1],
  options: OutboxOptions,
) {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  await using server = serveEvents({ port: 0 }, (event) => {
    resolve(event.params);
  });
  await using store = memoryStore();
  await using client = new EventClient(server.socket, SYNC);
  await using outbox = new Outbox(store, client, options);
  await outbox.raise("E_X", params, { key: "K" });
  return await promise;
}

Deno.test("Outbox.raise() sends the key as the last param", async () => {
  const keyParam = "key";
  assertEquals(await sent({ a: 1 }, { keyParam }), { a: 1, key: "K" });
  assertEquals(await sent({}, { keyParam }), { key: "K" });
  assertEquals(await sent([], { keyParam }), ["K"]);
  assertEquals(await sent([1, {}], { keyParam }), [1, {}, "K"]);
  const named = new NamedParams([["b", 1], ["a", "ž"]]);
  assertEquals(await sent(named, { keyParam }), { b: 1, a: "ž", key: "K" });
  assertEquals(await sent({ a: 1 }, {}), { a: 1 });
});

Deno.test("Outbox.raise() rejects what it cannot keep", async () => {
  await using store = memoryStore();
  await using client = new EventClient(deadSocket(), SYNC);
  await using outbox = new Outbox(store, client, { keyParam: "key" });
  for (const event of ["", "a\0", "\ud800", 5 as unknown as string]) {
    await assertRejects(() => outbox.raise(event), TypeError, "raise event");
  }
  for (
    const key of ["", "a\n", "\ud800", "x".repeat(257), 5 as unknown as string]
  ) {
    await assertRejects(
      () => outbox.raise("E_X", {}, { key }),
      TypeError,
      "key",
    );
  }
  await assertRejects(
    () => outbox.raise("E_X", { key: 1 }),
    ParamsError,
    "params.key",
  );
  const named = new NamedParams([["key", 1]]);
  await assertRejects(
    () => outbox.raise("E_X", named),
    ParamsError,
    "params.key",
  );
  await assertRejects(
    () => outbox.raise("E_X", { a: NaN }),
    ParamsError,
    "params.a",
  );
  const text = "x" as unknown as [];
  await assertRejects(() => outbox.raise("E_X", text), ParamsError);
  assertEquals((await outbox.stats()).stored, 0);
});

Deno.test("Outbox throws for options that are none", async () => {
  await using store = memoryStore();
  await using client = new EventClient("jsonrpc:127.0.0.1:1", SYNC);
  const wrong: [OutboxOptions, string][] = [
    [{ window: 0 }, "window 0"],
    [{ window: 1.5 }, "window 1.5"],
    [{ maxAgeMs: 0 }, "maxAgeMs 0"],
    [{ maxAgeMs: NaN }, "maxAgeMs NaN"],
    [{ timeoutMs: -1 }, "timeoutMs -1"],
    [{ minDelayMs: 0 }, "minDelayMs 0"],
    [{ maxDelayMs: -5 }, "maxDelayMs -5"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => new Outbox(store, client, options), RangeError, message);
  }
  const types: [object, string][] = [
    [{ keyParam: "" }, "keyParam"],
    [{ keyParam: 5 }, "keyParam"],
    [{ retryOn: 5 }, "retryOn"],
    [{ maxAgeMs: "5" }, "maxAgeMs"],
  ];
  for (const [options, message] of types) {
    assertThrows(() => new Outbox(store, client, options), TypeError, message);
  }
});

Deno.test("Outbox.flush() rejects with the reason of its signal", async () => {
  await using store = memoryStore();
  await using client = new EventClient(deadSocket(), SYNC);
  await using outbox = new Outbox(store, client, FAST);
  await outbox.raise("E_X");
  const controller = new AbortController();
  const flushed = outbox.flush({ signal: controller.signal });
  controller.abort(new RangeError("enough"));
  await assertRejects(() => flushed, RangeError, "enough");
  const { signal } = controller;
  await assertRejects(() => outbox.flush({ signal }), RangeError, "enough");
});

Deno.test("Outbox rejects when the store cannot be delivered from", async () => {
  await using store = memoryStore();
  await using client = new EventClient(deadSocket(), SYNC);
  await using outbox = new Outbox(store, client, FAST);
  await outbox.ready;
  await using second = new Outbox(store, client);
  await assertRejects(() => second.ready, StoreError);
  await assertRejects(() => second.raise("E_X"), StoreError);
  await assertRejects(() => second.flush(), StoreError);
});

Deno.test("Outbox.subscribe() rejects what the Event Interface refuses", async () => {
  await using store = memoryStore();
  await using events = new EventInterface(SYNC);
  await using outbox = new Outbox(store, events);
  await assertRejects(() => outbox.subscribe("E_X", "nonsense"), SyntaxError);
  const expire = -1;
  await assertRejects(
    () => outbox.subscribe("E_X", "jsonrpc:a:1", { expire }),
    RangeError,
  );
  assertEquals(await store.subscriptions(), []);
});

Deno.test("Outbox sets aside what all servers of a virtual socket refuse", async () => {
  const refuse = () => {
    throw new ServerError(7, "no");
  };
  await using one = noting(refuse);
  await using two = noting(refuse);
  await using store = memoryStore();
  await using events = new EventInterface(SYNC);
  await using outbox = new Outbox(store, events, FAST);
  await outbox.subscribe("E_X", `virtual:FAILOVER ${one.socket} ${two.socket}`);
  await outbox.raise("E_X", { n: 1 });
  await outbox.flush();
  const [event] = await collect(store.list());
  assertEquals(event.refusal, { code: 7, message: "no" });
});

Deno.test("Outbox calls retryOn with what a delivery failed with", async () => {
  const errors: unknown[] = [];
  await using store = memoryStore();
  await using client = new EventClient(deadSocket(), SYNC);
  await using outbox = new Outbox(store, client, {
    retryOn(error) {
      errors.push(error);
      return false;
    },
  });
  await outbox.raise("E_X");
  await outbox.flush();
  assert(errors[0] instanceof DeliveryError);
  assertEquals((await outbox.stats()).setAside, 1);
});

/** A store of which the deliverer does something else. */
function changed(store: EventStore, changes: Partial<Deliverer>): EventStore {
  const copy: Partial<EventStore> = {};
  for (const name of ["append", "stats", "subscriptions", "list"] as const) {
    Object.assign(copy, { [name]: store[name].bind(store) });
  }
  copy.deliver = async (options) => {
    const deliverer = await store.deliver(options);
    const { take, done, setAside, postpone, close } = deliverer;
    const all = { take, done, setAside, postpone, close };
    for (const [name, method] of Object.entries(all)) {
      Object.assign(all, { [name]: method.bind(deliverer) });
    }
    return { ...all, ...changes };
  };
  return copy as EventStore;
}

Deno.test("Outbox tells when the store fails, and flush() rejects", async () => {
  await using store = memoryStore();
  const failing = changed(store, {
    take: () => Promise.reject(new StoreError("damaged", "it is damaged")),
  });
  await using client = new EventClient(deadSocket(), SYNC);
  await using outbox = new Outbox(failing, client, FAST);
  const failed = next<{ error: Error }>(outbox, "error");
  await outbox.raise("E_X");
  await assertRejects(() => outbox.flush(), StoreError, "it is damaged");
  await assertRejects(() => outbox.flush(), StoreError, "it is damaged");
  assert((await failed).error instanceof StoreError);
});

Deno.test("Outbox closes though the store cannot note what is done", async () => {
  await using server = noting();
  await using store = memoryStore();
  const asked = Promise.withResolvers<void>();
  const full = changed(store, {
    done() {
      asked.resolve();
      return new Promise(() => {});
    },
  });
  await using client = new EventClient(server.socket, SYNC);
  const outbox = new Outbox(full, client);
  await outbox.raise("E_X", { n: 1 });
  await outbox.raise("E_X", { n: 2 });
  await asked.promise;
  await outbox.close();
  assertEquals(server.numbers(), [1]);
});

Deno.test("Outbox tries again when retryOn throws, and says so", async () => {
  await using server = noting((count) => {
    if (count < 3) throw new ServerError(1, "no");
  });
  await using store = memoryStore();
  await using client = new EventClient(server.socket, SYNC);
  await using outbox = new Outbox(store, client, {
    ...FAST,
    retryOn() {
      throw new RangeError("a mistake");
    },
  });
  const failed = next<{ error: Error }>(outbox, "error");
  await outbox.raise("E_X", { n: 1 });
  await outbox.flush();
  assertEquals(server.numbers(), [1, 1, 1]);
  assert((await failed).error instanceof RangeError);
});

Deno.test("Outbox can be closed before it is ready", async () => {
  await using store = memoryStore();
  await using client = new EventClient(deadSocket(), SYNC);
  const outbox = new Outbox(store, client);
  const raised = assertRejects(() => outbox.raise("E_X"), StoreError);
  await outbox.close();
  await raised;
  // The store is free again.
  await using next = new Outbox(store, client);
  await next.raise("E_X");
});

Deno.test("Outbox begins again with a target that comes back while it ends", async () => {
  await using server = noting();
  await using store = memoryStore();
  await using client = new EventClient(server.socket, SYNC);
  await using outbox = new Outbox(store, client);
  for (const n of range(200)) {
    await outbox.raise("E_X", { n });
    if (n % 3 === 0) await outbox.flush();
  }
  await outbox.flush();
  assertEquals(server.numbers(), range(200));
});

Deno.test("new Outbox() throws for a client without sync mode", async () => {
  await using store = memoryStore();
  await using client = new EventClient("jsonrpc:127.0.0.1:1");
  assertThrows(
    () => new Outbox(store, client),
    TypeError,
    `Cannot keep events for "jsonrpc:127.0.0.1:1": its client has no syncMode`,
  );
});

Deno.test("raise() keeps an event for the socket that is given, and for no other", async () => {
  await using one = noting();
  await using two = noting();
  await using subscribed = noting();
  await using store = memoryStore();
  await using events = new EventInterface(SYNC);
  await using outbox = new Outbox(store, events, FAST);
  await outbox.subscribe("E_X", subscribed.socket);
  const virtual = `virtual:PARALLEL  ${one.socket} ${two.socket}`;
  await outbox.raise("E_X", { n: 1 }, { socket: `${one.socket}/m` });
  await outbox.raise("E_Y", { n: 2 }, { socket: virtual, key: "2" });
  await outbox.raise("E_Y", { n: 2 }, { // the same socket, written otherwise
    socket: virtual.replace("  ", " "),
    key: "2",
  });
  await assertRejects(
    () => outbox.raise("E_X", { n: 3 }, { socket: "jsonrpc:nowhere" }),
    SocketSyntaxError,
  );
  await outbox.flush();
  assertEquals(one.numbers().sort(), [1, 2]);
  assertEquals(two.numbers(), [2]);
  assertEquals(subscribed.numbers(), []);
});
