/**
 * Health and metrics, by HTTP.
 *
 * @module
 */

import { type FetchHandler, HEADERS, plain } from "./guard.ts";

/** What there is to tell to who runs the service. */
export interface Operations {
  /** The metrics, in Prometheus' text format. */
  metrics?: (() => string | Promise<string>) | undefined;
  /** Why the service is not ready; empty if it is. */
  notReady?: (() => readonly string[]) | undefined;
}

/**
 * Makes a handler of HTTP requests: `GET /health` responds 200 and
 * `{"status":"ready"}`, or 503 and why not; `GET /metrics` responds in
 * Prometheus' text format. Nothing else is here, so anybody may be let to it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { operationsHandler } from "./mod.ts";
 *
 * const handler = operationsHandler({ notReady: () => ["the disk is full"] });
 * const response = await handler(new Request("http://127.0.0.1/health"));
 * assertEquals(response.status, 503);
 * assertEquals(await response.json(), {
 *   status: "not ready",
 *   reasons: ["the disk is full"],
 * });
 * ```
 */
export function operationsHandler(operations: Operations): FetchHandler {
  const { metrics, notReady = () => [] } = operations;
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") {
      const reasons = notReady();
      const isReady = reasons.length === 0;
      return Response.json(
        isReady ? { status: "ready" } : { status: "not ready", reasons },
        { status: isReady ? 200 : 503, headers: HEADERS },
      );
    }
    if (pathname === "/metrics" && metrics !== undefined) {
      return new Response(await metrics(), {
        headers: {
          ...HEADERS,
          "content-type": "text/plain; version=0.0.4; charset=utf-8",
        },
      });
    }
    return plain(404, "Not found: expected /health or /metrics");
  };
}
