// What real peers and a busy event loop do to a client.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  connectDeno,
  ConnectionClosedError,
  DeliveryTimeoutError,
  EventClient,
  type EventClientOptions,
  JsonText,
  QueueFullError,
  ServerError,
} from "../../mod.ts";
import { gate, type Script, send, serve } from "../helpers/tcp.ts";
import { converse, PATIENT, resultTo, SYNC } from "../helpers/client.ts";
import { until } from "../helpers/until.ts";

/** Computes for so long, as an application may. */
function block(ms: number): void {
  const start = performance.now();
  while (performance.now() - start < ms);
}

// Connecting.

Deno.test("EventClient reaches a host that takes longer to open than an event may take", async () => {
  await using server = serve(async (_, reader) => void await reader.all());
  let attempts = 0;
  const opening = gate();
  await using client = new EventClient(server.socket, {
    timeoutMs: 20,
    connect: async (...args) => {
      attempts++;
      await opening.opened;
      return await connectDeno(...args);
    },
  });
  for (let n = 0; n < 3; n++) {
    await assertRejects(
      () => client.raise("E_X"),
      DeliveryTimeoutError,
      "not connected within 20 ms",
    );
  }
  opening.open();
  await client.raise("E_X", {}, PATIENT);
  assertEquals(attempts, 1);
  assertEquals(client.stats.connects, 1);
});

Deno.test("EventClient has one attempt under way to a host that never opens, whatever is raised", async () => {
  const signals: AbortSignal[] = [];
  const client = new EventClient("jsonrpc:h:1", {
    timeoutMs: 5,
    connect: (_host, _port, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    },
  });
  const aborting = new AbortController();
  for (let n = 0; n < 10; n++) {
    const { signal } = n % 2 === 0 ? new AbortController() : aborting;
    const raised = client.raise("E_X", {}, { signal }).catch((e: Error) => e);
    aborting.abort();
    assert(await raised instanceof Error);
  }
  assertEquals(signals.map(({ aborted }) => aborted), [false]);
  await client.close();
  assertEquals(signals.map(({ aborted }) => aborted), [true]);
});

// A timer that rings late.

/** A server in a thread of its own: it answers though this one computes. */
async function serveInWorker(): Promise<
  { socket: string; [Symbol.dispose](): void }
> {
  const script = `
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    postMessage(listener.addr.port);
    for await (const conn of listener) serve(conn).catch(() => {});
    async function serve(conn) {
      const buffer = new Uint8Array(65536);
      for (let n; (n = await conn.read(buffer)) !== null;) {
        const text = new TextDecoder().decode(buffer.subarray(0, n));
        for (const [, id] of text.matchAll(/"id":(\\d+)/g)) {
          await conn.write(new TextEncoder().encode('{"id":' + id + ',"result":true}'));
        }
      }
      conn.close();
    }`;
  const url = URL.createObjectURL(
    new Blob([script], { type: "text/javascript" }),
  );
  const worker = new Worker(url, { type: "module" });
  const port = await new Promise((resolve) =>
    worker.onmessage = ({ data }) => resolve(data)
  );
  URL.revokeObjectURL(url);
  return {
    socket: `jsonrpc:127.0.0.1:${port}`,
    [Symbol.dispose]: () => worker.terminate(),
  };
}

for (const blockMs of [80, 300]) {
  Deno.test(`EventClient takes the responses that came while the application computed for ${blockMs} ms`, async () => {
    using server = await serveInWorker();
    await using client = new EventClient(server.socket, {
      syncMode: true,
      timeoutMs: 50,
    });
    await client.raise("E_FIRST", {}, PATIENT);
    for (const count of [1, 3, 100]) {
      const raised = Array.from({ length: count }, () => client.raise("E_X"));
      for (let n = 0; n < 5; n++) await null; // it is written
      block(blockMs);
      assertEquals(await Promise.all(raised), raised.map(() => true));
    }
    assertEquals(client.stats.unmatched, 0);
    assertEquals(client.stats.failed.timeout, 0);
  });
}

Deno.test("EventClient sends the first event though its connection opened while the application computed", async () => {
  using server = await serveInWorker();
  for (const syncMode of [false, true]) {
    await using client = new EventClient(server.socket, {
      syncMode,
      timeoutMs: 50,
    });
    const raised = client.raise("E_X");
    for (let n = 0; n < 5; n++) await null; // connecting has begun
    block(200);
    await raised;
  }
});

Deno.test("EventClient times out though a server sends without end", async () => {
  await using server = serve(async (conn, reader) => {
    await reader.message();
    for (;;) await send(conn, "[]".repeat(1000));
  });
  const client = new EventClient(server.socket, {
    syncMode: true,
    timeoutMs: 30,
  });
  const raised = client.raise("E_X");
  await new Promise((resolve) =>
    client.addEventListener("unmatched", resolve, { once: true })
  );
  block(100);
  await assertRejects(() => raised, DeliveryTimeoutError, "no response");
  await server[Symbol.asyncDispose]();
  await client.close();
});

// Connections that are dead, idle, or for one message.

Deno.test("EventClient gives up a connection on which nothing comes back", async () => {
  const scripts: Script[] = [
    async (_, reader) => void await reader.all(), // as behind a firewall
    async (conn, reader) => {
      for (let text; (text = await reader.next()) !== undefined;) {
        await send(conn, resultTo(JSON.parse(text).id));
      }
    },
  ];
  await using server = serve((conn, reader, n) => scripts[n](conn, reader, n));
  await using client = new EventClient(server.socket, {
    syncMode: true,
    timeoutMs: 20,
  });
  for (let n = 0; n < 3; n++) {
    await assertRejects(() => client.raise("E_X"), DeliveryTimeoutError);
  }
  for (let n = 0; n < 3; n++) {
    assertEquals(await client.raise("E_X", {}, PATIENT), "ok");
  }
  assertEquals(server.accepted, 2);
});

Deno.test("EventClient keeps a connection on which something came back", async () => {
  await using server = serve(async (conn, reader) => {
    for (let n = 0; await reader.next() !== undefined; n++) {
      if (n % 3 === 2) await send(conn, " ");
    }
  });
  await using client = new EventClient(server.socket, {
    syncMode: true,
    timeoutMs: 20,
  });
  for (let n = 0; n < 8; n++) {
    await assertRejects(() => client.raise("E_X"), DeliveryTimeoutError);
  }
  assertEquals(server.accepted, 1);
});

Deno.test("EventClient closes a connection that is idle for maxIdleMs", async () => {
  await using server = serve(async (_, reader) => void await reader.all());
  await using client = new EventClient(server.socket, {
    ...PATIENT,
    maxIdleMs: 20,
  });
  for (let n = 1; n <= 3; n++) {
    await client.raise("E_X");
    const { promise, resolve } = Promise.withResolvers<unknown>();
    client.addEventListener(
      "disconnect",
      ({ detail }) => resolve(detail.error),
      {
        once: true,
      },
    );
    assertEquals(await promise, undefined);
    assertEquals(server.accepted, n);
  }
});

for (const syncMode of [false, true]) {
  const mode = syncMode ? "requests" : "notifications";
  for (const burst of [1, 10, 100]) {
    Deno.test(`EventClient delivers 100 ${mode}, ${burst} at once, to a server that takes one and closes`, async () => {
      const received: unknown[] = [];
      const all = gate();
      await using server = serve(async (conn, reader) => {
        const { id, params } = await reader.message();
        received.push(params[0]);
        if (syncMode) await send(conn, resultTo(id, params[0]));
        if (received.length === 100) all.open();
      });
      await using client = new EventClient(server.socket, {
        ...PATIENT,
        syncMode,
        maxRequestsPerConnection: 1,
      });
      for (let n = 0; n < 100; n += burst) {
        const numbers = Array.from({ length: burst }, (_, i) => n + i);
        const results = await Promise.all(
          numbers.map((i) => client.raise("E_X", [i])),
        );
        if (syncMode) assertEquals(results, numbers);
      }
      await all.opened;
      assertEquals(received.toSorted((a, b) => Number(a) - Number(b)), [
        ...Array(100).keys(),
      ]);
    });
  }
}

// Bounds.

Deno.test("EventClient keeps requests past maxInFlight in its queue", async () => {
  const held = gate();
  await using server = serve(async (_, reader) => {
    await reader.message();
    await held.opened;
  });
  const client = new EventClient(server.socket, SYNC);
  const raised = Array.from(
    { length: 50_000 },
    () => client.raise("E_X").catch(() => {}),
  );
  await new Promise((resolve) =>
    client.addEventListener("connect", resolve, { once: true })
  );
  await until(() => client.stats.inFlight >= 16_384);
  assertEquals(client.stats.inFlight, 16_384);
  assertEquals(client.stats.queued, 50_000 - 16_384);
  held.open();
  const closed = client.close();
  await server[Symbol.asyncDispose]();
  await Promise.all(raised);
  await closed;
});

Deno.test("EventClient sends requests one at a time with maxInFlight 1", async () => {
  let open = 0, most = 0;
  await using server = serve(async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 0));
      open--;
      await send(conn, resultTo(JSON.parse(text).id));
    }
  });
  await using client = new EventClient(server.socket, {
    ...SYNC,
    maxInFlight: 1,
  });
  await Promise.all(Array.from({ length: 20 }, () => client.raise("E_X")));
  assertEquals(most, 1);
});

Deno.test("EventClient takes 600,000 events in one go by its defaults, and tells of those past its bound", async () => {
  const connecting = Promise.withResolvers<never>();
  const client = new EventClient("jsonrpc:h:1", {
    connect: () => connecting.promise,
  });
  const told: number[] = [];
  client.addEventListener(
    "full",
    ({ detail }) => void told.push(detail.events),
  );
  for (let n = 0; n < 600_000; n++) client.raise("E_X", { ip: "192.168.2.11" });
  assertEquals(client.stats.failed.queueFull, 0);
  let refused: Promise<unknown> | undefined;
  while (client.stats.failed.queueFull < 1000) refused = client.raise("E_X");
  await assertRejects(() => refused!, QueueFullError, "the queue is full");
  await null;
  assertEquals(told, [1000]);
  client.raise("E_X").catch(() => {});
  await null;
  await null;
  assertEquals(told, [1000, 1]);
  connecting.reject(new Error("enough"));
  await client.close();
});

// Responses of servers in use.

Deno.test("EventClient gives an error without an id to nobody, with several in flight", async () => {
  const { values, stats, unmatched } = await converse(
    8,
    (ids) =>
      `{"id":null,"error":{"code":-32602,"message":"Invalid params"}}` +
      ids.map((id) => resultTo(id)).join(""),
  );
  assertEquals(values, Array(8).fill("ok"));
  assertEquals(stats.unmatched, 1);
  assert(unmatched[0].includes("8 requests are in flight"), unmatched[0]);
});

Deno.test("EventClient gives an error without an id to the only request in flight", async () => {
  const { values, stats } = await converse(
    1,
    () => `{"id":null,"error":{"code":-32602,"message":"Invalid params"}}`,
  );
  const [error] = values as unknown as ServerError[];
  assert(error instanceof ServerError);
  assertEquals([error.code, error.message], [-32602, "Invalid params"]);
  assertEquals(stats.unmatched, 0);
});

Deno.test("EventClient shows the text of errors that are a text or a list", async () => {
  const { values } = await converse(
    3,
    ([a, b, c]) =>
      `{"id":${a},"result":null,"error":"rpc: can't find method"}` +
      `{"id":${b},"result":null,"error":[24,"Unauthorized worker",null]}` +
      `{"id":${c},"error":{"code":7,"message":"seven"}}`,
  );
  const shown = (values as unknown as ServerError[]).map((error) => {
    assert(error instanceof ServerError);
    return [error.code, error.message, error.data];
  });
  assertEquals(shown, [
    [0, "rpc: can't find method", "rpc: can't find method"],
    [24, "Unauthorized worker", [24, "Unauthorized worker", null]],
    [7, "seven", undefined],
  ]);
});

Deno.test("EventClient takes byte order marks, ids as texts, and bytes that are not UTF-8", async () => {
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    await send(conn, `\ufeff{"jsonrpc":"2.0","id":"${id}","result":"`);
    await conn.write(Uint8Array.of(0x54, 0xe9, 0x6c, 0xe9)); // ISO 8859-1
    await send(conn, `"}`);
    await send(conn, resultTo((await reader.message()).id, "next"));
    await reader.next();
  });
  await using client = new EventClient(server.socket, SYNC);
  assertEquals(await client.raise("E_X"), "T\ufffdl\ufffd");
  assertEquals(await client.raise("E_X"), "next");
  assertEquals(server.accepted, 1);
});

Deno.test("EventClient.raise() resolves to the result as it came with rawResult", async () => {
  for (
    const result of [
      "12345678901234567890",
      ` { "b": 1e400, "2": 1.0, "b": [ ] }`,
      `"\\u0041"`,
      "null",
    ]
  ) {
    for (const isBatch of [false, true]) {
      await using server = serve(async (conn, reader) => {
        const { id } = await reader.message();
        const text = `{"result":${result},"id":"${id}"}`;
        await send(conn, isBatch ? `[7, {"id":0,"result":0},${text} ]` : text);
        await reader.next();
      });
      await using client = new EventClient(server.socket, SYNC);
      const raw = await client.raise("E_X", {}, { rawResult: true });
      assert(raw instanceof JsonText);
      assertEquals(raw.text, result.trim());
    }
  }
});

Deno.test("EventClient.raise() finds the raw result in a batch that has other things", async () => {
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    await send(
      conn,
      `[{"id":${id},"method":"x","result":"no"},{"id":${id},"result":1.0},{"id":${id},"result":2.0}]`,
    );
    await reader.next();
  });
  await using client = new EventClient(server.socket, SYNC);
  const raw = await client.raise("E_X", {}, { rawResult: true });
  assertEquals(raw?.text, "1.0");
});

Deno.test("EventClient uses a free connection when a response on another makes room", async () => {
  // The first two requests go to one connection, the others to the next one.
  const released = gate();
  await using server = serve(async (conn, reader, n) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      const { id, params: [i] } = JSON.parse(text);
      if (n === 1 && i === 2) await released.opened;
      await send(conn, resultTo(id, i));
    }
  });
  await using client = new EventClient(server.socket, {
    ...SYNC,
    maxInFlight: 3,
    maxRequestsPerConnection: 2,
  });
  const raised = [0, 1, 2, 3].map((n) => client.raise("E_X", [n]));
  await Promise.all(raised.slice(0, 2));
  released.open();
  assertEquals(await Promise.all(raised), [0, 1, 2, 3]);
});

Deno.test("EventClient fails its events when a connection fails at once, and takes no bytes", async () => {
  const never = () => new Promise<never>(() => {});
  const broken = {
    read: () => {
      throw new Error("broken");
    },
    write: never,
    closeWrite: never,
    close() {},
  };
  const client = new EventClient("jsonrpc:h:1", {
    ...SYNC,
    connect: () => Promise.resolve(broken),
  });
  await assertRejects(
    () => client.raise("E_X"),
    ConnectionClosedError,
    "broken",
  );
  await client.close();
  let writes = 0;
  const lazy = {
    ...broken,
    read: never,
    write: () => Promise.resolve(writes++ ? 0 : 1),
  };
  const other = new EventClient("jsonrpc:h:1", {
    ...SYNC,
    connect: () => Promise.resolve(lazy),
  });
  await assertRejects(
    () => other.raise("E_X"),
    ConnectionClosedError,
    "takes no bytes",
  );
  await other.close();
});

Deno.test("EventClient fails what was in flight as unconfirmed when the server could not read it", async () => {
  const { values } = await converse(
    3,
    ([a]) =>
      resultTo(a) + `{"id":null,"error":{"code":-32700,"message":"Parse"}}`,
  );
  assertEquals(values[0], "ok");
  for (const error of values.slice(1) as unknown as Error[]) {
    assert(error instanceof ConnectionClosedError);
    assertEquals(error.mayHaveArrived, true);
    assert(error.cause instanceof ServerError);
  }
});

// Options.

Deno.test("new EventClient() refuses options of a wrong type, by their names", async () => {
  const WRONG: [name: keyof EventClientOptions, values: unknown[]][] = [
    ["syncMode", ["yes", 1, null]],
    ["timeoutMs", ["2000", 2000n, [2000], true, null, {}]],
    ["eventParam", ["", 5, null]],
    ["delimiter", [10, null]],
    ["maxQueueBytes", ["1", 1n, null]],
    ["maxInFlight", ["1", null]],
    ["maxRequestsPerConnection", ["1", null]],
    ["maxMessageBytes", ["1", [1]]],
    ["connectTimeoutMs", ["1", null]],
    ["maxIdleMs", ["1", null]],
    ["connect", ["connect", {}, null]],
  ];
  for (const [name, values] of WRONG) {
    for (const value of values) {
      let error: unknown;
      try {
        new EventClient("jsonrpc:h:1", { [name]: value });
      } catch (e) {
        error = e;
      }
      assert(error instanceof TypeError, `${name} ${String(value)}`);
      assert(error.message.includes(`Cannot use ${name} `), error.message);
    }
  }
  await using client = new EventClient("jsonrpc:h:1");
  for (const timeoutMs of ["2000", 2000n, [2000]]) {
    let error: unknown;
    try {
      client.raise("E_X", {}, { timeoutMs } as never);
    } catch (e) {
      error = e;
    }
    assert(error instanceof TypeError);
  }
  assertEquals(client.stats.raised, 0);
});
