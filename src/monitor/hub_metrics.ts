/**
 * The metrics of an Event Interface.
 *
 * @module
 */

import type { DestinationStats } from "../events/pool.ts";
import type { EventInterface } from "../events/event_interface.ts";
import type { DeliveryTally } from "./delivery_tally.ts";
import type { OutboxView } from "./outbox_view.ts";
import {
  formatMetrics,
  type HistogramMetric,
  Labeled,
  type Metric,
  type Sample,
} from "./prometheus.ts";

/** An Event Interface, as far as it is looked at. */
export type WatchedEvents = Pick<
  EventInterface,
  "events" | "subscribers" | "stats"
>;

/** How many events and destinations are told apart. */
const MAX_LABELS = 200;

/**
 * The metrics of an Event Interface and its outbox, in Prometheus' text format.
 * All names begin with `event_jsonrpc_`.
 *
 * | metric | labels |
 * |---|---|
 * | `events_raised_total` | `destination` |
 * | `events_delivered_total` | `destination`, `outcome`: sent or confirmed |
 * | `events_failed_total` | `destination`, `cause` |
 * | `delivery_duration_seconds` (histogram, of what was delivered) | `destination` |
 * | `connections_opened_total`, `written_bytes_total`, `responses_unmatched_total` | `destination` |
 * | `events_queued`, `queue_bytes`, `requests_in_flight` | `destination` |
 * | `events_published`, `subscribers` | the latter: `event` |
 * | `outbox_events_waiting`, `outbox_events_set_aside`, `outbox_oldest_seconds`, `outbox_size_bytes` | |
 *
 * Two hundred values of a label are told apart; others count as `other`.
 */
export async function hubMetrics(
  events: WatchedEvents,
  tally: DeliveryTally,
  outbox?: OutboxView,
): Promise<string> {
  return formatMetrics([
    ...metricsOfTally(tally),
    ...metricsOfStats(events.stats()),
    {
      name: "event_jsonrpc_events_published",
      help: "Events that servers can subscribe to.",
      type: "gauge",
      samples: [{ value: events.events().length }],
    },
    {
      name: "event_jsonrpc_subscribers",
      help: "Subscribers of an event.",
      type: "gauge",
      samples: samplesOf(countSubscribers(events), "event"),
    },
    ...outbox === undefined ? [] : await metricsOfOutbox(outbox),
  ]);
}

function metricsOfTally(tally: DeliveryTally): (Metric | HistogramMetric)[] {
  const delivered: Sample[] = [], failed: Sample[] = [], histograms = [];
  for (const [destination, counts] of tally.destinations.entries()) {
    for (const outcome of ["sent", "confirmed"] as const) {
      if (counts[outcome] === 0) continue;
      delivered.push({
        labels: { destination, outcome },
        value: counts[outcome],
      });
    }
    for (const [cause, value] of counts.failed) {
      failed.push({ labels: { destination, cause }, value });
    }
    histograms.push({ labels: { destination }, histogram: counts.durations });
  }
  return [
    {
      name: "event_jsonrpc_events_delivered_total",
      help: "Events that were sent, or confirmed by their server.",
      type: "counter",
      samples: delivered,
    },
    {
      name: "event_jsonrpc_events_failed_total",
      help: "Events that were not delivered.",
      type: "counter",
      samples: failed,
    },
    {
      name: "event_jsonrpc_delivery_duration_seconds",
      help: "How long it took to deliver an event, from raise on.",
      histograms,
    },
  ];
}

/** The metrics that the destinations count themselves. */
function metricsOfStats(stats: readonly DestinationStats[]): Metric[] {
  // A destination may be there twice, with and without sync mode.
  const sum = (count: (stats: DestinationStats) => number): Sample[] => {
    const sums = new Labeled(() => ({ value: 0 }), MAX_LABELS);
    for (const row of stats) sums.at(row.destination).value += count(row);
    return samplesOf(sums, "destination");
  };
  const counter = (name: string, help: string, samples: Sample[]): Metric => ({
    name: `event_jsonrpc_${name}`,
    help,
    type: name.endsWith("_total") ? "counter" : "gauge",
    samples,
  });
  return [
    counter(
      "events_raised_total",
      "Events that were to be delivered.",
      sum(({ raised }) => raised),
    ),
    counter(
      "connections_opened_total",
      "Connections that were opened.",
      sum(({ connects }) => connects),
    ),
    counter(
      "written_bytes_total",
      "Bytes of messages that the operating system took.",
      sum(({ bytes }) => bytes),
    ),
    counter(
      "responses_unmatched_total",
      "Responses that belong to no request, and were ignored.",
      sum(({ unmatched }) => unmatched),
    ),
    counter(
      "events_queued",
      "Events that wait to be written.",
      sum(({ queued }) => queued),
    ),
    counter(
      "queue_bytes",
      "Bytes that wait to be written.",
      sum(({ queuedBytes }) => queuedBytes),
    ),
    counter(
      "requests_in_flight",
      "Requests that wait for their response.",
      sum(({ inFlight }) => inFlight),
    ),
  ];
}

async function metricsOfOutbox(outbox: OutboxView): Promise<Metric[]> {
  const { waiting, setAside, oldestMs, bytes } = await outbox.stats();
  const gauge = (
    name: string,
    help: string,
    value: number | undefined,
  ): Metric => ({
    name: `event_jsonrpc_outbox_${name}`,
    help,
    type: "gauge",
    samples: value === undefined ? [] : [{ value }],
  });
  return [
    gauge("events_waiting", "Events that wait to be delivered.", waiting),
    gauge(
      "events_set_aside",
      "Events that were refused, and wait for somebody to decide.",
      setAside,
    ),
    gauge(
      "oldest_seconds",
      "How long the oldest event has waited.",
      oldestMs === undefined ? undefined : oldestMs / 1000,
    ),
    gauge(
      "size_bytes",
      "How much what is kept takes, without the overhead of its store.",
      bytes,
    ),
  ];
}

function countSubscribers(events: WatchedEvents): Labeled<{ value: number }> {
  const counts = new Labeled(() => ({ value: 0 }), MAX_LABELS);
  for (const { name } of events.events()) counts.at(name);
  for (const { event } of events.subscribers()) counts.at(event).value++;
  return counts;
}

function samplesOf(
  values: Labeled<{ value: number }>,
  label: string,
): Sample[] {
  return Array.from(
    values.entries(),
    ([name, { value }]) => ({ labels: { [label]: name }, value }),
  );
}
