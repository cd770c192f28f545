// This project's client at a server that does not read: raises until the queue
// is full, and tells how much memory that took.
//
//     stalled.ts <port> tight|macrotask|microtask

import { setImmediate } from "node:timers";
import { EventClient } from "../../../mod.ts";
import { peakBytesOf } from "../processes.ts";
import { SHAPES } from "../shapes.ts";

/** Whether the queue is full is looked at so often. */
const LOOK_EVERY = 100;

const [port, style] = Deno.args;
const { event, params } = SHAPES.one;
const client = new EventClient(`jsonrpc:127.0.0.1:${port}`, {
  timeoutMs: 0x7fffffff,
});
const pauses: Record<string, () => Promise<void> | undefined> = {
  tight: () => undefined,
  macrotask: () => new Promise((resolve) => setImmediate(resolve)),
  microtask: () => Promise.resolve(),
};
const pause = pauses[style];

let sent = 0;
while (sent % LOOK_EVERY > 0 || client.stats.failed.queueFull === 0) {
  client.raise(event, params(sent++));
  const paused = pause();
  if (paused !== undefined) await paused;
}
console.log(JSON.stringify({ peakBytes: peakBytesOf("self") }));
Deno.exit();
