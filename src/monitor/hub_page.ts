/**
 * The page of the Event Interface.
 *
 * @module
 */

import type { DestinationStats } from "../events/pool.ts";
import type { Subscriber } from "../events/subscriptions.ts";
import type { DeliveryTally, DestinationTally } from "./delivery_tally.ts";
import { streamResponse } from "./event_stream.ts";
import { type FetchHandler, HEADERS, plain } from "./guard.ts";
import type { WatchedEvents } from "./hub_metrics.ts";
import type { OutboxView } from "./outbox_view.ts";
import { pageHandler, type PageOptions } from "./page_handler.ts";
import { StateStreams } from "./state_stream.ts";

/** Options of {@linkcode pageForHub}. */
export interface HubPageOptions extends PageOptions {
  /** The outbox, if there is one: the page shows it, and lets people retry. */
  outbox?: OutboxView | undefined;
}

/** How many rows a table of the page has at most. */
const MAX_ROWS = 1000;
/** How large the body of a request may be, in bytes. */
const MAX_BODY = 1000;

/**
 * Makes a handler of HTTP requests that shows, in a browser, what becomes of
 * events: the events, their subscribers with the time that is left, the
 * destinations with their state, rates, queue and last error, and the outbox with
 * what is set aside.
 *
 * It is guarded as {@linkcode pageForListener} is.
 *
 * @example
 * ```ts
 * import { EventInterface } from "../../mod.ts";
 * import { manageOverHttp } from "../opensips/mod.ts";
 * import { DeliveryTally, hubMetrics, pageForHub } from "./mod.ts";
 *
 * const tally = new DeliveryTally();
 * const options = { syncMode: true, onDelivery: tally.onDelivery };
 * await using events = new EventInterface(options);
 * const stop = new AbortController();
 * const server = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0, onListen: () => {} },
 *   pageForHub(events, tally, {
 *     signal: stop.signal,
 *     operations: { metrics: () => hubMetrics(events, tally) },
 *     fallback: manageOverHttp(events),
 *   }),
 * );
 * // At the end:
 * stop.abort();
 * await server.shutdown();
 * ```
 *
 * @throws {RangeError} if the token is too short.
 */
export function pageForHub(
  events: WatchedEvents,
  tally: DeliveryTally,
  options: HubPageOptions = {},
): FetchHandler {
  const { outbox, signal } = options;
  const streams = new StateStreams(() => stateOf(events, tally, outbox));
  signal?.addEventListener("abort", () => streams.close(), { once: true });

  function decide(action: "retry" | "drop") {
    return async (request: Request) => {
      if (outbox === undefined) return plain(404, "There is no outbox");
      const id = await idIn(request);
      if (id === undefined) {
        return plain(400, 'Expected {"id":…}, a number or a text');
      }
      try {
        await outbox[action](id);
      } catch (error) {
        return plain(
          409,
          `Cannot ${action} ${id}: ${(error as Error).message}`,
        );
      }
      streams.refresh();
      return new Response(null, { status: 204, headers: HEADERS });
    };
  }

  return pageHandler("hub", {
    "GET /state": () => streamResponse(streams.open(), HEADERS),
    "POST /outbox/retry": decide("retry"),
    "POST /outbox/drop": decide("drop"),
  }, options);
}

async function idIn(request: Request): Promise<string | number | undefined> {
  try {
    const text = await request.text();
    if (text.length > MAX_BODY) return undefined;
    const { id } = JSON.parse(text);
    return typeof id === "string" || typeof id === "number" ? id : undefined;
  } catch {
    return undefined;
  }
}

/** What the page shows. */
async function stateOf(
  events: WatchedEvents,
  tally: DeliveryTally,
  outbox: OutboxView | undefined,
): Promise<unknown> {
  const subscribers = events.subscribers();
  const counts = new Map<string, number>();
  for (const { event } of subscribers) {
    counts.set(event, (counts.get(event) ?? 0) + 1);
  }
  const deliveries = tally.events();
  const published = events.events();
  const stats = events.stats();
  const tallies = new Map(tally.destinations.entries());
  const now = performance.now();
  return {
    events: published.slice(0, MAX_ROWS).map(({ name, id }) => ({
      name,
      id,
      subscribers: counts.get(name) ?? 0,
      deliveries: deliveries.get(name) ?? 0,
    })),
    subscribers: subscribers.slice(0, MAX_ROWS).map(rowOfSubscriber),
    destinations: stats.slice(0, MAX_ROWS).map((row) =>
      rowOfDestination(row, tallies.get(row.destination), now)
    ),
    failures: tally.failures(),
    totals: {
      events: published.length,
      subscribers: subscribers.length,
      destinations: stats.length,
    },
    outbox: outbox === undefined ? undefined : {
      ...await outbox.stats(),
      events: (await outbox.setAside()).slice(0, MAX_ROWS),
    },
  };
}

function rowOfSubscriber(
  subscriber: Subscriber,
) {
  const { event, socket, expire, expiresAt } = subscriber;
  return { event, socket, expire, expiresAt };
}

function rowOfDestination(
  stats: DestinationStats,
  tally: DestinationTally | undefined,
  now: number,
) {
  const { destination, tls, syncMode, queued, queuedBytes, inFlight } = stats;
  const since = tally?.failingSince;
  const failure = tally?.lastFailure;
  const delivered = (tally?.sent ?? 0) + (tally?.confirmed ?? 0);
  return {
    destination,
    tls,
    syncMode,
    state: since !== undefined
      ? "down"
      : tally?.isRefusing
      ? "refusing"
      : delivered > 0
      ? "up"
      : "idle",
    since,
    rate: tally?.rateAt(now) ?? 0,
    delivered,
    failed: tally?.failures ?? 0,
    queued,
    queuedBytes,
    inFlight,
    lastFailure: failure && { time: failure.time, error: failure.error },
  };
}
