// Publishes each event on NATS, and confirms it when the NATS server has it.

import { serveEvents } from "../../mod.ts";
// deno-lint-ignore no-import-prefix
import { connect } from "npm:@nats-io/transport-node@3.4.0";

export async function eventsToNats(natsServer: string, port = 8080) {
  const nats = await connect({
    servers: natsServer,
    maxReconnectAttempts: -1, // as often as it takes
  });
  const server = serveEvents({ port }, async ({ method, paramsText }) => {
    nats.publish(`opensips.${method}`, paramsText);
    await nats.flush();
    return true;
  });
  server.finished.then(() => nats.drain());
  return { server, nats };
}
