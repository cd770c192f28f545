import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ConnectionClosedError,
  DeliveryTimeoutError,
  EventClient,
  ProtocolError,
  ServerError,
} from "../../mod.ts";
import { fakeServer } from "../../src/testing/mod.ts";
import { once, PATIENT, SYNC } from "../helpers/client.ts";
import { until } from "../helpers/until.ts";

Deno.test("fakeServer() responds with results and errors, and keeps what came", async () => {
  await using server = fakeServer([
    { result: { a: 1 } },
    { error: { code: 404, message: "No such user", data: ["x"] } },
    {},
  ]);
  await using client = new EventClient(server.socket, SYNC);
  assertEquals(await client.raise("E_A", [1]), { a: 1 });
  const error = await assertRejects(() => client.raise("E_B"), ServerError);
  assertEquals([error.code, error.message, error.data], [404, "No such user", [
    "x",
  ]]);
  assertEquals(await client.raise("E_C"), null);
  assertEquals(await client.raise("E_C"), null); // the last one goes on
  assertEquals(
    server.requests.map((
      { method, params, connection },
    ) => [method, params, connection]),
    [["E_A", [1], 0], ["E_B", {}, 0], ["E_C", {}, 0], ["E_C", {}, 0]],
  );
  assert(server.requests.every(({ id }) => typeof id === "number"));
});

Deno.test("fakeServer() responds late, after what came later", async () => {
  await using server = fakeServer(({ method }) => ({
    result: method,
    afterMs: method === "E_LATE" ? 30 : 0,
  }));
  await using client = new EventClient(server.socket, SYNC);
  const order: unknown[] = [];
  await Promise.all(
    ["E_LATE", "E_SOON"].map((event) =>
      client.raise(event).then((r) => order.push(r))
    ),
  );
  assertEquals(order, ["E_SOON", "E_LATE"]);
});

Deno.test("fakeServer() does not respond, and leaves no timer", async () => {
  await using server = fakeServer({ afterMs: Infinity });
  await using client = new EventClient(server.socket, {
    syncMode: true,
    timeoutMs: 20,
  });
  await assertRejects(() => client.raise("E_X"), DeliveryTimeoutError);
});

for (const close of ["before", "middle", "after"] as const) {
  Deno.test(`fakeServer() closes ${close} the response`, async () => {
    await using server = fakeServer([{ result: "x".repeat(1000), close }, {
      result: 2,
    }]);
    await using client = new EventClient(server.socket, SYNC);
    const lost = once(client, "disconnect");
    const first = client.raise("E_X");
    if (close === "after") assertEquals(await first, "x".repeat(1000));
    else await assertRejects(() => first, ConnectionClosedError);
    await lost;
    assertEquals(await client.raise("E_X"), 2);
    assertEquals(server.connections, 2);
  });
}

Deno.test("fakeServer() sends what is no JSON", async () => {
  await using server = fakeServer({ text: "HTTP/1.1 400 Bad Request\r\n\r\n" });
  await using client = new EventClient(server.socket, SYNC);
  await assertRejects(() => client.raise("E_X"), ProtocolError);
});

Deno.test("fakeServer() takes notifications without a response, and closes for them too", async () => {
  await using server = fakeServer([{ result: 1 }, {
    result: 1,
    close: "before",
  }]);
  await using client = new EventClient(server.socket, PATIENT);
  const lost = new Promise((resolve) =>
    client.addEventListener("disconnect", resolve, { once: true })
  );
  await client.raise("E_A");
  await client.raise("E_B");
  await lost;
  assertEquals(server.requests.map(({ method, id }) => [method, id]), [
    ["E_A", null],
    ["E_B", null],
  ]);
});

Deno.test("FakeServer.closeConnections() ends what is open, and new ones are taken", async () => {
  await using server = fakeServer((_, index) => ({
    result: index,
    afterMs: index === 0 ? Infinity : 0,
  }));
  await using client = new EventClient(server.socket, SYNC);
  const first = assertRejects(() => client.raise("E_X"), ConnectionClosedError);
  await until(() => server.requests.length !== 0);
  server.closeConnections();
  await first;
  assertEquals(await client.raise("E_X"), 1);
});

Deno.test("FakeServer.shutdown() may be called again, and frees the port", async () => {
  const server = fakeServer({ result: true });
  const { port } = server.addr;
  await server.shutdown();
  await server.shutdown();
  await server[Symbol.asyncDispose]();
  await using again = fakeServer({ result: true }, { port });
  assertEquals(again.addr.port, port);
});

Deno.test("fakeServer() refuses an empty list", () => {
  assertThrows(() => fakeServer([]), TypeError, "empty");
});
