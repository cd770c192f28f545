// A process that raises events to a store that many share, or delivers from it,
// until it is killed.
//
//     node.ts raise <NATS port> <first number> <port> …
//     node.ts deliver <NATS port> <window>
//
// A raiser stores E_X with { n } for each port, counting up, and prints "ack <n>"
// when it is stored. A deliverer prints "delivered <n> <port>", "postponed …" and
// "aside …".

import { EventInterface } from "../../mod.ts";
import { Outbox, StoreError } from "../../src/outbox/mod.ts";
import { TIMEOUT_MS } from "./mad_server.ts";
import { CLIENTS, openJetStream } from "./nats_clients.ts";
import { say, sayAllOf } from "./say.ts";

const [role, natsPort, number, ...ports] = Deno.args;

const [client] = Object.keys(CLIENTS) as (keyof typeof CLIENTS)[];
const store = await openJetStream(client, Number(natsPort), {
  ackWaitMs: 1000,
  timeoutMs: 2000,
});

if (role === "deliver") {
  const events = new EventInterface({ syncMode: true });
  const outbox = new Outbox(store, events, {
    window: Number(number),
    timeoutMs: TIMEOUT_MS,
    minDelayMs: 5,
    maxDelayMs: 40,
  });
  sayAllOf(outbox);
  await outbox.ready;
  say("ready");
} else {
  for (let n = Number(number);; n++) {
    const events = ports.map((port) => ({
      target: `jsonrpc:127.0.0.1:${port}`,
      event: "E_X",
      params: `{"n":${n}}`,
      key: String(n),
      isKeyGiven: true,
      raisedAt: Date.now(),
    }));
    for (;;) { // by its key it is stored once, however often it is raised
      try {
        await store.append(events);
        break;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        say(`again ${n}`);
      }
    }
    say(`ack ${n}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
