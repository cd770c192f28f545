// A process that raises events through an outbox until it is killed.
//
//     raiser.ts <file> <first number> <window> <port> …
//
// It raises E_X with { n }, counting up, to each port, and prints a line for what
// happens: "ack <n>" when raise() has resolved, "delivered <n> <port>",
// "postponed <n> <port>", "aside <n> <port>". With a first number of -1 it raises
// nothing, and prints "flushed" when nothing is kept any more.

import { EventInterface } from "../../mod.ts";
import { openSqlite, Outbox } from "../../src/outbox/mod.ts";
import { TIMEOUT_MS } from "./mad_server.ts";
import { say, sayAllOf } from "./say.ts";

const [path, firstText, windowText, ...ports] = Deno.args;
const first = Number(firstText);

const store = openSqlite(path, { onWarning: (message) => say(message) });
const events = new EventInterface({ syncMode: true });
const outbox = new Outbox(store, events, {
  window: Number(windowText),
  timeoutMs: TIMEOUT_MS,
  minDelayMs: 5,
  maxDelayMs: 40,
});
sayAllOf(outbox);

await outbox.ready;
for (const port of ports) {
  const socket = `jsonrpc:127.0.0.1:${port}`;
  if (events.subscriber("E_X", socket) === undefined) {
    await outbox.subscribe("E_X", socket);
  }
}
say("ready");
if (first < 0) {
  await outbox.flush();
  say("flushed");
  await outbox.close();
  await events.close();
  await store.close();
} else {
  for (let n = first;; n++) {
    await outbox.raise("E_X", { n });
    say(`ack ${n}`);
    // Now and then in large turns, else one by one.
    if (n % 40 === 0) {
      const more = Array.from({ length: 20 }, () => ++n);
      await Promise.all(more.map(async (n) => {
        await outbox.raise("E_X", { n });
        say(`ack ${n}`);
      }));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
