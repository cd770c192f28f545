/**
 * The metrics of the receiving end.
 *
 * @module
 */

import { formatMetrics, Histogram, Labeled } from "./prometheus.ts";
import type { EventWatcher } from "./watch_handler.ts";

/** How many methods are counted apart: a peer may send any. */
const MAX_METHODS = 200;

/**
 * Counts what a receiver of events takes and refuses.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * import { EventClient, serveEvents } from "../../mod.ts";
 * import { ListenerTally, watchHandler } from "./mod.ts";
 *
 * const tally = new ListenerTally();
 * await using server = serveEvents(
 *   { port: 0, onInvalid: tally.refuse },
 *   watchHandler(() => true, tally.watch),
 * );
 * await using client = new EventClient(server.socket, { syncMode: true });
 * await client.raise("E_PIKE_BLOCKED");
 * assertMatch(
 *   tally.metrics(),
 *   /^event_jsonrpc_events_received_total\{method="E_PIKE_BLOCKED"\} 1$/m,
 * );
 * ```
 */
export class ListenerTally {
  readonly #methods = new Labeled(() => ({ value: 0 }), MAX_METHODS);
  readonly #durations = new Histogram();
  #requests = 0;
  #failed = 0;
  #refused = 0;
  #underWay = 0;

  /** Goes before a handler: see {@linkcode watchHandler}. */
  readonly watch: EventWatcher = ({ method, id }) => {
    this.#methods.at(method).value++;
    this.#underWay++;
    if (id !== null) this.#requests++;
    return ({ error, ms }) => {
      this.#underWay--;
      this.#durations.observe(ms / 1000);
      if (error !== undefined) this.#failed++;
    };
  };

  /** Counts something that was refused: for `onInvalid` of `serveEvents`. */
  readonly refuse = (): void => {
    this.#refused++;
  };

  /**
   * The metrics, in Prometheus' text format; `connections`, if given, is how many
   * are open. All names begin with `event_jsonrpc_`: `events_received_total`
   * (with the label `method`; beyond 200 of them it is `other`),
   * `requests_received_total`, `events_handler_failed_total`,
   * `messages_refused_total`, `handlers_under_way`, `listener_connections`, and
   * the histogram `handler_duration_seconds`.
   */
  metrics(connections?: number): string {
    const metric = (
      name: string,
      help: string,
      value: number | undefined,
    ) => ({
      name: `event_jsonrpc_${name}`,
      help,
      type: name.endsWith("_total") ? "counter" as const : "gauge" as const,
      samples: value === undefined ? [] : [{ value }],
    });
    return formatMetrics([
      {
        name: "event_jsonrpc_events_received_total",
        help: "Events that came in.",
        type: "counter",
        samples: Array.from(
          this.#methods.entries(),
          ([method, { value }]) => ({ labels: { method }, value }),
        ),
      },
      metric(
        "requests_received_total",
        "Events that came in as requests.",
        this.#requests,
      ),
      metric(
        "events_handler_failed_total",
        "Events whose handler failed.",
        this.#failed,
      ),
      metric(
        "messages_refused_total",
        "Messages and connections that were refused.",
        this.#refused,
      ),
      metric(
        "handlers_under_way",
        "Handlers that have not ended.",
        this.#underWay,
      ),
      metric("listener_connections", "Connections that are open.", connections),
      {
        name: "event_jsonrpc_handler_duration_seconds",
        help: "How long a handler took.",
        histograms: [{ histogram: this.#durations }],
      },
    ]);
  }
}
