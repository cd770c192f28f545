/**
 * A client for one destination.
 *
 * @module
 */

import { checkBoolean, checkMs, checkSignal } from "../protocol/checks.ts";
import { type DeliveryError, quote } from "../protocol/errors.ts";
import type {
  AnyEvents,
  EventMap,
  EventName,
  ParamsOf,
} from "../protocol/event_types.ts";
import type { JsonText, JsonValue } from "../protocol/json.ts";
import { headOf, type MessageHead } from "../protocol/message.ts";
import { type EventParams, formatParams } from "../protocol/params.ts";
import {
  type EventSocket,
  formatSocket,
  isOverTls,
  parseSocket,
} from "../protocol/socket.ts";
import { TypedEventTarget } from "../protocol/typed_event_target.ts";
import type { Result } from "./delivery.ts";
import type { Notice } from "./destination.ts";
import {
  type ClientSettings,
  type EventClientOptions,
  settingsOf,
} from "./options.ts";
import { DestinationShell } from "./shell.ts";
import type { EventClientStats } from "./stats.ts";

/** Options of {@linkcode EventClient.raise}. */
export interface RaiseOptions {
  /**
   * The time-out of this event, in milliseconds: see
   * {@linkcode EventClientOptions.timeoutMs}.
   *
   * @default {the client's `timeoutMs`}
   */
  timeoutMs?: number | undefined;
  /**
   * Aborts the delivery: the promise rejects with the signal's reason. An event
   * that was not yet written is not sent.
   */
  signal?: AbortSignal | undefined;
  /**
   * A socket with another dialect or method for this event. It must have the
   * client's host and port, and be over TLS if the client's socket is.
   *
   * @default {the client's socket}
   */
  socket?: string | undefined;
  /**
   * Whether the promise resolves to the result as it came, as a `JsonText`. The
   * parsed result loses digits of large numbers and repeated names.
   *
   * @default {false}
   */
  rawResult?: boolean | undefined;
}

/** The events of an {@linkcode EventClient}, for `addEventListener`. */
export interface EventClientEventMap {
  /** A connection was opened. */
  connect: Event;
  /** The connection was closed; `error` says why, unless the client ended it. */
  disconnect: CustomEvent<{ error: DeliveryError | undefined }>;
  /** A response belongs to no request, and was ignored; `reason` says why. */
  unmatched: CustomEvent<{ response: JsonValue; reason: string }>;
  /** The queue was full: `events` events of one turn were refused. */
  full: CustomEvent<{ events: number }>;
}

/**
 * A client for one destination: a host and a port.
 *
 * It connects when the first event is raised, and keeps the connection. When the
 * connection is lost, it opens a new one for the next event. An open connection
 * keeps the process alive: close the client when done.
 *
 * Events go out in the order in which they were raised. Each settles exactly
 * once. Once writing of a message has begun, it is written in full or the
 * connection is closed. Nothing is sent twice.
 *
 * @typeParam Events Maps the names of events to their params: then other names
 * and other params do not compile.
 *
 * @example Raise an event, and wait until the server has confirmed it
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient, serveEvents } from "../../mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, ({ params }) => params);
 *
 * await using client = new EventClient(server.socket, { syncMode: true });
 * const result = await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals(result, { ip: "192.168.2.11" }); // what the handler returned
 * ```
 */
export class EventClient<Events extends EventMap = AnyEvents>
  extends TypedEventTarget<EventClientEventMap>
  implements AsyncDisposable {
  readonly #shell: DestinationShell;
  readonly #target: EventSocket;
  readonly #settings: ClientSettings;
  /** The head for the last event name, which the next event often has too. */
  #head: MessageHead | undefined;

  /**
   * Constructs a client; no connection is opened yet.
   *
   * @param socket Where events go: `jsonrpc:host:port[/method]`, over TLS
   * `jsonrpcs:host:port[/method]`, or `tcp:host:port[/method]`.
   * @throws {SocketSyntaxError} if `socket` is not a socket.
   * @throws {TypeError} if an option is of a wrong type.
   * @throws {RangeError} if an option is out of its range.
   */
  constructor(socket: string, options: EventClientOptions = {}) {
    super();
    this.#target = parseSocket(socket);
    this.#settings = settingsOf(options);
    this.#shell = new DestinationShell(
      this.#target,
      this.#settings,
      (notice) => this.dispatchEvent(toEvent(notice)),
    );
  }

  /** The socket that the client was made for. */
  get socket(): string {
    return formatSocket(this.#target);
  }

  /** Whether events go out as requests, which the server confirms. */
  get syncMode(): boolean {
    return this.#settings.syncMode;
  }

  /** A snapshot of the counters. */
  get stats(): EventClientStats {
    return this.#shell.stats;
  }

  /**
   * Raises an event.
   *
   * In sync mode the promise resolves to the server's result. Otherwise it
   * resolves to `undefined` when the operating system has taken the message. You
   * need not await it: a rejection that nobody handles does not end the process.
   * Notifications that are raised in one turn of the event loop may share a
   * promise.
   *
   * @param event The event's name, such as `E_PIKE_BLOCKED`.
   * @param params Its parameters; none by default.
   * @throws {ParamsError} at once, if JSON cannot carry `params` unchanged.
   * @throws {TypeError} at once, if `event` is not a non-empty string, or an
   * option is of a wrong type.
   * @throws {SocketSyntaxError} at once, if `options.socket` is not a socket.
   * @throws {RangeError} at once, if `options.socket` has another host or port
   * than the client, or only one of the two is over TLS, or `options.timeoutMs`
   * is out of its range.
   *
   * Rejects with
   * - {@linkcode ConnectError}: no connection could be opened;
   * - {@linkcode ConnectionClosedError}: the connection was lost, or the client
   *   is closed;
   * - {@linkcode DeliveryTimeoutError}: the delivery took longer than `timeoutMs`;
   * - {@linkcode QueueFullError}: more than `maxQueueBytes` would wait;
   * - {@linkcode ServerError}: the server responded with an error;
   * - {@linkcode ProtocolError}: the response is not JSON-RPC 2.0;
   * - the reason of `options.signal`, if that is aborted.
   */
  raise<Name extends EventName<Events>, P>(
    event: Name,
    params: ParamsOf<Events, Name, P>,
    options: RaiseOptions & { rawResult: true },
  ): Promise<JsonText | undefined>;
  /** Raises an event: see above. */
  raise<Name extends EventName<Events>, P>(
    event: Name,
    params: ParamsOf<Events, Name, P>,
    options?: RaiseOptions,
  ): Promise<JsonValue | undefined>;
  /** Raises an event without params: see above. */
  raise(
    event: EventName<Events>,
    params?: undefined,
    options?: RaiseOptions,
  ): Promise<JsonValue | undefined>;
  raise(
    event: string,
    params: unknown = {},
    options: RaiseOptions = {},
  ): Promise<Result> {
    const { socket, timeoutMs, signal, rawResult = false } = options;
    if (timeoutMs !== undefined) checkMs("timeoutMs", timeoutMs);
    checkSignal(signal);
    checkBoolean("rawResult", rawResult);
    const head = this.#headOf(event, socket);
    const text = formatParams(params as EventParams, head.eventParam);
    return this.#shell.send(head, text, timeoutMs, signal, rawResult).promise;
  }

  /**
   * Resolves when every event raised so far is settled: delivered, or failed.
   * Never rejects.
   */
  flush(): Promise<void> {
    return this.#shell.flush();
  }

  /**
   * Closes the client. Events that were raised before are still delivered, within
   * their time-outs; later events are refused. Resolves when the connection is
   * closed; the server gets one second for that. Never rejects. Closing twice is
   * fine.
   */
  close(): Promise<void> {
    return this.#shell.close();
  }

  /** The same as {@linkcode EventClient.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #headOf(event: string, socket: string | undefined): MessageHead {
    const { eventParam } = this.#settings;
    if (socket !== undefined) {
      return headOf(this.#sameDestination(socket), event, eventParam);
    }
    if (this.#head?.event !== event) {
      this.#head = headOf(this.#target, event, eventParam);
    }
    return this.#head!;
  }

  #sameDestination(text: string): EventSocket {
    const socket = parseSocket(text);
    const own = this.#target;
    const expected = socket.host !== own.host || socket.port !== own.port
      ? "the same host and port"
      : isOverTls(socket) !== isOverTls(own)
      ? "both over TLS, or neither"
      : undefined;
    if (expected === undefined) return socket;
    throw new RangeError(
      `Cannot raise to socket ${quote(text)}: this client is for ${
        quote(this.socket)
      }, expected ${expected}`,
    );
  }
}

/** Makes the event to dispatch for a notice. */
function toEvent({ type, ...detail }: Notice): Event {
  return type === "connect"
    ? new Event(type)
    : new CustomEvent(type, { detail });
}
