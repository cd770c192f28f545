// `connectNode` on Deno's `node:net` and `node:tls`; tests/runtimes/ has it on
// Node and Bun.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ConnectError,
  type Connection,
  EventClient,
  serveEvents,
  type TlsOptions,
} from "../../mod.ts";
import { connectNode } from "../../src/transport/node.ts";
import { nextTurn } from "../../src/transport/next_turn.ts";
import { newAuthority } from "../helpers/certificates.ts";
import { SYNC } from "../helpers/client.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { freePort, gate, serve, serveResets } from "../helpers/tcp.ts";
import { serveDemanding } from "../helpers/tls.ts";

const { signal } = new AbortController();
const open = (port: number, tls?: TlsOptions) =>
  connectNode("127.0.0.1", port, { signal, tls });

/** More than the buffers of the system hold, and none like the one before. */
const many = new Uint8Array(48 * 1024 * 1024);
for (let i = 0; i < many.length; i++) many[i] = i * 7 + (i >> 8);

/** Turns of the event loop in which what could go on does. */
async function turns(): Promise<void> {
  for (let n = 0; n < 300; n++) await nextTurn();
}

async function readAll(
  connection: Connection,
  bufferSize: () => number = () => 65536,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(many.length);
  for (let at = 0;;) {
    const buffer = new Uint8Array(bufferSize());
    const length = await connection.read(buffer);
    if (length === null) return bytes.subarray(0, at);
    assert(length > 0);
    bytes.set(buffer.subarray(0, length), at);
    at += length;
  }
}

async function sendAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
}

Deno.test("connectNode() reads bytes as they were sent, cut anywhere", async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const size = () => 1 + Math.floor(random() * 3000);
  const sent = many.subarray(0, 1_000_000);
  await using server = serve(async (conn) => {
    for (let at = 0; at < sent.length;) {
      const piece = sent.subarray(at, at + size());
      await sendAll(conn, piece);
      at += piece.length;
    }
  });
  const connection = await open(server.port);
  assertEquals(await readAll(connection, size), sent, `seed ${seed}`);
  assertEquals(await connection.read(new Uint8Array(1)), null, "the end stays");
  connection.close();
});

Deno.test("connectNode() lets the peer wait for a slow reader", async () => {
  let isSent = false;
  await using server = serve(async (conn) => {
    await sendAll(conn, many);
    isSent = true;
  });
  const connection = await open(server.port);
  await turns();
  assert(!isSent, "all was taken, though nobody reads");
  assertEquals(await readAll(connection), many);
  connection.close();
});

Deno.test("connectNode() resolves a write when the system has taken it", async () => {
  const { open: letIn, opened } = gate();
  let received = 0;
  await using server = serve(async (conn) => {
    await opened;
    for await (const bytes of conn.readable) received += bytes.length;
  });
  const connection = await open(server.port);
  let isWritten = false;
  const writing = connection.write(many).then((length) => {
    isWritten = true;
    return length;
  });
  await turns();
  assert(!isWritten, "the write resolved, though the peer does not read");
  letIn();
  assertEquals(await writing, many.length);
  await connection.closeWrite();
  assertEquals(await connection.read(new Uint8Array(1)), null);
  assertEquals(received, many.length);
  connection.close();
});

Deno.test("connectNode() rejects a write that was under way when it is closed", async () => {
  const { open: end, opened } = gate();
  await using server = serve(() => opened);
  const connection = await open(server.port);
  const writing = assertRejects(() => connection.write(many), Error);
  await turns();
  connection.close();
  connection.close();
  await writing;
  end();
});

Deno.test("connectNode() gives the bytes that came before a reset, then its error", async () => {
  await using server = await serveResets("before");
  const connection = await open(Number(server.socket.split(":").at(-1)));
  await connection.write(many.subarray(0, 1));
  await turns();
  const buffer = new Uint8Array(9);
  assertEquals(await connection.read(buffer), 6);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, 6)), "before");
  for (let n = 0; n < 2; n++) {
    await assertRejects(() => connection.read(buffer), Error, "ECONNRESET");
  }
  await assertRejects(() => connection.write(buffer), Error, "ECONNRESET");
  connection.close();
});

Deno.test("connectNode() rejects when nobody listens", async () => {
  const port = freePort();
  await assertRejects(() => open(port), Error, "ECONNREFUSED");
  await using client = new EventClient(`jsonrpc:127.0.0.1:${port}`, {
    connect: connectNode,
  });
  await assertRejects(() => client.raise("E_X"), ConnectError, "ECONNREFUSED");
});

Deno.test("connectNode() rejects with the signal's reason, before and during an attempt", async () => {
  await using server = serve(async (_, reader) => void await reader.all());
  const reason = new Error("not wanted any more");
  const tls = { caCerts: [authority.cert] };
  for (const options of [{}, { tls }]) {
    const aborted = { ...options, signal: AbortSignal.abort(reason) };
    const before = await connectNode("127.0.0.1", server.port, aborted)
      .catch((error) => error);
    assertEquals(before, reason);
    const controller = new AbortController();
    const attempt = connectNode("127.0.0.1", server.port, {
      ...options,
      signal: controller.signal,
    });
    controller.abort(reason);
    assertEquals(await attempt.catch((error) => error), reason);
  }
});

Deno.test("connectNode() gives up a TLS handshake that hangs", async () => {
  const { open: met, opened } = gate();
  await using server = serve(async (_, reader) => {
    met();
    await reader.all();
  });
  const controller = new AbortController();
  const attempt = connectNode("127.0.0.1", server.port, {
    signal: controller.signal,
    tls: {},
  });
  await opened;
  controller.abort("enough");
  assertEquals(await attempt.catch((error) => error), "enough");
});

Deno.test("connectNode() keeps a connection whose signal is aborted later", async () => {
  await using server = serve((conn) => sendAll(conn, many.subarray(0, 3)));
  const controller = new AbortController();
  const connection = await connectNode("127.0.0.1", server.port, controller);
  controller.abort();
  assertEquals((await readAll(connection)).length, 3);
  connection.close();
});

const authority = await newAuthority("Test Authority");
const local = await authority.certify({ names: ["localhost", "127.0.0.1"] });
const named = await authority.certify({ names: ["as.example.com"] });
const known = await authority.certify({ names: ["client"] });
const trust: TlsOptions = { caCerts: [authority.cert] };

for (
  const [about, certified, tls] of [
    ["an address", local, trust],
    ["another name", named, { ...trust, serverName: "as.example.com" }],
  ] as const
) {
  Deno.test(`connectNode() speaks TLS with a certificate for ${about}`, async () => {
    await using server = serveEvents(
      { port: 0, tls: certified },
      ({ params }) => params,
    );
    for (const syncMode of [false, true]) {
      const options = { ...SYNC, syncMode, tls, connect: connectNode };
      await using client = new EventClient(server.socket, options);
      const params = { a: "é漢😀".repeat(50_000) };
      const result = await client.raise("E_X", params);
      assertEquals(result, syncMode ? params : undefined);
    }
  });
}

for (
  const [about, certified, tls] of [
    ["an unknown authority", local, {}],
    ["another name", named, trust],
    ["another address", named, { ...trust, serverName: "127.0.0.2" }],
  ] as const
) {
  Deno.test(`connectNode() refuses a certificate from or for ${about}`, async () => {
    await using server = serveEvents({ port: 0, tls: certified }, () => true);
    await assertRejects(() => open(server.addr.port, tls), Error);
  });
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  Deno.test(`connectNode() shows its certificate to who demands it, by ${version}`, async () => {
    await using server = await serveDemanding(authority, local, version);
    const options = { ...SYNC, connect: connectNode };
    await using client = new EventClient(server.socket, {
      ...options,
      tls: { ...trust, ...known },
    });
    assertEquals(await client.raise("E"), "known");
    await using other = new EventClient(server.socket, {
      ...options,
      syncMode: false,
      tls: trust,
    });
    await assertRejects(() => other.raise("E"), ConnectError);
    assertEquals(server.texts.length, 1);
  });
}

Deno.test("connectNode() leaves a way over TLS open when the other has ended", async () => {
  await using server = serveEvents({ port: 0, tls: local }, () => true);
  const connection = await open(server.addr.port, trust);
  const request = '{"id":1,"jsonrpc":"2.0","method":"E"}';
  await connection.write(new TextEncoder().encode(request));
  await connection.closeWrite();
  const response = new TextDecoder().decode(await readAll(connection));
  assertEquals(JSON.parse(response).result, true);
  connection.close();
});
