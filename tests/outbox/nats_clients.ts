/** The clients of NATS that a store is handed. */

// deno-lint-ignore no-import-prefix -- of tests only
import { connect, headers } from "npm:@nats-io/transport-node@3.4.0";
// deno-lint-ignore no-import-prefix -- of tests only
import * as nats from "npm:nats@2.29.3";
import {
  type EventStore,
  jetstream,
  type JetStreamOptions,
  type NatsClient,
} from "../../src/outbox/mod.ts";

/** Clients of NATS, by the packages that they are from. */
export const CLIENTS = {
  "nats": async (port: number): Promise<NatsClient & { close(): void }> => {
    const connection = await nats.connect({ port, ...RECONNECT });
    return {
      connection,
      headers: nats.headers,
      close: () => connection.close(),
    };
  },
  "@nats-io/transport-node": async (
    port: number,
  ): Promise<NatsClient & { close(): void }> => {
    const connection = await connect({ port, ...RECONNECT });
    return { connection, headers, close: () => connection.close() };
  },
};
const RECONNECT = {
  waitOnFirstConnect: true,
  reconnectTimeWait: 50,
  maxReconnectAttempts: -1,
};

/** Opens a store that closes its connection. */
export async function openJetStream(
  client: keyof typeof CLIENTS,
  port: number,
  options: JetStreamOptions,
): Promise<EventStore> {
  const { close, ...parts } = await CLIENTS[client](port);
  const store = jetstream(parts, options);
  const closeStore = store.close.bind(store);
  store.close = async () => {
    await closeStore();
    await close();
  };
  return store;
}
