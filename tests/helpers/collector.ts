/** A collector of OpenTelemetry: takes what is exported, as JSON over HTTP. */

// deno-lint-ignore no-explicit-any
export type Json = any;

/** The environment in which a process sends its spans to a collector. */
export function telemetryTo(port: number): Record<string, string> {
  return {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  };
}

/** Starts a collector; it keeps what has the name of the project. */
export function collect() {
  const spans: Json[] = [];
  const metrics = new Map<string, Json>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { resourceSpans = [], resourceMetrics = [] } = await request.json();
      for (const { scopeSpans } of resourceSpans) {
        for (const { scope, spans: some } of scopeSpans) {
          if (scope.name === "event_jsonrpc") spans.push(...some);
        }
      }
      for (const { scopeMetrics } of resourceMetrics) {
        for (const { scope, metrics: some } of scopeMetrics) {
          if (scope.name !== "event_jsonrpc") continue;
          for (const metric of some) metrics.set(metric.name, metric);
        }
      }
      return Response.json({});
    },
  );
  return { server, spans, metrics };
}
