/**
 * Events for application servers, as OpenSIPS sends them: JSON-RPC 2.0
 * straight over TCP, one message after another, without HTTP.
 *
 * {@linkcode EventClient} raises events to one destination,
 * {@linkcode EventInterface} to all subscribers of an event.
 * {@linkcode serveEvents} is the receiving end. Pure functions stand below them:
 * {@linkcode parseSocket}, {@linkcode buildMessage}, {@linkcode JsonStream} and
 * {@linkcode correlate}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient, serveEvents } from "./mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, {
 *   block_ip: ({ params }) => ({ blocked: params }),
 * });
 *
 * await using client = new EventClient(`${server.socket}/block_ip`, {
 *   syncMode: true,
 *   timeoutMs: 200,
 * });
 * const result = await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals(result, { blocked: { ip: "192.168.2.11" } });
 * ```
 *
 * @module
 */

export {
  type AnyEventInterface,
  EventInterface,
} from "./src/events/event_interface.ts";
export type {
  AtDestination,
  EventInterfaceEventMap,
} from "./src/events/event_map.ts";
export type {
  DeliverOptions,
  EventInterfaceOptions,
  SubscribeOptions,
} from "./src/events/options.ts";
export type { DestinationStats } from "./src/events/pool.ts";
export type { DeliveryInfo, DeliveryReport } from "./src/events/report.ts";
export type { PublishedEvent, Subscriber } from "./src/events/subscriptions.ts";
export {
  formatVirtualSocket,
  parseVirtualSocket,
  type Policy,
  type VirtualSocket,
} from "./src/protocol/virtual_socket.ts";
export {
  EventClient,
  type EventClientEventMap,
  type RaiseOptions,
} from "./src/client/event_client.ts";
export type { EventClientOptions } from "./src/client/options.ts";
export type {
  Counters,
  EventClientStats,
  FailedCounts,
} from "./src/client/stats.ts";
export {
  type AnyReceivedEvents,
  serveEvents,
  type ServeEventsOptions,
} from "./src/server/serve_events.ts";
export type { EventServer } from "./src/server/server.ts";
export type {
  EventServerEventMap,
  EventServerStats,
  InvalidMessage,
} from "./src/server/reports.ts";
export {
  type EventDetails,
  type EventHandler,
  type EventHandlers,
  type EventOf,
  isNamed,
  type ReceivedEvent,
  type ReceivedParams,
} from "./src/server/event.ts";
export type { Address } from "./src/transport/listen.ts";
export {
  type Connect,
  type Connection,
  type ConnectOptions,
  fromStreams,
  type StreamPair,
} from "./src/transport/connection.ts";
export { connectDeno } from "./src/transport/deno.ts";
export type { ListenerTlsOptions, TlsOptions } from "./src/transport/tls.ts";
export {
  correlate,
  type InFlight,
  type Outcome,
} from "./src/protocol/response.ts";
export {
  buildMessage,
  type BuildMessageOptions,
} from "./src/protocol/message.ts";
export type {
  AnyEvents,
  Carried,
  EventMap,
  EventName,
  ParamsOf,
} from "./src/protocol/event_types.ts";
export {
  TypedEventTarget,
  type TypedListener,
} from "./src/protocol/typed_event_target.ts";
export { type EventParams, NamedParams } from "./src/protocol/params.ts";
export {
  type IncomingMessage,
  readMessage,
  type RequestId,
} from "./src/protocol/request.ts";
export {
  type JsonObject,
  JsonText,
  type JsonValue,
} from "./src/protocol/json.ts";
export {
  elementsOf,
  membersOf,
  type MemberText,
  memberText,
} from "./src/protocol/json_members.ts";
export {
  JsonStream,
  type JsonStreamOptions,
} from "./src/protocol/json_stream.ts";
export {
  type EventSocket,
  formatSocket,
  parseSocket,
} from "./src/protocol/socket.ts";
export {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  type DeliveryErrorOptions,
  DeliveryTimeoutError,
  ParamsError,
  ProtocolError,
  QueueFullError,
  ServerError,
  SocketSyntaxError,
} from "./src/protocol/errors.ts";
