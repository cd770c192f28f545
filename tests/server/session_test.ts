import { assert, assertEquals } from "@std/assert";
import { EventClient, type EventServer } from "../../mod.ts";
import { FakeTime } from "../helpers/fake_time.ts";
import { connect, exchange, listen, request } from "../helpers/server.ts";
import { gate, send } from "../helpers/tcp.ts";
import { until } from "../helpers/until.ts";

/** Text whose characters are bytes. */
const bytesOf = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
}

/** What SIP headers may hold beside UTF-8, as OpenSIPS copies them. */
const BYTES: [name: string, bytes: string, text: string, replaced: number][] = [
  ["Latin-1", "T\xe9l\xe9phone", "T\ufffdl\ufffdphone", 2],
  ["a lone continuation", "a\x80b", "a\ufffdb", 1],
  ["a sequence that is cut short", "a\xe6\xbc", "a\ufffd", 1],
  ["a surrogate", "\xed\xa0\x80", "\ufffd\ufffd\ufffd", 3],
  ["bytes that never occur", "\xfe\xff", "\ufffd\ufffd", 2],
  ["what is UTF-8", "\xc3\xa9\xef\xbf\xbd", "é\ufffd", 0],
];

for (const [name, bytes, text, replaced] of BYTES) {
  for (const pieceBytes of [Infinity, 1]) {
    const how = pieceBytes === 1 ? ", byte by byte" : "";
    Deno.test(`serveEvents() takes ${name} in an event, and all others${how}`, async () => {
      const agents: unknown[] = [];
      await using server = listen(({ params }) => {
        agents.push((params as { agent: string }).agent);
      });
      const event = (agent: string) =>
        `{"jsonrpc":"2.0","method":"E_REGISTER","params":{"agent":"${agent}"}}`;
      const sent = bytesOf(event("a") + event(bytes) + event("b"));
      const { hostname, port } = server.addr;
      const conn = await Deno.connect({ hostname, port });
      conn.setNoDelay(true);
      for (let i = 0; i < sent.length; i += pieceBytes) {
        await writeAll(conn, sent.subarray(i, i + pieceBytes));
        if (pieceBytes === 1) await new Promise((r) => setTimeout(r));
      }
      await conn.closeWrite();
      assertEquals(await conn.read(new Uint8Array(1)), null);
      conn.close();
      assertEquals(agents, ["a", text, "b"]);
      assertEquals(server.stats.replaced, replaced);
      assertEquals(server.stats.invalid, 0);
    });
  }
}

const result = (id: string, value = "true") =>
  `{"id":${id},"jsonrpc":"2.0","result":${value}}`;
const TOLERATED: [name: string, sent: string, responses: string][] = [
  [
    "a byte order mark",
    `\ufeff${request(1)}\ufeff${request(2)}`,
    result("1") + result("2"),
  ],
  ["params that are null", request(1, "m", null), result("1")],
  ...[
    "8674665223082153551",
    "-9223372036854775808",
    "18446744073709551615",
    "9007199254740993",
    "123456789012345678901234567890",
  ].map((id): [string, string, string] => [
    `the id ${id}`,
    `{"id":${id},"jsonrpc":"2.0","method":"m"}[{"jsonrpc":"2.0","method":"m","id":${id}}]`,
    `${result(id)}[${result(id)}]`,
  ]),
];

for (const [name, sent, responses] of TOLERATED) {
  Deno.test(`serveEvents() takes ${name}`, async () => {
    await using server = listen(() => true);
    assertEquals(await exchange(server, sent), responses);
  });
}

// Line feeds.

const LINES: [name: string, pieces: string[], responses: string][] = [
  ["with its request", [request(1) + "\n"], result("1") + "\n"],
  ["after CR", [request(1) + "\r\n"], result("1") + "\n"],
  [
    "after each of two",
    [request(1) + "\n" + request(2) + "\n"],
    `${result("1")}\n${result("2")}\n`,
  ],
  ["apart from its request", [request(1), "\n"], result("1") + "\n"],
  [
    "once only",
    [request(1) + "\n", request(2)],
    `${result("1")}\n${result("2")}\n`,
  ],
  ["never", [request(1), request(2)], result("1") + result("2")],
  ["before its request only", ["\n" + request(1)], result("1")],
  ["in a request only", [request(1).replace(",", ",\n")], result("1")],
];

for (const [name, pieces, responses] of LINES) {
  Deno.test(`serveEvents() mirrors a line feed that comes ${name}`, async () => {
    await using server = listen(() => true);
    using peer = await connect(server);
    let count = 0;
    for (const piece of pieces) {
      await peer.send(piece);
      count += piece.split("jsonrpc").length - 1;
      await until(() => server.stats.requests >= count);
      for (let i = 0; i < 5; i++) await new Promise((r) => setTimeout(r));
    }
    await peer.conn.closeWrite();
    assertEquals(await new Response(peer.conn.readable).text(), responses);
  });
}

// Pace.

Deno.test("serveEvents() responds to OpenSIPS in writes of their own, and to others at once", async () => {
  using time = new FakeTime();
  for (
    const [step, gap, first] of [[4, "auto", 1], [1, "auto", 20], [4, 0, 20], [
      1,
      3,
      1,
    ]] as const
  ) {
    const server = listen(() => true, { responseGapMs: gap });
    using peer = await connect(server);
    await time.tick(0);
    const ids = Array.from({ length: 20 }, (_, n) => 1000 + n * step);
    await peer.send(ids.map((id) => request(id)).join(""));
    while (server.stats.requests < 20) await time.tick(0);
    await time.tick(0);
    const sent = server.stats.bytesSent;
    assertEquals(
      sent,
      first * result("1000").length,
      `step ${step}, gap ${gap}`,
    );
    for (let n = 1; n < 20; n++) await time.tick(gap === 3 ? 3 : 0.5);
    for (const id of ids) assertEquals((await peer.reader.message()).id, id);
    const stopped = server.shutdown();
    await time.tick(2000);
    await stopped;
  }
});

Deno.test("serveEvents() loses nothing of EventClient with 1,024 in flight", async () => {
  await using server = listen(({ params }) => (params as number[])[0]);
  await using client = new EventClient(server.socket, {
    syncMode: true,
    timeoutMs: 60_000,
  });
  const COUNT = 20_000;
  let next = 0;
  await Promise.all(Array.from({ length: 1024 }, async () => {
    while (next < COUNT) {
      const n = next++;
      assertEquals(await client.raise("E_X", [n]), n);
    }
  }));
  assertEquals(client.stats.confirmed, COUNT);
});

// Peers that are gone, or slow.

/** A server whose handler waits, and has room for one peer. */
function held() {
  const started = gate(), release = gate();
  const signals: AbortSignal[] = [];
  const server = listen(async (event) => {
    if (event.method !== "held") return true;
    signals.push(event.signal);
    started.open();
    await release.opened;
    return signals[0]!.aborted;
  }, { maxConnections: 1, onInvalid: () => {} });
  return { server, started, release, signals };
}

/** Whether a server has room for another peer. */
async function hasRoom(server: EventServer): Promise<boolean> {
  try {
    return (await exchange(server, request(1))).startsWith(result("1"));
  } catch {
    return false;
  }
}

Deno.test("serveEvents() frees the place of a peer that is reset, and aborts the signal", async () => {
  const { server, started, release, signals } = held();
  const peer = await connect(server);
  await peer.send(request(1, "m") + request(2, "held"));
  await started.opened;
  await until(() => server.stats.bytesSent !== 0);
  peer.conn.close(); // with bytes that it has not read, which resets it
  const [signal] = signals;
  if (!signal!.aborted) {
    await new Promise((aborted) => signal!.onabort = aborted);
  }
  assertEquals(signal!.reason.message, "the peer is gone");
  while (!await hasRoom(server));
  assertEquals(server.stats.underWay, 1);
  release.open();
  await server.shutdown();
  assertEquals([server.stats.underWay, server.stats.dropped], [0, 1]);
});

Deno.test("serveEvents() frees the place of a peer that closes before its response, and aborts the signal", async () => {
  using time = new FakeTime();
  const { server, started, release, signals } = held();
  const peer = await connect(server);
  await peer.send(request(1, "held"));
  await started.opened;
  peer.conn.close();
  for (let n = 0; n < 20 && !signals[0]!.aborted; n++) await time.tick(500);
  assert(signals[0]!.aborted);
  assertEquals(server.stats.open, 0);
  assert(await hasRoom(server));
  release.open();
  const stopped = server.shutdown();
  await time.tick(10_000);
  await stopped;
  assertEquals(time.timers, 0);
});

Deno.test("serveEvents() responds to a peer that has ended its side long before", async () => {
  using time = new FakeTime();
  const { server, started, release, signals } = held();
  using peer = await connect(server);
  await peer.send(request(1, "held"));
  await started.opened;
  await peer.conn.closeWrite();
  for (let n = 0; n < 20; n++) await time.tick(10_000);
  release.open();
  await time.tick(1);
  const text = await new Response(peer.conn.readable).text();
  assertEquals(text.trim(), result("1", "false"));
  assertEquals([signals[0]!.aborted, server.stats.open], [false, 0]);
  const stopped = server.shutdown();
  await time.tick(10_000);
  await stopped;
});

Deno.test("serveEvents() handles the notifications of a peer that closes, and frees its place", async () => {
  const { server, started, release, signals } = held();
  const peer = await connect(server);
  await peer.send(request(null, "held"));
  await started.opened;
  peer.conn.close();
  while (!await hasRoom(server));
  assertEquals([signals[0]!.aborted, server.stats.underWay], [false, 1]);
  let isStopped = false;
  const stopped = server.shutdown().then(() => isStopped = true);
  for (let n = 0; n < 20; n++) await new Promise((r) => setTimeout(r));
  assertEquals(isStopped, false); // it waits for the handler
  release.open();
  await stopped;
  assertEquals(server.errors, []);
});

Deno.test("serveEvents() keeps a peer that reads slowly but steadily", async () => {
  using time = new FakeTime();
  const MiB = 1024 * 1024;
  const server = listen(() => "x".repeat(24 * MiB), { idleTimeoutMs: 1000 });
  using peer = await connect(server);
  await peer.send(request(1));
  const room = new Uint8Array(MiB);
  let left = result("1", `"${"x".repeat(24 * MiB)}"`).length;
  while (left > 0) {
    // As much as the systems on both ends wait for before they take more.
    for (let most = 3 * MiB; most > 0 && left > 0;) {
      const length = await peer.conn.read(room);
      assert(length !== null, `cut off with ${left} bytes left`);
      most -= length;
      left -= length;
    }
    await time.tick(900);
  }
  assertEquals(left, 0);
  const stopped = server.shutdown();
  await time.tick(10_000);
  await stopped;
});

Deno.test("EventServer.abort() closes at once, and aborts the signals", async () => {
  const { server, started, signals, release } = held();
  using peer = await connect(server);
  await peer.send(request(1, "held"));
  await started.opened;
  await Promise.all([server.abort(), server.abort(), server.finished]);
  assertEquals([signals[0]!.aborted, server.stats.open], [true, 0]);
  assertEquals(await peer.reader.all().catch(() => []), []);
  release.open(); // which nobody waits for
});

Deno.test("EventServer.abort() ends a shutdown that is under way", async () => {
  const { server, started, signals, release } = held();
  using peer = await connect(server);
  await peer.send(request(1, "held"));
  await started.opened;
  const stopped = server.shutdown();
  assertEquals(server.abort(), stopped);
  await stopped;
  assert(signals[0]!.aborted);
  release.open();
});

Deno.test("ReceivedEvent.signal is aborted when it is asked for too late", async () => {
  const { promise, resolve } = Promise.withResolvers<AbortSignal>();
  const release = gate(), started = gate();
  await using server = listen(async (event) => {
    started.open();
    await release.opened;
    resolve(event.signal);
  });
  const { conn } = await connect(server);
  await send(conn, request(1, "m"));
  await started.opened;
  await server.abort();
  release.open();
  assert((await promise).aborted);
  conn.close();
});
