/**
 * Counts deliveries, by destination.
 *
 * @module
 */

import {
  causeOf,
  type DeliveryHook,
  type DeliveryInfo,
  type FailureCause,
} from "./delivery_info.ts";
import { Histogram, Labeled } from "./prometheus.ts";

/** How many destinations and events are counted apart. */
const MAX_DESTINATIONS = 200, MAX_EVENTS = 200;
/** How many of the last failures are kept. */
const MAX_FAILURES = 50;
/** How many seconds a rate is the mean of. */
const RATE_SECONDS = 10;
/** The second that is not over has a place of its own. */
const SLOTS = RATE_SECONDS + 1;

/** A delivery that failed. */
export interface Failure {
  /** When, in milliseconds since the epoch. */
  readonly time: number;
  /** The event's name. */
  readonly event: string;
  /** The subscriber's socket. */
  readonly socket: string;
  /** Why, in one word. */
  readonly cause: FailureCause;
  /** Why, in a sentence. */
  readonly error: string;
  /** How many events it was. */
  readonly count: number;
  /** How long the delivery took, in milliseconds. */
  readonly ms: number;
}

/** What is counted of a destination. */
export class DestinationTally {
  /** Events that were written, and that nobody was to confirm. */
  sent = 0;
  /** Events that were confirmed. */
  confirmed = 0;
  /** Events that failed, by cause. */
  readonly failed: Map<FailureCause, number> = new Map();
  /** How long it took to deliver one, from raise on. */
  readonly durations: Histogram = new Histogram();
  /** Since when it is not reached, in milliseconds since the epoch. */
  failingSince: number | undefined;
  /** Whether it is there, and refused the last event. */
  isRefusing = false;
  /** The last failure. */
  lastFailure: Failure | undefined;
  /** Events delivered in the last seconds, each at the rest of its second. */
  readonly #seconds = [] as { second: number; count: number }[];

  /** Counts a delivery that was over at `time`, in milliseconds since the epoch. */
  take(delivery: DeliveryInfo, time: number): void {
    const { count, outcome, queuedAt, settledAt } = delivery;
    if (outcome === "failed") {
      const failure = failureOf(delivery, time);
      const before = this.failed.get(failure.cause) ?? 0;
      this.failed.set(failure.cause, before + count);
      this.isRefusing = failure.cause === "server";
      if (this.isRefusing) this.failingSince = undefined;
      else this.failingSince ??= time;
      this.lastFailure = failure;
      return;
    }
    this[outcome] += count;
    this.failingSince = undefined;
    this.isRefusing = false;
    this.durations.observe((settledAt - queuedAt) / 1000, count);
    const second = Math.floor(settledAt / 1000);
    const slot = this.#seconds[second % SLOTS];
    if (slot?.second === second) slot.count += count;
    else this.#seconds[second % SLOTS] = { second, count };
  }

  /**
   * How many events were delivered in a second, as the mean of the last ten;
   * `now` is on the clock of `performance.now()`.
   */
  rateAt(now: number): number {
    const current = Math.floor(now / 1000);
    let sum = 0;
    for (const slot of this.#seconds) {
      // The second that is not over does not count.
      if (slot === undefined || slot.second >= current) continue;
      if (slot.second >= current - RATE_SECONDS) sum += slot.count;
    }
    return sum / RATE_SECONDS;
  }

  /** How many events failed. */
  get failures(): number {
    let sum = 0;
    for (const count of this.failed.values()) sum += count;
    return sum;
  }
}

/**
 * Counts the deliveries of an `EventInterface`, for {@linkcode hubMetrics} and
 * {@linkcode pageForHub}.
 *
 * Two hundred destinations are counted apart; what goes to others is counted as
 * one, called `other`.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * import { EventInterface } from "../../mod.ts";
 * import { DeliveryTally, hubMetrics } from "./mod.ts";
 *
 * const tally = new DeliveryTally();
 * const options = { syncMode: true, onDelivery: tally.onDelivery };
 * await using events = new EventInterface(options);
 * events.publish("E_PIKE_BLOCKED");
 * assertMatch(await hubMetrics(events, tally), /^event_jsonrpc_events_published 1$/m);
 * ```
 */
export class DeliveryTally {
  /** What is counted of each destination, by `host:port`. */
  readonly destinations: Labeled<DestinationTally> = new Labeled(
    () => new DestinationTally(),
    MAX_DESTINATIONS,
  );
  readonly #events = new Labeled(() => ({ count: 0 }), MAX_EVENTS);
  readonly #failures: Failure[] = [];

  /** For `onDelivery` of an `EventInterface`. */
  readonly onDelivery: DeliveryHook = (delivery) => {
    const time = performance.timeOrigin + delivery.settledAt;
    const destination = this.destinations.at(delivery.destination);
    destination.take(delivery, time);
    this.#events.at(delivery.event).count += delivery.count;
    if (delivery.outcome !== "failed") return;
    this.#failures.push(destination.lastFailure!);
    if (this.#failures.length > MAX_FAILURES) this.#failures.shift();
  };

  /** The last failures, the newest first. */
  failures(): Failure[] {
    return this.#failures.toReversed();
  }

  /** How many deliveries there were of each event. */
  events(): Map<string, number> {
    return new Map(
      Array.from(
        this.#events.entries(),
        ([event, { count }]) => [event, count],
      ),
    );
  }
}

function failureOf(delivery: DeliveryInfo, time: number): Failure {
  const { event, socket, error, count, queuedAt, settledAt } = delivery;
  return {
    time,
    event,
    socket,
    cause: causeOf(error),
    error: (error as Error | undefined)?.message ?? "",
    count,
    ms: settledAt - queuedAt,
  };
}
