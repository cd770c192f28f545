import { assert, assertEquals } from "@std/assert";
import { ConnectError, ServerError } from "../../mod.ts";
import { DeliveryTally } from "../../src/monitor/mod.ts";
import { delivery } from "../helpers/deliveries.ts";

Deno.test("DeliveryTally knows since when a destination fails, and that it works again", () => {
  const tally = new DeliveryTally();
  const error = new ConnectError("connection refused");
  const state = () => tally.destinations.at("10.0.0.7:8080");
  tally.onDelivery(delivery({}));
  assertEquals(state().failingSince, undefined);
  const first = delivery({ outcome: "failed", error, settledAt: 1000 });
  tally.onDelivery(first);
  tally.onDelivery(delivery({ outcome: "failed", error, settledAt: 9000 }));
  assertEquals(state().failingSince, performance.timeOrigin + 1000);
  assertEquals(state().lastFailure!.time, performance.timeOrigin + 9000);
  assertEquals(state().lastFailure!.error, "connection refused");
  tally.onDelivery(delivery({}));
  assertEquals(state().failingSince, undefined);
  assertEquals([state().sent, state().failures], [2, 2]);
});

Deno.test("DeliveryTally tells a destination that refuses from one that is down", () => {
  const tally = new DeliveryTally();
  const state = tally.destinations.at("10.0.0.7:8080");
  const failed = (error: Error) =>
    tally.onDelivery(delivery({ outcome: "failed", error }));
  failed(new ConnectError("connection refused"));
  assertEquals([state.failingSince === undefined, state.isRefusing], [
    false,
    false,
  ]);
  failed(new ServerError(404, "No such user"));
  assertEquals([state.failingSince === undefined, state.isRefusing], [
    true,
    true,
  ]);
  tally.onDelivery(delivery({}));
  assertEquals([state.failingSince === undefined, state.isRefusing], [
    true,
    false,
  ]);
});

Deno.test("DeliveryTally tells the rate of the last ten seconds that are over", () => {
  const tally = new DeliveryTally();
  const state = tally.destinations.at("10.0.0.7:8080");
  for (let second = 0; second < 30; second++) {
    const settledAt = second * 1000 + 500;
    tally.onDelivery(delivery({ count: second, settledAt }));
  }
  assertEquals(state.rateAt(29_900), (19 + 28) * 10 / 2 / 10);
  assertEquals(state.rateAt(34_000), (24 + 29) * 6 / 2 / 10);
  assertEquals(state.rateAt(60_000), 0);
});

Deno.test("DeliveryTally keeps the last failures, the newest first", () => {
  const tally = new DeliveryTally();
  for (let i = 0; i < 200; i++) {
    const error = new ConnectError(`failure ${i}`);
    tally.onDelivery(delivery({ outcome: "failed", error }));
  }
  const failures = tally.failures();
  assert(failures.length === 50);
  assertEquals(failures[0]!.error, "failure 199");
  assertEquals(tally.events().get("E_PIKE_BLOCKED"), 200);
});
