/**
 * A server that receives events.
 *
 * @module
 */

import {
  checkFunction,
  checkInteger,
  checkMsOrInfinity,
  checkPositiveInteger,
  checkSignal,
  checkText,
} from "../protocol/checks.ts";
import { quote } from "../protocol/errors.ts";
import { isObject } from "../protocol/json.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/json_stream.ts";
import { type Address, listen } from "../transport/listen.ts";
import { checkCertified, type ListenerTlsOptions } from "../transport/tls.ts";
import type { Handlers } from "./dispatcher.ts";
import type {
  EventHandlers,
  EventOf,
  ReceivedEvent,
  ReceivedParams,
} from "./event.ts";
import { type EventServer, RunningServer } from "./server.ts";

/** Options of {@linkcode serveEvents}. */
export interface ServeEventsOptions {
  /**
   * The address to listen at. Everyone who can reach it can send events: JSON-RPC
   * over TCP has no authentication.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /**
   * The port to listen at; 0 picks a free one.
   *
   * @default {8080}
   */
  port?: number | undefined;
  /**
   * The certificate and the key with which the server speaks TLS. Absent: plain
   * TCP. Deno's TLS has limits:
   *
   * - Peers are not asked for a certificate.
   * - There is no `TCP_NODELAY`: a response may wait for up to 40 ms until the peer
   *   has acknowledged the previous one.
   * - A connection cannot be closed during the handshake or a write. A peer that
   *   takes too long for these is no longer served, but it counts for
   *   `maxConnections` until it closes the connection.
   */
  tls?: ListenerTlsOptions | undefined;
  /** Stops the server when aborted, as `shutdown` does. */
  signal?: AbortSignal | undefined;
  /**
   * The largest message accepted, in bytes. The response to a larger one is an
   * error, and the connection is closed.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number | undefined;
  /**
   * How many connections may be open. A further connection gets an error and is
   * closed; over TLS it waits until another one ends.
   *
   * @default {1000}
   */
  maxConnections?: number | undefined;
  /**
   * How long a peer may take, in milliseconds, to send its first message, to finish
   * a message, or to read some bytes of a response. A peer that takes longer gets
   * an error, and its connection is closed. Between messages a peer may be silent
   * for any time, as OpenSIPS is. A peer that reads slowly but steadily keeps its
   * connection. `Infinity`: no limit.
   *
   * @default {30000}
   */
  idleTimeoutMs?: number | undefined;
  /**
   * The shortest time between two responses on a connection, in milliseconds, from
   * 0 to 1000; fractions are allowed. The responses are written one at a time. With
   * 0, the responses of one turn of the event loop are written together.
   *
   * `"auto"`: half a millisecond, because OpenSIPS fails when it reads several
   * responses at once. The gap ends for a connection when the ids of two successive
   * requests differ by one, or an id is not a number: the ids of OpenSIPS differ by
   * four, those of nearly all other clients by one.
   *
   * @default {"auto"}
   */
  responseGapMs?: number | "auto" | undefined;
  /** Called when the server listens. */
  onListen?: ((addr: Address) => void) | undefined;
  /**
   * Called with each error that a handler throws, except a `ServerError`, and the
   * event; and with each failure to accept a connection.
   *
   * @default {console.error, with the error}
   */
  onError?: ((error: unknown, event?: ReceivedEvent) => void) | undefined;
  /**
   * Called with the reason when a peer sent an invalid message, took too long, or
   * was refused. The peer gets an error with the same reason, except during a TLS
   * handshake. The server's event `invalid` has more details.
   *
   * @default {a warning, at most one a second}
   */
  onInvalid?: ((reason: string, peer: Address) => void) | undefined;
  /**
   * Called with a warning: notifications for a method without a handler, once for
   * each method; a `ServerError` for a notification, which has no response; a
   * response that is too long for OpenSIPS, once.
   *
   * @default {console.warn}
   */
  onWarning?: ((message: string) => void) | undefined;
}

const DEFAULT_PORT = 8080; // as in the examples of OpenSIPS
const DEFAULT_MAX_CONNECTIONS = 1000;
const DEFAULT_IDLE_TIMEOUT_MS = 30_000;
const MAX_GAP_MS = 1000;

/** The default type of events: any name, any params. */
export type AnyReceivedEvents = Record<string, ReceivedParams>;

/**
 * Starts a server for events, in the manner of `Deno.serve`. Messages follow
 * JSON-RPC 2.0, batches included. A request has a response. A notification has
 * none; it has no id, or `"id":null` as OpenSIPS sends it. The response to a
 * message that is not JSON has the error `-32700`; to one that is not a request or
 * a notification, `-32600`.
 *
 * The handler is a function for all methods, or an object with a function for each
 * method. In an object, the response to a request for another method has the error
 * `-32601`; a notification for another method is counted, and a warning given.
 *
 * Needs the permission `--allow-net=host:port`.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * import { serveEvents } from "../../mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, {
 *   E_PIKE_BLOCKED: ({ params, peer }) => {
 *     console.log(`${peer.hostname} says: block`, params);
 *     return true;
 *   },
 * });
 * assertMatch(server.socket, /^jsonrpc:127\.0\.0\.1:[0-9]+$/);
 * ```
 *
 * @example Typed params; received params are not checked against the types
 * ```ts
 * import { serveEvents } from "../../mod.ts";
 *
 * interface CallEvents {
 *   E_CALL_START: { callid: string };
 *   E_CALL_STOP: { callid: string; seconds: number };
 * }
 *
 * await using server = serveEvents<CallEvents>({ port: 0 }, {
 *   E_CALL_START: ({ params }) => console.log(params.callid),
 *   E_CALL_STOP: ({ params }) => console.log(params.seconds),
 * });
 * ```
 *
 * @throws {TypeError} if an option is of a wrong type, or a handler is not a
 * function.
 * @throws {RangeError} if an option is out of its range.
 * @throws {Error} if `tls.key` is not the key of `tls.cert`, or the address
 * cannot be used: it is in use (`Deno.errors.AddrInUse`), or there is no
 * permission (`Deno.errors.NotCapable`).
 */
export function serveEvents<Events extends object = AnyReceivedEvents>(
  options: ServeEventsOptions,
  handler:
    | ((event: EventOf<NoInfer<Events>>) => unknown)
    | EventHandlers<NoInfer<Events>>,
): EventServer {
  const {
    hostname = "127.0.0.1",
    port = DEFAULT_PORT,
    tls,
    signal,
    maxMessageBytes = MAX_MESSAGE_BYTES,
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS,
    responseGapMs = "auto",
    onListen,
    ...hooks
  } = options;
  checkHandlers(handler);
  checkText("hostname", hostname);
  checkInteger("port", port, 0, 65535);
  checkSignal(signal);
  checkPositiveInteger("maxMessageBytes", maxMessageBytes);
  checkPositiveInteger("maxConnections", maxConnections);
  checkMsOrInfinity("idleTimeoutMs", idleTimeoutMs);
  checkGap(responseGapMs);
  for (const name of ["onError", "onInvalid", "onWarning"] as const) {
    if (hooks[name] !== undefined) checkFunction(name, hooks[name]);
  }
  if (onListen !== undefined) checkFunction("onListen", onListen);
  if (tls !== undefined) checkCertified(tls);

  const listener = listen({ hostname, port, tls });
  try {
    onListen?.(listener.addr);
  } catch (error) {
    listener.close();
    throw error;
  }
  return new RunningServer(listener, {
    isTls: tls !== undefined,
    signal,
    maxMessageBytes,
    maxConnections,
    idleTimeoutMs,
    responseGapMs,
    hooks,
  }, handler as Handlers);
}

function checkHandlers(handler: unknown): void {
  if (typeof handler === "function") return;
  if (!isObject(handler)) {
    throw new TypeError(
      "Cannot serve events: the second argument is not a handler, expected a function or an object with a function for each method",
    );
  }
  for (const [method, value] of Object.entries(handler)) {
    if (typeof value === "function") continue;
    throw new TypeError(
      `Cannot serve events: the handler of ${quote(method)} is ${
        value === null ? "null" : `of type ${typeof value}`
      }, expected a function`,
    );
  }
}

function checkGap(gap: unknown): void {
  if (gap === "auto") return;
  const expected = `"auto", or milliseconds from 0 to ${MAX_GAP_MS}`;
  const shown = typeof gap === "string" ? quote(gap) : String(gap);
  const message = `Cannot use responseGapMs ${shown}: expected ${expected}`;
  if (typeof gap !== "number") throw new TypeError(message);
  if (!(gap >= 0 && gap <= MAX_GAP_MS)) throw new RangeError(message);
}
