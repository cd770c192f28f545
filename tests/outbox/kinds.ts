/** The stores that the tests run on. */

// deno-lint-ignore no-import-prefix -- of tests only
import { connect, headers } from "npm:@nats-io/transport-node@3.4.0";
// deno-lint-ignore no-import-prefix -- of tests only
import * as nats from "npm:nats@2.29.3";
import {
  type EventStore,
  jetstream,
  type JetStreamOptions,
  memoryStore,
  type NatsClient,
  openSqlite,
  type SqliteOptions,
} from "../../src/outbox/mod.ts";
import { findNatsServer, NatsServer } from "../helpers/nats.ts";
import type { Folder } from "./helpers.ts";

const command = await findNatsServer();
const server = command === undefined
  ? undefined
  : await NatsServer.start(command);
if (server) globalThis.addEventListener("unload", () => server.dispose());

/** A kind of store. */
export interface Kind {
  name: string;
  /** Whether it cannot be had here. */
  ignore?: boolean;
  /** Whether many share it: then a retried event goes behind all others. */
  isShared?: boolean;
  open(
    folder: Folder,
    options?: SqliteOptions,
  ): EventStore | Promise<EventStore>;
}

export const LOCAL: Kind[] = [
  { name: "memoryStore()", open: (_, options) => memoryStore(options) },
  {
    name: "openSqlite()",
    open: (folder, options) => openSqlite(folder.file(), options),
  },
];

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
const RECONNECT = { reconnectTimeWait: 50, maxReconnectAttempts: -1 };

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

const SHARED = Object.keys(CLIENTS).map((client): Kind => ({
  name: `jetstream() by ${client}`,
  ignore: server === undefined,
  isShared: true,
  open: (folder, options) =>
    openJetStream(client as keyof typeof CLIENTS, server!.port, {
      ...options,
      ackWaitMs: 1000, // what a test leaves behind is taken over sooner
      name: folder.path.split("/").at(-1),
    }),
}));

/** All kinds; those of which there is no server are skipped. */
export const KINDS: Kind[] = [...LOCAL, ...SHARED];
