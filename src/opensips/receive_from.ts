/**
 * Receives the events of a running OpenSIPS: listens, and keeps itself
 * subscribed.
 *
 * @module
 */

import type { EventServer } from "../server/server.ts";
import {
  serveEvents,
  type ServeEventsOptions,
} from "../server/serve_events.ts";
import type { EventHandler, ReceivedEvent } from "../server/event.ts";
import { addressFor } from "./advertise.ts";
import { isLoopback } from "../protocol/socket.ts";
import type { OpenSipsEvents } from "./catalogue.ts";
import {
  OpenSipsSubscription,
  type SubscribeAtOptions,
} from "./subscribe_at.ts";

/** An event of an OpenSIPS, with the type of its params. */
export interface ReceivedOpenSipsEvent<Params>
  extends Omit<ReceivedEvent, "params"> {
  /** The params, by name. */
  params: Params;
}

/** A handler for each event, by name. */
export type OpenSipsEventHandlers<Events> = {
  readonly [E in keyof Events]?: (
    event: ReceivedOpenSipsEvent<Events[E]>,
  ) => unknown;
};

/** Options of {@linkcode receiveFrom}. */
export interface ReceiveFromOptions
  extends Omit<SubscribeAtOptions, "events" | "socket"> {
  /**
   * The names of the events, or patterns of them: see
   * {@linkcode SubscribeAtOptions.events}. By default those of the handlers.
   */
  events?: string | readonly string[] | undefined;
  /**
   * Where and how to listen. The address is by default 127.0.0.1 for an OpenSIPS
   * on the same machine, and 0.0.0.0 for another.
   */
  listen?: Omit<ServeEventsOptions, "tls" | "signal"> | undefined;
  /**
   * The address by which the OpenSIPS reaches the listener, if it is another: a
   * host, or a host and a port. By default it is found out, which fails behind a
   * translation of addresses, as in a container.
   */
  advertise?: string | undefined;
}

/** A listener that is subscribed at an OpenSIPS. */
export interface OpenSipsReceiver extends AsyncDisposable {
  /** The listener. */
  readonly server: EventServer;
  /** Its subscriptions; what becomes of them is told by its events. */
  readonly subscription: OpenSipsSubscription;
  /** The same as {@linkcode OpenSipsSubscription.ready}. */
  readonly ready: Promise<void>;
  /**
   * Ends the subscriptions, and then stops the listener. Never rejects. Closing
   * twice is fine.
   */
  close(): Promise<void>;
}

/**
 * Receives the events of a running OpenSIPS. It listens with
 * {@linkcode serveEvents}, subscribes the address by which the OpenSIPS reaches
 * it, and keeps the subscriptions as {@linkcode subscribeAt} does.
 *
 * The params of OpenSIPS's own events are typed: see {@linkcode OpenSipsEvents}.
 * Own events are given as a type, beside them or instead of them:
 * `receiveFrom<OpenSipsEvents & { E_CALL: { from: string } }>(…)`. One handler
 * for all events takes any.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventInterface } from "../../mod.ts";
 * import { manageOverHttp, receiveFrom } from "./mod.ts";
 *
 * // Here the Event Interface of this module stands for an OpenSIPS.
 * await using events = new EventInterface();
 * events.publish("E_PIKE_BLOCKED");
 * await using http = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0 },
 *   manageOverHttp(events),
 * );
 *
 * const blocked = Promise.withResolvers<unknown>();
 * await using receiver = receiveFrom(
 *   `http://127.0.0.1:${http.addr.port}/mi`,
 *   { E_PIKE_BLOCKED: ({ params }) => blocked.resolve(params.ip) },
 *   { listen: { port: 0 } },
 * );
 * await receiver.ready;
 *
 * events.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals(await blocked.promise, "192.168.2.11");
 * ```
 *
 * @param url The address of `mi_http`, such as `http://127.0.0.1:8888/mi`.
 * @throws {RangeError} if OpenSIPS cannot reach the listener, or an option is out
 * of range.
 * @throws {SocketSyntaxError} if `advertise` is neither a host nor a host and a port.
 * @throws {TypeError} if an option has the wrong type, or no event is given.
 * @throws {Deno.errors.AddrInUse} if the address to listen at is in use.
 */
export function receiveFrom<Events extends object = OpenSipsEvents>(
  url: string | URL,
  handlers: EventHandler | OpenSipsEventHandlers<Events>,
  options: ReceiveFromOptions = {},
): OpenSipsReceiver {
  const {
    events = typeof handlers === "function" ? [] : Object.keys(handlers),
    listen,
    advertise,
    ...subscribing
  } = options;
  const at = new URL(url);
  const hostname = isLoopback(at.hostname) ? "127.0.0.1" : "0.0.0.0";
  const server = serveEvents(
    { hostname, ...listen },
    handlers as EventHandler | Record<string, EventHandler>,
  );
  let subscription: OpenSipsSubscription;
  try {
    const where = addressFor(at, server.addr, advertise);
    subscription = new OpenSipsSubscription(
      at,
      { ...subscribing, events },
      where,
    );
  } catch (error) {
    server.shutdown();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const close = () => closing ??= closeAll();
  // The listener goes last, and when a signal has ended the subscriptions.
  async function closeAll(): Promise<void> {
    await subscription.close();
    await server.shutdown();
  }
  subscription.closed.then(close);
  return {
    server,
    subscription,
    ready: subscription.ready,
    close,
    [Symbol.asyncDispose]: close,
  };
}
