import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  EventClient,
  type EventHandler,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import {
  deduplicate,
  type DeduplicateOptions,
  memoryStore,
  Outbox,
  StoreError,
} from "../../src/outbox/mod.ts";
import { Folder } from "./helpers.ts";
import { KINDS } from "./kinds.ts";
import { until } from "../helpers/until.ts";

const SYNC = { syncMode: true, timeoutMs: 10_000 };

/** A server whose handler is called once for each key. */
function serveOnce(handler: EventHandler, options?: DeduplicateOptions) {
  const store = memoryStore();
  const server = serveEvents(
    { port: 0, onError: () => {} },
    deduplicate(store, handler, options),
  );
  const client = new EventClient(server.socket, SYNC);
  return {
    client,
    store,
    socket: server.socket,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.shutdown();
      await store.close();
    },
  };
}

Deno.test("deduplicate() gives a second coming the first result", async () => {
  let calls = 0;
  await using server = serveOnce(() => ({ bill: ++calls }));
  const { client } = server;
  const raise = (params: object, socket = server.socket) =>
    client.raise("E_X", params as Record<string, unknown>, { socket });
  assertEquals(await raise({ key: "a" }), { bill: 1 });
  assertEquals(await raise({ key: "a", other: 5 }), { bill: 1 });
  assertEquals(await raise(["x", "a"]), { bill: 1 });
  assertEquals(await raise({ key: "b" }), { bill: 2 });
  // Another method is another subscriber.
  assertEquals(await raise({ key: "a" }, `${server.socket}/two`), { bill: 3 });
});

Deno.test("deduplicate() lets pass what has no key", async () => {
  let calls = 0;
  await using server = serveOnce(() => ++calls, { keyParam: "id" });
  for (const params of [{}, { key: "a" }, { id: 5 }, { id: "" }, [], [1]]) {
    await server.client.raise("E_X", params as Record<string, unknown>);
  }
  assertEquals(calls, 6);
  await server.client.raise("E_X", { id: "a" });
  await server.client.raise("E_X", { id: "a" });
  assertEquals(calls, 7);
});

Deno.test("deduplicate() waits while the first is being handled", async () => {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  await using server = serveOnce(async () => {
    calls++;
    await gate.promise;
    return "done";
  });
  const both = [1, 2].map(() => server.client.raise("E_X", { key: "a" }));
  await until(() => calls !== 0);
  gate.resolve();
  assertEquals(await Promise.all(both), ["done", "done"]);
  assertEquals(calls, 1);
});

Deno.test("deduplicate() calls a handler again that has thrown", async () => {
  let calls = 0;
  await using server = serveOnce(() => {
    if (++calls === 1) throw new ServerError(5, "not now");
  });
  const raise = () => server.client.raise("E_X", { key: "a" });
  await assertRejects(raise, ServerError, "not now");
  assertEquals(await raise(), null);
  assertEquals(await raise(), null);
  assertEquals(calls, 2);
});

Deno.test("deduplicate() confirms, and says so, when a key cannot be remembered", async () => {
  const errors: unknown[] = [];
  let calls = 0;
  const handler = deduplicate(
    {
      recall: () => Promise.resolve(undefined),
      remember: () => Promise.reject(new StoreError("full", "full")),
    },
    () => ++calls,
    { onError: (error) => errors.push(error) },
  );
  await using server = serveEvents({ port: 0 }, handler);
  await using client = new EventClient(server.socket, SYNC);
  assertEquals(await client.raise("E_X", { key: "a" }), 1);
  assertEquals(errors.length, 1);
});

Deno.test("deduplicate() throws for options that are none", () => {
  const memory = memoryStore();
  assertThrows(
    () => deduplicate(memory, () => {}, { rememberMs: 0 }),
    RangeError,
    "rememberMs 0",
  );
});

for (const { name, open, ignore } of KINDS) {
  Deno.test(`an Outbox and deduplicate() on ${name} act once together`, {
    ignore: ignore ?? false,
  }, async () => {
    using folder = new Folder();
    await using store = await open(folder);
    const acted: unknown[] = [];
    let comings = 0;
    const once = deduplicate(store, ({ params }) => {
      acted.push((params as { n: number }).n);
    });
    // Every second confirmation comes too late: the event comes again.
    await using server = serveEvents({ port: 0 }, async (event) => {
      const result = await once(event);
      if (++comings % 2) {
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
      return result;
    });
    await using client = new EventClient(server.socket, SYNC);
    await using outbox = new Outbox(store, client, {
      keyParam: "key",
      timeoutMs: 150,
      minDelayMs: 1,
    });
    for (let n = 0; n < 5; n++) await outbox.raise("E_X", { n });
    await outbox.flush();
    assertEquals(acted, [0, 1, 2, 3, 4]);
    assertEquals(comings >= 8, true);
  });
}
