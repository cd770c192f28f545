import { assertEquals, assertRejects } from "@std/assert";
import { ConnectError, EventClient } from "../../mod.ts";
import { gate, send, serve } from "../helpers/tcp.ts";
import {
  echo,
  held,
  once,
  PATIENT,
  resultTo,
  SYNC,
} from "../helpers/client.ts";

Deno.test("EventClient.raise() rejects with the signal's reason, before it is sent", async () => {
  await using client = new EventClient("jsonrpc:127.0.0.1:1");
  const signal = AbortSignal.abort(new RangeError("mine"));
  await assertRejects(
    () => client.raise("E_X", {}, { signal }),
    RangeError,
    "mine",
  );
  assertEquals(client.stats.failed.aborted, 1);
  assertEquals(client.stats.queued, 0);
});

Deno.test("EventClient.raise() goes on connecting when nobody waits any more, until it is closed", async () => {
  const signals: AbortSignal[] = [];
  await using client = new EventClient("jsonrpc:127.0.0.1:1", {
    ...PATIENT,
    connect: (_host, _port, { signal }) => {
      signals.push(signal);
      return new Promise(() => {}); // like a server that does not answer SYN
    },
  });
  const [one, two] = [new AbortController(), new AbortController()];
  const raised = [
    client.raise("E_X", {}, { signal: one.signal }),
    client.raise("E_Y", {}, { signal: two.signal }),
  ];
  one.abort();
  await assertRejects(() => raised[0], DOMException);
  assertEquals(signals.map((s) => s.aborted), [false]);
  two.abort();
  await assertRejects(() => raised[1], DOMException);
  assertEquals(signals.map((s) => s.aborted), [false]);
  assertEquals(client.stats.failed.aborted, 2);
  await client.close();
  assertEquals(signals.map((s) => s.aborted), [true]);
});

Deno.test("EventClient.raise() never sends what was aborted in the queue", async () => {
  await using server = held();
  await using client = new EventClient(server.socket, PATIENT);
  const { signal } = new AbortController();
  const aborting = new AbortController();
  const written = client.raise("E_1", ["x".repeat(10_000_000)], { signal });
  await once(client, "connect");
  const queued = client.raise("E_2", {}, { signal: aborting.signal });
  client.raise("E_3");
  aborting.abort();
  await assertRejects(() => queued, DOMException);
  server.read();
  await written;
  await client.close();
  assertEquals(await server.methods(), [
    "E_1",
    "E_3",
  ]);
});

Deno.test("EventClient.raise() finishes a message that is aborted in its write", async () => {
  await using server = held();
  await using client = new EventClient(server.socket, PATIENT);
  const aborting = new AbortController();
  const { signal } = aborting;
  const cut = client.raise("E_1", ["x".repeat(10_000_000)], { signal });
  await once(client, "connect");
  const next = client.raise("E_2");
  aborting.abort();
  await assertRejects(() => cut, DOMException);
  server.read();
  await next;
  await client.close();
  assertEquals(await server.methods(), [
    "E_1",
    "E_2",
  ]);
});

Deno.test("EventClient.raise() stops waiting for a reply when aborted", async () => {
  const asked = gate(), answer = gate();
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    asked.open();
    await answer.opened;
    await send(conn, resultTo(id));
    await send(conn, resultTo((await reader.message()).id));
    await reader.next();
  });
  await using client = new EventClient(server.socket, SYNC);
  const aborting = new AbortController();
  const raised = client.raise("E_X", {}, { signal: aborting.signal });
  await asked.opened;
  aborting.abort();
  await assertRejects(() => raised, DOMException);
  answer.open();
  assertEquals(await client.raise("E_X"), "ok");
  assertEquals(client.stats.unmatched, 1);
});

Deno.test("EventClient.raise() keeps one listener on a signal, and takes it off", async () => {
  await using server = serve(echo);
  await using client = new EventClient(server.socket, SYNC);
  const { signal } = new AbortController();
  let added = 0, removed = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: [string, EventListener]) => {
    added++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: [string, EventListener]) => {
    removed++;
    removeEventListener.apply(signal, args);
  };
  const raised = Array.from(
    { length: 1000 },
    (_, n) => client.raise("E_X", [n], { signal }),
  );
  assertEquals([added, removed], [1, 0]);
  await Promise.all(raised);
  assertEquals([added, removed], [1, 1]);
});

Deno.test("EventClient.raise() rejects all events of one signal, and counts them as aborted", async () => {
  await using client = new EventClient("jsonrpc:127.0.0.1:1", {
    ...PATIENT,
    connect: () => new Promise(() => {}),
  });
  const aborting = new AbortController();
  const { signal } = aborting;
  const raised = [1, 2, 3].map((n) => client.raise("E_X", [n], { signal }));
  const reason = new ConnectError("mine");
  aborting.abort(reason);
  for (const { status, ...rest } of await Promise.allSettled(raised)) {
    assertEquals([status, rest], ["rejected", { reason }]);
  }
  assertEquals(client.stats.failed.aborted, 3);
  assertEquals(client.stats.failed.connect, 0);
});

Deno.test("EventClient.raise() connects anew for what is raised when connecting is given up", async () => {
  let attempts = 0;
  const raised: Promise<unknown>[] = [];
  const client: EventClient = new EventClient("jsonrpc:127.0.0.1:1", {
    ...PATIENT,
    connectTimeoutMs: 20,
    connect: (_host, _port, { signal }) => {
      if (++attempts > 1) return Promise.reject(new Error("second"));
      signal.addEventListener("abort", () => raised.push(client.raise("E_Y")));
      return new Promise(() => {});
    },
  });
  await assertRejects(
    () => client.raise("E_X"),
    ConnectError,
    "no connection within 20 ms",
  );
  await assertRejects(() => raised[0], ConnectError, "second");
  await client.close();
});
