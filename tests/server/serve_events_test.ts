import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ConnectionClosedError,
  EventClient,
  type EventHandler,
  type EventServer,
  JsonStream,
  NamedParams,
  type ReceivedEvent,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import { FakeTime } from "../helpers/fake_time.ts";
import { cutAtRandom, newSeed, randomFrom } from "../helpers/random.ts";
import { connect, exchange, listen, request } from "../helpers/server.ts";
import { gate, needsIpv6 } from "../helpers/tcp.ts";
import { until } from "../helpers/until.ts";

Deno.test("serveEvents() gives the handler each event", async () => {
  const events: ReceivedEvent[] = [];
  await using server = listen((event) => void events.push(event));
  const { hostname, port } = server.addr;
  assertEquals(hostname, "127.0.0.1");
  assertEquals(server.socket, `jsonrpc:127.0.0.1:${port}`);
  {
    await using client = new EventClient(server.socket);
    await client.raise("E_PIKE_BLOCKED", { ip: "::1" });
    await client.raise("E_X", [3, "5"], { socket: server.socket + "/m" });
    const tcp = server.socket.replace("jsonrpc", "tcp");
    await client.raise("E_Y", {}, { socket: tcp });
    await using sync = new EventClient(server.socket, { syncMode: true });
    assertEquals(await sync.raise("E_Z", { a: null }), null);
  }
  const [{ peer }] = events;
  assertEquals(peer.hostname, "127.0.0.1");
  assert(peer.port > 0 && peer.port !== port);
  const { id } = events[3];
  assert(typeof id === "number");
  assertEquals(events.map(({ peer: _, ...event }) => event), [
    { method: "E_PIKE_BLOCKED", params: { ip: "::1" }, id: null },
    { method: "m", params: [3, "5"], id: null },
    { method: "E_Y", params: {}, id: null },
    { method: "E_Z", params: { a: null }, id },
  ]);
});

/** What comes back for what was sent. */
const ANSWERS: [name: string, sent: string, answer: string][] = [
  [
    "a request",
    request(7, "echo", { a: [1] }),
    `{"id":7,"jsonrpc":"2.0","result":{"a":[1]}}`,
  ],
  [
    "ids as text, zero, negative and fractions",
    [`"x"`, `""`, "0", "-1", "1.5"].map((id) => request(JSON.parse(id), "echo"))
      .join(""),
    [`"x"`, `""`, "0", "-1", "1.5"].map((id) =>
      `{"id":${id},"jsonrpc":"2.0","result":{}}`
    ).join(""),
  ],
  ["a notification with a null id", request(null, "echo"), ""],
  ["a notification without id", `{"jsonrpc":"2.0","method":"echo"}`, ""],
  [
    "a promise",
    request(1, "later"),
    `{"id":1,"jsonrpc":"2.0","result":"later"}`,
  ],
  [
    "a thenable",
    request(1, "thenable"),
    `{"id":1,"jsonrpc":"2.0","result":"then"}`,
  ],
  [
    "a handler that returns nothing",
    request(1, "nothing"),
    `{"id":1,"jsonrpc":"2.0","result":null}`,
  ],
  [
    "a handler that throws a ServerError",
    request(1, "refuse"),
    `{"id":1,"jsonrpc":"2.0","error":{"code":404,"message":"No such user","data":["bob"]}}`,
  ],
  [
    "a handler that rejects with a ServerError",
    request(1, "refuseLater"),
    `{"id":1,"jsonrpc":"2.0","error":{"code":500,"message":"Later"}}`,
  ],
  [
    "an unknown method",
    request(1, "nope"),
    `{"id":1,"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"}}`,
  ],
  [
    "a method that every object has",
    request(1, "toString") + request(2, "__proto__"),
    `{"id":1,"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"}}` +
    `{"id":2,"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"}}`,
  ],
  ["a notification of an unknown method", request(null, "nope"), ""],
  ["a notification that a handler refuses", request(null, "refuse"), ""],
  [
    "no request",
    `{"id":1}1`,
    `{"id":1,"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"its \\"jsonrpc\\" is not \\"2.0\\""}}` +
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"it is not an object"}}`,
  ],
  [
    "an empty batch",
    "[]",
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"the batch is empty"}}`,
  ],
  [
    "a batch of all kinds",
    `[${request(1, "echo")},${request(null, "echo")},1,${request(2, "later")},${
      request("x", "refuse")
    }]`,
    `[{"id":1,"jsonrpc":"2.0","result":{}},` +
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"it is not an object"}},` +
    `{"id":2,"jsonrpc":"2.0","result":"later"},` +
    `{"id":"x","jsonrpc":"2.0","error":{"code":404,"message":"No such user","data":["bob"]}}]`,
  ],
  [
    "a batch of notifications",
    `[${request(null, "echo")},${request(null, "later")}]`,
    "",
  ],
  [
    "white space between messages",
    `\n${request(1, "echo")}\r\n\t ${request(2, "echo")}\n`,
    `{"id":1,"jsonrpc":"2.0","result":{}}\n{"id":2,"jsonrpc":"2.0","result":{}}\n`,
  ],
  [
    "what is not JSON, after an answer to what was",
    request(1, "echo") + "oops",
    `{"id":1,"jsonrpc":"2.0","result":{}}` +
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":"Cannot read JSON: no text begins with \\"o\\""}}`,
  ],
  [
    "a text that ends too soon",
    `{"id":1,`,
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":"Cannot read JSON: the bytes end in the middle of a text, after 8 characters of it"}}`,
  ],
  [
    "a message that is too large",
    request(1, "echo", ["x".repeat(500)]),
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":"Cannot read JSON: a text is larger than 512 bytes"}}`,
  ],
];

const HANDLERS: Record<string, EventHandler> = {
  echo: ({ params }) => params,
  later: () => Promise.resolve("later"),
  thenable: () => ({
    then: (resolve: (value: string) => void) => resolve("then"),
  }),
  nothing: () => {},
  refuse: () => {
    throw new ServerError(404, "No such user", ["bob"]);
  },
  refuseLater: () => Promise.reject(new ServerError(500, "Later")),
};

for (const [name, sent, answer] of ANSWERS) {
  Deno.test(`serveEvents() answers ${name}`, async () => {
    await using server = listen(HANDLERS, { maxMessageBytes: 512 });
    assertEquals(await exchange(server, sent), answer);
    assertEquals(server.errors, []);
  });
}

Deno.test("serveEvents() answers the same however the bytes are cut", async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const readable = ANSWERS.filter(([, , answer]) => !answer.includes("-32700"));
  const sent = readable.map(([, sent]) => sent).join("");
  const answers = readable.map(([, , answer]) => answer).join("");
  await using server = listen(HANDLERS);
  const sorted = (text: string) => {
    const stream = new JsonStream();
    stream.push(new TextEncoder().encode(text));
    const texts: string[] = [];
    for (let t; (t = stream.next()) !== undefined;) texts.push(t);
    return texts.sort();
  };
  for (let round = 0; round < 5; round++) {
    const { addr: { hostname, port } } = server;
    const conn = await Deno.connect({ hostname, port });
    const bytes = new TextEncoder().encode(sent);
    for (const piece of cutAtRandom(bytes, random)) {
      if (piece.length > 0) await conn.write(piece);
    }
    await conn.closeWrite();
    assertEquals(
      sorted(await new Response(conn.readable).text()),
      sorted(answers),
      `seed ${seed}, round ${round}`,
    );
  }
});

Deno.test("serveEvents() reports what a handler throws, and tells the peer nothing of it", async () => {
  const boo = new Error("secret");
  await using server = listen({
    sync() {
      throw boo;
    },
    async: () => Promise.reject(boo),
    bigint: () => 1n,
    wrongData: () => {
      throw new ServerError(1, "x", () => {});
    },
    wrongCode: () => {
      throw new ServerError(1.5, "x");
    },
  });
  const methods = ["sync", "async", "bigint", "wrongData", "wrongCode"];
  for (const [i, method] of methods.entries()) {
    assertEquals(
      await exchange(server, request(1, method)),
      `{"id":1,"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"}}`,
      method,
    );
    assertEquals(server.errors.length, i + 1, method);
  }
  await exchange(server, request(null, "sync") + request(null, "async"));
  assertEquals(server.errors.slice(-2), [boo, boo]);
});

Deno.test("serveEvents() answers each request when it is done, not in turn", async () => {
  const slow = gate();
  await using server = listen({
    slow: () => slow.opened.then(() => "slow"),
    fast: () => "fast",
  });
  using peer = await connect(server);
  await peer.send(request(1, "slow") + request(2, "fast"));
  assertEquals((await peer.reader.message()).result, "fast");
  slow.open();
  assertEquals((await peer.reader.message()).result, "slow");
});

Deno.test("serveEvents() starts events in order, and waits when 1024 are under way", async () => {
  const release = gate();
  const started: unknown[] = [];
  await using server = listen(({ params }) => {
    started.push((params as number[])[0]);
    return release.opened;
  });
  using peer = await connect(server);
  const count = 2000;
  const all = Array.from({ length: count }, (_, n) => request(n, "m", [n]));
  const sent = peer.send(all.join(""));
  using watcher = await connect(server); // served meanwhile, so time has passed
  await watcher.send(request("w"));
  await until(() => started.length >= 1025);
  assertEquals(started.length, 1025); // one of them the watcher's
  release.open();
  await sent;
  for (let n = 0; n < count; n++) await peer.reader.message();
  assertEquals(
    started.filter((n) => n !== undefined),
    Array.from({ length: count }, (_, n) => n),
  );
});

Deno.test("serveEvents() waits for a peer that does not read its answers", async () => {
  let handled = 0;
  await using server = listen(() => {
    handled++;
    return "x".repeat(10_000);
  });
  using peer = await connect(server);
  const count = 5000; // 50 MB of answers
  let isSent = false;
  const all = Array.from({ length: count }, (_, n) => request(n)).join("");
  const sent = peer.send(all).then(() => isSent = true);
  // It stops before all are handled: when nothing changes any more.
  for (let before = -1; before !== handled;) {
    before = handled;
    for (let i = 0; i < 100; i++) await new Promise((r) => setTimeout(r));
  }
  assert(handled < count, `${handled} of ${count} handled`);
  for (let n = 0; n < count; n++) {
    assertEquals((await peer.reader.message()).id, n);
  }
  await sent;
  assert(isSent && handled === count);
});

Deno.test("serveEvents() refuses more connections than it may have", async () => {
  await using server = listen(HANDLERS, { maxConnections: 2 });
  using one = await connect(server);
  const two = await connect(server);
  await one.send(request(1, "echo"));
  await two.send(request(1, "echo"));
  await one.reader.message();
  await two.reader.message();
  using three = await connect(server);
  assertEquals(await three.reader.all(), [
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32000,"message":"Too many connections"}}`,
  ]);
  // A client has a clear error of it.
  await using client = new EventClient(server.socket, { syncMode: true });
  await assertRejects(
    () => client.raise("E_X"),
    ServerError,
    "Too many connections",
  );
  // When one leaves, there is room again.
  two[Symbol.dispose]();
  for (;;) {
    using four = await connect(server);
    await four.send(request(4, "echo")).catch(() => {});
    if ((await four.reader.message().catch(() => ({}))).id === 4) break;
  }
});

Deno.test("serveEvents() survives peers that leave at any time", async () => {
  const held = gate();
  await using server = listen({ held: () => held.opened, ...HANDLERS });
  for (const text of ["", "{", request(1, "held"), request(1, "echo")]) {
    const peer = await connect(server);
    await peer.send(text);
    peer[Symbol.dispose]();
  }
  held.open();
  assertEquals(
    await exchange(server, request(1, "echo")),
    `{"id":1,"jsonrpc":"2.0","result":{}}`,
  );
  assertEquals(server.errors, []);
});

Deno.test("serveEvents() closes a connection that goes on sending after an error", async () => {
  await using server = listen(HANDLERS, { maxMessageBytes: 100 });
  using peer = await connect(server);
  const endless = "[".repeat(65536);
  const sending = (async () => {
    for (;;) await peer.send(endless);
  })();
  assertEquals((await peer.reader.message()).error.code, -32700);
  await assertRejects(() => sending, Error);
});

Deno.test("EventServer.shutdown() lets answers under way go out", async () => {
  const started = gate(), release = gate();
  const server = listen(() => {
    started.open();
    return release.opened.then(() => "done");
  });
  using peer = await connect(server);
  await peer.send(request(1));
  await started.opened;
  const stopped = server.shutdown();
  assertEquals(server.shutdown(), stopped);
  await assertRejects(() => connect(server), Error); // refused, or reset
  await peer.send(request(2)); // no longer read
  release.open();
  assertEquals(await peer.reader.all(), [
    `{"id":1,"jsonrpc":"2.0","result":"done"}`,
  ]);
  await stopped;
  await server.finished;
});

Deno.test("EventServer.shutdown() waits 5 seconds for a handler, and no more", async () => {
  const started = gate();
  const server = listen(() => {
    started.open();
    return new Promise(() => {});
  }, { idleTimeoutMs: Infinity });
  using peer = await connect(server);
  await peer.send(request(1));
  await started.opened;
  using time = new FakeTime();
  let isStopped = false;
  const stopped = server.shutdown().then(() => isStopped = true);
  await time.tick(4999);
  assertEquals(isStopped, false);
  await time.tick(1);
  await stopped;
  assertEquals(await peer.reader.all(), []);
});

Deno.test("serveEvents() stops by its signal", async () => {
  const stopping = new AbortController();
  const server = listen(HANDLERS, { signal: stopping.signal });
  using peer = await connect(server);
  await peer.send(request(1, "echo"));
  await peer.reader.message();
  stopping.abort();
  await server.finished;
  assertEquals(await peer.reader.all(), []);
  const aborted = listen(HANDLERS, { signal: AbortSignal.abort() });
  await aborted.finished;
});

Deno.test("serveEvents() can be stopped by its own handler", async () => {
  const server = listen(() => {
    server.shutdown();
    return "last";
  });
  using peer = await connect(server);
  await peer.send(request(1) + request(2));
  assertEquals(await peer.reader.all(), [
    `{"id":1,"jsonrpc":"2.0","result":"last"}`,
  ]);
  await server.finished;
});

Deno.test(
  needsIpv6("serveEvents() listens at IPv6 and tells where"),
  async () => {
    let told: unknown;
    await using server = listen(HANDLERS, {
      hostname: "::1",
      onListen: (address) => told = address,
    });
    assertEquals(told, server.addr);
    assertEquals(server.socket, `jsonrpc:[::1]:${server.addr.port}`);
    await using client = new EventClient(server.socket + "/echo", {
      syncMode: true,
    });
    assertEquals(await client.raise("E_X", [1]), [1]);
  },
);

/** Wrong options, as untyped code may give them, and what is said of each. */
const WRONG: [options: Record<string, unknown>, message: string][] = [
  ...[-1, 65536, 1.5, NaN].map((port): [Record<string, unknown>, string] => [
    { port },
    `Cannot use port ${port}: expected an integer from 0 to 65535`,
  ]),
  [{ port: "8080" }, `Cannot use port "8080": expected an integer`],
  [{ hostname: "" }, `Cannot use hostname "": expected a non-empty string`],
  [{ hostname: 127 }, "Cannot use hostname 127: expected a non-empty string"],
  [{ signal: {} }, "Cannot use signal of type object: expected an AbortSignal"],
  [{ maxConnections: 0 }, "Cannot use maxConnections 0: expected a positive"],
  [{ maxMessageBytes: 0 }, "Cannot use maxMessageBytes 0: expected a positive"],
  [{ idleTimeoutMs: "1" }, `Cannot use idleTimeoutMs "1": expected millisec`],
  [{ responseGapMs: -1 }, `responseGapMs -1: expected "auto", or milliseconds`],
  [{ responseGapMs: NaN }, `responseGapMs NaN: expected "auto", or millisec`],
  [{ responseGapMs: 1001 }, `responseGapMs 1001: expected "auto", or millisec`],
  [{ responseGapMs: "no" }, `responseGapMs "no": expected "auto", or millisec`],
  [{ onListen: 1 }, "Cannot use onListen 1: expected a function"],
  [{ onError: 1 }, "Cannot use onError 1: expected a function"],
  [{ onInvalid: null }, "Cannot use onInvalid null: expected a function"],
  [{ onWarning: "x" }, `Cannot use onWarning "x": expected a function`],
];

for (const [options, message] of WRONG) {
  Deno.test(`serveEvents() refuses wrong options, and leaves nothing open: ${message}`, () => {
    const [value] = Object.values(options);
    const ErrorClass = typeof value === "number" && !("hostname" in options) &&
        !message.includes("function")
      ? RangeError
      : TypeError;
    assertThrows(
      () => serveEvents({ port: 0, ...options }, {}),
      ErrorClass,
      message,
    );
  });
}

Deno.test("serveEvents() throws when the address is in use", async () => {
  await using server = listen(HANDLERS);
  assertThrows(
    () => listen(HANDLERS, { port: server.addr.port }),
    Deno.errors.AddrInUse,
  );
});

Deno.test("serveEvents() reports by console.error unless told otherwise", async () => {
  const { error } = console;
  const printed: unknown[] = [];
  console.error = (...args: unknown[]) => printed.push(...args);
  try {
    const boo = new Error("boo");
    await using server = serveEvents({ port: 0 }, () => {
      throw boo;
    });
    await using client = new EventClient(server.socket, { syncMode: true });
    await assertRejects(
      () => client.raise("E_X", { n: 1 }),
      ServerError,
      "Internal",
    );
    assertEquals(printed[1], boo);
    assertMatch(
      String(printed[0]),
      /^The handler of "E_X" failed, with params \{"n":1\} from 127\.0\.0\.1:\d+:$/,
    );
  } finally {
    console.error = error;
  }
});

Deno.test("EventClient and serveEvents() carry every event to each other", async () => {
  await using server = listen(({ params }) => params);
  await using client = new EventClient(server.socket, { syncMode: true });
  const text = String.fromCharCode(
    ...Array.from({ length: 0x300 }, (_, i) => i),
  ) + "\u2028漢😀\ud800";
  const params = { text, [text]: [1, -0.5, 1e300, true, null, { a: [] }] };
  assertEquals(await client.raise("E_X", params), params);
  const big = { big: "x".repeat(900_000) };
  assertEquals(await client.raise("E_X", big), big);
  const error = await assertRejects(
    () => client.raise("E_X", { big: "x".repeat(1_100_000) }),
    ConnectionClosedError,
  );
  const { data } = error.cause as ServerError;
  assertStringIncludes(String(data), "larger than 1048576 bytes");
  assertEquals(await client.raise("E_X", new NamedParams([["b", 1]])), {
    b: 1,
  });
});

/** Has `Deno.listen` give a listener whose `accept` a test decides. */
function stubListen(accept: () => Promise<Deno.TcpConn>): Disposable {
  const { listen } = Deno;
  const addr = { transport: "tcp", hostname: "127.0.0.1", port: 8080 };
  Deno.listen = (() => ({
    addr,
    accept,
    close() {},
  })) as unknown as typeof listen;
  return { [Symbol.dispose]: () => void (Deno.listen = listen) };
}

Deno.test("serveEvents() is not held up by connections that are reset before they are accepted", async () => {
  using time = new FakeTime();
  let accepts = 0;
  const errors: unknown[] = [];
  using _stub = stubListen(() =>
    ++accepts <= 100
      ? Promise.reject(new Deno.errors.NotConnected())
      : new Promise(() => {})
  );
  listen({}, { onError: (error) => errors.push(error) });
  await time.tick(0);
  assertEquals([accepts, errors, time.timers], [101, [], 0]);
});

Deno.test("serveEvents() reports that it cannot accept, pauses, and goes on", async () => {
  using time = new FakeTime();
  let accepts = 0;
  const full = new Error("Too many open files");
  const errors: unknown[] = [];
  using _stub = stubListen(() =>
    ++accepts === 1 ? Promise.reject(full) : new Promise(() => {})
  );
  listen({}, {
    onError: (error) => {
      errors.push(error);
      throw error; // which must not end it
    },
  });
  await time.tick(99);
  assertEquals([accepts, errors], [1, [full]]);
  await time.tick(1);
  assertEquals([accepts, errors], [2, [full]]);
});

Deno.test("EventServer.shutdown() closes what is accepted at the same time", async () => {
  const accepting = Promise.withResolvers<Deno.TcpConn>();
  using _stub = stubListen(() => accepting.promise);
  const server = listen({});
  const stopped = server.shutdown();
  let closed = 0;
  accepting.resolve({ close: () => void closed++ } as Deno.TcpConn);
  await stopped;
  await server.finished;
  assertEquals(closed, 1);
});

Deno.test("serveEvents() bounds the bytes of the events under way", async () => {
  const release = gate();
  let started = 0;
  await using server = listen(() => {
    started++;
    return release.opened;
  });
  using peer = await connect(server);
  const big = request(null, "m", ["x".repeat(400_000)]);
  const sent = peer.send(big.repeat(20));
  using watcher = await connect(server);
  await watcher.send(request("w"));
  await until(() => started >= 4);
  for (let i = 0; i < 100; i++) await new Promise((r) => setTimeout(r));
  assertEquals(started, 4); // three that have over 1 MiB, and the watcher's
  release.open();
  await sent;
  await until(() => started >= 21);
});

Deno.test("serveEvents() survives an onError that throws", async () => {
  const throwing = () => {
    throw new Error("db down");
  };
  await using server = listen({
    sync: throwing,
    async: () => Promise.reject(new Error("boo")),
    hostile: () => Promise.reject(new Proxy({}, { getPrototypeOf: throwing })),
  }, { onError: throwing, onInvalid: throwing });
  for (const method of ["sync", "async", "hostile"]) {
    await exchange(server, request(null, method));
    assertStringIncludes(await exchange(server, request(1, method)), "-32603");
  }
  assertStringIncludes(await exchange(server, "{}"), "-32600");
});

Deno.test("serveEvents() tells what is invalid, and of whom", async () => {
  const told: string[] = [];
  await using server = listen(HANDLERS, {
    maxConnections: 1,
    onInvalid: (reason, { hostname, port }) => {
      assert(port > 0);
      told.push(`${hostname}: ${reason}`);
    },
  });
  for (const text of ["POST / HTTP/1.1", `{"id":1}`, "[]"]) {
    await exchange(server, text);
  }
  using one = await connect(server);
  await one.send(request(1, "echo"));
  await one.reader.message();
  await exchange(server, "");
  assertEquals(told, [
    `127.0.0.1: Cannot read JSON: this looks like HTTP`,
    `127.0.0.1: its "jsonrpc" is not "2.0"`,
    "127.0.0.1: the batch is empty",
    "127.0.0.1: Too many connections",
  ]);
});

Deno.test("serveEvents() refuses a batch of more than 1000", async () => {
  let handled = 0;
  await using server = listen(() => ++handled);
  const batch = (count: number) =>
    `[${Array.from({ length: count }, (_, n) => request(n)).join(",")}]`;
  assertEquals(
    await exchange(server, batch(1001)),
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"the batch has more than 1000 members"}}`,
  );
  assertEquals(handled, 0);
  assertEquals(JSON.parse(await exchange(server, batch(1000))).length, 1000);
});

Deno.test("serveEvents() refuses what is nested too deep to be handled", async () => {
  await using server = listen(HANDLERS);
  const params = "[".repeat(100_000) + "]".repeat(100_000);
  assertStringIncludes(
    await exchange(
      server,
      `{"id":1,"jsonrpc":"2.0","method":"echo","params":${params}}`,
    ),
    "a text is nested deeper than 1000 levels",
  );
});

Deno.test("serveEvents() throws what onListen throws, and listens no more", () => {
  const { port } = (() => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return listener.addr;
  })();
  assertThrows(
    () =>
      listen(HANDLERS, {
        port,
        onListen: () => {
          throw new RangeError("mine");
        },
      }),
    RangeError,
    "mine",
  );
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("serveEvents() refuses to serve without a handler", () => {
  for (const handler of [undefined, null, 1, []]) {
    assertThrows(
      () => serveEvents({ port: 0 }, handler as unknown as EventHandler),
      TypeError,
      "the second argument is not a handler",
    );
  }
});

Deno.test("serveEvents() refuses a handler that is not a function", () => {
  for (
    const [value, shown] of [
      [undefined, "of type undefined"],
      [null, "null"],
      ["E_X", "of type string"],
      [{ E_Y: () => {} }, "of type object"],
    ] as const
  ) {
    const handlers = { E_OK: () => {}, E_X: value } as unknown;
    assertThrows(
      () => serveEvents({ port: 0 }, handlers as Record<string, EventHandler>),
      TypeError,
      `Cannot serve events: the handler of "E_X" is ${shown}, expected a function`,
    );
  }
});

Deno.test("EventServer.shutdown() gives a peer a second to end, when it was answered", async () => {
  const server = listen(HANDLERS, { idleTimeoutMs: Infinity });
  using peer = await connect(server);
  await peer.send(request(1, "echo"));
  await peer.reader.message();
  using time = new FakeTime();
  let isStopped = false;
  const stopped = server.shutdown().then(() => isStopped = true);
  assertEquals(await peer.reader.next(), undefined); // told, but not ending
  await time.tick(999);
  assertEquals(isStopped, false);
  await time.tick(1);
  await stopped;
});

// A peer that holds its place and does nothing.

/** Stops a server under fake time; no timer is left. */
async function stop(time: FakeTime, server: EventServer) {
  const stopped = server.shutdown();
  await time.tick(10_000);
  await stopped;
  assertEquals(time.timers, 0);
}

/** Connects under fake time, once the server has taken the connection in. */
async function connectIn(time: FakeTime, server: EventServer) {
  const peer = await connect(server);
  await time.tick(0);
  return peer;
}

Deno.test("serveEvents() ends a connection on which no message comes", async () => {
  using time = new FakeTime();
  const invalid: string[] = [];
  const server = listen(HANDLERS, {
    onInvalid: (reason) => invalid.push(reason),
  });
  using peer = await connectIn(time, server);
  await peer.send("  \n"); // which is no message
  await time.tick(29_999);
  assertEquals(invalid, []);
  await time.tick(1);
  assertEquals(invalid, ["no whole message came within 30000 ms"]);
  assertEquals((await peer.reader.message()).error, {
    code: -32000,
    message: "Timed out",
    data: "no whole message came within 30000 ms",
  });
  assertEquals(await peer.reader.next(), undefined);
  await stop(time, server);
});

Deno.test("serveEvents() ends a connection on which a message comes byte by byte", async () => {
  using time = new FakeTime();
  const server = listen(HANDLERS, { idleTimeoutMs: 1000 });
  using peer = await connectIn(time, server);
  await peer.send(request(1, "echo"));
  await peer.reader.message();
  await time.tick(10 * 3600_000); // between messages that is fine
  await peer.send(request(2, "echo") + '{"id"');
  assertEquals((await peer.reader.message()).id, 2);
  for (let i = 0; i < 9; i++) {
    await time.tick(100);
    await peer.send(" ");
  }
  await time.tick(99);
  await peer.send(" ");
  await time.tick(1);
  assertEquals((await peer.reader.message()).error.message, "Timed out");
  assertEquals(await peer.reader.next(), undefined);
  await stop(time, server);
});

Deno.test("serveEvents() gives a message that begins behind another its full time", async () => {
  using time = new FakeTime();
  const server = listen(HANDLERS, { idleTimeoutMs: 1000 });
  using peer = await connectIn(time, server);
  for (let id = 1; id <= 5; id++) {
    const text = request(id, "echo");
    await peer.send(id === 1 ? text.slice(0, 9) : text.slice(1, 9));
    await time.tick(900);
    await peer.send(text.slice(9) + "{");
    assertEquals((await peer.reader.message()).id, id);
  }
  await stop(time, server);
});

Deno.test("serveEvents() ends a connection whose peer does not read", async () => {
  using time = new FakeTime();
  const big = "x".repeat(1024 * 1024);
  const server = listen(() => big, { idleTimeoutMs: 1000 });
  using peer = await connectIn(time, server);
  let isOver = false;
  const sending = (async () => {
    try {
      for (let id = 1;; id++) await peer.send(request(id));
    } catch { /* it is closed */ }
    isOver = true;
  })();
  while (!isOver) await time.tick(500);
  await sending;
  await stop(time, server);
});

Deno.test("serveEvents() serves the honest though the silent had taken all places", async () => {
  using time = new FakeTime();
  const server = listen(HANDLERS, { maxConnections: 3, idleTimeoutMs: 1000 });
  const silent = [];
  for (let n = 0; n < 3; n++) silent.push(await connectIn(time, server));
  using early = await connectIn(time, server);
  assertEquals(
    (await early.reader.message()).error.message,
    "Too many connections",
  );
  await time.tick(1000);
  for (const peer of silent) assertEquals((await peer.reader.all()).length, 1);
  await time.tick(1000); // which they have to end
  using honest = await connectIn(time, server);
  await honest.send(request(1, "echo"));
  assertEquals((await honest.reader.message()).id, 1);
  await stop(time, server);
  for (const peer of silent) peer.conn.close();
});

Deno.test("serveEvents() does not hold it against a peer that the handlers are slow", async () => {
  using time = new FakeTime();
  const held = gate();
  let started = 0;
  const server = listen(async () => {
    started++;
    await held.opened;
    return true;
  }, { idleTimeoutMs: 1000 });
  using peer = await connectIn(time, server);
  const texts = Array.from({ length: 1100 }, (_, id) => request(id + 1));
  await peer.send(texts.join(""));
  while (started < 1024) await time.tick(0); // no more are started at a time
  await time.tick(5000);
  held.open();
  for (let id = 1; id <= 1100; id++) {
    assertEquals((await peer.reader.message()).result, true);
  }
  await stop(time, server);
});

Deno.test("serveEvents() waits for ever if it is told so", async () => {
  using time = new FakeTime();
  const server = listen(HANDLERS, { idleTimeoutMs: Infinity });
  using peer = await connectIn(time, server);
  assertEquals(time.timers, 0);
  await peer.send(request(1, "echo"));
  assertEquals((await peer.reader.message()).id, 1);
  await stop(time, server);
  for (const idleTimeoutMs of [0, -1, NaN, 2 ** 31]) {
    assertThrows(
      () => listen(HANDLERS, { idleTimeoutMs }),
      RangeError,
      `Cannot use idleTimeoutMs ${idleTimeoutMs}`,
    );
  }
});
