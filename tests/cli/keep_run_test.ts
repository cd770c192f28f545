import { assertEquals, assertRejects } from "@std/assert";
import { EventInterface } from "../../mod.ts";
import { KeepRun } from "../../src/cli/keep_run.ts";
import {
  memoryStore,
  Outbox,
  type StoreBounds,
  StoreError,
} from "../../src/outbox/mod.ts";
import { collect, noting } from "../outbox/helpers.ts";
import { freePort } from "../helpers/tcp.ts";

/** A run that keeps lines in a store with these bounds. */
function setUp(socket: string, bounds: StoreBounds = {}) {
  const store = memoryStore(bounds);
  const events = new EventInterface({ syncMode: true });
  const outbox = new Outbox(store, events, { minDelayMs: 1, maxDelayMs: 5 });
  const stopping = new AbortController();
  const safe: number[] = [], full: string[] = [], wrong: number[] = [];
  const run = new KeepRun({
    outbox,
    socket,
    eventParam: undefined,
    isStrict: false,
    signal: stopping.signal,
    safe: (line) => void safe.push(line),
    wrong: (line) => void wrong.push(line),
    full(error) {
      full.push(error.message);
      if (socket.endsWith("/stop")) stopping.abort();
    },
  });
  return {
    ...{ store, outbox, run, safe, full, wrong },
    async [Symbol.asyncDispose]() {
      await outbox.close();
      await events.close();
      await store.close();
    },
  };
}

const linesOf = (params: unknown[]) =>
  params.map((params) => JSON.stringify({ event: "E_X", params }));

Deno.test("KeepRun waits for room, says so once, and keeps the order", async () => {
  await using server = noting();
  await using all = setUp(server.socket, { maxBytes: 700 });
  // A small one must not take the place of the large one before it.
  const params = Array.from({ length: 9 }, (_, n) => (
    { n, padding: "x".repeat(n % 3 === 2 ? 400 : 1) }
  ));
  await all.run.take(linesOf(params));
  await all.outbox.flush();
  assertEquals(server.numbers(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals([all.run.lines, all.run.events, all.safe], [9, 9, [9]]);
  assertEquals(all.full.length > 0, true);
});

Deno.test("KeepRun gives up the waiting, and says up to where all is safe", async () => {
  const socket = `jsonrpc:127.0.0.1:${freePort()}/stop`;
  await using all = setUp(socket, { maxEvents: 3 });
  await all.run.take(["wrong", "", ...linesOf([[1], [2], [3], [4], [5]])]);
  assertEquals([all.run.lines, all.safe, all.wrong], [5, [5], [1]]);
  const kept = await collect(all.store.list());
  assertEquals(kept.map(({ params }) => params), ["[1]", "[2]", "[3]"]);
});

Deno.test("KeepRun rejects when the outbox cannot keep, and does not say that it did", async () => {
  await using all = setUp("jsonrpc:127.0.0.1:1");
  await all.outbox.close();
  await assertRejects(() => all.run.take(linesOf([[1]])), StoreError, "closed");
  assertEquals([all.run.lines, all.safe], [0, []]);
});
