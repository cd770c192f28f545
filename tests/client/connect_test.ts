import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  ConnectError,
  ConnectionClosedError,
  EventClient,
  type StreamPair,
} from "../../mod.ts";
import {
  freePort,
  gate,
  needsIpv6,
  type Script,
  send,
  serve,
  serveResets,
} from "../helpers/tcp.ts";
import {
  converse,
  echo,
  once,
  PATIENT,
  reports,
  resultTo,
  SYNC,
} from "../helpers/client.ts";

Deno.test("EventClient.raise() rejects when no server is there", async () => {
  const port = freePort();
  await using client = new EventClient(`jsonrpc:127.0.0.1:${port}`, PATIENT);
  const raise = (...events: string[]) =>
    events.map((event) => client.raise(event)).at(-1)!;
  for (
    const [events, named] of [
      [["E_X"], `"E_X"`],
      [["E_X", "E_X"], `"E_X"`],
      [["E_X", "E_Y"], `"E_X" and another event`],
      [["E_X", "E_Y", "E_X"], `"E_X" and 2 other events`],
    ] as const
  ) {
    const error = await assertRejects(() => raise(...events), ConnectError);
    assertEquals(error.mayHaveArrived, false);
    assert(error.cause instanceof Deno.errors.ConnectionRefused);
    assertStringIncludes(
      error.message,
      `Cannot deliver ${named} to jsonrpc:127.0.0.1:${port}: cannot connect: Connection refused`,
    );
  }
  assertEquals(client.stats.failed.connect, 8);
});

for (
  const [cause, shown] of [
    [
      new AggregateError([
        new Error("connect ECONNREFUSED ::1:80"),
        new Error("connect ECONNREFUSED 127.0.0.1:80"),
      ]),
      "connect ECONNREFUSED ::1:80; connect ECONNREFUSED 127.0.0.1:80",
    ],
    [new AggregateError([new Error("a")], "both failed"), "both failed"],
    [new AggregateError(["a text", null]), "a text; null"],
    [new Error("a"), "a"],
  ] as const
) {
  Deno.test(`EventClient.raise() says why no connection could be opened: ${shown}`, async () => {
    await using client = new EventClient("jsonrpc:127.0.0.1:80", {
      connect: () => Promise.reject(cause),
    });
    const error = await assertRejects(() => client.raise("E_X"), ConnectError);
    assertStringIncludes(error.message, `: cannot connect: ${shown}`);
    assertEquals(error.cause, cause);
  });
}

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
  const connection: StreamPair = {
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
      { id: null, error: { code: -32700, message: "no" } },
      { id, result: "ok" },
      7,
    ]));
  assert((values[0] as unknown) instanceof ConnectionClosedError);
  assertEquals(stats.unmatched, 0);
});
