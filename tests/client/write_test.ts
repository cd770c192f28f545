import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ConnectionClosedError,
  DeliveryTimeoutError,
  EventClient,
  type EventClientOptions,
  type JsonValue,
  NamedParams,
  ParamsError,
  QueueFullError,
  SocketSyntaxError,
  type StreamPair,
} from "../../mod.ts";
import { freePort, gate, send, serve } from "../helpers/tcp.ts";
import { echo, PATIENT, resultTo, SYNC } from "../helpers/client.ts";

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

Deno.test("EventClient counts the text that is queued in UTF-16 code units", async () => {
  const connecting = Promise.withResolvers<never>();
  const client = new EventClient("jsonrpc:127.0.0.1:1", {
    ...PATIENT,
    connect: () => connecting.promise,
  });
  client.raise("E_X", ["aé漢😀"]);
  assertEquals(
    client.stats.queuedBytes,
    `{"id":null,"jsonrpc":"2.0","method":"E_X","params":["aé漢😀"]}`.length,
  );
  connecting.reject(new Error("enough"));
  await client.close();
  assertEquals(client.stats.queuedBytes, 0);
});

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
  // @ts-expect-error: TypeScript can tell too
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
        JSON.stringify(import.meta.resolve("../../mod.ts"))
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
  const connection: StreamPair = {
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
