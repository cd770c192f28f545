/**
 * A store that many machines share: NATS JetStream.
 *
 * @module
 */

import {
  checkFunction,
  checkInteger,
  checkMs,
  checkPositiveInteger,
} from "../protocol/checks.ts";
import { quote } from "../protocol/errors.ts";
import { Api } from "./jetstream_api.ts";
import { Names } from "./jetstream_names.ts";
import { JetStreamStore } from "./jetstream_store.ts";
import type { StoreBounds } from "./local_store.ts";
import type { NatsClient } from "./nats.ts";
import type { EventStore } from "./store.ts";

/** Options of {@linkcode jetstream}. */
export interface JetStreamOptions extends StoreBounds {
  /**
   * With what the names of all streams and subjects begin: letters, digits, `-`
   * and `_`. Those that share events use the same.
   *
   * @default {"outbox"}
   */
  name?: string | undefined;
  /**
   * After how many milliseconds without a word from a deliverer its events are
   * given to another one. While it lives it sends word, however long a delivery
   * takes.
   *
   * @default {5000}
   */
  ackWaitMs?: number | undefined;
  /**
   * On how many servers of a cluster each event is stored before it counts as
   * stored: 1, 3 or 5.
   *
   * @default {1}
   */
  replicas?: number | undefined;
  /**
   * For how many milliseconds an event is known by its key. The server has the
   * keys in memory, and after its restart only those of events that it keeps.
   *
   * @default {120000}
   */
  rememberKeysMs?: number | undefined;
  /**
   * How long the server may take for what it is asked for, in milliseconds;
   * after that a call rejects with a {@linkcode StoreError}.
   *
   * @default {5000}
   */
  timeoutMs?: number | undefined;
  /** The domain of JetStream, if the server has one. */
  domain?: string | undefined;
  /**
   * Called when a target cannot be delivered to because of the server; it is
   * tried again.
   *
   * @default {console.warn}
   */
  onWarning?: ((message: string) => void) | undefined;
}

/**
 * Makes a store on NATS JetStream, by a client of it from npm: `nats` or
 * `@nats-io/transport-node`. Many processes may append to it and deliver from it
 * at once. Closing the store does not close the connection.
 *
 * Each target has a stream of its own, whose bounds the server holds, and a
 * second one when events are set aside for it; `maxEvents` is a million, and
 * `maxBytes` 64 MiB by default, since the server sets as much of its room aside
 * for each target. What is set aside counts for the bounds as it was a moment
 * ago. A retried event goes out after those that wait.
 *
 * The streams are made when they are first needed. A process that delivers sees
 * to it that at most its `window` of events are out for each target, in all
 * processes together: let all have the same.
 *
 * @throws {TypeError} if an option has the wrong type, or the client is none.
 * @throws {RangeError} if an option is out of its range.
 *
 * @example
 * ```ts ignore
 * import { connect, headers } from "npm:@nats-io/transport-node@3.4.0";
 * import { EventInterface } from "../../mod.ts";
 * import { jetstream, Outbox } from "./mod.ts";
 *
 * const connection = await connect({ servers: ["nats-1", "nats-2", "nats-3"] });
 * await using store = jetstream({ connection, headers }, { replicas: 3 });
 * await using events = new EventInterface();
 * await using outbox = new Outbox(store, events, { keyParam: "key" });
 * await outbox.subscribe("E_CALL_ENDED", "jsonrpc:127.0.0.1:8081/bill");
 * await outbox.raise("E_CALL_ENDED", { seconds: 61 }); // as safe as the cluster
 * ```
 */
export function jetstream(
  client: NatsClient,
  options: JetStreamOptions = {},
): EventStore {
  const {
    name = "outbox",
    maxEvents = 1_000_000,
    maxBytes = 64 * 1024 * 1024,
    ackWaitMs = 5000,
    replicas = 1,
    rememberKeysMs = 120_000,
    timeoutMs = 5000,
    domain,
    onWarning = console.warn,
  } = options;
  if (typeof client?.connection?.request !== "function") {
    throw new TypeError(
      "Cannot use the client: expected { connection, headers }, as connect() and the module of a NATS client give them",
    );
  }
  checkFunction("headers", client.headers);
  if (typeof name !== "string" || !/^[\w-]{1,40}$/.test(name)) {
    throw new TypeError(
      `Cannot use name ${
        quote(String(name))
      }: expected 1 to 40 letters, digits, - or _`,
    );
  }
  if (maxEvents !== Infinity) checkPositiveInteger("maxEvents", maxEvents);
  if (maxBytes !== Infinity) checkPositiveInteger("maxBytes", maxBytes);
  checkMs("ackWaitMs", ackWaitMs);
  checkInteger("replicas", replicas, 1, 5);
  checkMs("rememberKeysMs", rememberKeysMs);
  checkMs("timeoutMs", timeoutMs);
  checkFunction("onWarning", onWarning);
  const common = {
    retention: "limits",
    storage: "file",
    discard: "new",
    num_replicas: replicas,
  };
  return new JetStreamStore({
    api: new Api(client, timeoutMs, domain),
    names: new Names(name),
    bounds: { maxEvents, maxBytes, rememberKeysMs },
    common,
    ackWaitMs,
    onWarning,
  });
}
