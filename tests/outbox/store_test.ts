// What every store does.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Deliverer,
  type EventStore,
  type KeptEvent,
  memoryStore,
  StoreError,
} from "../../src/outbox/mod.ts";
import { collect, Folder, newEvent, TARGET } from "./helpers.ts";
import { KINDS } from "./kinds.ts";

const OTHER = "virtual:FAILOVER jsonrpc:127.0.0.1:1 jsonrpc:127.0.0.1:2";
const never = new AbortController().signal;

const numbers = (events: readonly KeptEvent[]) =>
  events.map(({ params }) => JSON.parse(params).n);

async function begin(store: EventStore, window = 1) {
  const told: string[] = [];
  const deliverer = await store.deliver({
    window,
    onTarget: (target) => told.push(target),
  });
  return { deliverer, told };
}

async function takeAll(deliverer: Deliverer, target = TARGET) {
  const all: KeptEvent[] = [];
  for (;;) {
    const events = await deliverer.take(target, 1000, never);
    if (events.length === 0) return all;
    all.push(...events);
    await Promise.all(events.map((event) => deliverer.done(event)));
  }
}

for (const { name, open, ignore, isShared = false } of KINDS) {
  const test = (
    what: string,
    fn: (folder: Folder) => Promise<void>,
  ) =>
    Deno.test({
      name: `${name} ${what}`,
      ignore,
      async fn() {
        using folder = new Folder();
        await fn(folder);
      },
    });

  test("keeps events as they are, in their order", async (folder) => {
    await using store = await open(folder);
    const params = [
      '{"a":1,"a":2,"2":0,"1":0,"__proto__":[1e400,12345678901234567890]}',
      '["zażółć 🎉","\\u0000\\ud800"]',
      "{}",
      `{"x":"${"y".repeat(100_000)}"}`,
    ];
    const events = params.map((params, n) =>
      newEvent(n, { params, event: `E_Ž${n}`, target: n % 2 ? OTHER : TARGET })
    );
    assertEquals(
      await store.append(events),
      events.map(() => "stored" as const),
    );
    const listed = await collect(store.list());
    assertEquals(listed.length, 4);
    for (const [i, event] of events.entries()) {
      const { target, key, raisedAt } = listed[i];
      assertEquals(
        {
          ...event,
          target,
          key,
          raisedAt,
          event: listed[i].event,
          params: listed[i].params,
        },
        event,
      );
      assertEquals([listed[i].attempts, listed[i].refusal], [0, undefined]);
    }
    assertEquals(new Set(listed.map(({ id }) => id)).size, 4);
  });

  test("gives the events of each target in their order", async (folder) => {
    await using store = await open(folder);
    const count = 1234;
    await store.append(
      Array.from(
        { length: count },
        (_, n) => newEvent(n, { target: n % 3 ? TARGET : OTHER }),
      ),
    );
    const { deliverer } = await begin(store, 50);
    const all = Array.from({ length: count }, (_, n) => n);
    assertEquals(
      numbers(await takeAll(deliverer, OTHER)),
      all.filter((n) => n % 3 === 0),
    );
    assertEquals(numbers(await takeAll(deliverer)), all.filter((n) => n % 3));
    assertEquals(await store.stats(), []);
  });

  test("tells of targets: at the start, and when they were empty", async (folder) => {
    await using store = await open(folder);
    await store.append([newEvent(0)]);
    const told: string[] = [];
    let tell = Promise.withResolvers<void>();
    const deliverer = await store.deliver({
      window: 1,
      onTarget(target) {
        told.push(target);
        tell.resolve();
      },
    });
    await tell.promise;
    assertEquals(told, [TARGET]);
    assertEquals(numbers(await takeAll(deliverer)), [0]);
    tell = Promise.withResolvers<void>();
    await store.append([newEvent(1)]);
    await tell.promise;
    assertEquals(told, [TARGET, TARGET]);
  });

  test("stores the same given key once for each target", async (folder) => {
    await using store = await open(folder);
    const event = newEvent(0, { isKeyGiven: true });
    assertEquals(await store.append([event, event]), ["stored", "known"]);
    const other = { ...event, target: OTHER };
    const drawn = { ...event, isKeyGiven: false };
    assertEquals(
      await store.append([other, event, drawn]),
      ["stored", "known", "stored"],
    );
    const { deliverer } = await begin(store);
    await takeAll(deliverer);
    assertEquals(await store.append([event]), ["known"]);
    const [stats] = await store.stats();
    assertEquals([stats.target, stats.kept], [OTHER, 1]);
  });

  test("gives at most as many at once as the window allows", async (folder) => {
    await using store = await open(folder);
    await store.append([0, 1, 2, 3].map((n) => newEvent(n)));
    const { deliverer } = await begin(store, 2);
    const [first] = await deliverer.take(TARGET, 1, never);
    const [second] = await deliverer.take(TARGET, 1, never);
    assertEquals(numbers([first, second]), [0, 1]);
    const third = deliverer.take(TARGET, 10, never);
    await deliverer.done(second);
    assertEquals(numbers(await third), [2]);
  });

  test("gives again what is postponed, before all others", async (folder) => {
    await using store = await open(folder);
    await store.append([0, 1].map((n) => newEvent(n)));
    const { deliverer } = await begin(store);
    for (let attempts = 1; attempts < 4; attempts++) {
      const [event] = await deliverer.take(TARGET, 1, never);
      assertEquals(numbers([event]), [0]);
      await deliverer.postpone(event, 1, `failed ${attempts}`);
      const [listed] = await collect(store.list());
      assertEquals(
        [listed.attempts, listed.lastError],
        [attempts, `failed ${attempts}`],
      );
    }
    assertEquals((await store.stats())[0].attempts, 3);
    assertEquals(numbers(await takeAll(deliverer)), [0, 1]);
  });

  test("gives others while one is postponed, if the window allows", async (folder) => {
    await using store = await open(folder);
    await store.append([0, 1, 2].map((n) => newEvent(n)));
    const { deliverer } = await begin(store, 2);
    const [event] = await deliverer.take(TARGET, 1, never);
    await deliverer.postpone(event, 60_000, "busy");
    const [next] = await deliverer.take(TARGET, 5, never);
    assertEquals(numbers([next]), [1]);
    await deliverer.done(next);
    assertEquals(numbers(await deliverer.take(TARGET, 5, never)), [2]);
  });

  test("take() ends when its signal is aborted, or it is closed", async (folder) => {
    await using store = await open(folder);
    await store.append([newEvent(0)]);
    const { deliverer } = await begin(store);
    await deliverer.take(TARGET, 1, never);
    const controller = new AbortController();
    const aborted = deliverer.take(TARGET, 1, controller.signal);
    controller.abort();
    assertEquals(await aborted, []);
    const closed = deliverer.take(TARGET, 1, never);
    await deliverer.close();
    assertEquals(await closed, []);
    // What was out is given to the next one.
    const { deliverer: next } = await begin(store);
    assertEquals(numbers(await next.take(TARGET, 1, never)), [0]);
  });

  test("sets aside, and gives again, in the old place if it can", async (folder) => {
    await using store = await open(folder);
    await store.append([0, 1, 2].map((n) => newEvent(n)));
    const { deliverer } = await begin(store);
    const [event] = await deliverer.take(TARGET, 1, never);
    await deliverer.setAside(event, { code: -32000, message: "No\0 \ud800" });
    const [aside] = await collect(store.list({ isSetAside: true }));
    assertEquals(aside.refusal?.code, -32000);
    assert(aside.refusal?.message.startsWith("No"));
    assertEquals([aside.attempts, aside.params], [1, '{"n":0}']);
    assertEquals((await store.stats())[0].setAside, 1);

    const [second] = await deliverer.take(TARGET, 1, never);
    assertEquals(numbers([second]), [1]);
    assertEquals(await store.retry(), 1);
    await deliverer.done(second);
    assertEquals(
      numbers(await takeAll(deliverer)),
      isShared ? [2, 0] : [0, 2],
    );
    assertEquals(await store.stats(), []);
  });

  test("retries at once what is postponed, when something is retried", async (folder) => {
    await using store = await open(folder);
    await store.append([newEvent(0)]);
    const { deliverer } = await begin(store);
    const [event] = await deliverer.take(TARGET, 1, never);
    await deliverer.postpone(event, 3_600_000, "down");
    const next = deliverer.take(TARGET, 1, never);
    await store.retry();
    assertEquals((await next)[0].attempts, 1);
  });

  test("lists, retries and drops what a filter matches", async (folder) => {
    await using store = await open(folder);
    await store.append([
      newEvent(0),
      newEvent(1, { target: OTHER }),
      newEvent(2, { event: "E_Y" }),
      newEvent(3, { key: "mine" }),
    ]);
    const { deliverer } = await begin(store);
    const [first] = await deliverer.take(TARGET, 1, never);
    await deliverer.setAside(first, { message: "no" });
    const list = async (filter: Parameters<EventStore["list"]>[0]) =>
      numbers(await collect(store.list(filter)));
    const ids = (await collect(store.list())).map(({ id }) => id);
    assertEquals(await list({}), [0, 1, 2, 3]);
    assertEquals(await list({ target: OTHER }), [1]);
    assertEquals(await list({ event: "E_Y" }), [2]);
    assertEquals(await list({ key: "mine" }), [3]);
    assertEquals(await list({ raisedBefore: newEvent(2).raisedAt }), [0, 1]);
    assertEquals(await list({ ids: [ids[3], "x", ids[1]] }), [1, 3]);
    assertEquals(await list({ ids: [] }), []);
    assertEquals(await list({ isSetAside: true }), [0]);
    assertEquals(await list({ isSetAside: false, target: TARGET }), [2, 3]);

    assertEquals(await store.retry({ target: OTHER }), 0);
    assertEquals(await store.retry({ isSetAside: false }), 0);
    assertEquals(await store.drop({ isSetAside: true }), 1);
    assertEquals(await store.drop({ target: OTHER, event: "E_Y" }), 0);
    assertEquals(await store.drop({ event: "E_Y" }), 1);
    assertEquals(await list({}), [1, 3]);
    assertEquals(numbers(await takeAll(deliverer)), [3]);
  });

  test("counts rightly when what is out is dropped", async (folder) => {
    await using store = await open(folder);
    await store.append([0, 1].map((n) => newEvent(n)));
    const { deliverer } = await begin(store);
    const [event] = await deliverer.take(TARGET, 1, never);
    assertEquals(await store.drop({ ids: [event.id] }), 1);
    await deliverer.done(event);
    assertEquals((await store.stats())[0].kept, 1);
    assertEquals(numbers(await takeAll(deliverer)), [1]);
    assertEquals(await store.stats(), []);
  });

  test("keeps no more for a target than its bounds allow", async (folder) => {
    await using store = await open(folder, { maxEvents: 2 });
    const events = [0, 1, 2].map((n) => newEvent(n));
    const other = newEvent(3, { target: OTHER });
    assertEquals(
      await store.append([...events, other]),
      ["stored", "stored", "full", "stored"],
    );
    assertEquals(await store.append([events[2]]), ["full"]);
    const { deliverer } = await begin(store);
    const [first] = await deliverer.take(TARGET, 1, never);
    await deliverer.setAside(first, { message: "it still counts" });
    assertEquals(await store.append([events[2]]), ["full"]);
    await store.drop({ isSetAside: true });
    assertEquals(await store.append([events[2]]), ["stored"]);
  });

  test("keeps no more bytes for a target than its bounds allow", async (folder) => {
    await using store = await open(folder, { maxBytes: 1000 });
    const large = newEvent(0, { params: `["${"x".repeat(1000)}"]` });
    const half = newEvent(1, { params: `["${"x".repeat(500)}"]` });
    assertEquals(
      await store.append([large, half, { ...half, key: "k" }, {
        ...half,
        target: OTHER,
      }]),
      ["full", "stored", "full", "stored"],
    );
    const [{ bytes }] = await store.stats();
    assert(bytes > 500 && bytes <= 1000, `${bytes}`);
  });

  // Where many share a store, each event finds room or not, for itself.
  if (!isShared) {
    test("keeps no smaller event in the place of one that found no room", async (folder) => {
      await using store = await open(folder, { maxBytes: 1000 });
      const [one, two] = [0, 1].map((n) =>
        newEvent(n, { params: `["${"x".repeat(500)}"]` })
      );
      const small = newEvent(2);
      assertEquals(
        await store.append([one, two, small, { ...small, target: OTHER }]),
        ["stored", "full", "full", "stored"],
      );
      while ((await store.append([small]))[0] === "full") {
        await new Promise((resolve) => setTimeout(resolve)); // another turn
      }
      assertEquals((await store.stats())[0].kept, 2);
    });
  }

  test("a known event takes no room", async (folder) => {
    await using store = await open(folder, { maxEvents: 2 });
    const event = newEvent(0, { isKeyGiven: true });
    for (let i = 0; i < 5; i++) await store.append([event]);
    assertEquals(await store.append([newEvent(1)]), ["stored"]);
    assertEquals((await store.stats())[0].kept, 2);
  });

  test("keeps subscriptions until they end", async (folder) => {
    await using store = await open(folder);
    const now = Date.now();
    await store.subscribe({ event: "E_A", socket: TARGET });
    await store.subscribe({ event: "E_A", socket: OTHER, expiresAt: now - 1 });
    await store.subscribe({
      event: "E_B",
      socket: OTHER,
      expiresAt: now + 1e6,
    });
    await store.subscribe({ event: "E_C", socket: OTHER });
    await store.subscribe({
      event: "E_B",
      socket: OTHER,
      expiresAt: now + 2e6,
    });
    await store.unsubscribe("E_C", OTHER);
    await store.unsubscribe("E_C", TARGET);
    const kept = await store.subscriptions();
    assertEquals(
      kept.map(({ event, socket, expiresAt }) => [event, socket, expiresAt]),
      [["E_A", TARGET, undefined], ["E_B", OTHER, now + 2e6]],
    );
  });

  test("remembers texts until they are out of date", async (folder) => {
    await using store = await open(folder);
    const now = Date.now();
    await store.remember("a", "1", now + 1e6);
    await store.remember("b", "2", now - 1);
    await store.remember("a", '"zażółć"', now + 1e6);
    assertEquals(
      await Promise.all(["a", "b", "c"].map((name) => store.recall(name))),
      ['"zażółć"', undefined, undefined],
    );
  });

  test("lets one outbox of a process deliver at a time", async (folder) => {
    await using store = await open(folder);
    const { deliverer } = await begin(store);
    const error = await assertRejects(() => begin(store), StoreError);
    assertEquals(error.reason, "busy");
    await deliverer.close();
    await deliverer.close();
    await begin(store);
  });

  test("rejects what is asked after it was closed", async (folder) => {
    const store = await open(folder);
    const { deliverer } = await begin(store);
    await store.append([newEvent(0)]);
    const [event] = await deliverer.take(TARGET, 1, never);
    const written = store.append([newEvent(1)]); // asked before
    await store.close();
    await store.close();
    assertEquals(await written, ["stored"]);
    assertEquals(await deliverer.take(TARGET, 1, never), []);
    for (
      const ask of [
        () => store.append([newEvent(2)]),
        () => store.stats(),
        () => store.remember("a", "b", 1),
        () => deliverer.done(event),
        () => begin(store),
      ]
    ) assertEquals((await assertRejects(ask, StoreError)).reason, "closed");
  });
}

Deno.test("memoryStore() throws for bounds that are none", () => {
  for (const value of [0, -1, 1.5, NaN]) {
    assertThrows(
      () => memoryStore({ maxEvents: value }),
      RangeError,
      "maxEvents",
    );
    assertThrows(
      () => memoryStore({ maxBytes: value }),
      RangeError,
      "maxBytes",
    );
  }
  const text = "5" as unknown as number;
  assertThrows(() => memoryStore({ maxBytes: text }), TypeError, '"5"');
});
