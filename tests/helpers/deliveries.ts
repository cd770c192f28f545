/** Deliveries as an Event Interface reports them. */

import type { DeliveryInfo } from "../../src/monitor/mod.ts";

/** A delivery that took 5 ms and is over now. */
export function delivery(some: Partial<DeliveryInfo>): DeliveryInfo {
  const settledAt = performance.now();
  return {
    event: "E_PIKE_BLOCKED",
    socket: "jsonrpc:10.0.0.7:8080",
    destination: "10.0.0.7:8080",
    count: 1,
    isRequest: false,
    outcome: "sent",
    queuedAt: settledAt - 5,
    writtenAt: settledAt - 1,
    settledAt,
    ...some,
  };
}
