/** `listen --metrics`: health and metrics of the listener. */

import { ListenerTally, operationsHandler } from "../monitor/mod.ts";
import { formatAddress } from "../protocol/socket.ts";
import { type HttpService, serveHttp, toHttpAddress } from "./http_service.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Serves health and metrics at an address.
 *
 * @throws {UsageError} if it is none.
 */
export function serveMetrics(at: string): Watcher {
  const address = toHttpAddress("--metrics", at);
  const tally = new ListenerTally();
  let service: HttpService | undefined;
  return {
    watch: tally.watch,
    refuse: tally.refuse,
    begin(server) {
      service = serveHttp(
        address,
        operationsHandler({ metrics: () => tally.metrics(server.stats.open) }),
      );
      return `metrics at http://${formatAddress(service.addr)}/metrics`;
    },
    end: async () => await service?.end(),
  };
}
