/**
 * Deliveries to sockets that need not be subscribed.
 *
 * @module
 */

import { ConnectionClosedError, quote } from "../protocol/errors.ts";
import type { Target } from "../protocol/virtual_socket.ts";
import type { Waiting } from "../transport/deadline_queue.ts";
import type { Expiring, Expiry } from "./expiry.ts";
import type { DeliveryReport } from "./report.ts";
import type { Route, Routes } from "./route.ts";

/**
 * How long a route is kept after a delivery, in milliseconds: longer than a
 * server cools down by default, so that the next delivery knows of it.
 */
const KEEP_MS = 60_000;

/** Options of {@linkcode Direct.deliver}. */
export interface DirectOptions {
  /** The params that `formatParams` made. */
  readonly params: string;
  readonly syncMode: boolean;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Delivers to sockets, and keeps the routes to them for a while. */
export class Direct {
  readonly #routes: Routes;
  readonly #expiry: Expiry;
  readonly #kept: Map<Route, KeptRoute> = new Map();
  #isClosed = false;

  /** Constructs it; routes that are kept expire by `expiry`. */
  constructor(routes: Routes, expiry: Expiry) {
    this.#routes = routes;
    this.#expiry = expiry;
  }

  /** Delivers an event; never rejects. */
  deliver(
    event: string,
    target: Target,
    { params, syncMode, timeoutMs, signal }: DirectOptions,
  ): Promise<DeliveryReport> {
    if (this.#isClosed) return Promise.resolve(refusal(event, target));
    const route = this.#routes.acquire(target, syncMode);
    this.#keep(route);
    const recipient = this.#routes.recipient(route, event, {
      timeoutMs,
      signal,
    });
    const fate = recipient.send(params);
    return new Promise((resolve) =>
      fate.watch({ settled: () => resolve(recipient.report(fate)) })
    );
  }

  /** Refuses all deliveries from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Keeps no route any longer. */
  end(): void {
    for (const kept of this.#kept.values()) kept.end();
  }

  /** Keeps an acquired route from now on for a while. */
  #keep(route: Route): void {
    const kept = this.#kept.get(route);
    if (kept !== undefined) {
      this.#expiry.delete(kept);
      this.#routes.release(route); // it was acquired before
    }
    const next = new KeptRoute(() => {
      this.#expiry.delete(next);
      this.#kept.delete(route);
      this.#routes.release(route);
    });
    this.#kept.set(route, next);
    this.#expiry.add(next);
  }
}

/** A route that is let go of at its deadline. */
class KeptRoute implements Expiring {
  queue: Waiting["queue"];
  previous: Waiting | undefined;
  next: Waiting | undefined;
  readonly timeoutMs: number = KEEP_MS;
  readonly deadline: number = performance.now() + KEEP_MS;
  readonly end: () => void;

  constructor(end: () => void) {
    this.end = end;
  }
}

/** The report of an event that comes too late. */
function refusal(event: string, { socket }: Target): DeliveryReport {
  const error = new ConnectionClosedError(
    `Cannot deliver ${
      quote(event)
    } to ${socket}: the event interface is closed`,
  );
  return { socket, outcome: "failed", error, ms: 0 };
}
