import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { EventClient, ServerError } from "../../mod.ts";
import { recordEvents } from "../../src/testing/mod.ts";
import { PATIENT, SYNC } from "../helpers/client.ts";

/** Longer than any test takes. */
const LONG = { timeoutMs: 60_000 };

Deno.test("recordEvents() listens when it returns, and keeps what came in its order", async () => {
  await using events = recordEvents();
  assertMatch(events.socket, /^jsonrpc:127\.0\.0\.1:[0-9]+$/);
  assertEquals(events.socket, `jsonrpc:127.0.0.1:${events.addr.port}`);
  await using client = new EventClient(events.socket, SYNC);
  for (let i = 0; i < 5; i++) {
    assertEquals(await client.raise(`E_${i % 2}`, [i]), true);
  }
  assertEquals(events.all().map(({ params }) => params), [[0], [1], [2], [3], [
    4,
  ]]);
  assertEquals(events.all("E_1").map(({ params }) => params), [[1], [3]]);
  assertEquals(events.all("E_9"), []);
  events.clear();
  assertEquals(events.all(), []);
});

Deno.test("EventRecorder.next() gives each event once, before and after it comes", async () => {
  await using events = recordEvents();
  await using client = new EventClient(events.socket, SYNC);
  await client.raise("E_A", [1]);
  await client.raise("E_B", [2]);
  await client.raise("E_A", [3]);
  assertEquals((await events.next("E_B", LONG)).params, [2]);
  assertEquals((await events.next("E_A", LONG)).params, [1]);
  const later = [
    events.next("E_C", LONG),
    events.next("E_C", LONG),
    events.next("E_D", {
      ...LONG,
      where: ({ params }) => (params as number[])[0] === 7,
    }),
  ];
  assertEquals((await events.next(undefined, LONG)).params, [3]);
  for (
    const [method, n] of [["E_D", 6], ["E_C", 4], ["E_D", 7], [
      "E_C",
      5,
    ]] as const
  ) {
    await client.raise(method, [n]);
  }
  assertEquals((await Promise.all(later)).map(({ params }) => params), [[4], [
    5,
  ], [7]]);
  assertEquals((await events.next("E_D", LONG)).params, [6]);
});

Deno.test("EventRecorder.next() says what came instead", async () => {
  await using events = recordEvents();
  await assertRejects(
    () => events.next("E_CALL_START", { timeoutMs: 1 }),
    Error,
    'Cannot get "E_CALL_START": nothing came in 1 ms; no other event is there',
  );
  await using client = new EventClient(events.socket, SYNC);
  await client.raise("E_CALL_END", { caller: "alice" });
  const one = await assertRejects(
    () => events.next("E_CALL_START", { timeoutMs: 1 }),
    Error,
  );
  assertEquals(
    one.message,
    'Cannot get "E_CALL_START": nothing came in 1 ms; instead there is 1 other\n  E_CALL_END {"caller":"alice"}',
  );
  for (let i = 0; i < 12; i++) await client.raise("E_LONG", ["x".repeat(500)]);
  const many = await assertRejects(
    () => events.next("E_CALL_START", { timeoutMs: 1 }),
    Error,
  );
  const lines = many.message.split("\n");
  assertMatch(lines[0]!, /instead there are 13 others$/);
  assertEquals(lines[1], "  (3 older ones)");
  assertEquals(lines.length, 12);
  assert(lines.every((line) => line.length < 250));
});

Deno.test("EventRecorder.next() rejects when the listener stops", async () => {
  const events = recordEvents();
  const waiting = assertRejects(
    () => events.next("E_X", LONG),
    Error,
    "has stopped",
  );
  await events.shutdown();
  await waiting;
  await assertRejects(() => events.next("E_X", LONG), Error, "has stopped");
  await events.shutdown();
  await events[Symbol.asyncDispose]();
});

Deno.test("EventRecorder.next() refuses a time that is none", async () => {
  await using events = recordEvents();
  for (const timeoutMs of [0, -1, NaN, Infinity]) {
    await assertRejects(
      () => events.next("E_X", { timeoutMs }),
      RangeError,
      "timeoutMs",
    );
  }
});

Deno.test("recordEvents() responds by a table", async () => {
  await using events = recordEvents({
    responses: {
      E_VALUE: { a: [1] },
      E_NULL: null,
      E_FALSE: false,
      E_ERROR: new ServerError(404, "No such user"),
      E_ECHO: ({ params }) => params,
      E_LATE: () => Promise.resolve("late"),
    },
  });
  await using client = new EventClient(events.socket, SYNC);
  assertEquals(await client.raise("E_VALUE"), { a: [1] });
  assertEquals(await client.raise("E_NULL"), null);
  assertEquals(await client.raise("E_FALSE"), false);
  assertEquals(await client.raise("E_ECHO", [5]), [5]);
  assertEquals(await client.raise("E_LATE"), "late");
  assertEquals(await client.raise("toString"), true);
  await assertRejects(
    () => client.raise("E_ERROR"),
    ServerError,
    "No such user",
  );
  assertEquals(events.all().length, 7);
});

Deno.test("EventRecorder is iterated from the first event to the end", async () => {
  const events = recordEvents();
  await using client = new EventClient(events.socket, PATIENT);
  await client.raise("E_0");
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { method } of events) {
      seen.push(method);
      if (method === "E_2") await events.shutdown();
    }
  })();
  await events.next("E_0", LONG);
  await client.raise("E_1");
  await client.raise("E_2");
  await reading;
  assertEquals(seen, ["E_0", "E_1", "E_2"]);
});
