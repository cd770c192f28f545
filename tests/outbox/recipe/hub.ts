// deno-lint-ignore-file no-import-prefix -- a program of a user
import { connect, headers } from "npm:@nats-io/transport-node@3.4.0";
import {
  EventInterface,
  serveEvents,
} from "https://example.com/event-jsonrpc/mod.ts";
import { manageOverHttp } from "https://example.com/event-jsonrpc/src/opensips/mod.ts";
import {
  jetstream,
  Outbox,
} from "https://example.com/event-jsonrpc/src/outbox/mod.ts";

const servers = Deno.env.get("NATS")!.split(",");
const connection = await connect({ servers, maxReconnectAttempts: -1 });
const store = jetstream({ connection, headers }, {
  replicas: servers.length < 3 ? 1 : 3,
});
const events = new EventInterface({ syncMode: true });
const outbox = new Outbox(store, events, { keyParam: "key" });
await outbox.ready;

for (const event of Deno.args) events.publish(event);
const port = Number(Deno.env.get("PORT") ?? 8888);
const server = Deno.serve({
  hostname: "127.0.0.1",
  port,
  onListen: ({ port }) => console.log(`manage me at port ${port}`),
}, manageOverHttp(events, { outbox }));
// An event is confirmed when it is stored.
const receiver = serveEvents(
  { hostname: "127.0.0.1", port: port && port + 1 },
  async ({ method, params }) => void await outbox.raise(method, params),
);
console.log(`raise events at ${receiver.socket}`);

Deno.addSignalListener("SIGTERM", async () => {
  await Promise.all([server.shutdown(), receiver.shutdown()]);
  await outbox.close();
  await store.close();
  await connection.drain();
  Deno.exit();
});
