/**
 * What is worth a line in the log of deliveries.
 *
 * Of each socket it is known whether it works. A line says when that changes, and
 * not each event that fails meanwhile:
 *
 *     up       -> down      the server is not reached, or does not respond
 *              -> refusing  the server responds with an error
 *     down     -> refusing, refusing -> down
 *     either   -> up        an event was delivered
 *
 * @module
 */

import { ServerError } from "../protocol/errors.ts";
import { causeOf, type FailureCause } from "./delivery_info.ts";
import { printable, printableJson } from "../protocol/printable.ts";

/** How much a line matters, the least first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The levels, the least first. */
export const LOG_LEVELS: readonly LogLevel[] = [
  "debug",
  "info",
  "warn",
  "error",
];

/** A delivery to log. */
export interface LoggedDelivery {
  /** The event's name. */
  readonly event: string;
  /** The subscriber's socket. */
  readonly socket: string;
  /** What became of it. */
  readonly outcome: "sent" | "confirmed" | "failed";
  /** Why it failed. */
  readonly error?: unknown;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /**
   * How many events it is.
   *
   * @default {1}
   */
  readonly count?: number | undefined;
  /** The params, as JSON text, where they are known. */
  readonly params?: string | undefined;
  /** How many times it was tried, where it was tried again. */
  readonly attempts?: number | undefined;
}

/** A line of the log. */
export interface LogEntry {
  /** When, in milliseconds since the epoch. */
  readonly time: number;
  /** How much it matters. */
  readonly level: LogLevel;
  /** What happened. */
  readonly kind:
    | "delivered"
    | "failed"
    | "down"
    | "refusing"
    | "still failing"
    | "back";
  /** The subscriber's socket. */
  readonly socket: string;
  /** The event of the delivery. */
  readonly event: string;
  /** Its params, as JSON text. */
  readonly params?: string | undefined;
  /** Why it failed, in one word and in a sentence. */
  readonly cause?: FailureCause | undefined;
  /** Why it failed, in a sentence. */
  readonly error?: string | undefined;
  /** How long the delivery took, in milliseconds. */
  readonly ms: number;
  /** How many times it was tried. */
  readonly attempts?: number | undefined;
  /** Since when the socket has not worked, in milliseconds since the epoch. */
  readonly since?: number | undefined;
  /** How many events have failed since then. */
  readonly failed?: number | undefined;
}

/** Options of {@linkcode DeliveryLog}. */
export interface DeliveryLogOptions {
  /**
   * Which lines are wanted: those of this level and above.
   *
   * @default {"info"}
   */
  level?: LogLevel | undefined;
  /**
   * How often a line says that a socket still does not work, in milliseconds.
   *
   * @default {60000}
   */
  remindMs?: number | undefined;
}

const REMIND_MS = 60_000;
/** How many sockets that do not work are known; then the oldest is forgotten. */
const MAX_SOCKETS = 10_000;

/**
 * How many changes of a socket are told within `remindMs`. A server that takes
 * every other event must not fill the log.
 */
const MAX_CHANGES = 4;

/** A socket that does not work, or did not a short time ago. */
interface Trouble {
  state: "down" | "refusing" | "works";
  /** Since when it does not work, as far as that was told. */
  since: number;
  /** How many events failed since then. */
  failed: number;
  remindAt: number;
  /** How many of its changes were told since the last reminder. */
  changes: number;
}

/**
 * The log of deliveries: a state machine that is told each delivery and the time,
 * and says which lines to write. It does no I/O and reads no clock.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ConnectError } from "../../mod.ts";
 * import { DeliveryLog, formatLogEntry } from "./mod.ts";
 *
 * const log = new DeliveryLog();
 * const socket = "jsonrpc:10.0.0.7:8080";
 * const error = new ConnectError("Cannot connect: connection refused");
 * const failed = { event: "E_X", socket, outcome: "failed", error, ms: 2 } as const;
 * const start = Date.parse("2026-01-31T12:00:00Z");
 *
 * const [down] = log.take(failed, start);
 * assertEquals(down?.kind, "down");
 * assertEquals(log.take(failed, start + 300), []);
 * const sent = { event: "E_X", socket, outcome: "sent", ms: 1 } as const;
 * const [back] = log.take(sent, start + 12_300);
 * assertEquals(
 *   formatLogEntry(back!),
 *   "2026-01-31T12:00:12.300Z info jsonrpc:10.0.0.7:8080 is back after 12.3 s, 2 events failed meanwhile",
 * );
 * ```
 */
export class DeliveryLog {
  readonly #least: number;
  readonly #remindMs: number;
  readonly #troubles = new Map<string, Trouble>();

  /**
   * Constructs a log that knows of no trouble.
   *
   * @throws {RangeError} if an option is out of its range.
   */
  constructor(options: DeliveryLogOptions = {}) {
    const { level = "info", remindMs = REMIND_MS } = options;
    this.#least = LOG_LEVELS.indexOf(level);
    if (this.#least === -1) {
      throw new RangeError(
        `Cannot use level ${JSON.stringify(level)}: expected one of ${
          LOG_LEVELS.join(", ")
        }`,
      );
    }
    if (!(remindMs > 0)) {
      throw new RangeError(
        `Cannot use remindMs ${remindMs}: expected milliseconds, more than 0`,
      );
    }
    this.#remindMs = remindMs;
  }

  /** Takes a delivery at a time, and returns the lines to write. */
  take(delivery: LoggedDelivery, time: number): LogEntry[] {
    const entries = delivery.outcome === "failed"
      ? this.#fail(delivery, time)
      : this.#succeed(delivery, time);
    return entries.filter(({ level }) =>
      LOG_LEVELS.indexOf(level) >= this.#least
    );
  }

  #succeed(delivery: LoggedDelivery, time: number): LogEntry[] {
    const { socket } = delivery;
    const entries: LogEntry[] = [
      { time, level: "debug", kind: "delivered", ...factsOf(delivery) },
    ];
    const trouble = this.#troubles.get(socket);
    if (trouble === undefined) return entries;
    if (trouble.state === "works") {
      if (time >= trouble.remindAt) this.#troubles.delete(socket);
      return entries;
    }
    trouble.state = "works";
    if (!this.#mayTell(trouble, time)) return entries;
    const { since, failed } = trouble;
    trouble.failed = 0;
    entries.push({
      time,
      level: "info",
      kind: "back",
      ...factsOf(delivery),
      since,
      failed,
    });
    return entries;
  }

  #fail(delivery: LoggedDelivery, time: number): LogEntry[] {
    const { socket, error, count = 1 } = delivery;
    const state = isRefusal(error) ? "refusing" : "down";
    const facts = factsOf(delivery);
    const trouble = this.#troubles.get(socket);
    if (trouble === undefined) {
      const remindAt = time + this.#remindMs;
      const known = { since: time, failed: count };
      this.#keep(socket, { state, ...known, remindAt, changes: 1 });
      return [{ time, level: "warn", kind: state, ...facts, ...known }];
    }
    if (trouble.failed === 0) trouble.since = time;
    trouble.failed += count;
    const { since, failed } = trouble;
    const isChange = trouble.state !== state;
    trouble.state = state;
    if (isChange && this.#mayTell(trouble, time)) {
      return [{ time, level: "warn", kind: state, ...facts, since, failed }];
    }
    if (time < trouble.remindAt) {
      return [{
        time,
        level: "debug",
        kind: "failed",
        ...facts,
        since,
        failed,
      }];
    }
    trouble.remindAt = time + this.#remindMs;
    return [
      { time, level: "warn", kind: "still failing", ...facts, since, failed },
    ];
  }

  /** Whether a change may be told; if so, it counts. */
  #mayTell(trouble: Trouble, time: number): boolean {
    if (time >= trouble.remindAt) {
      trouble.remindAt = time + this.#remindMs;
      trouble.changes = 0;
    }
    return ++trouble.changes <= MAX_CHANGES;
  }

  #keep(socket: string, trouble: Trouble): void {
    this.#troubles.set(socket, trouble);
    if (this.#troubles.size <= MAX_SOCKETS) return;
    const [oldest] = this.#troubles.keys();
    this.#troubles.delete(oldest!);
  }
}

/** Formats a line of the log for people; it holds no line break. */
export function formatLogEntry(entry: LogEntry): string {
  const { time, level } = entry;
  return `${new Date(time).toISOString()} ${level} ${describeLogEntry(entry)}`;
}

/** Formats a line of the log as one JSON object; params as they came. */
export function formatLogJson(entry: LogEntry): string {
  const { time, since, params, ms, ...facts } = entry;
  const text = JSON.stringify({
    time: new Date(time).toISOString(),
    ...facts,
    ms: Math.round(ms * 10) / 10,
    ...since !== undefined && { since: new Date(since).toISOString() },
  });
  if (params === undefined) return printable(text);
  return printableJson(`${text.slice(0, -1)},"params":${params}}`);
}

/** Describes a line of the log by a sentence, without its time and level. */
export function describeLogEntry(entry: LogEntry): string {
  return printable(sentenceOf(entry));
}

function sentenceOf(entry: LogEntry): string {
  const { kind, socket, event, params, error, time, since, failed, ms } = entry;
  const what = params === undefined ? event : `${event} ${params}`;
  const tries = entry.attempts === undefined
    ? ""
    : ` (attempt ${entry.attempts})`;
  switch (kind) {
    case "delivered":
      return `${socket} got ${what} in ${msText(ms)}${tries}`;
    case "failed":
      return `${socket} did not get ${what}${tries}: ${error}`;
    case "down":
      return `${socket} is down, and did not get ${what}${tries}: ${error}`;
    case "refusing":
      return `${socket} refuses ${what}${tries}: ${error}`;
    case "still failing":
      return `${socket} has failed ${eventsText(failed)} since ${
        new Date(since ?? time).toISOString()
      }: ${error}`;
    case "back":
      return `${socket} is back after ${spanText(time - (since ?? time))}, ${
        eventsText(failed)
      } failed meanwhile`;
  }
}

function factsOf(delivery: LoggedDelivery) {
  const { socket, event, params, error, ms, attempts } = delivery;
  return {
    socket,
    event,
    ms,
    ...params !== undefined && { params },
    ...attempts !== undefined && { attempts },
    ...error !== undefined && {
      cause: causeOf(error),
      error: reasonOf(error),
    },
  };
}

/** Whether the server is there, and did not want the event. */
function isRefusal(error: unknown): boolean {
  return causeOf(error) === "server";
}

function reasonOf(error: unknown): string {
  const { message } = error as Error;
  return error instanceof ServerError ? `${error.code} ${message}` : message;
}

function eventsText(count = 0): string {
  return `${count} ${count === 1 ? "event" : "events"}`;
}

function msText(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

/** A length of time, such as `12.3 s` or `2 h 5 min`. */
function spanText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
