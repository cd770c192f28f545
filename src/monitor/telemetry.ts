/**
 * Spans and counters of OpenTelemetry, where the runtime has it: Deno, started
 * with `OTEL_DENO=true`. Nothing is imported for it.
 *
 * Names are those of OpenTelemetry's semantic conventions for messaging:
 * https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 *
 * @module
 */

import { ServerError } from "../protocol/errors.ts";
import { causeOf, type DeliveryHook } from "./delivery_info.ts";
import type { EventWatcher } from "./watch_handler.ts";

/** The hooks that send spans and counters. */
export interface Telemetry {
  /**
   * For `onDelivery` of an `EventInterface`: a span for each request, and for
   * each write of notifications.
   */
  readonly onDelivery: DeliveryHook;
  /** Goes before a handler: a span for each event. See {@linkcode watchHandler}. */
  readonly watch: EventWatcher;
}

type Attributes = Record<string, string | number>;

interface Span {
  setStatus(status: { code: number; message?: string }): unknown;
  setAttribute(name: string, value: string | number): unknown;
  end(time?: number): void;
}

/** What is used of `Deno.telemetry`. */
interface Provider {
  tracerProvider: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options: { kind: number; startTime?: number; attributes: Attributes },
      ): Span;
    };
  };
  meterProvider: {
    getMeter(name: string): {
      createCounter(
        name: string,
        options: { unit: string; description: string },
      ): { add(value: number, attributes: Attributes): void };
      createHistogram(
        name: string,
        options: { unit: string; description: string },
      ): { record(value: number, attributes: Attributes): void };
    };
  };
}

const NAME = "event_jsonrpc";
/** As OpenTelemetry numbers them. */
const PRODUCER = 3, CONSUMER = 4, STATUS_ERROR = 2;

/**
 * Returns the hooks for OpenTelemetry, or `undefined` if it is off: then nothing
 * has to be called.
 *
 * @example
 * ```ts
 * import { EventInterface, serveEvents } from "../../mod.ts";
 * import { startTelemetry, watchHandler } from "./mod.ts";
 *
 * const telemetry = startTelemetry(); // OTEL_DENO=true turns it on
 * const watchers = telemetry === undefined ? [] : [telemetry.watch];
 * await using server = serveEvents({ port: 0 }, watchHandler(() => true, ...watchers));
 * const options = { syncMode: true, onDelivery: telemetry?.onDelivery };
 * await using events = new EventInterface(options);
 * events.subscribe("E_PIKE_BLOCKED", server.socket);
 * await events.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * ```
 */
export function startTelemetry(): Telemetry | undefined {
  const { Deno: deno } = globalThis as { Deno?: { telemetry?: unknown } };
  const provider = deno?.telemetry as Provider | undefined;
  if (provider === undefined) return undefined;
  try {
    return { onDelivery: deliveries(provider), watch: handled(provider) };
  } catch {
    return undefined; // it is off, and says so
  }
}

function deliveries(
  { tracerProvider, meterProvider }: Provider,
): DeliveryHook {
  const meter = meterProvider.getMeter(NAME); // throws if it is off
  const tracer = tracerProvider.getTracer(NAME);
  const sent = meter.createCounter("messaging.client.sent.messages", {
    unit: "{message}",
    description: "Events that were to be sent",
  });
  const duration = meter.createHistogram(
    "messaging.client.operation.duration",
    {
      unit: "s",
      description: "How long it took to send an event",
    },
  );
  return (delivery) => {
    const { event, destination, count, error, queuedAt, settledAt } = delivery;
    const [host, port] = hostAndPort(destination);
    const attributes: Attributes = {
      "messaging.system": NAME,
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "messaging.destination.name": event,
      "server.address": host,
      "server.port": port,
      ...delivery.outcome === "failed" && { "error.type": errorType(error) },
    };
    sent.add(count, attributes);
    duration.record((settledAt - queuedAt) / 1000, attributes);
    const span = tracer.startSpan(`send ${event}`, {
      kind: PRODUCER,
      startTime: performance.timeOrigin + queuedAt,
      attributes: count === 1
        ? attributes
        : { ...attributes, "messaging.batch.message_count": count },
    });
    if (delivery.outcome === "failed") fail(span, error);
    span.end(performance.timeOrigin + settledAt);
  };
}

function handled({ tracerProvider, meterProvider }: Provider): EventWatcher {
  const meter = meterProvider.getMeter(NAME);
  const tracer = tracerProvider.getTracer(NAME);
  const consumed = meter.createCounter("messaging.client.consumed.messages", {
    unit: "{message}",
    description: "Events that came in",
  });
  const duration = meter.createHistogram("messaging.process.duration", {
    unit: "s",
    description: "How long a handler took",
  });
  return ({ method, peer, id }) => {
    const attributes: Attributes = {
      "messaging.system": NAME,
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": method,
    };
    const span = tracer.startSpan(`process ${method}`, {
      kind: CONSUMER,
      attributes: {
        ...attributes,
        "network.peer.address": peer.hostname,
        "network.peer.port": peer.port,
        ...id !== null && { "messaging.message.id": String(id) },
      },
    });
    return ({ error, ms }) => {
      if (error !== undefined) {
        attributes["error.type"] = errorType(error);
        span.setAttribute("error.type", attributes["error.type"]);
        fail(span, error);
      }
      consumed.add(1, attributes);
      duration.record(ms / 1000, attributes);
      span.end();
    };
  };
}

function fail(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  span.setStatus({ code: STATUS_ERROR, message });
}

/** Few different words, as the conventions want it: a code, a cause, or a name. */
function errorType(error: unknown): string {
  if (error instanceof ServerError) return String(error.code);
  const cause = causeOf(error);
  if (cause !== "aborted") return cause;
  return error instanceof Error ? error.name : "_OTHER";
}

function hostAndPort(destination: string): [host: string, port: number] {
  const colon = destination.lastIndexOf(":");
  const host = destination.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return [host, Number(destination.slice(colon + 1))];
}
