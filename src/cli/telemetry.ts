/** Whether OpenTelemetry is on. */

/** Whether Deno was started with `OTEL_DENO=true`: a tracer is to be had then. */
export function isTelemetryOn(): boolean {
  const { telemetry } = Deno as {
    telemetry?: { tracerProvider?: { getTracer(name: string): unknown } };
  };
  try {
    return telemetry?.tracerProvider?.getTracer("event_jsonrpc") !== undefined;
  } catch {
    return false;
  }
}
