/**
 * The receiving end: a server for events.
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
   * The address to listen at. Whoever can reach it can send events: JSON-RPC
   * over TCP knows no authentication.
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
   * Makes the server speak TLS, with this certificate. Deno's TLS demands no
   * certificate of a peer, and has no `TCP_NODELAY`: a response may wait for up
   * to 40 ms until the peer has acknowledged the one before. And it cannot end a
   * connection in the handshake, or on which a write is under way: a peer that
   * takes too long for these is served no more, but counts as one of
   * `maxConnections` until it goes. Absent: plain TCP.
   */
  tls?: ListenerTlsOptions | undefined;
  /** Stops the server when aborted, as `shutdown` does. */
  signal?: AbortSignal | undefined;
  /**
   * The largest message that is taken, in bytes. A larger one is answered with
   * an error, and the connection is closed.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number | undefined;
  /**
   * How many connections may be open. One more is told so and closed; over TLS
   * it has to wait until another ends.
   *
   * @default {1000}
   */
  maxConnections?: number | undefined;
  /**
   * How long a peer may take, in milliseconds, to send its first message, to
   * finish one that it has begun, or to read some of what is sent to it. One that
   * takes longer is told so, if it reads, and its connection is closed. Between
   * messages it may be silent for ever, as OpenSIPS is: it keeps its connection.
   * A peer that reads slowly but steadily keeps it too. `Infinity`: no limit.
   *
   * @default {30000}
   */
  idleTimeoutMs?: number | undefined;
  /**
   * How long the next response on a connection waits after the one before, in
   * milliseconds, at most 1000; fractions are fine. Each goes out by a write of
   * its own then. 0: no wait, and the responses of one turn of the event loop go
   * out together.
   *
   * `"auto"`: half a millisecond, since OpenSIPS fails on responses that come
   * together. It ends for a connection on which the ids of two neighbouring
   * requests step by one, or one is no number: OpenSIPS's step by four, those of
   * nearly all others by one.
   *
   * @default {"auto"}
   */
  responseGapMs?: number | "auto" | undefined;
  /** Called once the server listens. */
  onListen?: ((addr: Address) => void) | undefined;
  /**
   * Called with what a handler threw that is not a `ServerError`, and its event;
   * and with failures to accept.
   *
   * @default {console.error, with the error}
   */
  onError?: ((error: unknown, event?: ReceivedEvent) => void) | undefined;
  /**
   * Called when a peer sent what is no event, or is one peer too many, and why.
   * The peer is told the same, unless it speaks no TLS to a server that does.
   * The event `invalid` of the server says more.
   *
   * @default {a warning, at most one a second}
   */
  onInvalid?: ((reason: string, peer: Address) => void) | undefined;
  /**
   * Called with what should be looked at: notifications for a method without a
   * handler, once for each method; a `ServerError` thrown for a notification,
   * which nobody gets; a response that is too long for OpenSIPS, once.
   *
   * @default {console.warn}
   */
  onWarning?: ((message: string) => void) | undefined;
}

const DEFAULT_PORT = 8080; // as in the examples of OpenSIPS
const DEFAULT_MAX_CONNECTIONS = 1000;
const DEFAULT_IDLE_TIMEOUT_MS = 30_000;
const MAX_GAP_MS = 1000;

/** Events whose names and params are not known to TypeScript. */
export type AnyReceivedEvents = Record<string, ReceivedParams>;

/**
 * Serves events, in the manner of `Deno.serve`. Messages follow JSON-RPC 2.0:
 * requests get a response, notifications (`"id":null` as OpenSIPS sends them, and
 * no id alike) get none, and batches work. What cannot be read is answered with
 * `-32700`, what is no request with `-32600`.
 *
 * The handler is a function for all methods, or an object with one for each
 * method; then requests for others are answered with `-32601`, and notifications
 * for others are counted and warned of.
 *
 * Needs the permission to listen: `--allow-net=host:port`.
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
 * @example Params of known types, for TypeScript; what comes is not checked
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
      "Cannot serve events: the second argument is no handler, expected a function, or an object of one for each method",
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
