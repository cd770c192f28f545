/**
 * Events that outlive a crash: {@linkcode Outbox} keeps each event in a store
 * until its targets have confirmed it. {@linkcode openSqlite} opens a store in a
 * file, {@linkcode jetstream} one that many machines share, {@linkcode memoryStore}
 * makes one for tests, {@linkcode EventStore} is what others have to be. At the receiving end, {@linkcode deduplicate} acts
 * once on an event that comes twice.
 *
 * @example Keep an event until it is confirmed
 * ```ts
 * import { EventClient, serveEvents } from "../../mod.ts";
 * import { openSqlite, Outbox } from "./mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, () => true);
 * const folder = await Deno.makeTempDir();
 *
 * await using store = openSqlite(`${folder}/events.db`);
 * await using client = new EventClient(server.socket, { syncMode: true });
 * await using outbox = new Outbox(store, client);
 * await outbox.raise("E_CALL_ENDED", { seconds: 61 }); // safe on disk
 * await outbox.flush(); // confirmed
 * ```
 *
 * @module
 */

export {
  Outbox,
  type OutboxEventMap,
  type OutboxRaiseOptions,
} from "./outbox.ts";
export type { OutboxOptions } from "./options.ts";
export type { OutboxStats } from "./stats.ts";
export { deduplicate, type DeduplicateOptions } from "./deduplicate.ts";
export { openSqlite, type SqliteOptions } from "./sqlite.ts";
export { memoryStore } from "./memory.ts";
export { jetstream, type JetStreamOptions } from "./jetstream.ts";
export type {
  NatsClient,
  NatsConnection,
  NatsHeaders,
  NatsMessage,
} from "./nats.ts";
export type { StoreBounds } from "./local_store.ts";
export { backoff, type BackoffOptions } from "./backoff.ts";
export {
  OutboxFullError,
  StoreError,
  type StoreErrorOptions,
  type StoreFailure,
} from "./errors.ts";
export type {
  Appended,
  Deliverer,
  DeliverOptions,
  EventFilter,
  EventStore,
  KeptEvent,
  KeptSubscription,
  KeyMemory,
  NewEvent,
  Refusal,
  TargetStats,
} from "./store.ts";
