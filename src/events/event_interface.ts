/**
 * The Event Interface: an application raises events by their names, and knows
 * nothing of who subscribed to them.
 *
 * @module
 */

import { checkFunction, checkMs } from "../protocol/checks.ts";
import { quote } from "../protocol/errors.ts";
import { checkEvent, headOf, type MessageHead } from "../protocol/message.ts";
import type { JsonText, JsonValue } from "../protocol/json.ts";
import {
  type EventParam,
  eventParamOf,
  type EventParams,
  formatParams,
} from "../protocol/params.ts";
import {
  type EventSocket,
  formatHost,
  formatSocket,
  isOverTls,
  parseSocket,
} from "../protocol/socket.ts";
import { TypedEventTarget } from "../protocol/typed_event_target.ts";
import {
  formatVirtualSocket,
  isVirtual,
  parseVirtualSocket,
  type Policy,
} from "../protocol/virtual_socket.ts";
import { DeadlineQueue, type Waiting } from "../transport/deadline_queue.ts";
import { Timer } from "../transport/timer.ts";
import type { Delivery } from "../client/delivery.ts";
import type { Notice } from "../client/destination.ts";
import type { EventClientEventMap } from "../client/event_client.ts";
import {
  type ClientSettings,
  type EventClientOptions,
  settingsOf,
} from "../client/options.ts";
import { DestinationShell } from "../client/shell.ts";
import type { EventClientStats } from "../client/stats.ts";
import { type DeliveryReport, Raising } from "./broadcast.ts";
import {
  deliverVirtual,
  newVirtualState,
  type VirtualState,
} from "./failover.ts";

/** Options of {@linkcode EventInterface}; those of every client among them. */
export interface EventInterfaceOptions extends EventClientOptions {
  /**
   * How long `FAILOVER` passes over a socket that failed, in milliseconds.
   *
   * @default {30000}
   */
  failoverTimeoutMs?: number;
  /**
   * Called when a subscription cannot do all that it promises.
   *
   * @default {console.warn}
   */
  onWarning?: (message: string) => void;
}

/** Options of {@linkcode EventInterface.subscribe}. */
export interface SubscribeOptions {
  /** After how many seconds the subscription ends. Absent: never. */
  expire?: number;
  /** As in {@linkcode EventClientOptions}, for this subscription. */
  syncMode?: boolean;
  /** As in {@linkcode EventClientOptions}, for this subscription. */
  timeoutMs?: number;
}

/** A published event. */
export interface PublishedEvent {
  /** Its name. */
  name: string;
  /** Its number, counted from 0 in the order of publication. */
  id: number;
}

/** A subscriber of an event. */
export interface Subscriber {
  /** The event's name. */
  event: string;
  /** Its socket, which may be a virtual one. */
  socket: string;
  /** The seconds that it subscribed for; `undefined`: for ever. */
  expire: number | undefined;
}

/** A destination, and its counters. */
export interface DestinationStats extends EventClientStats {
  /** `host:port`; an IPv6 host stands in brackets. */
  destination: string;
  /** Whether it is reached over TLS. */
  tls: boolean;
  /** Whether events to it are confirmed. */
  syncMode: boolean;
}

/** What happened at a destination. */
export type AtDestination<T = unknown> = T & {
  /** `host:port`; an IPv6 host stands in brackets. */
  destination: string;
};

/** The events of an {@linkcode EventInterface}, for `addEventListener`. */
export interface EventInterfaceEventMap {
  /** An event was not delivered to a subscriber. */
  failed: CustomEvent<{ event: string; report: DeliveryReport }>;
  /** A connection was opened. */
  connect: CustomEvent<AtDestination>;
  /** A connection ended. */
  disconnect: CustomEvent<
    AtDestination<EventClientEventMap["disconnect"]["detail"]>
  >;
  /** A response settled nothing and is ignored. */
  unmatched: CustomEvent<
    AtDestination<EventClientEventMap["unmatched"]["detail"]>
  >;
  /** So many events were refused in one turn, as the queue is full. */
  full: CustomEvent<AtDestination<EventClientEventMap["full"]["detail"]>>;
}

const DEFAULT_FAILOVER_TIMEOUT_MS = 30_000; // as of event_virtual
const NO_CASCADE: readonly string[] = [];

/**
 * The Event Interface of OpenSIPS: events, their subscribers, and the
 * connections to them. Subscribers of the same host and port share one
 * connection, however many events they subscribed to; it is closed when the
 * last of them has gone and what was queued is out. Subscriptions that expire
 * keep the process alive as connections do: close the interface when done.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventInterface } from "../../mod.ts";
 * import { serveEvents } from "../../mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, { block_ip: () => true });
 *
 * await using events = new EventInterface({ syncMode: true, timeoutMs: 200 });
 * events.subscribe("E_PIKE_BLOCKED", `${server.socket}/block_ip`);
 * const [report] = await events.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals([report.delivered, report.result], [true, true]);
 * ```
 */
export class EventInterface extends TypedEventTarget<EventInterfaceEventMap>
  implements AsyncDisposable {
  readonly #settings: ClientSettings;
  readonly #syncMode: boolean;
  readonly #failoverTimeoutMs: number;
  readonly #onWarning: (message: string) => void;

  readonly #eventParam: string | undefined;

  readonly #events = new Map<string, Topic>();
  #lastTopic: Topic | undefined;
  /** Those that have subscribers, or still a delivery. */
  readonly #destinations = new Map<string, SharedDestination>();
  /** What became of virtual sockets; all that subscribe the same one share it. */
  readonly #states = new Map<string, { state: VirtualState; users: number }>();
  readonly #closings = new Set<Promise<void>>();
  /** Deliveries to virtual sockets that are under way. */
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  readonly #expiring = new DeadlineQueue<Subscription>();
  /** Rings when a subscription may expire; none does so before. */
  readonly #timer = new Timer(() => this.#endExpired());

  /** The events of which a failure is being told, each because of the one before. */
  #cascade = NO_CASCADE;

  /**
   * Constructs an interface without events.
   *
   * @throws {TypeError} if `eventParam` is not a non-empty string.
   * @throws {RangeError} if another option is out of its range.
   */
  constructor(options: EventInterfaceOptions = {}) {
    super();
    const {
      failoverTimeoutMs = DEFAULT_FAILOVER_TIMEOUT_MS,
      onWarning = console.warn,
      ...clientOptions
    } = options;
    if (!(failoverTimeoutMs >= 0)) {
      throw new RangeError(
        `Cannot use failoverTimeoutMs ${failoverTimeoutMs}: expected milliseconds from 0`,
      );
    }
    checkFunction("onWarning", onWarning);
    this.#settings = settingsOf(clientOptions);
    this.#syncMode = this.#settings.syncMode;
    this.#eventParam = this.#settings.eventParam;
    this.#failoverTimeoutMs = failoverTimeoutMs;
    this.#onWarning = (message) => {
      try {
        onWarning(message);
      } catch { /* the subscription stands all the same */ }
    };
  }

  /**
   * Publishes an event, so that it can be found. Publishing it again is fine.
   *
   * @throws {TypeError} if `event` is not a non-empty string.
   */
  publish(event: string): void {
    checkEvent(event);
    if (!this.#events.has(event)) {
      const eventParam = eventParamOf(event, this.#eventParam);
      this.#events.set(event, { event, eventParam, subscriptions: new Map() });
    }
  }

  /**
   * Takes an event back: it is published no more, and its subscriptions end.
   * What is queued is still delivered. Returns whether it was published.
   */
  unpublish(event: string): boolean {
    const topic = this.#events.get(event);
    if (topic === undefined) return false;
    this.#endAll(event);
    this.#events.delete(event);
    this.#lastTopic = undefined;
    return true;
  }

  /** Whether an event is published. */
  isPublished(event: string): boolean {
    return this.#events.has(event);
  }

  /** The published events, in the order of publication. */
  events(): PublishedEvent[] {
    return Array.from(this.#events.keys(), (name, id) => ({ name, id }));
  }

  /** The subscribers of an event, or of all, the newest of each event first. */
  subscribers(event?: string): Subscriber[] {
    this.#expire();
    const names = event === undefined ? [...this.#events.keys()] : [event];
    return names.flatMap((name) =>
      this.#subscriptions(name)
        .map(({ socket, expire }) => ({ event: name, socket, expire }))
        .reverse()
    );
  }

  /**
   * The subscriber of an event that has this socket, if there is one.
   *
   * @throws {SocketSyntaxError} if `socket` is not a socket.
   */
  subscriber(event: string, socket: string): Subscriber | undefined {
    const wanted = parseTarget(socket).socket;
    return this.subscribers(event).find(({ socket }) => socket === wanted);
  }

  /**
   * Subscribes a socket to an event, and publishes the event if need be. To
   * subscribe a socket that is subscribed renews it, by the options given now.
   *
   * `FAILOVER` sees that a server is not there. That a server does not answer,
   * or answers with an error, it sees in sync mode only; without that,
   * `onWarning` is called.
   *
   * @param socket `jsonrpc:host:port[/method]`, over TLS
   * `jsonrpcs:host:port[/method]`, or
   * `virtual:POLICY socket socket …`.
   * @throws {SocketSyntaxError} if `socket` is neither.
   * @throws {TypeError} if `event` is not a non-empty string, or the interface
   * is closed.
   * @throws {RangeError} if an option is out of its range.
   */
  subscribe(
    event: string,
    socket: string,
    options: SubscribeOptions = {},
  ): void {
    if (this.#closing !== undefined) {
      throw new TypeError("Cannot subscribe: the event interface is closed");
    }
    const { expire, timeoutMs, syncMode = this.#syncMode } = options;
    if (expire !== undefined && !(expire > 0 && expire < Infinity)) {
      throw new RangeError(
        `Cannot use expire ${expire}: expected seconds, more than 0`,
      );
    }
    const target = parseTarget(socket);
    if (timeoutMs !== undefined) checkMs("timeoutMs", timeoutMs);
    this.publish(event);
    const topic = this.#events.get(event)!;
    const old = topic.subscriptions.get(target.socket);
    // The new one first: a destination that both use is not closed between.
    const subscription = new Subscription(
      event,
      target,
      this.#stateOf(target),
      target.sockets.map((socket) => this.#acquire(socket, syncMode)),
      { expire, timeoutMs, eventParam: this.#eventParam },
    );
    if (old !== undefined) this.#forget(old);
    topic.subscriptions.set(target.socket, subscription);
    topic.newestFirst = topic.last = undefined;
    if (expire !== undefined) {
      this.#expiring.add(subscription);
      this.#timer.set(subscription.deadline);
    }
    if (target.policy === "FAILOVER" && !syncMode && old === undefined) {
      this.#onWarning(
        `${target.socket} without sync mode: FAILOVER will not see that a server does not answer, or answers with an error`,
      );
    }
  }

  /**
   * Ends a subscription; what is queued for it is still delivered. Returns
   * whether there was one.
   *
   * @throws {SocketSyntaxError} if `socket` is not a socket.
   */
  unsubscribe(event: string, socket: string): boolean {
    this.#expire();
    const subscription = this.#events.get(event)
      ?.subscriptions.get(parseTarget(socket).socket);
    if (subscription === undefined) return false;
    this.#end(subscription);
    return true;
  }

  /**
   * Raises an event: tells every subscriber of it. Resolves, when all is done,
   * to what became of it at each, the newest subscriber first; without
   * subscribers to an empty list. Not awaiting it is fine. Events that are
   * raised in one go may share their promise and reports.
   *
   * Rejects only for what the caller did wrong:
   * - {@linkcode ParamsError}: `params` cannot be carried by JSON;
   * - `TypeError`: `event` is not a non-empty string;
   * - `RangeError`: a listener that is told of the event's own failure raises
   *   it again, which would have no end. After an `await` of the listener's own
   *   that is not noticed any more: then it is up to the listener.
   */
  raise(
    event: string,
    params: EventParams = {},
  ): Promise<readonly DeliveryReport[]> {
    try {
      return this.#raise(event, params);
    } catch (error) {
      const rejected = Promise.reject(error);
      rejected.catch(() => {}); // a caller may forget the promise
      return rejected;
    }
  }

  /** The counters of every destination that has subscribers, or still a delivery. */
  stats(): DestinationStats[] {
    this.#expire();
    return Array.from(
      this.#destinations.values(),
      ({ name, syncMode, destination }) => ({
        destination: name,
        tls: isOverTls(destination.target),
        syncMode,
        ...destination.stats,
      }),
    );
  }

  /** Resolves when every event raised so far is delivered, or failed. */
  async flush(): Promise<void> {
    await Promise.all(this.#underWay); // of which each may need several
    await Promise.all(
      Array.from(this.#destinations.values(), (d) => d.destination.flush()),
    );
  }

  /**
   * Closes the interface: delivers what was raised, and ends all subscriptions.
   * Resolves when all connections are closed. Never rejects; closing
   * twice is fine.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode EventInterface.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.flush();
    for (const event of this.#events.keys()) this.#endAll(event);
    // What was raised meanwhile may still need the other sockets of a failover.
    while (this.#underWay.size > 0 || this.#closings.size > 0) {
      await Promise.all([...this.#underWay, ...this.#closings]);
    }
  }

  #raise(
    event: string,
    params: EventParams,
  ): Promise<readonly DeliveryReport[]> {
    const cascade = this.#cascade;
    if (cascade.length > 0 && cascade.includes(event)) {
      throw new RangeError(
        `Cannot raise ${quote(event)}: a listener of its own failure raises it`,
      );
    }
    this.#expire();
    // First of all, and though nobody may have subscribed: what is wrong with
    // params must not be found halfway.
    const topic = this.#topicOf(event);
    if (topic === undefined) checkEvent(event);
    const text = formatParams(
      params,
      topic?.eventParam ?? eventParamOf(event, this.#eventParam),
    );
    const subscriptions = topic && newestFirst(topic);
    if (subscriptions === undefined || subscriptions.length === 0) {
      return Promise.resolve([]);
    }
    // What was raised in one go has one delivery at each subscriber, and so
    // one report: to make one for each event would take three times as long.
    const last = topic!.last;
    const isAlike = last?.recipients === subscriptions &&
      last.cascade === cascade;
    // Unless they are those of the last.
    let deliveries: (Delivery | undefined)[] | undefined = isAlike
      ? undefined
      : [];
    for (let i = 0; i < subscriptions.length; i++) {
      const delivery = subscriptions[i].send(text);
      if (
        deliveries === undefined &&
        (delivery === undefined || delivery !== last!.deliveries[i])
      ) deliveries = last!.deliveries.slice(0, i);
      deliveries?.push(delivery);
    }
    if (deliveries === undefined) {
      last!.count++;
      return last!.promise;
    }
    const raising = new Raising(
      subscriptions,
      deliveries,
      cascade,
      (raising, report) => this.#tellFailed(event, raising, report),
    );
    // Requests are not joined; their results may be large.
    const mayBeJoined = !this.#syncMode &&
      subscriptions.every(({ isRequest }) => !isRequest) &&
      deliveries.every((delivery) => delivery !== undefined);
    topic!.last = mayBeJoined ? raising : undefined;
    for (const [i, subscription] of subscriptions.entries()) {
      if (deliveries[i] === undefined) {
        this.#deliverVirtual(subscription, text)
          .then((report) => raising.report(i, report));
      }
    }
    return raising.promise;
  }

  #topicOf(event: string): Topic | undefined {
    // As a rule it is the one of the last event: to look it up takes 6 ns more.
    if (this.#lastTopic?.event !== event) {
      this.#lastTopic = this.#events.get(event);
    }
    return this.#lastTopic;
  }

  /** Delivers to a virtual socket; never rejects. */
  #deliverVirtual(
    subscription: Subscription,
    params: string,
  ): Promise<DeliveryReport> {
    // Failover may still come to a destination whose last subscriber has gone.
    const { destinations } = subscription;
    for (const destination of destinations) destination.users++;
    const report = this.#reportVirtual(subscription, params);
    const done = report.then(() => {
      this.#underWay.delete(done);
      for (const destination of destinations) this.#release(destination);
    });
    this.#underWay.add(done);
    return report;
  }

  async #reportVirtual(
    subscription: Subscription,
    params: string,
  ): Promise<DeliveryReport> {
    const { socket, target, state } = subscription;
    const start = performance.now();
    const elapsed = () => performance.now() - start;
    try {
      const { result, via } = await deliverVirtual(
        target.policy!,
        state,
        (index) => subscription.deliverTo(index, params),
        { restFor: this.#failoverTimeoutMs, now: () => performance.now() },
      );
      return {
        socket,
        delivered: true,
        ...result !== undefined && { result },
        ...via !== undefined && { via: formatSocket(target.sockets[via]) },
        ms: elapsed(),
      };
    } catch (error) {
      return { socket, delivered: false, error: error as Error, ms: elapsed() };
    }
  }

  #tellFailed(
    event: string,
    { cascade, count }: Raising,
    report: DeliveryReport,
  ): void {
    for (let i = 0; i < count; i++) {
      this.#cascade = [...cascade, event];
      this.dispatchEvent(
        new CustomEvent("failed", { detail: { event, report } }),
      );
      this.#cascade = NO_CASCADE;
    }
  }

  /** The subscriptions of an event, the oldest first. */
  #subscriptions(event: string): Subscription[] {
    return [...this.#events.get(event)?.subscriptions.values() ?? []];
  }

  #endAll(event: string): void {
    for (const subscription of this.#subscriptions(event)) {
      this.#end(subscription);
    }
  }

  #end(subscription: Subscription): void {
    const topic = this.#events.get(subscription.event)!;
    topic.subscriptions.delete(subscription.socket);
    topic.newestFirst = topic.last = undefined;
    this.#forget(subscription);
  }

  /** Lets go of what a subscription uses. */
  #forget(subscription: Subscription): void {
    this.#expiring.delete(subscription);
    if (this.#expiring.size === 0) this.#timer.clear();
    const { socket } = subscription;
    const shared = this.#states.get(socket);
    if (shared !== undefined && --shared.users === 0) {
      this.#states.delete(socket);
    }
    for (const destination of subscription.destinations) {
      this.#release(destination);
    }
  }

  #stateOf({ socket, sockets }: Target): VirtualState {
    let shared = this.#states.get(socket);
    if (shared === undefined) {
      shared = { state: newVirtualState(sockets.length), users: 0 };
      this.#states.set(socket, shared);
    }
    shared.users++;
    return shared.state;
  }

  #acquire(socket: EventSocket, syncMode: boolean): SharedDestination {
    const { host, port } = socket;
    const name = `${formatHost(host)}:${port}`;
    const protocol = isOverTls(socket) ? "jsonrpcs" : "jsonrpc";
    const key = `${protocol}:${name} ${syncMode}`;
    let shared = this.#destinations.get(key);
    if (shared === undefined) {
      const tell = (type: string, detail?: object) =>
        this.dispatchEvent(
          new CustomEvent(type, { detail: { destination: name, ...detail } }),
        );
      const destination = new DestinationShell(
        { protocol, host, port },
        { ...this.#settings, syncMode },
        ({ type, ...detail }: Notice) => tell(type, detail),
      );
      shared = { key, name, syncMode, destination, users: 0 };
      this.#destinations.set(key, shared);
    }
    shared.users++;
    return shared;
  }

  #release(shared: SharedDestination): void {
    if (--shared.users > 0) return;
    const closing = this.#dismiss(shared);
    this.#closings.add(closing);
    closing.then(() => this.#closings.delete(closing));
  }

  /** Closes a destination unless, before all is out, somebody uses it again. */
  async #dismiss(shared: SharedDestination): Promise<void> {
    const { key, destination } = shared;
    if (!destination.isIdle) await destination.flush();
    if (shared.users > 0 || this.#destinations.get(key) !== shared) return;
    this.#destinations.delete(key);
    await destination.close();
  }

  /** Ends the subscriptions whose time is over. */
  #expire(): void {
    if (this.#timer.due === Infinity) return; // to look at the clock takes time
    if (performance.now() >= this.#timer.due) this.#endExpired();
  }

  #endExpired(): void {
    const due = this.#expiring.due(performance.now());
    for (const subscription of due) this.#end(subscription);
    this.#timer.clear();
    const next = this.#expiring.next();
    if (next !== undefined) this.#timer.set(next);
  }
}

/** One or more sockets of a subscriber. */
interface Target {
  /** As text that is the same for the same target. */
  socket: string;
  sockets: EventSocket[];
  /** Of a virtual socket. */
  policy?: Policy;
}

function parseTarget(text: string): Target {
  if (!isVirtual(text)) {
    const socket = parseSocket(text);
    return { socket: formatSocket(socket), sockets: [socket] };
  }
  const virtual = parseVirtualSocket(text);
  return { socket: formatVirtualSocket(virtual), ...virtual };
}

/** A published event. */
interface Topic {
  readonly event: string;
  readonly eventParam: EventParam | undefined;
  /** By socket, the oldest first. */
  readonly subscriptions: Map<string, Subscription>;
  /** The same as a list, once it is needed. */
  newestFirst?: readonly Subscription[];
  /** What was raised last. */
  last?: Raising;
}

function newestFirst(topic: Topic): readonly Subscription[] {
  return topic.newestFirst ??= [...topic.subscriptions.values()].reverse();
}

/** A destination, and how many subscriptions use it. */
interface SharedDestination {
  readonly key: string;
  readonly name: string;
  readonly syncMode: boolean;
  readonly destination: DestinationShell;
  users: number;
}

class Subscription implements Waiting {
  queue: Waiting["queue"];
  previous: Waiting | undefined;
  next: Waiting | undefined;
  readonly expire: number | undefined;
  readonly deadline: number;
  /** For {@linkcode DeadlineQueue}: how long it lasts. */
  readonly timeoutMs: number;
  readonly #deliveryTimeoutMs: number | undefined;
  readonly event: string;
  readonly target: Target;
  readonly state: VirtualState;
  /** For each socket of the target. */
  readonly destinations: readonly SharedDestination[];
  readonly #heads: readonly MessageHead[];
  /** Of the first socket. */
  readonly head: MessageHead;
  readonly isRequest: boolean;
  /** The only destination, unless the socket is a virtual one. */
  readonly #only: DestinationShell | undefined;

  constructor(
    event: string,
    target: Target,
    state: VirtualState,
    destinations: readonly SharedDestination[],
    { expire, timeoutMs, eventParam }: SubscribeOptions & {
      eventParam: string | undefined;
    },
  ) {
    this.event = event;
    this.target = target;
    this.expire = expire;
    this.timeoutMs = (expire ?? 0) * 1000;
    this.deadline = performance.now() + this.timeoutMs;
    this.#deliveryTimeoutMs = timeoutMs;
    this.#heads = target.sockets.map((socket) =>
      headOf(socket, event, eventParam)
    );
    this.head = this.#heads[0];
    this.isRequest = destinations[0].syncMode;
    this.state = state;
    this.destinations = destinations;
    if (target.policy === undefined) this.#only = destinations[0].destination;
  }

  get socket(): string {
    return this.target.socket;
  }

  /** Sends an event, unless the socket is a virtual one. */
  send(params: string): Delivery | undefined {
    return this.#only?.send(this.head, params, this.#deliveryTimeoutMs);
  }

  /** Delivers an event to the socket that has this index. */
  async deliverTo(
    index: number,
    params: string,
  ): Promise<JsonValue | JsonText | undefined> {
    const head = this.#heads[index];
    const delivery = this.destinations[index].destination.send(
      head,
      params,
      this.#deliveryTimeoutMs,
    );
    try {
      return await delivery.promise;
    } catch {
      throw delivery.errorFor(head);
    }
  }
}
