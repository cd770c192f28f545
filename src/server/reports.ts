/**
 * Counters of a server, and telling what went wrong.
 *
 * @module
 */

import { brief, quote, type ServerError } from "../protocol/errors.ts";
import { isObject, type JsonValue } from "../protocol/json.ts";
import { type Address, formatAddress } from "../transport/listen.ts";
import type { ReceivedEvent } from "./event.ts";

/** Counters of an `EventServer`, from its start. */
export interface EventServerStats {
  /** Connections accepted. */
  accepted: number;
  /** Of these, refused because there were too many. */
  refused: number;
  /** Connections that are open now, refused ones not counted. */
  open: number;
  /** Notifications received; those of a batch count one by one. */
  notifications: number;
  /** Requests received. */
  requests: number;
  /** Requests and notifications whose handlers have not ended. */
  underWay: number;
  /** Responses to requests and to what is invalid, errors included. */
  responses: number;
  /** Of these, responses with an error. */
  errors: number;
  /** Responses that could not go out, because the peer was gone. */
  dropped: number;
  /** What handlers threw that is not a `ServerError`. */
  failed: number;
  /** Messages that are no JSON-RPC 2.0, and peers that take too long. */
  invalid: number;
  /** Requests and notifications for a method without a handler. */
  unhandled: number;
  /** How many times bytes that are not UTF-8 have become U+FFFD. */
  replaced: number;
  /** Bytes received. */
  bytesReceived: number;
  /** Bytes of responses that the operating system has taken. */
  bytesSent: number;
}

/** What a peer sent that is no event, or did that it may not. */
export interface InvalidMessage {
  /** What is wrong. */
  reason: string;
  /** Who sent it. */
  peer: Address;
  /** The message as it came, if one came that is JSON. */
  text?: string | undefined;
  /** Its method, if it has one. */
  method?: string | undefined;
  /** Its params, if it has some. */
  params?: JsonValue | undefined;
}

/** The events of an `EventServer`, for `addEventListener`. */
export interface EventServerEventMap {
  /** A request or a notification has a method without a handler. */
  unhandled: CustomEvent<{ event: ReceivedEvent }>;
  /**
   * A handler threw something that no peer was told in full: anything but a
   * `ServerError`, or anything at all for a notification. Without `event`: no
   * connection could be accepted.
   */
  error: CustomEvent<{ error: unknown; event?: ReceivedEvent | undefined }>;
  /** A peer sent what is no event, or was one too many, or took too long. */
  invalid: CustomEvent<InvalidMessage>;
  /** Something that should be looked at, in words. */
  warning: CustomEvent<{ message: string }>;
}

/** The hooks among the options of `serveEvents`. */
export interface ReportHooks {
  onError?: ((error: unknown, event?: ReceivedEvent) => void) | undefined;
  onInvalid?: ((reason: string, peer: Address) => void) | undefined;
  onWarning?: ((message: string) => void) | undefined;
}

/** How many methods without a handler are warned of, each once. */
const MAX_UNHANDLED = 100;
/** How often the same kind of warning is given, in milliseconds. */
const WARNING_MS = 1000;
/** A response of more bytes breaks OpenSIPS, which reads 8192 at once. */
const MAX_OPENSIPS_BYTES = 8000;

/** Counts, and tells hooks and listeners. It never throws. */
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
  /** When refusals were last warned of, and how many were not since. */
  #refusalsAt = -Infinity;
  #refusals = 0;

  constructor(hooks: ReportHooks, target: EventTarget = new EventTarget()) {
    this.#hooks = hooks;
    this.#target = target;
  }

  /** Takes what a handler threw, or a failure to accept. */
  failed(error: unknown, event?: ReceivedEvent): void {
    this.stats.failed++;
    const { onError = (error) => console.error(error) } = this.#hooks;
    quietly(() => onError(error, event));
    this.#dispatch("error", { error, event });
  }

  /** Takes the error that would be the response to a notification. */
  unheard(error: ServerError, event: ReceivedEvent): void {
    this.#dispatch("error", { error, event });
    this.#warnOften(
      `The handler of ${quote(event.method)} refused a notification from ${
        formatAddress(event.peer)
      }, which has no response: ${error.code} ${quote(String(error.message))}`,
    );
  }

  /** Takes an event that has no handler. */
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

  /** Takes what is wrong with a peer, and its message if there is one. */
  invalid(reason: string, peer: Address, text?: string, value?: unknown): void {
    this.stats.invalid++;
    const { onInvalid } = this.#hooks;
    if (onInvalid === undefined) {
      this.#warnOften(`Refused from ${formatAddress(peer)}: ${brief(reason)}`);
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

  /** Takes each response for a peer that may be OpenSIPS. */
  responded(text: string, peer: Address): void {
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

  /** Warns of what a hostile peer can cause, so seldom that no log fills up. */
  #warnOften(message: string): void {
    const now = performance.now();
    if (now - this.#refusalsAt < WARNING_MS) {
      this.#refusals++;
      return;
    }
    const more = this.#refusals;
    this.#refusals = 0;
    this.#refusalsAt = now;
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

/** Calls a hook, whose failure does no harm. */
function quietly(hook: () => void): void {
  try {
    hook();
  } catch { /* there is nobody left to tell */ }
}
