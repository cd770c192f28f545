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

/** What is asked of it over HTTP goes through the outbox. */
class Front extends EventInterface {
  override subscribe(...args: Parameters<EventInterface["subscribe"]>) {
    super.subscribe(...args); // throws for what cannot be
    outbox.subscribe(...args).catch(console.error);
  }
  override unsubscribe(event: string, socket: string) {
    outbox.unsubscribe(event, socket).catch(console.error);
    return super.unsubscribe(event, socket);
  }
  override subscribers(event?: string) {
    return events.subscribers(event); // those of all hubs
  }
  override async raise(...args: Parameters<EventInterface["raise"]>) {
    await outbox.raise(args[0], args[1]);
    return [];
  }
}

const servers = Deno.env.get("NATS")!.split(",");
const connection = await connect({ servers, maxReconnectAttempts: -1 });
const store = jetstream({ connection, headers }, {
  replicas: servers.length < 3 ? 1 : 3,
});
const events = new EventInterface({ syncMode: true });
const outbox = new Outbox(store, events, { keyParam: "key" });
await outbox.ready;

const front = new Front();
for (const event of Deno.args) front.publish(event);
const port = Number(Deno.env.get("PORT") ?? 8888);
const server = Deno.serve({
  hostname: "127.0.0.1",
  port,
  onListen: ({ port }) => console.log(`manage me at port ${port}`),
}, manageOverHttp(front));
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
