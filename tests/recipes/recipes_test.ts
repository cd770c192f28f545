// The recipes do what README.md says of them, and it shows them as they are.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  EventClient,
  type EventServer,
  JsonText,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import { deduplicate, memoryStore } from "../../src/outbox/mod.ts";
import { findNatsServer, NatsServer } from "../helpers/nats.ts";
import { freePort, send } from "../helpers/tcp.ts";
import { FakeOpenSips } from "../opensips/fake_opensips.ts";
import { Folder } from "../outbox/helpers.ts";
import { activeCalls } from "./active_calls.ts";
import { blockAddresses } from "./block.ts";
import { keepCdrs } from "./cdrs.ts";
import { eventsToNats } from "./nats.ts";
import { eventsToWebSockets } from "./web_sockets.ts";
import { eventsToWebhook } from "./webhook.ts";

const decoder = new TextDecoder();
const PIKE = { ip: "192.168.2.11" };

/** A client that waits for as long as it takes. */
const clientOf = ({ socket }: Pick<EventServer, "socket">) =>
  new EventClient(socket, { syncMode: true, timeoutMs: 60_000 });

Deno.test("README.md shows each recipe as it is, in 15 lines of code or fewer", async () => {
  const read = (name: string) =>
    Deno.readTextFile(new URL(name, import.meta.url));
  const blocks = [
    ...(await read("README.md")).matchAll(/```ts[^\n]*\n([^]*?)```/g),
  ]
    .map(([, block]) => block);
  const files: string[] = [];
  for await (const { name } of Deno.readDir(new URL(".", import.meta.url))) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const text = await read(name);
    const [, body] = text.split(/^(?=export )/m);
    const lines = body.split("\n").filter((line) => line.trim() !== "");
    assert(lines.length <= 15, `${name} has ${lines.length} lines`);
    files.push(text.replace(/^\/\/ deno-lint-ignore.*\n/m, ""));
  }
  assertEquals(blocks.sort(), files.sort());
});

Deno.test("eventsToWebhook() posts events, and refuses what the webhook refuses", async () => {
  const posted: unknown[] = [];
  await using web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { method, params } = await request.json();
      posted.push([request.method, method, params]);
      return new Response("", { status: method === "E_NO" ? 503 : 202 });
    },
  );
  await using server = eventsToWebhook(`http://127.0.0.1:${web.addr.port}/`, 0);
  await using client = clientOf(server);
  assertEquals(await client.raise("E_PIKE_BLOCKED", PIKE), true);
  const { code } = await assertRejects(
    () => client.raise("E_NO", [1]),
    ServerError,
  );
  assertEquals(code, 503);
  assertEquals(posted, [
    ["POST", "E_PIKE_BLOCKED", PIKE],
    ["POST", "E_NO", [1]],
  ]);
});

/** A WebSocket client that is open; `next` resolves to a message. */
async function openWebSocket(port: number) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  await new Promise((resolve) => socket.onopen = resolve);
  return {
    next: () =>
      new Promise<{ method: string; params: unknown }>((resolve) =>
        socket.onmessage = ({ data }) => resolve(JSON.parse(data))
      ),
    close() {
      const closed = new Promise((resolve) => socket.onclose = resolve);
      socket.close();
      return closed;
    },
  };
}

Deno.test("eventsToWebSockets() sends events to each client, also when one has gone", async () => {
  const { promise: webPort, resolve } = Promise.withResolvers<number>();
  const stop = new AbortController();
  await using server = eventsToWebSockets(0, {
    hostname: "127.0.0.1",
    port: 0,
    signal: stop.signal,
    onListen: ({ port }) => resolve(port),
  });
  await using client = clientOf(server);
  const [first, second] = [
    await openWebSocket(await webPort),
    await openWebSocket(await webPort),
  ];
  const both = [first.next(), second.next()];
  assertEquals(await client.raise("E_PIKE_BLOCKED", PIKE), true);
  for (const { method, params } of await Promise.all(both)) {
    assertEquals([method, params], ["E_PIKE_BLOCKED", PIKE]);
  }
  await first.close();
  const next = second.next();
  assertEquals(await client.raise("E_X", [3]), true);
  assertEquals((await next).params, [3]);
  await second.close();
  stop.abort();
});

Deno.test("eventsToWebSockets() leaves events out for a client that does not read", async () => {
  const { promise: webPort, resolve } = Promise.withResolvers<number>();
  const stop = new AbortController();
  await using server = eventsToWebSockets(0, {
    hostname: "127.0.0.1",
    port: 0,
    signal: stop.signal,
    onListen: ({ port }) => resolve(port),
  });
  await using client = clientOf(server);
  const port = await webPort;
  using deaf = await Deno.connect({ hostname: "127.0.0.1", port });
  await send(
    deaf,
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const buffer = new Uint8Array(65536);
  await deaf.read(buffer); // the response
  const COUNT = 60, padding = "x".repeat(900_000);
  for (let n = 0; n < COUNT; n++) {
    assertEquals(await client.raise("E_BIG", { padding }), true);
  }
  // Now it reads, and gets events again.
  let seen = 0, text = "";
  const reading = (async () => {
    while (!text.includes("E_END")) {
      const length = await deaf.read(buffer) ?? 0;
      seen += length;
      text = text.slice(-10) + decoder.decode(buffer.subarray(0, length));
    }
  })();
  let hasEnded = false;
  reading.then(() => hasEnded = true);
  while (!hasEnded) assertEquals(await client.raise("E_END"), true);
  assert(seen < COUNT * padding.length, `${seen} bytes came`);
  stop.abort();
});

const natsServer = await findNatsServer();

Deno.test({
  name: "eventsToNats() publishes events, each under its name" +
    (natsServer === undefined ? " (skipped: there is no nats-server)" : ""),
  ignore: natsServer === undefined,
  async fn() {
    await using process = await NatsServer.start(natsServer!);
    const { server, nats } = await eventsToNats(`127.0.0.1:${process.port}`, 0);
    const messages = nats.subscribe("opensips.>");
    await using client = clientOf(server);
    assertEquals(await client.raise("E_PIKE_BLOCKED", PIKE), true);
    assertEquals(await client.raise("E_X", [3, "é"]), true);
    await client.close();
    await server.shutdown();
    await nats.closed();
    const seen: unknown[] = [];
    for await (const message of messages) {
      seen.push([message.subject, message.json()]);
    }
    assertEquals(seen, [
      ["opensips.E_PIKE_BLOCKED", PIKE],
      ["opensips.E_X", [3, "é"]],
    ]);
  },
});

Deno.test("blockAddresses() blocks what is named, and refuses events without an address", async () => {
  const blocked = new Set<string>();
  await using server = blockAddresses(blocked, 0);
  await using client = clientOf(server);
  for (const ip of ["192.168.2.11", "::1", "192.168.2.11"]) {
    assertEquals(await client.raise("E_PIKE_BLOCKED", { ip }), true);
  }
  for (const params of [{}, { ip: 7 }, ["192.168.2.12"]]) {
    await assertRejects(
      () => client.raise("E_PIKE_BLOCKED", params),
      ServerError,
      "No ip",
    );
  }
  assertEquals([...blocked], ["192.168.2.11", "::1"]);
});

for (const version of ["3.0", "4.0"] as const) {
  Deno.test(`activeCalls() has the calls that are answered and not ended, of OpenSIPS ${version}`, async () => {
    await using fake = new FakeOpenSips(version, ["E_DLG_STATE_CHANGED"]);
    const { calls, receiver } = activeCalls(fake.url, 0);
    await using _ = receiver;
    await receiver.ready;
    await using client = clientOf(receiver.server);
    const change = (callid: string, old_state: number, new_state: number) =>
      client.raise("E_DLG_STATE_CHANGED", {
        callid,
        from_tag: "f",
        to_tag: "t",
        old_state,
        new_state,
      });
    for (const callid of ["a", "b"]) {
      await change(callid, 1, 2);
      assertEquals(calls.has(callid), false);
      await change(callid, 2, 3);
      await change(callid, 3, 4);
    }
    await change("c", 1, 5); // never answered
    assertEquals([...calls.keys()], ["a", "b"]);
    await change("a", 4, 5);
    assertEquals([...calls.keys()], ["b"]);
    assert(calls.get("b") instanceof Date);
    receiver.subscription.dispatchEvent(new CustomEvent("lost"));
    assertEquals(calls.size, 0);
  });
}

/** A CDR as OpenSIPS sends it, with a repeated name among its extra values. */
const cdr = (callid: string) =>
  `{"method":"INVITE","from_tag":"f","to_tag":"t","callid":"${callid}",` +
  `"sip_code":"200","sip_reason":"OK","time":1700000000,"leg":"a","leg":"b",` +
  `"duration":61,"ms_duration":60500,"setuptime":3,"created":1699999936}`;

Deno.test("keepCdrs() loses no CDR while billing is down, and bills each once", async () => {
  using folder = new Folder();
  const port = freePort();
  const billing = `jsonrpc:127.0.0.1:${port}`;
  async function take(callids: string[]) {
    const { server, outbox, client, store } = keepCdrs(
      folder.file(),
      billing,
      0,
    );
    await using _ = store, __ = client, ___ = outbox, ____ = server;
    await using raiser = clientOf(server);
    for (const callid of callids) {
      const params = new JsonText(cdr(callid));
      assertEquals(await raiser.raise("E_ACC_CDR", params), true);
    }
    return callids.length === 0 ? await outbox.flush() : undefined;
  }
  await take(["1", "2"]); // billing is down: they are kept
  await take(["3"]); // by another start too

  const billed: string[] = [];
  await using _server = serveEvents(
    { port },
    deduplicate(memoryStore(), ({ paramsText }) => {
      billed.push(paramsText);
      return true;
    }),
  );
  await take([]);
  const keys = billed.map((text) => JSON.parse(text).key);
  assertEquals(new Set(keys).size, 3);
  assertEquals(
    billed,
    ["1", "2", "3"].map((callid, i) =>
      cdr(callid).replace(/}$/, `,"key":"${keys[i]}"}`)
    ),
  );
});
