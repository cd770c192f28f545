/**
 * The Event Interface: an application raises events by their names, and knows
 * nothing of who subscribed to them.
 *
 * @module
 */

import { quote } from "../protocol/errors.ts";
import type {
  AnyEvents,
  EventMap,
  EventName,
  ParamsOf,
} from "../protocol/event_types.ts";
import { checkEvent } from "../protocol/message.ts";
import {
  eventParamOf,
  type EventParams,
  formatParams,
} from "../protocol/params.ts";
import { TypedEventTarget } from "../protocol/typed_event_target.ts";
import { parseTarget } from "../protocol/virtual_socket.ts";
import { Audience, Turn } from "./broadcast.ts";
import { Direct } from "./direct.ts";
import type { EventInterfaceEventMap } from "./event_map.ts";
import { Expiry } from "./expiry.ts";
import { Failures } from "./failures.ts";
import {
  checkDeliverOptions,
  checkSubscribeOptions,
  type DeliverOptions,
  type EventInterfaceOptions,
  type InterfaceSettings,
  interfaceSettingsOf,
  type SubscribeOptions,
} from "./options.ts";
import { type DestinationStats, Pool } from "./pool.ts";
import { type DeliveryReport, infoOf } from "./report.ts";
import { Routes } from "./route.ts";
import {
  type PublishedEvent,
  type Subscriber,
  type Subscription,
  Subscriptions,
} from "./subscriptions.ts";

/**
 * The Event Interface of OpenSIPS: events, their subscribers, and the
 * connections to them. Subscribers of the same host and port share one
 * connection, however many events they subscribed to; it is closed when the
 * last of them has gone and the queue is empty. Subscriptions that expire
 * keep the process alive as connections do: close the interface when done.
 *
 * @typeParam Events Maps the names of events to their params: then other names
 * and other params do not compile.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventInterface, serveEvents } from "../../mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, { block_ip: () => true });
 *
 * await using events = new EventInterface({ syncMode: true, timeoutMs: 200 });
 * events.subscribe("E_PIKE_BLOCKED", `${server.socket}/block_ip`);
 * const [report] = await events.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals([report.outcome, report.result], ["confirmed", true]);
 * ```
 */
export class EventInterface<Events extends EventMap = AnyEvents>
  extends TypedEventTarget<EventInterfaceEventMap>
  implements AsyncDisposable {
  readonly #settings: InterfaceSettings;
  readonly #pool: Pool;
  readonly #routes: Routes;
  readonly #direct: Direct;
  readonly #subscriptions: Subscriptions;
  readonly #expiry: Expiry = new Expiry();
  readonly #failures: Failures;
  #closing: Promise<void> | undefined;

  /**
   * Constructs an interface without events.
   *
   * @throws {TypeError} if an option is of a wrong type.
   * @throws {RangeError} if an option is out of its range.
   */
  constructor(options: EventInterfaceOptions = {}) {
    super();
    const settings = this.#settings = interfaceSettingsOf(options);
    const turn = new Turn();
    const { client, onDelivery } = settings;
    this.#pool = new Pool(client, {
      onNotice: (destination, { type, ...detail }) =>
        this.#tell(type, { destination, ...detail }),
      onSettled: onDelivery && ((delivery, { name, syncMode }) => {
        try {
          onDelivery(infoOf(delivery, name, syncMode));
        } catch (error) {
          // As an error of a listener: it is seen, and stops nothing here.
          queueMicrotask(() => {
            throw error;
          });
        }
      }),
    });
    this.#routes = new Routes(settings, this.#pool);
    this.#direct = new Direct(this.#routes, this.#expiry);
    const failures = this.#failures = new Failures((event, report) =>
      this.#tell("failed", { event, report })
    );
    this.#subscriptions = new Subscriptions({
      routes: this.#routes,
      expiry: this.#expiry,
      eventParam: client.eventParam,
      audienceOf: (event, recipients) =>
        new Audience(event, recipients, { turn, failures }),
    });
  }

  /**
   * Publishes an event, so that it can be found. Publishing it again is fine.
   *
   * @throws {TypeError} if `event` is not a non-empty string.
   */
  publish(event: EventName<Events>): void {
    this.#subscriptions.publish(event);
  }

  /**
   * Takes an event back: it is published no more, and its subscriptions end.
   * Events in the queue are still delivered. Returns whether it was published. If
   * it is published again, it gets another id.
   */
  unpublish(event: EventName<Events>): boolean {
    return this.#subscriptions.unpublish(event);
  }

  /** Whether an event is published. */
  isPublished(event: string): boolean {
    return this.#subscriptions.get(event) !== undefined;
  }

  /** The published events, in the order of publication. */
  events(): PublishedEvent[] {
    return this.#subscriptions.events();
  }

  /** The subscribers of an event, or of all, the newest of each event first. */
  subscribers(event?: string): Subscriber[] {
    this.#expiry.check();
    return this.#subscriptions.subscribers(event);
  }

  /**
   * The subscriber of an event that has this socket, if there is one.
   *
   * @throws {SocketSyntaxError} if `socket` is not a socket.
   */
  subscriber(event: string, socket: string): Subscriber | undefined {
    return this.#find(event, socket)?.toSubscriber();
  }

  /**
   * Subscribes a socket to an event, and publishes the event if need be. To
   * subscribe a socket that is subscribed renews it, by the options given now.
   * Two names of the same host are two subscribers.
   *
   * `FAILOVER` sees that a server is not there. That a server does not respond,
   * or responds with an error, it sees in sync mode only; without that,
   * `onWarning` is called.
   *
   * @param socket `jsonrpc:host:port[/method]`, over TLS
   * `jsonrpcs:host:port[/method]`, `tcp:host:port[/method]`, or
   * `virtual:POLICY socket socket …`, of which there may be 100.
   * @throws {SocketSyntaxError} if `socket` is none of these.
   * @throws {TypeError} if `event` is not a non-empty string, an option is of a
   * wrong type, or the interface is closed.
   * @throws {RangeError} if an option is out of its range.
   */
  subscribe(
    event: EventName<Events>,
    socket: string,
    options: SubscribeOptions = {},
  ): void {
    if (this.#closing !== undefined) {
      throw new TypeError("Cannot subscribe: the event interface is closed");
    }
    checkSubscribeOptions(options);
    const { client, onWarning } = this.#settings;
    const { expire, timeoutMs, syncMode = client.syncMode } = options;
    const target = parseTarget(socket);
    const isNew = this.#subscriptions.add(event, target, {
      expire,
      syncMode,
      timeoutMs,
    });
    if (target.policy === "FAILOVER" && !syncMode && isNew) {
      try {
        onWarning(
          `${target.socket} without sync mode: FAILOVER will not see that a server does not respond, or responds with an error`,
        );
      } catch { /* the subscription stands all the same */ }
    }
  }

  /**
   * Ends a subscription; events in the queue are still delivered. Returns whether
   * there was one.
   *
   * @throws {SocketSyntaxError} if `socket` is not a socket.
   */
  unsubscribe(event: string, socket: string): boolean {
    const subscription = this.#find(event, socket);
    subscription?.end();
    return subscription !== undefined;
  }

  /**
   * Raises an event: sends it to every subscriber. Resolves, when all is done, to
   * a report for each, the newest subscriber first; without subscribers to an
   * empty list. The promise need not be awaited. Events that are raised in one
   * turn of the event loop may share their promise and reports.
   *
   * Rejects only for a mistake of the caller:
   * - {@linkcode ParamsError}: `params` cannot be carried by JSON;
   * - `TypeError`: `event` is not a non-empty string;
   * - `RangeError`: a listener of `failed` raises the event of which a failure is
   *   being told, or one whose failure has led to that, which would have no end.
   *   The rule holds while the listener runs; after an `await`, the listener has
   *   to see for itself that it comes to an end.
   */
  raise<Name extends EventName<Events>, P>(
    event: Name,
    params: ParamsOf<Events, Name, P>,
  ): Promise<readonly DeliveryReport[]>;
  /** Raises an event without params: see above. */
  raise(
    event: EventName<Events>,
    params?: undefined,
  ): Promise<readonly DeliveryReport[]>;
  raise(
    event: string,
    params: unknown = {},
  ): Promise<readonly DeliveryReport[]> {
    try {
      return this.#raise(event, params as EventParams);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Delivers an event to a socket, which may be a virtual one, whether it is
   * subscribed or not. Resolves to a report. Its connection is kept for the next
   * such delivery, and closed after a minute without one. No `failed`
   * event is dispatched.
   *
   * Rejects only for a mistake of the caller:
   * - {@linkcode SocketSyntaxError}: `socket` is not a socket;
   * - {@linkcode ParamsError}: `params` cannot be carried by JSON;
   * - `TypeError`: `event` is not a non-empty string, or an option is of a wrong
   *   type;
   * - `RangeError`: an option is out of its range.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { EventInterface, serveEvents } from "../../mod.ts";
   *
   * await using server = serveEvents({ port: 0 }, { block_ip: () => true });
   *
   * await using events = new EventInterface();
   * const { outcome } = await events.deliver(
   *   "E_PIKE_BLOCKED",
   *   `${server.socket}/block_ip`,
   *   { ip: "192.168.2.11" },
   *   { syncMode: true },
   * );
   * assertEquals(outcome, "confirmed");
   * ```
   */
  deliver<Name extends EventName<Events>, P>(
    event: Name,
    socket: string,
    params: ParamsOf<Events, Name, P>,
    options?: DeliverOptions,
  ): Promise<DeliveryReport>;
  /** Delivers an event without params: see above. */
  deliver(
    event: EventName<Events>,
    socket: string,
    params?: undefined,
    options?: DeliverOptions,
  ): Promise<DeliveryReport>;
  deliver(
    event: string,
    socket: string,
    params: unknown = {},
    options: DeliverOptions = {},
  ): Promise<DeliveryReport> {
    try {
      checkEvent(event);
      checkDeliverOptions(options);
      const target = parseTarget(socket);
      const { client } = this.#settings;
      const { syncMode = client.syncMode, timeoutMs, signal } = options;
      const text = formatParams(
        params as EventParams,
        eventParamOf(event, client.eventParam),
      );
      this.#expiry.check();
      return this.#direct.deliver(event, target, {
        params: text,
        syncMode,
        timeoutMs,
        signal,
      });
    } catch (error) {
      return rejected(error);
    }
  }

  /** The counters of every destination that is used, or still has a delivery. */
  stats(): DestinationStats[] {
    this.#expiry.check();
    return this.#pool.stats();
  }

  /**
   * Resolves when every event raised so far is delivered, or failed; also those
   * of subscribers that have gone meanwhile.
   */
  async flush(): Promise<void> {
    await Promise.all([this.#routes.flush(), this.#pool.flush()]);
  }

  /**
   * Closes the interface: delivers the events that were raised, and ends all
   * subscriptions.
   * Resolves when all connections are closed. Never rejects; closing
   * twice is fine.
   */
  close(): Promise<void> {
    this.#direct.close();
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode EventInterface.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.flush();
    this.#subscriptions.endAll();
    this.#direct.end();
    // An event that was raised meanwhile may still fail over.
    await this.#routes.flush();
    await this.#pool.left();
  }

  #raise(
    event: string,
    params: EventParams,
  ): Promise<readonly DeliveryReport[]> {
    const { chain } = this.#failures;
    if (chain.length > 0 && chain.includes(event)) {
      throw new RangeError(
        `Cannot raise ${quote(event)}: a listener of its own failure raises it`,
      );
    }
    this.#expiry.check();
    // First of all, and though nobody may have subscribed: wrong params must not
    // be found when half of the subscribers have the event.
    const topic = this.#subscriptions.get(event);
    if (topic === undefined) checkEvent(event);
    const text = formatParams(
      params,
      topic === undefined
        ? eventParamOf(event, this.#settings.client.eventParam)
        : topic.eventParam,
    );
    if (topic === undefined) return Promise.resolve([]);
    const audience = topic.audience ?? this.#subscriptions.audience(topic);
    if (audience.size === 0) return Promise.resolve([]);
    return audience.raise(text, chain).promise;
  }

  #find(event: string, socket: string): Subscription | undefined {
    this.#expiry.check();
    return this.#subscriptions.find(event, parseTarget(socket));
  }

  #tell(type: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** An Event Interface of any events: for code that works with all of them. */
// deno-lint-ignore no-explicit-any
export type AnyEventInterface = EventInterface<any>;

function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => {}); // a caller may forget it
  return promise;
}
