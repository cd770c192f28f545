// What telemetry_test.ts runs with OpenTelemetry on: an application that takes
// two events, and is told of three deliveries.

import {
  ConnectError,
  EventClient,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import { startTelemetry, watchHandler } from "../../src/monitor/mod.ts";
import { SYNC } from "../helpers/client.ts";
import { delivery } from "../helpers/deliveries.ts";

const telemetry = startTelemetry();
if (telemetry === undefined) {
  console.log("off");
  Deno.exit(0);
}
const { onDelivery, watch } = telemetry;

await using server = serveEvents(
  { port: 0 },
  watchHandler(({ method }) => {
    if (method === "E_BAD") throw new ServerError(404, "No such user");
    return true;
  }, watch),
);
await using client = new EventClient(server.socket, SYNC);
await client.raise("E_PIKE_BLOCKED");
await client.raise("E_BAD").catch(() => {});

onDelivery(delivery({ event: "E_SENT", count: 3 }));
onDelivery(
  delivery({ event: "E_CONFIRMED", outcome: "confirmed", isRequest: true }),
);
const error = new ConnectError("connection refused");
onDelivery(
  delivery({
    event: "E_FAILED",
    outcome: "failed",
    error,
    destination: "[::1]:5",
  }),
);
console.log("on");
