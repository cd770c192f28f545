/**
 * Looks at events: a page in a browser, metrics, health, spans, lines for a
 * terminal and for a log.
 *
 * At the receiving end, watchers go before a handler: {@linkcode watchHandler} with
 * {@linkcode EventFeed} (shown by {@linkcode pageForListener}) and
 * {@linkcode ListenerTally}. At the Event Interface, hooks take its deliveries:
 * {@linkcode DeliveryTally} (shown by {@linkcode pageForHub}, told by
 * {@linkcode hubMetrics}) and {@linkcode DeliveryLog}. For both there is
 * {@linkcode startTelemetry}.
 *
 * Nothing of this is loaded by who raises or takes events without it.
 *
 * @module
 */

export {
  type EventWatcher,
  type HandlerResponse,
  watchHandler,
} from "./watch_handler.ts";
export {
  EventFeed,
  type EventFeedOptions,
  type FeedViewer,
  type KeptEvent,
} from "./event_feed.ts";
export {
  checkGuard,
  drawToken,
  type FetchHandler,
  type GuardOptions,
  pageUrl,
  type RequestInfo,
} from "./guard.ts";
export type { PageOptions } from "./page_handler.ts";
export { type ListenerPageOptions, pageForListener } from "./listener_page.ts";
export { type HubPageOptions, pageForHub } from "./hub_page.ts";
export type { OutboxState, OutboxView, SetAsideEvent } from "./outbox_view.ts";
export { type Operations, operationsHandler } from "./operations.ts";
export {
  causeOf,
  type DeliveryHook,
  type DeliveryInfo,
  type FailureCause,
  joinHooks,
} from "./delivery_info.ts";
export {
  DeliveryTally,
  type DestinationTally,
  type Failure,
} from "./delivery_tally.ts";
export { hubMetrics, type WatchedEvents } from "./hub_metrics.ts";
export { ListenerTally } from "./listener_metrics.ts";
export type { Histogram, Labeled } from "./prometheus.ts";
export {
  DeliveryLog,
  type DeliveryLogOptions,
  describeLogEntry,
  formatLogEntry,
  formatLogJson,
  LOG_LEVELS,
  type LogEntry,
  type LoggedDelivery,
  type LogLevel,
} from "./delivery_log.ts";
export {
  formatEvent,
  type FormatEventOptions,
  type PrintedEvent,
} from "./event_text.ts";
export { printable } from "../protocol/printable.ts";
export { startTelemetry, type Telemetry } from "./telemetry.ts";
