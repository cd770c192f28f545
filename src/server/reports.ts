/**
 * The counters of a server, and its reports of problems.
 *
 * @module
 */

import { brief, quote, type ServerError } from "../protocol/errors.ts";
import { isObject, type JsonValue } from "../protocol/json.ts";
import type { Address } from "../transport/listen.ts";
import { formatAddress } from "../protocol/socket.ts";
import type { ReceivedEvent } from "./event.ts";

/** Counters of an `EventServer`, from its start. */
export interface EventServerStats {
  /** Connections accepted. */
  accepted: number;
  /** Accepted connections that were refused because there were too many. */
  refused: number;
  /** Connections that are open now, without refused ones. */
  open: number;
  /** Notifications received, in batches or not. */
  notifications: number;
  /** Requests received, in batches or not. */
  requests: number;
  /** Requests and notifications whose handlers run now. */
  underWay: number;
  /** Responses to requests and to invalid messages, with a result or an error. */
  responses: number;
  /** Responses with an error. */
  errors: number;
  /** Responses that were not sent because the peer was gone. */
  dropped: number;
  /** Errors of handlers other than a `ServerError`, and failures to accept. */
  failed: number;
  /** Invalid messages, and peers that were refused or took too long. */
  invalid: number;
  /** Requests and notifications for a method without a handler. */
  unhandled: number;
  /** The U+FFFD that were put in place of bytes that are not UTF-8. */
  replaced: number;
  /** Bytes received. */
  bytesReceived: number;
  /** Bytes of responses that the operating system has taken. */
  bytesSent: number;
}

/** An invalid message of a peer, or another reason to refuse the peer. */
export interface InvalidMessage {
  /** What is wrong. */
  reason: string;
  /** The address of the peer. */
  peer: Address;
  /** The JSON text of the message, if there is a message and it is JSON. */
  text?: string | undefined;
  /** The message's method, if it has one. */
  method?: string | undefined;
  /** The message's params, if it has any. */
  params?: JsonValue | undefined;
}

/** The events of an `EventServer`, for `addEventListener`. */
export interface EventServerEventMap {
  /** A connection was accepted, and not refused. */
  connect: CustomEvent<{ peer: Address }>;
  /** A connection that was accepted has ended. */
  disconnect: CustomEvent<{ peer: Address }>;
  /** There is no handler for the method of a request or a notification. */
  unhandled: CustomEvent<{ event: ReceivedEvent }>;
  /**
   * A handler threw an error: other than a `ServerError`, or any error for a
   * notification. Without `event`: no connection could be accepted.
   */
  error: CustomEvent<{ error: unknown; event?: ReceivedEvent | undefined }>;
  /** A peer sent an invalid message, took too long, or was refused. */
  invalid: CustomEvent<InvalidMessage>;
  /** A warning, as text. */
  warning: CustomEvent<{ message: string }>;
}

/** The hooks among the options of `serveEvents`. */
export interface ReportHooks {
  onError?: ((error: unknown, event?: ReceivedEvent) => void) | undefined;
  onInvalid?: ((reason: string, peer: Address) => void) | undefined;
  onWarning?: ((message: string) => void) | undefined;
}

/** The number of methods without a handler that get a warning, each once. */
const MAX_UNHANDLED = 100;
/** The shortest time between two warnings that a peer can cause, in milliseconds. */
const WARNING_MS = 1000;
/** OpenSIPS fails on a longer response: it reads 8192 bytes at once. */
const MAX_OPENSIPS_BYTES = 8000;

/** Counts, and calls hooks and listeners. It never throws. */
export class Reports {
  readonly stats: EventServerStats = {
    accepted: 0,
    refused: 0,
    open: 0,
    notifications: 0,
    requests: 0,
    underWay: 0,
    responses: 0,
    errors: 0,
    dropped: 0,
    failed: 0,
    invalid: 0,
    unhandled: 0,
    replaced: 0,
    bytesReceived: 0,
    bytesSent: 0,
  };
  readonly #hooks: ReportHooks;
  readonly #target: EventTarget;
  readonly #unhandled = new Set<string>();
  #hasWarnedOfLength = false;
  /** When `#warnRarely` last warned, and what it has left out since. */
  #warnedAt = -Infinity;
  #leftOut: { message: string; more: number } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(hooks: ReportHooks, target: EventTarget = new EventTarget()) {
    this.#hooks = hooks;
    this.#target = target;
  }

  /** Reports a connection that was accepted. */
  connected(peer: Address): void {
    this.#dispatch("connect", { peer });
  }

  /** Reports a connection that has ended. */
  disconnected(peer: Address): void {
    this.#dispatch("disconnect", { peer });
  }

  /** Reports an error of a handler, or a failure to accept. */
  failed(error: unknown, event?: ReceivedEvent): void {
    this.stats.failed++;
    const { onError = printFailure } = this.#hooks;
    quietly(() => onError(error, event));
    this.#dispatch("error", { error, event });
  }

  /** Reports a `ServerError` for a notification, which has no response. */
  refusedNotification(error: ServerError, event: ReceivedEvent): void {
    this.#dispatch("error", { error, event });
    this.#warnRarely(
      `The handler of ${quote(event.method)} refused a notification from ${
        formatAddress(event.peer)
      }, which has no response: ${error.code} ${quote(String(error.message))}`,
    );
  }

  /** Reports an event without a handler. */
  unhandled(event: ReceivedEvent): void {
    this.stats.unhandled++;
    this.#dispatch("unhandled", { event });
    const { method, id, peer } = event;
    if (id !== null || this.#unhandled.has(method)) return;
    if (this.#unhandled.size >= MAX_UNHANDLED) return;
    this.#unhandled.add(method);
    this.#warn(
      `Notifications for ${
        quote(method)
      } have no handler and are dropped, the first from ${formatAddress(peer)}`,
    );
  }

  /** Reports what is wrong with a peer, and its message if there is one. */
  invalid(reason: string, peer: Address, text?: string, value?: unknown): void {
    this.stats.invalid++;
    const { onInvalid } = this.#hooks;
    if (onInvalid === undefined) {
      this.#warnRarely(`Refused from ${formatAddress(peer)}: ${brief(reason)}`);
    } else quietly(() => onInvalid(reason, peer));
    const { method, params } = isObject(value) ? value : {} as InvalidMessage;
    this.#dispatch("invalid", {
      reason,
      peer,
      text,
      method: typeof method === "string" ? method : undefined,
      params,
    });
  }

  /** Warns if a response is too long for OpenSIPS. */
  checkLength(text: string, peer: Address): void {
    // A character has at most three bytes.
    if (3 * text.length <= MAX_OPENSIPS_BYTES || this.#hasWarnedOfLength) {
      return;
    }
    const { length } = new TextEncoder().encode(text);
    if (length <= MAX_OPENSIPS_BYTES) return;
    this.#hasWarnedOfLength = true;
    this.#warn(
      `A response to ${
        formatAddress(peer)
      } has ${length} bytes: OpenSIPS fails on more than ${MAX_OPENSIPS_BYTES}`,
    );
  }

  /** Warns of something that peers can cause, but rarely, so that no log fills up. */
  #warnRarely(message: string): void {
    const more = this.#leftOut === undefined ? 0 : this.#leftOut.more + 1;
    this.#leftOut = { message, more };
    if (this.#timer !== undefined) return;
    const ms = this.#warnedAt + WARNING_MS - performance.now();
    if (ms <= 0) this.flush();
    else this.#timer = setTimeout(() => this.flush(), ms);
  }

  /** Warns of what was left out until now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#leftOut === undefined) return;
    const { message, more } = this.#leftOut;
    this.#leftOut = undefined;
    this.#warnedAt = performance.now();
    this.#warn(more === 0 ? message : `${message} (and ${more} more before)`);
  }

  #warn(message: string): void {
    const { onWarning = (message) => console.warn(message) } = this.#hooks;
    quietly(() => onWarning(message));
    this.#dispatch("warning", { message });
  }

  #dispatch<K extends keyof EventServerEventMap>(
    type: K,
    detail: EventServerEventMap[K]["detail"],
  ): void {
    this.#target.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** What is done with an error unless the caller says otherwise. */
function printFailure(error: unknown, event: ReceivedEvent | undefined): void {
  if (event === undefined) return console.error(error);
  const { method, paramsText, peer } = event;
  console.error(
    `The handler of ${quote(method)} failed, with params ${
      brief(paramsText)
    } from ${formatAddress(peer)}:`,
    error,
  );
}

/** Calls a hook, and ignores its errors. */
function quietly(hook: () => void): void {
  try {
    hook();
  } catch { /* the hook is where errors are reported */ }
}
