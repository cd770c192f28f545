/** The stores that the tests run on. */

import {
  type EventStore,
  memoryStore,
  openSqlite,
  type SqliteOptions,
} from "../../src/outbox/mod.ts";
import { findNatsServer, NatsServer } from "../helpers/nats.ts";
import type { Folder } from "./helpers.ts";
import { CLIENTS, openJetStream } from "./nats_clients.ts";

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

const SHARED = Object.keys(CLIENTS).map((client): Kind => ({
  name: server === undefined
    ? `(skipped: no nats-server) jetstream() by ${client}`
    : `jetstream() by ${client}`,
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
