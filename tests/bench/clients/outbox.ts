// Events through an outbox on SQLite, in a folder of its own; prints JSON.
//
//     outbox.ts raw|append <rounds> <turn>      stored, `turn` at once
//     outbox.ts deliver <port> <count> <window> delivered and confirmed
//     outbox.ts drain <port> <count>            first only kept, then delivered

import { EventClient } from "../../../mod.ts";
import { openSqlite, Outbox } from "../../../src/outbox/mod.ts";
import { peakBytesOf } from "../processes.ts";

const [mode, ...rest] = Deno.args;
const [a = 0, b = 0, c = 0] = rest.map(Number);
const EVENT = "E_CALL_ENDED";
/** With its name, the key and numbers a record of about 200 bytes. */
const PARAMS = { caller: "sip:alice@example.com", filling: "x".repeat(90) };
const UNBOUNDED = { maxEvents: Infinity, maxBytes: Infinity };
const folder = await Deno.makeTempDir({ prefix: "outbox-bench-" });
const path = `${folder}/events.db`;

/** The longest stop of the event loop, in milliseconds. */
let longestStop = 0;
let last = performance.now();
const watch = setInterval(() => {
  const now = performance.now();
  longestStop = Math.max(longestStop, now - last - 1);
  last = now;
}, 1);

const secondsOf = async (run: () => Promise<void> | void) => {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
};

/** A write and a sync of the same bytes. */
async function raw(rounds: number, turn: number) {
  const file = await Deno.open(`${folder}/raw`, { write: true, create: true });
  const text = JSON.stringify([EVENT, PARAMS, crypto.randomUUID(), Date.now()]);
  const bytes = new TextEncoder().encode(text.repeat(turn));
  const seconds = await secondsOf(() => {
    for (let round = 0; round < rounds; round++) {
      file.writeSync(bytes);
      file.syncDataSync();
    }
  });
  file.close();
  return { rate: rounds * turn / seconds, lost: 0 };
}

async function append(rounds: number, turn: number) {
  await using store = openSqlite(path, UNBOUNDED);
  await using client = new EventClient("jsonrpc:127.0.0.1:1", {
    syncMode: true,
  });
  await using outbox = new Outbox(store, client);
  await outbox.ready;
  const seconds = await secondsOf(async () => {
    for (let round = 0; round < rounds; round++) {
      await Promise.all(
        Array.from({ length: turn }, () => outbox.raise(EVENT, PARAMS)),
      );
    }
  });
  const { kept } = await outbox.stats();
  return {
    rate: rounds * turn / seconds,
    lost: rounds * turn - kept,
    longestStop,
  };
}

async function deliver(port: number, count: number, window: number) {
  await using store = openSqlite(path);
  await using client = new EventClient(`jsonrpc:127.0.0.1:${port}`, {
    syncMode: true,
    timeoutMs: 10_000,
  });
  await using outbox = new Outbox(store, client, { window });
  const seconds = await secondsOf(async () => {
    for (let n = 0; n < count; n += 1000) {
      const length = Math.min(1000, count - n);
      await Promise.all(
        Array.from({ length }, () => outbox.raise(EVENT, PARAMS)),
      );
    }
    await outbox.flush();
  });
  const { delivered } = await outbox.stats();
  return { rate: count / seconds, lost: count - delivered, longestStop };
}

/** A million events, say: first only kept, then delivered. */
async function drain(port: number, count: number) {
  await using store = openSqlite(path, UNBOUNDED);
  const target = `jsonrpc:127.0.0.1:${port}`;
  const params = JSON.stringify(PARAMS);
  for (let n = 0; n < count; n += 1000) {
    await store.append(Array.from({ length: 1000 }, (_, i) => ({
      target,
      event: EVENT,
      params,
      key: `key-${n + i}`,
      isKeyGiven: false,
      raisedAt: Date.now(),
    })));
  }
  await using client = new EventClient(target, {
    syncMode: true,
    timeoutMs: 10_000,
  });
  await using outbox = new Outbox(store, client, { window: 64 });
  longestStop = 0;
  const seconds = await secondsOf(() => outbox.flush());
  const { delivered } = await outbox.stats();
  await outbox.close();
  await store.close();
  return {
    rate: count / seconds,
    lost: count - delivered,
    longestStop,
    peakBytes: peakBytesOf("self"),
    fileBytes: Deno.statSync(path).size,
  };
}

const result = mode === "raw"
  ? await raw(a, b)
  : mode === "append"
  ? await append(a, b)
  : mode === "deliver"
  ? await deliver(a, b, c)
  : await drain(a, b);
clearInterval(watch);
await Deno.remove(folder, { recursive: true });
console.log(JSON.stringify(result));
