/**
 * The events that came in last, and what was responded to them.
 *
 * @module
 */

import { ServerError } from "../protocol/errors.ts";
import { formatHost } from "../protocol/socket.ts";
import type { Address } from "../transport/listen.ts";
import type { ReceivedEvent } from "../server/event.ts";
import type { EventWatcher, HandlerResponse } from "./watch_handler.ts";

/** Options of {@linkcode EventFeed}. */
export interface EventFeedOptions {
  /**
   * How many events are kept; then the oldest go.
   *
   * @default {100000}
   */
  maxEvents?: number | undefined;
  /**
   * How much text of events is kept, in UTF-16 units; then the oldest go.
   *
   * @default {67108864}
   */
  maxLength?: number | undefined;
}

/** An event that is kept. All texts are JSON, as they came where possible. */
export interface KeptEvent {
  /** Its number, counted from 0. */
  readonly seq: number;
  /** When it came, in milliseconds since the epoch. */
  readonly time: number;
  /** `host:port` of its sender. */
  readonly peer: string;
  /** Its method; `undefined` for something that was refused. */
  readonly method: string | undefined;
  /** The params; of something that was refused, why, as plain text. */
  readonly params: string;
  /** The id; `null` for a notification. */
  readonly id: string;
  /** What was responded, as soon as that is known. */
  response: string | undefined;
  /** Whether the response is an error. */
  isError: boolean;
  /** How long the handler took, in milliseconds. */
  ms: number;
}

/** Looks at a feed. */
export interface FeedViewer {
  /** There are more events. May be called often, must not do much. */
  added(): void;
  /** The events were cleared. */
  cleared(): void;
  /** A response to this event became known after the event. */
  responded(event: KeptEvent): void;
}

const MAX_EVENTS = 100_000;
const MAX_LENGTH = 64 * 1024 * 1024;
/**
 * A flood is more than so many events in a millisecond, so long that so many more
 * came. Nobody can look at them all, and to keep an event costs as much time as to
 * take it in: in a flood, others are counted only.
 */
const KEPT_IN_FLOOD = 10, BURST = 100_000;
/** How many events are skipped between two looks at the clock. */
const REFUSED_AT_ONCE = 16;
/** About what it takes to keep an event, beside its texts. */
const EVENT_LENGTH = 100;

/**
 * Keeps the events that came in last, up to a bound. When more than 10,000 a
 * second come, for so long that 100,000 more came, it keeps some of them and counts
 * the others. Its {@linkcode EventFeed.watch}
 * goes before a handler; {@linkcode pageForListener} shows it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient, serveEvents } from "../../mod.ts";
 * import { EventFeed, watchHandler } from "./mod.ts";
 *
 * const feed = new EventFeed({ maxEvents: 1000 });
 * await using server = serveEvents(
 *   { port: 0, onInvalid: feed.refuse },
 *   watchHandler(() => true, feed.watch),
 * );
 * await using client = new EventClient(server.socket, { syncMode: true });
 * await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * const [event] = feed.slice(0, 1);
 * assertEquals([event?.method, event?.params, event?.response], [
 *   "E_PIKE_BLOCKED",
 *   `{"ip":"192.168.2.11"}`,
 *   "true",
 * ]);
 * ```
 */
export class EventFeed {
  /** How many events are kept. */
  readonly maxEvents: number;
  readonly #maxLength: number;
  /** The place of an event is the rest of its number by `maxEvents`. */
  #events: KeptEvent[] = [];
  #first = 0;
  #next = 0;
  #length = 0;
  #skipped = 0;
  /** How many events are kept before it is a flood, and since when. */
  #allowance = BURST;
  #allowedAt = Date.now();
  /** How many events were skipped since then. */
  #refused = 0;
  /** The peer of the last event, which is often that of the next one. */
  #peer: Address = { hostname: "", port: 0 };
  #peerText = "";
  readonly #viewers = new Set<FeedViewer>();

  /**
   * Constructs a feed without events.
   *
   * @throws {RangeError} if an option is no positive integer.
   */
  constructor(options: EventFeedOptions = {}) {
    const { maxEvents = MAX_EVENTS, maxLength = MAX_LENGTH } = options;
    for (const [name, value] of Object.entries({ maxEvents, maxLength })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(
          `Cannot use ${name} ${value}: expected a positive integer`,
        );
      }
    }
    this.maxEvents = maxEvents;
    this.#maxLength = maxLength;
  }

  /** The number of the oldest event that is kept. */
  get first(): number {
    return this.#first;
  }

  /** The number that the next event gets. */
  get next(): number {
    return this.#next;
  }

  /** How many events came too fast to be kept. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Goes before a handler: see {@linkcode watchHandler}. */
  readonly watch: EventWatcher = (received) => {
    if (!this.#mayKeep()) return undefined;
    const event = this.#add(
      received.peer,
      received.method,
      paramsTextOf(received),
      received.id === null ? "null" : JSON.stringify(received.id),
    );
    return (response) => this.#respond(event, response);
  };

  /** Takes what was refused, and why: for `onInvalid` of `serveEvents`. */
  readonly refuse = (reason: string, peer: Address): void => {
    if (this.#mayKeep()) this.#add(peer, undefined, reason, "null");
  };

  /** The kept events from number `from` on, up to number `to`. */
  slice(from: number, to: number): KeptEvent[] {
    const events: KeptEvent[] = [];
    const end = Math.min(to, this.#next);
    for (let seq = Math.max(from, this.#first); seq < end; seq++) {
      events.push(this.#events[seq % this.maxEvents]!);
    }
    return events;
  }

  /** Forgets all events. Their numbers are not used again. */
  clear(): void {
    this.#events = [];
    this.#first = this.#next;
    this.#length = 0;
    for (const viewer of this.#viewers) viewer.cleared();
  }

  /** Lets a viewer look, until the function that it returns is called. */
  show(viewer: FeedViewer): () => void {
    this.#viewers.add(viewer);
    return () => this.#viewers.delete(viewer);
  }

  /** Whether the next event is kept; otherwise counts it. */
  #mayKeep(): boolean {
    if (this.#allowance === 0 && this.#refused++ % REFUSED_AT_ONCE === 0) {
      this.#allow();
    }
    if (this.#allowance > 0) {
      this.#allowance--;
      return true;
    }
    this.#skipped++;
    if (this.#refused === 1) {
      for (const viewer of this.#viewers) viewer.added(); // to tell them of it
    }
    return false;
  }

  /** Allows as many events as the time that has passed is good for. */
  #allow(): void {
    const now = Date.now();
    const more = (now - this.#allowedAt) * KEPT_IN_FLOOD;
    if (more <= 0) return;
    this.#allowedAt = now;
    this.#allowance = Math.min(more, BURST);
    this.#refused = 0;
  }

  #add(
    peer: Address,
    method: string | undefined,
    params: string,
    id: string,
  ): KeptEvent {
    const event: KeptEvent = {
      seq: this.#next++,
      time: Date.now(),
      peer: this.#textOfPeer(peer),
      method,
      params,
      id,
      response: undefined,
      isError: false,
      ms: 0,
    };
    this.#length += lengthOf(event);
    if (this.#next - this.#first > this.maxEvents) this.#dropOldest();
    this.#events[event.seq % this.maxEvents] = event;
    this.#shrink();
    for (const viewer of this.#viewers) viewer.added();
    return event;
  }

  #textOfPeer({ hostname, port }: Address): string {
    if (port !== this.#peer.port || hostname !== this.#peer.hostname) {
      this.#peer = { hostname, port };
      this.#peerText = `${formatHost(hostname)}:${port}`;
    }
    return this.#peerText;
  }

  #respond(event: KeptEvent, { result, error, ms }: HandlerResponse): void {
    const isKept = event.seq >= this.#first;
    event.isError = error !== undefined;
    event.ms = ms;
    event.response = event.isError ? errorText(error) : event.id === "null"
      ? "" // nothing goes out
      : textOf(result ?? null);
    if (!isKept) return;
    this.#length += event.response.length;
    this.#shrink();
    for (const viewer of this.#viewers) viewer.responded(event);
  }

  /** Keeps the text below its bound; the newest event stays in any case. */
  #shrink(): void {
    while (
      this.#length > this.#maxLength && this.#next - this.#first > 1
    ) this.#dropOldest();
  }

  #dropOldest(): void {
    const place = this.#first++ % this.maxEvents;
    this.#length -= lengthOf(this.#events[place]!);
    delete this.#events[place];
  }
}

function lengthOf({ method, params, response }: KeptEvent): number {
  return EVENT_LENGTH + (method?.length ?? 0) + params.length +
    (response?.length ?? 0);
}

/** The params as they came, where the server has them. */
function paramsTextOf(
  event: ReceivedEvent & { paramsText?: string | undefined },
): string {
  return event.paramsText ?? JSON.stringify(event.params);
}

function errorText(error: unknown): string {
  if (error instanceof ServerError) {
    const { code, message, data } = error;
    return textOf({ code, message, ...data !== undefined && { data } });
  }
  return textOf({ code: -32603, message: String(error) });
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return JSON.stringify(String(value)); // JSON cannot carry it
  }
}
