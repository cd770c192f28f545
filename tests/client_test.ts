import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ConnectError,
  type Connection,
  ConnectionClosedError,
  DeliveryTimeoutError,
  EventClient,
  type EventClientOptions,
  type JsonValue,
  NamedParams,
  ParamsError,
  ProtocolError,
  QueueFullError,
  ServerError,
  SocketSyntaxError,
} from "../mod.ts";
import {
  freePort,
  gate,
  needsIpv6,
  type Script,
  send,
  serve,
  serveResets,
} from "./helpers/tcp.ts";

/** Long enough never to be over in a test that is not about time. */
const PATIENT = { timeoutMs: 60_000 };
const SYNC = { ...PATIENT, syncMode: true };

/** What a test has reported by `addEventListener`. */
function reports(client: EventClient) {
  const unmatched: string[] = [];
  const disconnects: (string | undefined)[] = [];
  client.addEventListener("unmatched", ({ detail }) => {
    unmatched.push(detail.reason);
  });
  client.addEventListener("disconnect", ({ detail }) => {
    disconnects.push(detail.error?.message);
  });
  return { unmatched, disconnects };
}

/** Resolves when `client` dispatches such an event. */
function once(
  client: EventClient,
  type: "connect" | "disconnect" | "unmatched",
): Promise<void> {
  return new Promise((resolve) =>
    client.addEventListener(type, () => resolve(), { once: true })
  );
}

/** Answers every request with its params. */
const echo: Script = async (conn, reader) => {
  for (let text; (text = await reader.next()) !== undefined;) {
    const { id, params } = JSON.parse(text);
    await send(conn, JSON.stringify({ jsonrpc: "2.0", result: params, id }));
  }
};

// What goes out.

Deno.test("EventClient.raise() sends a notification", async () => {
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    received.resolve(await reader.all());
  });
  await using client = new EventClient(server.socket, PATIENT);
  assertEquals(await client.raise("E_PIKE_BLOCKED", { ip: "::1" }), undefined);
  await client.close();
  assertEquals(await received.promise, [
    `{"id":null,"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"::1"}}`,
  ]);
});

Deno.test("EventClient.raise() puts nothing between messages, or the delimiter", async () => {
  for (const delimiter of [undefined, "\n"]) {
    const received = Promise.withResolvers<string>();
    await using server = serve(async (conn) => {
      received.resolve(await new Response(conn.readable).text());
    });
    await using client = new EventClient(server.socket + "/m", {
      ...PATIENT,
      delimiter,
      eventParam: "event",
    });
    client.raise("E_X");
    client.raise("E_Y", ["é"]);
    client.raise("E_Z", new NamedParams([["2", 1], ["1", 2]]));
    await client.close();
    const head = `{"id":null,"jsonrpc":"2.0","method":"m","params":`;
    assertEquals(
      await received.promise,
      [
        `${head}{"event":"E_X"}}`,
        `${head}["E_Y","é"]}`,
        `${head}{"event":"E_Z","2":1,"1":2}}`,
        "",
      ].join(delimiter ?? ""),
    );
  }
});

Deno.test("EventClient.raise() sends a request in sync mode, and resolves to the result", async () => {
  const ids: number[] = [];
  await using server = serve(async (conn, reader) => {
    for (let n = 0; n < 3; n++) {
      const message = await reader.message();
      ids.push(message.id);
      assertEquals(Object.keys(message), ["id", "jsonrpc", "method", "params"]);
      await send(conn, JSON.stringify({ id: message.id, result: [n] }));
    }
    await reader.next();
  });
  await using client = new EventClient(server.socket, SYNC);
  assertEquals(await client.raise("E_X", { a: 1 }), [0]);
  assertEquals(await client.raise("E_X", { a: 1 }), [1]);
  assertEquals(await client.raise("E_X", { a: 1 }), [2]);
  for (const id of ids) assert(id >= 1 && id <= 2147483647, `${id}`);
  assertEquals(ids, [ids[0], ids[0] + 1, ids[0] + 2]);
  assertEquals(client.stats.confirmed, 3);
});

Deno.test("EventClient.raise() sends to another method, on the same connection", async () => {
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    received.resolve(await reader.all());
  });
  await using client = new EventClient(server.socket, PATIENT);
  await client.raise("E_X");
  await client.raise("E_X", {}, { socket: server.socket + "/m" });
  const tcp = server.socket.replace("jsonrpc", "tcp");
  await client.raise("E_X", {}, { socket: tcp });
  await client.close();
  assertEquals(await received.promise, [
    `{"id":null,"jsonrpc":"2.0","method":"E_X","params":{}}`,
    `{"id":null,"jsonrpc":"2.0","method":"m","params":{}}`,
    `{"jsonrpc":"2.0","method":"E_X"}`,
  ]);
  assertEquals(server.accepted, 1);
});

Deno.test("EventClient.raise() delivers 100,000 events raised in one go, in order", async () => {
  const received = Promise.withResolvers<string>();
  await using server = serve(async (conn) => {
    received.resolve(await new Response(conn.readable).text());
  });
  await using client = new EventClient(server.socket, PATIENT);
  let expected = "";
  for (let n = 0; n < 100_000; n++) {
    client.raise("E_X", { n });
    expected +=
      `{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"n":${n}}}`;
  }
  await client.close();
  assert(await received.promise === expected, "every byte, in order");
  const { raised, written, bytes, queued, queuedBytes, failed } = client.stats;
  assertEquals({ raised, written, bytes, queued, queuedBytes }, {
    raised: 100_000,
    written: 100_000,
    bytes: expected.length,
    queued: 0,
    queuedBytes: 0,
  });
  assertEquals(Object.values(failed).every((n) => n === 0), true);
});

Deno.test("EventClient.raise() confirms 10,000 events raised in one go", async () => {
  await using server = serve(echo);
  await using client = new EventClient(server.socket, SYNC);
  const results = await Promise.all(
    Array.from({ length: 10_000 }, (_, n) => client.raise("E_X", [n])),
  );
  assertEquals(results, Array.from({ length: 10_000 }, (_, n) => [n]));
  assertEquals(client.stats.inFlight, 0);
});

Deno.test("EventClient.raise() does not stall when a server answers notifications", async () => {
  const COUNT = 20_000; // with 1 KiB each, more than any buffers hold
  const answer = JSON.stringify({ id: 1, result: "x".repeat(1000) });
  const received = Promise.withResolvers<number>();
  await using server = serve(async (conn, reader) => {
    let n = 0;
    while (await reader.next() !== undefined) {
      await send(conn, answer);
      if (++n === COUNT) received.resolve(n);
    }
  });
  await using client = new EventClient(server.socket, PATIENT);
  for (let n = 0; n < COUNT; n++) client.raise("E_X", { n });
  assertEquals(await received.promise, COUNT);
});

// Replies.

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

/** Raises `count` events at once; `reply` makes of their ids what comes back. */
async function converse(
  count: number,
  reply: (ids: number[]) => string | Uint8Array[],
  options: EventClientOptions = SYNC,
) {
  await using server = serve(async (conn, reader) => {
    const ids: number[] = [];
    while (ids.length < count) ids.push((await reader.message()).id);
    const bytes = reply(ids);
    if (typeof bytes === "string") await send(conn, bytes);
    else for (const piece of bytes) await conn.write(piece);
    await reader.next();
  });
  await using client = new EventClient(server.socket, options);
  const seen = reports(client);
  const results = await Promise.allSettled(
    Array.from({ length: count }, (_, n) => client.raise("E_X", [n])),
  );
  const { stats } = client;
  return {
    values: results.map((r) => r.status === "fulfilled" ? r.value : r.reason),
    stats,
    ...seen,
  };
}

const resultTo = (id: unknown, result: unknown = "ok") =>
  JSON.stringify({ jsonrpc: "2.0", id, result });

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
      resultTo(`${a}`),
      resultTo(a, "first"),
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
    `no request in flight has the id "${unmatched[1].match(/\d+/)}"`,
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
    "no reply within 20 ms",
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
    "no reply within 50 ms",
  );
  rest.open();
  assertEquals(await client.raise("E_X"), "in time");
  assertEquals(client.stats.unmatched, 1);
});

Deno.test("EventClient fails one request when its reply is wrong, and only that", async () => {
  const { values } = await converse(
    3,
    ([a, b, c]) =>
      `{"id":${a}}{"id":${b},"error":"no","result":1}` + resultTo(c),
  );
  for (const error of values.slice(0, 2)) {
    assert(error instanceof ProtocolError);
    assertEquals(error.mayHaveArrived, true);
  }
  assertStringIncludes(
    (values[0] as unknown as Error).message,
    "the server's reply is wrong: it has neither a result nor an error",
  );
  assertEquals(values[2], "ok");
});

Deno.test("EventClient fails all requests when the server could not read us", async () => {
  const { values, stats } = await converse(
    2,
    () => `{"id":null,"error":{"code":-32700,"message":"Parse error"}}`,
  );
  for (const error of values as unknown as ServerError[]) {
    assert(error instanceof ServerError);
    assertEquals([error.code, error.message], [-32700, "Parse error"]);
  }
  assertEquals(stats.failed.server, 2);
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

// Servers that are gone, or go.

Deno.test("EventClient.raise() rejects when no server is there", async () => {
  const port = freePort();
  await using client = new EventClient(`jsonrpc:127.0.0.1:${port}`, PATIENT);
  const raised = [client.raise("E_X"), client.raise("E_Y")];
  for (const [i, promise] of raised.entries()) {
    const error = await assertRejects(() => promise, ConnectError);
    assertEquals(error.mayHaveArrived, false);
    assert(error.cause instanceof Deno.errors.ConnectionRefused);
    assertStringIncludes(
      error.message,
      `Cannot deliver "E_${
        "XY"[i]
      }" to jsonrpc:127.0.0.1:${port}: cannot connect: Connection refused`,
    );
  }
  assertEquals(client.stats.failed.connect, 2);
});

Deno.test("EventClient.raise() rejects when the host does not resolve", async () => {
  // A label of over 63 characters is no name: no resolver needs to be asked.
  const socket = `jsonrpc:${"a".repeat(64)}.invalid:80`;
  await using client = new EventClient(socket, PATIENT);
  const error = await assertRejects(() => client.raise("E_X"), ConnectError);
  assert(error.cause instanceof Error);
});

Deno.test("EventClient.raise() rejects when the network is not permitted", {
  permissions: { net: false },
}, async () => {
  await using client = new EventClient("jsonrpc:127.0.0.1:80", PATIENT);
  const error = await assertRejects(() => client.raise("E_X"), ConnectError);
  assert(error.cause instanceof Deno.errors.NotCapable);
});

Deno.test(
  needsIpv6("EventClient.raise() reaches a server by IPv6"),
  async () => {
    using listener = Deno.listen({ hostname: "::1", port: 0 });
    const accepted = listener.accept();
    const socket = `jsonrpc:[::1]:${listener.addr.port}/m`;
    await using client = new EventClient(socket, PATIENT);
    assertEquals(client.socket, socket);
    await client.raise("E_X");
    await client.close();
    using conn = await accepted;
    const text = await new Response(conn.readable).text();
    assertStringIncludes(text, `"method":"m"`);
  },
);

Deno.test("EventClient connects again when the server comes back", async () => {
  const port = freePort();
  await using client = new EventClient(`jsonrpc:127.0.0.1:${port}`, SYNC);
  for (let round = 0; round < 3; round++) {
    await assertRejects(() => client.raise("E_X"), ConnectError);
    const gone = once(client, "disconnect");
    {
      await using _server = serve(echo, port);
      assertEquals(await client.raise("E_X", [round]), [round]);
    }
    await gone;
  }
  assertEquals(client.stats.connects, 3);
});

Deno.test("EventClient.raise() rejects as unconfirmed when the server closes", async () => {
  const cases: [name: string, script: Script][] = [
    ["at once", () => {}],
    ["in mid-message", async (conn) => {
      await conn.read(new Uint8Array(10));
    }],
    ["without an answer", async (_, reader) => {
      await reader.message();
    }],
    ["in the middle of an answer", async (conn, reader) => {
      const { id } = await reader.message();
      await send(conn, resultTo(id).slice(0, -1));
    }],
  ];
  for (const [name, script] of cases) {
    await using server = serve(script);
    await using client = new EventClient(server.socket, SYNC);
    const error = await assertRejects(
      () => client.raise("E_X", ["x".repeat(1000)]),
      ConnectionClosedError,
      undefined,
      name,
    );
    assertEquals(error.mayHaveArrived, true, name);
    assertEquals(client.stats.failed.closed, 1);
  }
});

Deno.test("EventClient.raise() is confirmed when the server closes after its answer", async () => {
  await using server = serve(async (conn, reader) => {
    await send(conn, resultTo((await reader.message()).id));
  });
  await using client = new EventClient(server.socket, SYNC);
  for (let n = 1; n <= 3; n++) {
    const closed = once(client, "disconnect");
    assertEquals(await client.raise("E_X"), "ok");
    await closed;
    assertEquals(server.accepted, n);
  }
});

Deno.test("EventClient.raise() rejects when the server resets the connection", async () => {
  await using server = await serveResets();
  await using client = new EventClient(server.socket, SYNC);
  const { disconnects } = reports(client);
  const error = await assertRejects(
    () => client.raise("E_X"),
    ConnectionClosedError,
    "the connection was lost: Connection reset by peer",
  );
  assertEquals(error.mayHaveArrived, true);
  assert(error.cause instanceof Deno.errors.ConnectionReset);
  assertStringIncludes(disconnects[0]!, "the connection was lost");
});

Deno.test("EventClient sends what was not written on a new connection, once", async () => {
  // The first connection takes one event and is held, so that what follows
  // fills all buffers; then it is reset, with many events not written.
  const held = gate();
  const second = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader, n) => {
    if (n === 0) {
      await reader.message();
      return held.opened;
    }
    second.resolve(await reader.all());
  });
  await using client = new EventClient(server.socket, {
    ...PATIENT,
    maxQueueBytes: 100_000_000,
  });
  const filling = "x".repeat(60_000);
  await client.raise("E_X", [0]);
  const raised = Array.from(
    { length: 1000 },
    (_, n) => client.raise("E_X", [n + 1, filling]),
  );
  await raised[0]; // written, so others are too, until the buffers are full
  held.open();
  const settled = await Promise.allSettled(raised);
  await client.close();

  const failed = settled.filter((r) => r.status === "rejected");
  assert(failed.length >= 1 && failed.length <= 2, "the write under way");
  for (const { reason } of failed) {
    assert(reason instanceof ConnectionClosedError);
    assertEquals(reason.mayHaveArrived, true);
  }
  // All after the failed ones arrived, once, and in order.
  const last = settled.findLastIndex((r) => r.status === "rejected");
  const arrived = (await second.promise).map((t) => JSON.parse(t).params[0]);
  assertEquals(
    arrived,
    Array.from({ length: 999 - last }, (_, n) => last + 2 + n),
  );
  assertEquals(server.accepted, 2);
});

Deno.test("EventClient fails what was not written when it cannot connect again", async () => {
  const held = gate();
  const server = serve(async (_, reader) => {
    await reader.message();
    await held.opened;
  });
  await using client = new EventClient(server.socket, {
    ...PATIENT,
    maxQueueBytes: 100_000_000,
  });
  await client.raise("E_X");
  const filling = "x".repeat(60_000);
  const raised = Array.from(
    { length: 1000 },
    () => client.raise("E_X", [filling]),
  );
  await raised[0];
  server.stopListening();
  held.open();
  const reasons = (await Promise.allSettled(raised))
    .flatMap((r) => r.status === "rejected" ? [r.reason] : []);
  assert(reasons.at(0) instanceof ConnectionClosedError);
  assert(reasons.at(-1) instanceof ConnectError);
  assertEquals(reasons.at(-1).mayHaveArrived, false);
  await server[Symbol.asyncDispose]();
});

/** A connection in memory of which a test is the server. */
function scripted(write: (text: string) => void | Promise<void>) {
  let replies!: ReadableStreamDefaultController<Uint8Array>;
  let closed = 0;
  const connection: Connection = {
    readable: new ReadableStream({ start: (c) => void (replies = c) }),
    writable: new WritableStream({
      write: (bytes) => write(new TextDecoder().decode(bytes)),
    }),
    close: () => void closed++,
  };
  return {
    connection,
    reply: (text: string) => replies.enqueue(new TextEncoder().encode(text)),
    end: () => replies.close(),
    fail: (error: unknown) => replies.error(error),
    get closed() {
      return closed;
    },
  };
}

Deno.test("EventClient takes replies that came before a write failed", async () => {
  const lost = new Error("broken pipe");
  const first = scripted((text) => {
    const { id, method } = JSON.parse(text);
    if (method === "E_1") return void (replyToFirst = resultTo(id));
    first.reply(replyToFirst);
    throw lost;
  });
  let replyToFirst = "";
  const second = scripted((text) =>
    second.reply(resultTo(JSON.parse(text).id))
  );
  const connections = [first.connection, second.connection];
  const client = new EventClient("jsonrpc:127.0.0.1:1", {
    ...SYNC,
    connect: () => Promise.resolve(connections.shift()!),
  });
  const raised = [client.raise("E_1")];
  await once(client, "connect");
  raised.push(client.raise("E_2"));
  assertEquals(await raised[0], "ok");
  raised.push(client.raise("E_3"));
  first.end();
  const error = await assertRejects(() => raised[1], ConnectionClosedError);
  assertEquals([error.cause, error.mayHaveArrived], [lost, true]);
  assertEquals(await raised[2], "ok");
  second.end();
  await client.close();
});

Deno.test("EventClient survives causes of any make", async () => {
  const odd = [Object.create(null), undefined, {
    get message() {
      throw new Error();
    },
  }];
  for (const cause of odd) {
    await using client = new EventClient("jsonrpc:127.0.0.1:1", {
      ...PATIENT,
      connect: () => Promise.reject(cause),
    });
    const error = await assertRejects(() => client.raise("E_X"), ConnectError);
    assertEquals(error.cause, cause);

    const server = scripted(() => {});
    await using reading = new EventClient("jsonrpc:127.0.0.1:1", {
      ...SYNC,
      connect: () => Promise.resolve(server.connection),
    });
    const raised = reading.raise("E_X");
    server.fail(cause);
    await assertRejects(() => raised, ConnectionClosedError);
    assertEquals(server.closed, 1);
  }
});

Deno.test("EventClient closes a connection that it cannot use", async () => {
  const { connection } = scripted(() => {});
  connection.writable.getWriter();
  let closed = 0;
  await using client = new EventClient("jsonrpc:127.0.0.1:1", {
    ...PATIENT,
    connect: () =>
      Promise.resolve({ ...connection, close: () => void closed++ }),
  });
  await assertRejects(() => client.raise("E_X"), ConnectError, "locked");
  assertEquals(closed, 1);
});

Deno.test("EventClient ignores the rest of a batch that ends the connection", async () => {
  const { values, stats } = await converse(1, ([id]) =>
    JSON.stringify([
      { id: null, error: { code: 1, message: "no" } },
      { id, result: "ok" },
      7,
    ]));
  assert((values[0] as unknown) instanceof ServerError);
  assertEquals(stats.unmatched, 0);
});

// The queue.

Deno.test("EventClient.raise() rejects at once when the queue is full", async () => {
  const held = gate();
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    await held.opened;
    received.resolve(await reader.all());
  });
  const maxQueueBytes = 1_000_000;
  await using client = new EventClient(server.socket, {
    ...PATIENT,
    maxQueueBytes,
  });
  const filling = "x".repeat(10_000);
  let firstRefused = -1;
  const raised: Promise<unknown>[] = [];
  while (firstRefused === -1) {
    raised.push(client.raise("E_X", [raised.length, filling]));
    assert(client.stats.queuedBytes <= maxQueueBytes);
    if (client.stats.failed.queueFull > 0) firstRefused = raised.length - 1;
  }
  const error = await assertRejects(() => raised[firstRefused], QueueFullError);
  assertEquals(error.mayHaveArrived, false);
  assertStringIncludes(error.message, `maxQueueBytes is 1000000`);
  held.open();
  await client.close();
  const arrived = (await received.promise).map((t) => JSON.parse(t).params[0]);
  assertEquals(arrived, Array.from({ length: firstRefused }, (_, n) => n));
  assertEquals(client.stats.queuedBytes, 0);
});

Deno.test("EventClient counts queued bytes as they are in UTF-8", async () => {
  const connecting = Promise.withResolvers<never>();
  const client = new EventClient("jsonrpc:127.0.0.1:1", {
    ...PATIENT,
    connect: () => connecting.promise,
  });
  client.raise("E_X", ["aé漢😀"]);
  assertEquals(
    client.stats.queuedBytes,
    new TextEncoder().encode(
      `{"id":null,"jsonrpc":"2.0","method":"E_X","params":["aé漢😀"]}`,
    ).length,
  );
  connecting.reject(new Error("enough"));
  await client.close();
  assertEquals(client.stats.queuedBytes, 0);
});

// Closing.

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
  const held = gate();
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    await held.opened;
    received.resolve(await reader.all());
  });
  const client = new EventClient(server.socket, PATIENT);
  const filling = "x".repeat(10_000_000);
  client.raise("E_X", [filling]);
  await once(client, "connect");
  client.raise("E_Y");
  const closed = client.close();
  held.open();
  await closed;
  assertEquals((await received.promise).map((t) => JSON.parse(t).method), [
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

// Aborting.

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

Deno.test("EventClient.raise() gives up connecting when aborted and nobody else waits", async () => {
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
  assertEquals(signals.map((s) => s.aborted), [true]);
  assertEquals(client.stats.failed.aborted, 2);
});

Deno.test("EventClient.raise() never sends what was aborted in the queue", async () => {
  const held = gate();
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    await held.opened;
    received.resolve(await reader.all());
  });
  await using client = new EventClient(server.socket, PATIENT);
  const { signal } = new AbortController();
  const aborting = new AbortController();
  const written = client.raise("E_1", ["x".repeat(10_000_000)], { signal });
  await once(client, "connect");
  const queued = client.raise("E_2", {}, { signal: aborting.signal });
  client.raise("E_3");
  aborting.abort();
  await assertRejects(() => queued, DOMException);
  held.open();
  await written;
  await client.close();
  assertEquals((await received.promise).map((t) => JSON.parse(t).method), [
    "E_1",
    "E_3",
  ]);
});

Deno.test("EventClient.raise() finishes a message that is aborted in its write", async () => {
  const held = gate();
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    await held.opened;
    received.resolve(await reader.all());
  });
  await using client = new EventClient(server.socket, PATIENT);
  const aborting = new AbortController();
  const { signal } = aborting;
  const cut = client.raise("E_1", ["x".repeat(10_000_000)], { signal });
  await once(client, "connect");
  const next = client.raise("E_2");
  aborting.abort();
  await assertRejects(() => cut, DOMException);
  held.open();
  await next;
  await client.close();
  assertEquals((await received.promise).map((t) => JSON.parse(t).method), [
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
    connect: (_host, _port, { signal }) => {
      if (++attempts > 1) return Promise.reject(new Error("second"));
      signal.addEventListener("abort", () => raised.push(client.raise("E_Y")));
      return new Promise(() => {});
    },
  });
  const aborting = new AbortController();
  const given = client.raise("E_X", {}, { signal: aborting.signal });
  while (attempts === 0) await null;
  aborting.abort();
  await assertRejects(() => given, DOMException);
  await assertRejects(() => raised[0], ConnectError, "second");
  await client.close();
});

// A message is never cut short and followed by another.

Deno.test("EventClient never cuts a message short when events time out in a slow write", async () => {
  const held = gate();
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    await held.opened;
    const texts = await reader.all();
    assertEquals(reader.rest, "");
    received.resolve(texts);
  });
  await using client = new EventClient(server.socket, {
    ...PATIENT,
    maxQueueBytes: 1e9,
  });
  await client.raise("E_FIRST");
  const timeoutMs = 50;
  const settled = await Promise.allSettled(Array.from(
    { length: 200 },
    (_, n) => client.raise("E_X", [n, "x".repeat(100_000)], { timeoutMs }),
  ));
  held.open();
  await client.raise("E_LAST");
  await client.close();

  const written = settled.flatMap((r, n) =>
    r.status === "fulfilled" ? [n] : []
  );
  const unsure = settled.flatMap((r, n) =>
    r.status === "rejected" && r.reason.mayHaveArrived ? [n] : []
  );
  assertEquals(unsure.length, 1, "the one whose write is under way");
  const [first, ...messages] = (await received.promise).map((text) =>
    JSON.parse(text)
  );
  assertEquals(first.method, "E_FIRST");
  assertEquals(messages.pop().method, "E_LAST");
  assertEquals(messages.map((m) => m.params[0]), [...written, ...unsure]);
  assertEquals(server.accepted, 1);
});

Deno.test("EventClient stays within its bound before a server that never reads", async () => {
  const held = gate();
  await using server = serve(() => held.opened);
  await using client = new EventClient(server.socket, {
    timeoutMs: 5,
    maxQueueBytes: 1_000_000,
  });
  for (let round = 0; round < 20; round++) {
    const raised = Array.from(
      { length: 1000 },
      () => client.raise("E_X", ["x".repeat(1000)]),
    );
    await Promise.allSettled(raised);
    const { queued, queuedBytes } = client.stats;
    assertEquals(queued, 0);
    assert(queuedBytes < 1_000_000);
  }
  assert(client.stats.failed.timeout > 1000, "the server did not read");
  held.open();
});

// Wrong use.

Deno.test("new EventClient() refuses wrong options", () => {
  const make = (options: EventClientOptions) => () =>
    new EventClient("jsonrpc:127.0.0.1:1", options);
  for (const timeoutMs of [0, -1, NaN, Infinity, 2 ** 31]) {
    assertThrows(make({ timeoutMs }), RangeError, `timeoutMs ${timeoutMs}`);
  }
  assertThrows(make({ delimiter: "," }), RangeError, `delimiter ","`);
  assertThrows(make({ maxQueueBytes: 0 }), RangeError, "maxQueueBytes 0");
  assertThrows(make({ maxMessageBytes: 0 }), RangeError, "maxMessageBytes 0");
  assertThrows(make({ eventParam: "" }), TypeError, `eventParam ""`);
  assertThrows(() => new EventClient("127.0.0.1:1"), SocketSyntaxError);
});

Deno.test("EventClient.raise() throws at once what the caller did wrong", async () => {
  await using client = new EventClient("jsonrpc:127.0.0.1:1", {
    eventParam: "event",
  });
  assertThrows(() => client.raise("E_X", { a: 1n }), ParamsError, "params.a");
  assertThrows(
    () => client.raise("E_X", { event: 1 }),
    ParamsError,
    "params.event",
  );
  assertThrows(() => client.raise(""), TypeError, "a non-empty string");
  assertThrows(
    () => client.raise("E_X", {}, { socket: "jsonrpc:127.0.0.1:x" }),
    SocketSyntaxError,
  );
  assertThrows(
    () => client.raise("E_X", {}, { socket: "jsonrpc:127.0.0.1:2" }),
    RangeError,
    `this client is for "jsonrpc:127.0.0.1:1", expected the same host and port`,
  );
  assertThrows(
    () => client.raise("E_X", {}, { timeoutMs: -1 }),
    RangeError,
    "timeoutMs -1",
  );
  assertEquals(client.stats.raised, 0);
});

Deno.test("EventClient.raise() takes params as they are when it is called", async () => {
  const received = Promise.withResolvers<string[]>();
  await using server = serve(async (_, reader) => {
    received.resolve(await reader.all());
  });
  await using client = new EventClient(server.socket, PATIENT);
  const params: Record<string, JsonValue> = { ip: "before" };
  client.raise("E_X", params);
  params.ip = "after";
  await client.close();
  assertStringIncludes((await received.promise)[0], "before");
});

Deno.test("EventClient.raise() that fails and is not awaited does not end the process", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-config",
      `import { EventClient } from ${
        JSON.stringify(import.meta.resolve("../mod.ts"))
      };
       const client = new EventClient("jsonrpc:127.0.0.1:${freePort()}");
       client.raise("E_X");
       client.raise("E_X", {}, { signal: AbortSignal.abort() });
       await client.flush();
       client.close();
       client.raise("E_X");
       await new Promise((resolve) => setTimeout(resolve));
       console.log(client.stats.raised);`,
    ],
  }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "3\n"], text);
});

Deno.test("EventClient counts every event once", async () => {
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    await send(conn, resultTo(id));
    const { id: second } = await reader.message();
    await send(conn, `{"id":${second},"error":{"code":1,"message":""}}`);
    await reader.message();
  });
  await using client = new EventClient(server.socket, SYNC);
  await client.raise("E_X");
  await client.raise("E_X").catch(() => {});
  await client.raise("E_X").catch(() => {});
  await client.raise("E_X", {}, { signal: AbortSignal.abort() }).catch(
    () => {},
  );
  const { bytes, ...stats } = client.stats;
  assert(bytes > 150);
  assertEquals(stats, {
    raised: 4,
    written: 3,
    confirmed: 1,
    failed: {
      connect: 0,
      closed: 1,
      timeout: 0,
      queueFull: 0,
      server: 1,
      protocol: 0,
      aborted: 1,
    },
    unmatched: 0,
    connects: 1,
    queued: 0,
    queuedBytes: 0,
    inFlight: 0,
  });
});

/** A connection on which a write is done when a test says so. */
function slowConnection() {
  const writes: { bytes: number; done: () => void }[] = [];
  let end: () => void;
  const connection: Connection = {
    readable: new ReadableStream({
      start: (controller) => void (end = () => controller.close()),
    }),
    writable: new WritableStream({
      write: ({ length: bytes }) =>
        new Promise((done) => writes.push({ bytes, done })),
      close: () => end(),
    }),
    close() {},
  };
  return { connection, writes };
}

Deno.test("EventClient.raise() works in every microtask around the end of a write", async () => {
  for (let first = 0; first < 15; first++) {
    for (let second = 0; second < 15; second++) {
      const { connection, writes } = slowConnection();
      const client = new EventClient("jsonrpc:h:1", {
        ...PATIENT,
        connect: () => Promise.resolve(connection),
      });
      const raised = [client.raise("E_X")];
      while (writes.length === 0) await null;
      const raiseAfter = async (ticks: number) => {
        for (let n = 0; n < ticks; n++) await null;
        raised.push(client.raise("E_X"));
      };
      const before = raiseAfter(first); // its turn may come before the write's
      writes[0].done();
      await Promise.all([before, raiseAfter(second)]);
      for (let n = 1; client.stats.written < 3;) {
        for (; n < writes.length; n++) writes[n].done();
        await null;
      }
      await Promise.all(raised);
      const { bytes, queuedBytes } = client.stats;
      assertEquals(bytes, writes.reduce((sum, { bytes }) => sum + bytes, 0));
      assertEquals(queuedBytes, 0);
      await client.close();
    }
  }
});

Deno.test("EventClient.close() refuses what is raised by its own connect()", async () => {
  let late: Promise<unknown> | undefined;
  const client: EventClient = new EventClient("jsonrpc:h:1", {
    ...PATIENT,
    connect: () => {
      late ??= client.raise("E_LATE");
      return Promise.reject(new Error("no"));
    },
  });
  client.raise("E_X");
  await client.close();
  await assertRejects(() => late!, ConnectionClosedError, "is closed");
});

Deno.test("EventClient has room again for what takes the place of aborted events", async () => {
  const client = new EventClient("jsonrpc:h:1", {
    ...PATIENT,
    maxQueueBytes: 2000,
    connect: () => new Promise(() => {}),
  });
  const stopping = new AbortController();
  client.raise("E_LONG", {}, { signal: stopping.signal });
  for (let n = 0; n < 1000; n++) {
    const aborting = new AbortController();
    const raised = client.raise("E_X", { n }, { signal: aborting.signal });
    aborting.abort();
    await assertRejects(() => raised, DOMException, "aborted");
  }
  assertEquals(client.stats.failed.aborted, 1000);
  stopping.abort();
  assertEquals(client.stats.queuedBytes, 0);
  await client.close();
});

Deno.test("EventClient does not change bytes that a stream may keep", async () => {
  const written: Uint8Array[] = [];
  const client = new EventClient("jsonrpc:h:1", {
    ...PATIENT,
    connect: () =>
      Promise.resolve({
        readable: new ReadableStream<Uint8Array>(),
        writable: new WritableStream<Uint8Array>({
          write: (bytes) => void written.push(bytes),
        }),
        close() {},
      }),
  });
  for (let n = 1; n <= 3; n++) await client.raise("E_X", { n });
  assertEquals(
    written.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)).params),
    [{ n: 1 }, { n: 2 }, { n: 3 }],
  );
  client.close();
  await client.flush();
});

Deno.test("EventClient.raise() refuses what is no signal, and counts nothing", async () => {
  await using client = new EventClient("jsonrpc:h:1", PATIENT);
  // deno-lint-ignore no-explicit-any
  for (const signal of [new AbortController(), {}, null] as any[]) {
    assertThrows(
      () => client.raise("E", {}, { signal }),
      TypeError,
      "expected an AbortSignal",
    );
  }
  assertEquals(client.stats.raised, 0);
});

Deno.test("EventClient sends each event though methods of a signal raise and abort", async () => {
  const written: string[] = [];
  const opened = gate();
  const client = new EventClient("jsonrpc:h:1", {
    ...PATIENT,
    connect: async () => {
      await opened.opened;
      return {
        readable: new ReadableStream<Uint8Array>(),
        writable: new WritableStream<Uint8Array>({
          write: (bytes) => void written.push(new TextDecoder().decode(bytes)),
        }),
        close() {},
      };
    },
  });
  const [a, b] = [new AbortController(), new AbortController()];
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  a.signal.addEventListener = (
    ...args: Parameters<EventTarget["addEventListener"]>
  ) => {
    client.raise("E_INNER", { inner: 1 });
    addEventListener.apply(a.signal, args);
  };
  a.signal.removeEventListener = (
    ...args: Parameters<EventTarget["removeEventListener"]>
  ) => {
    removeEventListener.apply(a.signal, args);
    b.abort();
  };
  const raised = [
    client.raise("E_A", { a: 1 }, { signal: a.signal }),
    client.raise("E_B", { b: 1 }, { signal: b.signal }),
    client.raise("E_C", { big: "x".repeat(62_000) }),
  ];
  a.abort();
  opened.open();
  const settled = await Promise.allSettled(raised);
  assertEquals(settled.map(({ status }) => status), [
    "rejected",
    "rejected",
    "fulfilled",
  ]);
  const whole = written.join("");
  assertStringIncludes(whole, '"E_INNER","params":{"inner":1}');
  assertStringIncludes(whole, '"E_C","params":{"big":"xxx');
  assertEquals(client.stats.queuedBytes, 0);
});

Deno.test("EventClient times events out though one beside them was aborted", async () => {
  const client = new EventClient("jsonrpc:h:1", {
    timeoutMs: 50,
    connect: () => new Promise(() => {}),
  });
  const { signal, abort } = aborting();
  const first = client.raise("E_A", {}, { signal });
  const second = client.raise("E_B");
  await new Promise((resolve) => setTimeout(resolve));
  abort();
  await assertRejects(() => first, DOMException);
  await assertRejects(() => second, DeliveryTimeoutError);
  await client.close();
});

Deno.test("EventClient is not confused by a write that ends late", async () => {
  let end!: () => void, done!: () => void;
  const writing = gate();
  const client = new EventClient("jsonrpc:h:1", {
    ...PATIENT,
    connect: () =>
      Promise.resolve({
        readable: new ReadableStream<Uint8Array>({
          start: (controller) => end = () => controller.close(),
        }),
        writable: new WritableStream<Uint8Array>({
          write: () =>
            new Promise<void>((resolve) => {
              done = resolve;
              writing.open();
            }),
        }),
        close() {},
      }),
  });
  const raised = client.raise("E_X");
  await writing.opened;
  end();
  const error = await assertRejects(() => raised, ConnectionClosedError);
  assertEquals(
    error instanceof ConnectionClosedError && error.mayHaveArrived,
    true,
  );
  done();
  await new Promise((resolve) => setTimeout(resolve));
  const { queuedBytes, written, bytes } = client.stats;
  assertEquals({ queuedBytes, written, bytes }, {
    queuedBytes: 0,
    written: 0,
    bytes: 0,
  });
});

function aborting() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
