/**
 * Events for application servers, as OpenSIPS sends them: JSON-RPC 2.0
 * straight over TCP, with no HTTP and nothing between two messages.
 *
 * {@linkcode EventClient} raises events to one destination,
 * {@linkcode EventInterface} to whoever subscribed, and
 * {@linkcode manageOverHttp} lets servers do so while it runs.
 * {@linkcode serveEvents} is the receiving end. Beneath them, and free of I/O:
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
  type AtDestination,
  type DestinationStats,
  EventInterface,
  type EventInterfaceEventMap,
  type EventInterfaceOptions,
  type PublishedEvent,
  type SubscribeOptions,
  type Subscriber,
} from "./src/event_interface.ts";
export type { DeliveryReport } from "./src/raising.ts";
export {
  manage,
  type ManagementOptions,
  manageOverHttp,
  type ManageOverHttpOptions,
} from "./src/management.ts";
export {
  formatVirtualSocket,
  parseVirtualSocket,
  type Policy,
  type VirtualSocket,
} from "./src/virtual.ts";
export {
  EventClient,
  type EventClientEventMap,
  type RaiseOptions,
} from "./src/client.ts";
export type {
  EventClientOptions,
  EventClientStats,
  FailedCounts,
} from "./src/destination.ts";
export {
  type EventServer,
  serveEvents,
  type ServeEventsOptions,
} from "./src/listener.ts";
export type { Address, EventHandler, ReceivedEvent } from "./src/answer.ts";
export {
  type Connect,
  connectDeno,
  type Connection,
  type ConnectOptions,
} from "./src/transport.ts";
export type { ListenerTlsOptions, TlsOptions } from "./src/tls.ts";
export { correlate, type Outcome } from "./src/correlation.ts";
export {
  buildMessage,
  type BuildMessageOptions,
  type EventParams,
  type IncomingMessage,
  type JsonObject,
  type JsonValue,
  NamedParams,
  readMessage,
  type RequestId,
} from "./src/message.ts";
export { JsonStream, type JsonStreamOptions } from "./src/json_stream.ts";
export {
  type EventSocket,
  formatSocket,
  isSameSocket,
  parseSocket,
} from "./src/socket.ts";
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
} from "./src/errors.ts";
