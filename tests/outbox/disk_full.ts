// Fills the disk of a folder by an outbox, empties it, and prints what was so.
//
//     disk_full.ts <folder>

import { EventClient, serveEvents } from "../../mod.ts";
import { openSqlite, Outbox, StoreError } from "../../src/outbox/mod.ts";

const [folder] = Deno.args;
const filling = "x".repeat(1000);

const seen: number[] = [];
const failures = new Set<string>();
const acknowledged: number[] = [];
let port: number;
{
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  port = (listener.addr as Deno.NetAddr).port;
  listener.close();
}
const client = new EventClient(`jsonrpc:127.0.0.1:${port}`, {
  syncMode: true,
  timeoutMs: 20_000,
});

function open() {
  const store = openSqlite(`${folder}/events.db`);
  const options = { window: 16, minDelayMs: 5, maxDelayMs: 20 };
  return { store, outbox: new Outbox(store, client, options) };
}

/** Raises an event; returns whether it was kept. */
async function raise(outbox: Outbox, n: number): Promise<boolean> {
  try {
    await outbox.raise("E_X", { n, filling });
    acknowledged.push(n);
    return true;
  } catch (error) {
    failures.add(error instanceof StoreError ? error.reason : String(error));
    return false;
  }
}

/** Fills the disk to the last byte. */
function fill(): void {
  const file = Deno.openSync(`${folder}/filler`, {
    create: true,
    append: true,
  });
  for (const length of [65536, 512, 1]) {
    try {
      for (;;) file.writeSync(new Uint8Array(length));
    } catch { /* it is full */ }
  }
  file.close();
}

let n = 0;
let { store, outbox } = open();
while (await raise(outbox, n++)) { /* until the disk is full */ }
const keptAtFull = acknowledged.length;
fill();
for (let i = 0; i < 20; i++) await raise(outbox, n++);
const acknowledgedWhenFull = acknowledged.length - keptAtFull;

// It can be opened as it is, and all goes out though not a byte is free.
await outbox.close();
await store.close();
fill();
({ store, outbox } = open());
const server = serveEvents({ port, onError: () => {} }, ({ params }) => {
  seen.push((params as { n: number }).n);
});
await outbox.flush();
const { kept } = await outbox.stats();

// There is room again: events are kept again.
Deno.removeSync(`${folder}/filler`);
const deadline = performance.now() + 20_000;
let isKeptAgain = false;
while (!isKeptAgain && performance.now() < deadline) {
  isKeptAgain = await raise(outbox, n++);
  if (!isKeptAgain) await new Promise((resolve) => setTimeout(resolve, 50));
}
await outbox.flush();
await outbox.close();
await client.close();
await store.close();
await server.shutdown();

console.log(JSON.stringify({
  acknowledged: acknowledged.length,
  acknowledgedWhenFull,
  lost: acknowledged.filter((n) => !seen.includes(n)).length,
  wrong: seen.filter((n) => !acknowledged.includes(n)).length,
  twice: seen.length - new Set(seen).size,
  kept,
  isKeptAgain,
  failures: [...failures],
  fileBytes: Deno.statSync(`${folder}/events.db`).size,
}));
