import { assert, assertEquals } from "@std/assert";
import {
  ConnectError,
  DeliveryTimeoutError,
  EventInterface,
  serveEvents,
} from "../../mod.ts";
import {
  DeliveryTally,
  hubMetrics,
  type OutboxView,
} from "../../src/monitor/mod.ts";
import { delivery } from "../helpers/deliveries.ts";
import { checkMetrics, findPromtool } from "../helpers/promtool.ts";

const promtool = await findPromtool();

/** The lines of a metric, without its histogram's buckets. */
function linesOf(text: string, name: string): string[] {
  return text.split("\n").filter((line) =>
    line.startsWith(`event_jsonrpc_${name}`) && !line.includes("_bucket")
  ).map((line) => line.slice("event_jsonrpc_".length));
}

Deno.test("hubMetrics() tells what was delivered, failed by cause, and how long it took", async () => {
  const tally = new DeliveryTally();
  await using events = new EventInterface();
  tally.onDelivery(delivery({ count: 3 }));
  tally.onDelivery(delivery({ outcome: "confirmed", isRequest: true }));
  const failed = { outcome: "failed", destination: "[::1]:5" } as const;
  tally.onDelivery(delivery({ ...failed, error: new ConnectError("no") }));
  tally.onDelivery(
    delivery({ ...failed, error: new DeliveryTimeoutError("no"), count: 2 }),
  );
  const text = await hubMetrics(events, tally);
  assertEquals(linesOf(text, "events_delivered_total"), [
    'events_delivered_total{destination="10.0.0.7:8080",outcome="sent"} 3',
    'events_delivered_total{destination="10.0.0.7:8080",outcome="confirmed"} 1',
  ]);
  assertEquals(linesOf(text, "events_failed_total"), [
    'events_failed_total{destination="[::1]:5",cause="connect"} 1',
    'events_failed_total{destination="[::1]:5",cause="timeout"} 2',
  ]);
  assertEquals(
    linesOf(
      text,
      'delivery_duration_seconds_count{destination="10.0.0.7:8080"}',
    ),
    ['delivery_duration_seconds_count{destination="10.0.0.7:8080"} 4'],
  );
});

Deno.test("hubMetrics() tells of queues, connections, events and subscribers", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  await using events = new EventInterface({ timeoutMs: 60_000 });
  events.publish("E_ALONE");
  events.subscribe("E_X", server.socket);
  events.subscribe("E_X", `${server.socket}/other`, { syncMode: true });
  await events.raise("E_X");
  const text = await hubMetrics(events, new DeliveryTally());
  const destination = `{destination="127.0.0.1:${server.addr.port}"}`;
  for (
    const [name, value] of Object.entries({
      events_raised_total: 2, // with and without sync mode, as one destination
      connections_opened_total: 2,
      events_queued: 0,
      queue_bytes: 0,
      requests_in_flight: 0,
      responses_unmatched_total: 0,
    })
  ) assertEquals(linesOf(text, name), [`${name}${destination} ${value}`]);
  assertEquals(linesOf(text, "events_published"), ["events_published 2"]);
  assertEquals(linesOf(text, "subscribers"), [
    'subscribers{event="E_ALONE"} 0',
    'subscribers{event="E_X"} 2',
  ]);
});

const outbox: OutboxView = {
  stats: () => Promise.resolve({ waiting: 4, setAside: 2, oldestMs: 1500 }),
  setAside: () => [],
  retry: () => {},
  drop: () => {},
};

Deno.test("hubMetrics() tells of the outbox, if there is one", async () => {
  await using events = new EventInterface();
  const text = await hubMetrics(events, new DeliveryTally(), outbox);
  assertEquals(linesOf(text, "outbox"), [
    "outbox_events_waiting 4",
    "outbox_events_set_aside 2",
    "outbox_oldest_seconds 1.5",
  ]);
});

Deno.test("hubMetrics() has a bounded number of lines", async () => {
  const tally = new DeliveryTally();
  await using events = new EventInterface();
  for (let i = 0; i < 1000; i++) {
    tally.onDelivery(delivery({ destination: `host${i}:1` }));
    events.publish(`E_${i}`);
  }
  const text = await hubMetrics(events, tally);
  assertEquals(linesOf(text, "events_delivered_total").length, 201);
  assert(
    text.includes(
      'events_delivered_total{destination="other",outcome="sent"} 800',
    ),
  );
  assertEquals(linesOf(text, "subscribers").length, 201);
});

Deno.test({
  name: "promtool finds nothing wrong with the metrics of an Event Interface",
  ignore: promtool === undefined,
  async fn() {
    await using server = serveEvents({ port: 0 }, () => true);
    await using events = new EventInterface({ timeoutMs: 60_000 });
    const tally = new DeliveryTally();
    events.subscribe('E_"X"\n', server.socket);
    await events.raise('E_"X"\n');
    tally.onDelivery(delivery({}));
    tally.onDelivery(delivery({ outcome: "failed", error: new Error("x") }));
    const text = await hubMetrics(events, tally, outbox);
    assertEquals(await checkMetrics(promtool!, text), "");
  },
});
