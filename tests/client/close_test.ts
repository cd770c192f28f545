import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  ConnectionClosedError,
  DeliveryTimeoutError,
  EventClient,
} from "../../mod.ts";
import { freePort, gate, send, serve } from "../helpers/tcp.ts";
import {
  held,
  once,
  PATIENT,
  reports,
  resultTo,
  SYNC,
} from "../helpers/client.ts";

Deno.test("EventClient.close() does nothing when nothing was raised, and twice is fine", async () => {
  const client = new EventClient("jsonrpc:127.0.0.1:1");
  await client.close();
  assertEquals(client.close(), client.close());
  await client[Symbol.asyncDispose]();
});

Deno.test("EventClient.close() lets out what was raised, while it connects", async () => {
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    received.resolve(await reader.all());
  });
  const client = new EventClient(server.socket, PATIENT);
  const raised = client.raise("E_X");
  await Promise.all([client.close(), client.close()]);
  await raised;
  assertEquals((await received.promise).length, 1);
});

Deno.test("EventClient.close() lets out what was raised, while it writes", async () => {
  await using server = held();
  const client = new EventClient(server.socket, PATIENT);
  const filling = "x".repeat(10_000_000);
  client.raise("E_X", [filling]);
  await once(client, "connect");
  client.raise("E_Y");
  const closed = client.close();
  server.read();
  await closed;
  assertEquals(await server.methods(), [
    "E_X",
    "E_Y",
  ]);
});

Deno.test("EventClient.close() waits for replies", async () => {
  const asked = gate(), answer = gate();
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    asked.open();
    await answer.opened;
    await send(conn, resultTo(id));
    assertEquals(await reader.next(), undefined, "an orderly end");
  });
  const client = new EventClient(server.socket, SYNC);
  const raised = client.raise("E_X");
  await asked.opened;
  const closed = client.close();
  answer.open();
  assertEquals(await raised, "ok");
  await closed;
});

Deno.test("EventClient.close() is over at the time-out when the server does not answer", async () => {
  await using server = serve(async (_, reader) => {
    await reader.all();
  });
  const client = new EventClient(server.socket, {
    syncMode: true,
    timeoutMs: 20,
  });
  const raised = client.raise("E_X");
  await client.close();
  await assertRejects(() => raised, DeliveryTimeoutError);
});

Deno.test("EventClient.close() is over at the time-out when the server does not read", async () => {
  const held = gate();
  await using server = serve(() => held.opened);
  const client = new EventClient(server.socket, { timeoutMs: 20 });
  const raised = [
    client.raise("E_X", ["x".repeat(10_000_000)]),
    client.raise("E_Y"),
  ];
  await client.close();
  const [cut, waiting] = await Promise.allSettled(raised);
  assert(cut.status === "rejected" && waiting.status === "rejected");
  assert(cut.reason instanceof DeliveryTimeoutError);
  assertEquals(cut.reason.mayHaveArrived, true);
  assertStringIncludes(cut.reason.message, "not written in full within 20 ms");
  assertEquals(waiting.reason.mayHaveArrived, false);
  held.open();
});

Deno.test("EventClient.close() closes an idle connection in an orderly way", async () => {
  const ended = Promise.withResolvers<string>();
  await using server = serve(async (_, reader) => {
    await reader.message();
    await reader.next();
    ended.resolve(`ended with "${reader.rest}"`);
  });
  const client = new EventClient(server.socket, PATIENT);
  const { disconnects } = reports(client);
  await client.raise("E_X");
  await client.close();
  assertEquals(await ended.promise, `ended with ""`);
  assertEquals(disconnects, [undefined]);
});

Deno.test("EventClient.close() loses nothing to a server that answers notifications", async () => {
  const COUNT = 1000;
  let handled = 0;
  const ended = gate();
  await using server = serve(async (conn, reader) => {
    try {
      while (await reader.next() !== undefined) {
        handled++;
        await send(conn, `{"id":null,"jsonrpc":"2.0","result":true}`);
      }
    } finally {
      ended.open();
    }
  });
  const client = new EventClient(server.socket, PATIENT);
  for (let n = 0; n < COUNT; n++) client.raise("E_X", [n, "x".repeat(200)]);
  await client.close();
  await ended.opened;
  assertEquals([handled, client.stats.written], [COUNT, COUNT]);
});

Deno.test("EventClient.raise() rejects after close()", async () => {
  const client = new EventClient("jsonrpc:127.0.0.1:1");
  await client.close();
  const error = await assertRejects(
    () => client.raise("E_X"),
    ConnectionClosedError,
    "the client is closed",
  );
  assertEquals(error.mayHaveArrived, false);
});

Deno.test("await using closes an EventClient when its scope ends by an error", async () => {
  const ended = gate();
  await using server = serve(async (_, reader) => {
    await reader.all();
    ended.open();
  });
  await assertRejects(
    async () => {
      await using client = new EventClient(server.socket, PATIENT);
      await client.raise("E_X");
      throw new RangeError("mine");
    },
    RangeError,
    "mine",
  );
  await ended.opened;
});

Deno.test("EventClient.flush() waits for what was raised before it, and never rejects", async () => {
  const answer = gate();
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    await answer.opened;
    await send(conn, resultTo(id));
    await reader.next();
  });
  await using client = new EventClient(server.socket, SYNC);
  await client.flush();
  const settled: string[] = [];
  client.raise("E_X").then(() => settled.push("raised"));
  const flushed = client.flush().then(() => settled.push("flushed"));
  answer.open();
  await flushed;
  assertEquals(settled, ["raised", "flushed"]);
  await using nobody = new EventClient(`jsonrpc:127.0.0.1:${freePort()}`);
  nobody.raise("E_X");
  await nobody.flush();
  assertEquals(nobody.stats.failed.connect, 1);
});

Deno.test("EventClient can be used and closed by its own listeners", async () => {
  await using server = serve(async (conn, reader, n) => {
    const { id } = await reader.message();
    await send(conn, resultTo(0) + resultTo(id, n));
    await reader.all();
  });
  const client = new EventClient(server.socket, SYNC);
  const raised: Promise<unknown>[] = [];
  let closed: Promise<void> | undefined;
  client.addEventListener("unmatched", () => closed = client.close());
  client.addEventListener(
    "connect",
    () => raised.push(client.raise("E_2", {}, { timeoutMs: 50 })),
  );
  client.addEventListener("disconnect", () => raised.push(client.raise("E_3")));
  assertEquals(await client.raise("E_1"), 0);
  await closed;
  await assertRejects(() => raised[0], DeliveryTimeoutError);
  await assertRejects(() => raised[1], ConnectionClosedError, "is closed");
  assertEquals(raised.length, 2);
});
