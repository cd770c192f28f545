/**
 * A client for one destination.
 *
 * @module
 */

import {
  Destination,
  type EventClientOptions,
  type EventClientStats,
} from "./destination.ts";
import { type DeliveryError, quote } from "../protocol/errors.ts";
import { encodeParams, type Template, templateOf } from "./encoded_message.ts";
import type { EventParams } from "../protocol/params.ts";
import type { JsonValue } from "../protocol/json.ts";
import {
  type EventSocket,
  formatSocket,
  isOverTls,
  parseSocket,
} from "../protocol/socket.ts";

/** Options of {@linkcode EventClient.raise}. */
export interface RaiseOptions {
  /** As in {@linkcode EventClientOptions}, for this event. */
  timeoutMs?: number;
  /**
   * Gives the event up: what was not yet written is not sent. The promise
   * rejects with the signal's reason.
   */
  signal?: AbortSignal;
  /**
   * Another socket of the same host and port, over TLS if the client's own is,
   * to use its dialect and method. By default the client's own.
   */
  socket?: string;
}

/** The events of an {@linkcode EventClient}, for `addEventListener`. */
export interface EventClientEventMap {
  /** A connection was opened. */
  connect: Event;
  /** The connection ended; `error` says why, unless the client was closed. */
  disconnect: CustomEvent<{ error?: DeliveryError }>;
  /** A reply settled nothing and is ignored. */
  unmatched: CustomEvent<{ reply: JsonValue; reason: string }>;
}

/**
 * A client for one destination, which all sockets of that host and port share.
 *
 * It connects when the first event is raised, keeps the connection, and opens
 * a new one when it was lost and there is something to send. An open
 * connection keeps the process alive: close the client when done.
 *
 * Events go out in the order in which they were raised. Each settles exactly
 * once. A message of which a byte may be out is finished, or the connection is
 * closed; nothing is sent twice.
 *
 * @example Tell a server, and have it confirmed
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient } from "../../mod.ts";
 * import { serveEvents } from "../../mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, ({ params }) => params);
 *
 * await using client = new EventClient(server.socket, { syncMode: true });
 * const result = await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals(result, { ip: "192.168.2.11" }); // what the handler returned
 * ```
 */
export class EventClient extends EventTarget implements AsyncDisposable {
  readonly #destination: Destination;
  readonly #eventParam: string | undefined;
  /** Of the last event: as a rule the next has the same name. */
  #template: Template | undefined;

  /**
   * Constructs a client; no connection is opened yet.
   *
   * @param socket Where events go: `jsonrpc:host:port[/method]`, or over TLS
   * `jsonrpcs:host:port[/method]`.
   * @throws {SocketSyntaxError} if `socket` is not a socket.
   * @throws {TypeError} if `options.eventParam` is not a non-empty string.
   * @throws {RangeError} if another option is out of its range.
   */
  constructor(socket: string, options: EventClientOptions = {}) {
    super();
    const hooks = {
      connected: () => this.dispatchEvent(new Event("connect")),
      disconnected: (error?: DeliveryError) =>
        this.dispatchEvent(
          new CustomEvent("disconnect", { detail: { error } }),
        ),
      unmatched: (reply: JsonValue, reason: string) =>
        this.dispatchEvent(
          new CustomEvent("unmatched", { detail: { reply, reason } }),
        ),
    };
    // Not all: the promise of one event must not reject for another.
    const target = parseSocket(socket);
    this.#destination = new Destination(target, options, hooks, false);
    this.#eventParam = options.eventParam;
  }

  /** The socket that the client was made for. */
  get socket(): string {
    return formatSocket(this.#destination.socket);
  }

  /** A snapshot of the counters. */
  get stats(): EventClientStats {
    return this.#destination.stats;
  }

  /**
   * Raises an event.
   *
   * In sync mode the promise resolves to the server's result; otherwise to
   * `undefined`, when the operating system has taken the message. Not awaiting
   * it is fine: a rejection that nobody handles does not end the process.
   *
   * @param event The event's name, such as `E_PIKE_BLOCKED`.
   * @param params Its parameters; none by default.
   * @throws {ParamsError} at once, if `params` cannot be carried by JSON.
   * @throws {TypeError} at once, if `event` is not a non-empty string, or
   * `options.signal` is no signal.
   * @throws {SocketSyntaxError} at once, if `options.socket` is not a socket.
   * @throws {RangeError} at once, if `options.socket` is of another host or
   * port, or only one of them is over TLS, or `options.timeoutMs` is out of range.
   *
   * Rejects with
   * - {@linkcode ConnectError}: no connection could be opened;
   * - {@linkcode ConnectionClosedError}: it ended too early;
   * - {@linkcode DeliveryTimeoutError}: it took longer than `timeoutMs`;
   * - {@linkcode QueueFullError}: more than `maxQueueBytes` would wait;
   * - {@linkcode ServerError}: the server answered with an error;
   * - {@linkcode ProtocolError}: what it answered is not JSON-RPC 2.0;
   * - the reason of `options.signal`, if that is aborted.
   */
  raise(
    event: string,
    params: EventParams = {},
    options: RaiseOptions = {},
  ): Promise<JsonValue | undefined> {
    const { socket, timeoutMs, signal } = options;
    return this.#destination.send(
      this.#templateOf(event, socket),
      encodeParams(params, this.#eventParam),
      timeoutMs,
      signal,
    ).promise;
  }

  /**
   * Resolves when every event raised so far is settled: delivered, or failed.
   * It never rejects.
   */
  flush(): Promise<void> {
    return this.#destination.flush();
  }

  /**
   * Closes the client. What was raised before is still delivered, within its
   * time-out; what is raised from now on rejects. Resolves when the connection
   * is closed, for which the server is given a second, and never rejects.
   * Closing twice is fine.
   */
  close(): Promise<void> {
    return this.#destination.close();
  }

  /** The same as {@linkcode EventClient.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Listens to a change of status: see {@linkcode EventClientEventMap}. */
  override addEventListener<K extends keyof EventClientEventMap>(
    type: K,
    listener:
      | ((event: EventClientEventMap[K]) => void)
      | EventListenerObject
      | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  #templateOf(event: string, socket: string | undefined): Template {
    if (socket !== undefined) {
      const other = this.#sameDestination(socket);
      return templateOf(other, event, this.#eventParam);
    }
    if (this.#template?.event !== event) {
      const { socket } = this.#destination;
      this.#template = templateOf(socket, event, this.#eventParam);
    }
    return this.#template!;
  }

  #sameDestination(text: string): EventSocket {
    const socket = parseSocket(text);
    const own = this.#destination.socket;
    if (socket.host !== own.host || socket.port !== own.port) {
      throw new RangeError(
        `Cannot raise to socket ${quote(text)}: this client is for ${
          quote(this.socket)
        }, expected the same host and port`,
      );
    }
    if (isOverTls(socket) !== isOverTls(own)) {
      throw new RangeError(
        `Cannot raise to socket ${quote(text)}: this client is for ${
          quote(this.socket)
        }, expected both over TLS, or none`,
      );
    }
    return socket;
  }
}
