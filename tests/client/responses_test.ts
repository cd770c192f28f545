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
  ProtocolError,
  ServerError,
} from "../../mod.ts";
import { gate, send, serve } from "../helpers/tcp.ts";
import { converse, reports, resultTo, SYNC } from "../helpers/client.ts";

Deno.test("EventClient.raise() rejects with the error that the server answers", async () => {
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    const error = { code: -32000, message: "no", data: { why: [1] } };
    await send(conn, JSON.stringify({ jsonrpc: "2.0", error, id }));
    await reader.next();
  });
  await using client = new EventClient(server.socket, SYNC);
  const error = await assertRejects(() => client.raise("E_X"), ServerError);
  assertEquals([error.code, error.message, error.data, error.mayHaveArrived], [
    -32000,
    "no",
    { why: [1] },
    true,
  ]);
  assertEquals(client.stats.failed.server, 1);
});

Deno.test("EventClient matches replies out of order", async () => {
  const { values } = await converse(
    3,
    ([a, b, c]) => resultTo(c, "c") + resultTo(a, "a") + resultTo(b, "b"),
  );
  assertEquals(values, ["a", "b", "c"]);
});

Deno.test("EventClient matches replies in one read, with white space", async () => {
  const { values } = await converse(
    3,
    (ids) => ids.map((id) => resultTo(id)).join("\r\n "),
  );
  assertEquals(values, ["ok", "ok", "ok"]);
});

Deno.test("EventClient matches replies in single bytes", async () => {
  const { values } = await converse(2, (ids) => {
    const text = ids.map((id) => resultTo(id, `}"\\é漢😀`)).join("");
    return Array.from(new TextEncoder().encode(text), (b) => Uint8Array.of(b));
  });
  assertEquals(values, [`}"\\é漢😀`, `}"\\é漢😀`]);
});

Deno.test("EventClient matches replies in a batch", async () => {
  const { values, stats } = await converse(2, ([a, b]) =>
    JSON.stringify([
      { id: b, result: 1 },
      { id: b, result: 2 },
      7,
      { id: a, error: { code: 3, message: "no" } },
    ]));
  assertEquals(values[1], 1);
  assert(values[0] instanceof ServerError);
  assertEquals(stats.unmatched, 2);
});

Deno.test("EventClient ignores replies that are unknown, twice, or no replies", async () => {
  const { values, stats, unmatched } = await converse(2, ([a, b]) =>
    [
      resultTo(0),
      resultTo(`${a}x`),
      resultTo(`${a}`, "first"),
      resultTo(a, "second"),
      `{"jsonrpc":"2.0","method":"ping","id":${b}}`,
      `{"jsonrpc":"2.0","method":"ping"}`,
      `[] null 1 {}`,
      resultTo(b),
    ].join(""));
  assertEquals(values, ["first", "ok"]);
  assertEquals(stats.unmatched, 9);
  assertEquals(unmatched, [
    "no request in flight has the id 0",
    `no request in flight has the id "${unmatched[1].match(/\d+/)}x"`,
    `no request in flight has the id ${unmatched[1].match(/\d+/)}`,
    "it is a request or a notification",
    "it is a request or a notification",
    "it is not an object",
    "it is not an object",
    "it is not an object",
    "no request in flight has the id (absent)",
  ]);
});

Deno.test("EventClient ignores a reply that comes too late", async () => {
  const late = gate();
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    await late.opened;
    await send(conn, resultTo(id));
    await send(conn, resultTo((await reader.message()).id, "in time"));
    await reader.next();
  });
  await using client = new EventClient(server.socket, SYNC);
  const { unmatched } = reports(client);
  await assertRejects(
    () => client.raise("E_X", {}, { timeoutMs: 20 }),
    DeliveryTimeoutError,
    "no response within 20 ms",
  );
  late.open();
  assertEquals(await client.raise("E_X"), "in time");
  assertEquals(unmatched.length, 1);
  assertEquals(server.accepted, 1);
});

Deno.test("EventClient waits no longer for the rest of a reply than for a whole one", async () => {
  const rest = gate();
  await using server = serve(async (conn, reader) => {
    const text = resultTo((await reader.message()).id);
    await send(conn, text.slice(0, 20));
    await rest.opened;
    await send(conn, text.slice(20));
    await send(conn, resultTo((await reader.message()).id, "in time"));
    await reader.next();
  });
  await using client = new EventClient(server.socket, SYNC);
  await assertRejects(
    () => client.raise("E_X", {}, { timeoutMs: 50 }),
    DeliveryTimeoutError,
    "no response within 50 ms",
  );
  rest.open();
  assertEquals(await client.raise("E_X"), "in time");
  assertEquals(client.stats.unmatched, 1);
});

Deno.test("EventClient fails one request when its reply is wrong, and only that", async () => {
  const { values } = await converse(
    3,
    ([a, b, c]) => `{"id":${a}}{"id":${b},"error":7,"result":1}` + resultTo(c),
  );
  for (const error of values.slice(0, 2)) {
    assert(error instanceof ProtocolError);
    assertEquals(error.mayHaveArrived, true);
  }
  assertStringIncludes(
    (values[0] as unknown as Error).message,
    "the server's response is wrong: it has neither a result nor an error",
  );
  assertEquals(values[2], "ok");
});

Deno.test("EventClient fails all requests when the server could not read us", async () => {
  const { values, stats } = await converse(
    2,
    () => `{"id":null,"error":{"code":-32700,"message":"Parse error"}}`,
  );
  for (const error of values as unknown as Error[]) {
    assert(error instanceof ConnectionClosedError);
    assertEquals(error.mayHaveArrived, true);
    assertStringIncludes(error.message, "could not read a message");
    assert(error.cause instanceof ServerError);
    assertEquals([error.cause.code, error.cause.message], [
      -32700,
      "Parse error",
    ]);
  }
  assertEquals(stats.failed.closed, 2);
});

for (
  const [name, reply, problem] of [
    ["garbage", "garbage", "is not JSON"],
    ["an HTTP answer", "HTTP/1.1 400 Bad Request\r\n\r\n", "is not JSON"],
    ["wrong brackets", "{]", "is not JSON"],
    ["a text that is too large", `["${"x".repeat(300)}"]`, "larger than 256"],
    ["brackets that never close", "[".repeat(300), "larger than 256"],
  ]
) {
  Deno.test(`EventClient fails all requests when the reply is ${name}`, async () => {
    const { values, stats, disconnects } = await converse(
      2,
      () => reply,
      { ...SYNC, maxMessageBytes: 256 },
    );
    for (const error of values as unknown as Error[]) {
      assert(error instanceof ProtocolError, String(error));
      assertStringIncludes(error.message, `Cannot deliver "E_X" to jsonrpc:`);
      assertStringIncludes(error.message, problem);
    }
    assertEquals(stats.failed.protocol, 2);
    assertEquals(disconnects.length, 1);
    assertStringIncludes(disconnects[0]!, problem);
  });
}

Deno.test("EventClient gives what was replied before garbage", async () => {
  const { values } = await converse(2, ([a]) => resultTo(a) + "garbage");
  assertEquals(values[0], "ok");
  assert((values[1] as unknown) instanceof ProtocolError);
});

Deno.test("EventClient takes __proto__ in a reply for a name", async () => {
  const { values } = await converse(
    1,
    ([id]) => `{"id":${id},"result":{"__proto__":{"polluted":true}}}`,
  );
  assertEquals(JSON.stringify(values), `[{"__proto__":{"polluted":true}}]`);
  assertEquals(({} as { polluted?: boolean }).polluted, undefined);
});
