/**
 * The Event Interface: an application raises events by their names, and knows
 * nothing of who subscribed to them.
 *
 * @module
 */

import {
  checkTimeout,
  EventClient,
  type EventClientEventMap,
  type EventClientOptions,
  type EventClientStats,
} from "./client.ts";
import { Deadlines, type Waiting } from "./deadlines.ts";
import { quote } from "./errors.ts";
import {
  type EventParams,
  type JsonValue,
  type PreparedEvent,
  prepareEvent,
} from "./message.ts";
import {
  type EventSocket,
  formatHost,
  formatSocket,
  parseSocket,
} from "./socket.ts";
import {
  deliverVirtual,
  formatVirtualSocket,
  isVirtual,
  newVirtualState,
  parseVirtualSocket,
  type Policy,
  type VirtualResult,
  type VirtualState,
} from "./virtual.ts";

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

/** What became of an event at one subscriber. */
export interface DeliveryReport {
  /** The subscriber's socket. */
  socket: string;
  /** Whether it was delivered; in sync mode: confirmed. */
  delivered: boolean;
  /** The server's result, in sync mode; of `PARALLEL`, all of them. */
  result?: JsonValue;
  /** Why it was not delivered: what `EventClient.raise` rejects with. */
  error?: Error;
  /** Of a virtual socket, the one that delivered it; `PARALLEL` has none. */
  via?: string;
  /** How long it took, in milliseconds. */
  ms: number;
}

/** A destination, and its counters. */
export interface DestinationStats extends EventClientStats {
  /** `host:port`; an IPv6 host stands in brackets. */
  destination: string;
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
  /** A reply settled nothing and is ignored. */
  unmatched: CustomEvent<
    AtDestination<EventClientEventMap["unmatched"]["detail"]>
  >;
}

const DEFAULT_FAILOVER_TIMEOUT_MS = 30_000; // as of event_virtual
const MAX_TIMER_MS = 0x7fffffff; // setTimeout takes no more

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
 * import { EventInterface } from "./event_interface.ts";
 * import { serveEvents } from "./listener.ts";
 *
 * await using server = serveEvents({ port: 0 }, { block_ip: () => true });
 *
 * await using events = new EventInterface({ syncMode: true, timeoutMs: 200 });
 * events.subscribe("E_PIKE_BLOCKED", `${server.socket}/block_ip`);
 * const [report] = await events.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals([report.delivered, report.result], [true, true]);
 * ```
 */
export class EventInterface extends EventTarget implements AsyncDisposable {
  readonly #options: EventClientOptions;
  readonly #syncMode: boolean;
  readonly #failoverTimeoutMs: number;
  readonly #onWarning: (message: string) => void;

  /** By event, the subscriptions by socket. */
  readonly #events = new Map<string, Map<string, Subscription>>();
  readonly #destinations = new Map<string, Destination>();
  /** What became of virtual sockets; all that subscribe the same one share it. */
  readonly #states = new Map<string, { state: VirtualState; users: number }>();
  readonly #closings = new Set<Promise<void>>();
  /** Deliveries under way. */
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  readonly #expiring = new Deadlines<Subscription>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** No subscription expires before. */
  #timerDue = Infinity;

  /** The events of which a failure is being told, each because of the one before. */
  #cascade: readonly string[] = [];

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
    new EventClient("jsonrpc:localhost:1", clientOptions); // throws what is wrong
    this.#options = clientOptions;
    this.#syncMode = clientOptions.syncMode ?? false;
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
    prepareEvent({ protocol: "jsonrpc" }, event, {}); // throws what is wrong
    if (!this.#events.has(event)) this.#events.set(event, new Map());
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
   * @param socket `jsonrpc:host:port[/method]`, or
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
    if (timeoutMs !== undefined) checkTimeout(timeoutMs);
    this.publish(event);
    const subscriptions = this.#events.get(event)!;
    const old = subscriptions.get(target.socket);
    const subscription = new Subscription(event, target, {
      expire,
      timeoutMs,
      syncMode,
    });
    subscription.state = this.#stateOf(target);
    // The new one first: a destination that both use is not closed between.
    subscription.destinations = target.sockets.map((s) =>
      this.#acquire(s, syncMode)
    );
    if (old !== undefined) this.#forget(old);
    subscriptions.set(target.socket, subscription);
    if (expire !== undefined) {
      this.#expiring.add(subscription);
      this.#armTimer(subscription.deadline);
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
      ?.get(parseTarget(socket).socket);
    if (subscription === undefined) return false;
    this.#end(subscription);
    return true;
  }

  /**
   * Raises an event: tells every subscriber of it. Resolves, when all is done,
   * to what became of it at each, the newest subscriber first; without
   * subscribers to an empty list. Not awaiting it is fine.
   *
   * Rejects only for what the caller did wrong:
   * - {@linkcode ParamsError}: `params` cannot be carried by JSON;
   * - `TypeError`: `event` is not a non-empty string;
   * - `RangeError`: a listener that is told of the event's own failure raises
   *   it again, which would have no end.
   */
  raise(event: string, params: EventParams = {}): Promise<DeliveryReport[]> {
    const reports = this.#raise(event, params);
    reports.catch(() => {}); // a caller may forget the promise
    return reports;
  }

  /** The counters of every destination that has subscribers, or still a delivery. */
  stats(): DestinationStats[] {
    this.#expire();
    return Array.from(
      this.#destinations.values(),
      ({ name, syncMode, client }) => ({
        destination: name,
        syncMode,
        ...client.stats,
      }),
    );
  }

  /** Resolves when every event raised so far is delivered, or failed. */
  async flush(): Promise<void> {
    await Promise.all(this.#underWay);
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

  /** Listens to what happens: see {@linkcode EventInterfaceEventMap}. */
  override addEventListener<K extends keyof EventInterfaceEventMap>(
    type: K,
    listener:
      | ((event: EventInterfaceEventMap[K]) => void)
      | EventListenerObject
      | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  async #close(): Promise<void> {
    await this.flush(); // failover may still need its other sockets
    for (const event of this.#events.keys()) {
      for (const subscription of this.#subscriptions(event)) {
        this.#end(subscription);
      }
    }
    await Promise.all(this.#closings);
  }

  async #raise(event: string, params: EventParams): Promise<DeliveryReport[]> {
    const cascade = this.#cascade;
    if (cascade.includes(event)) {
      throw new RangeError(
        `Cannot raise ${quote(event)}: a listener of its own failure raises it`,
      );
    }
    this.#expire();
    const { eventParam } = this.#options;
    // One message for each dialect and method. The first is made in any case,
    // so that wrong params are found though nobody subscribed.
    const prepared = new Map<string, PreparedEvent>();
    const prepare = (
      { protocol, method }: Omit<EventSocket, "host" | "port">,
    ) => {
      const key = `${protocol}/${method ?? ""}`;
      let message = prepared.get(key);
      if (message === undefined) {
        message = prepareEvent({ protocol, method }, event, params, eventParam);
        prepared.set(key, message);
      }
      return message;
    };
    prepare({ protocol: "jsonrpc" });
    // All messages first: what is wrong with params must not be found halfway.
    const messages = this.#subscriptions(event).reverse().map((
      subscription,
    ) => ({
      subscription,
      messages: subscription.target.sockets.map(prepare),
    }));
    const deliveries = messages.map(({ subscription, messages }) =>
      this.#deliver(subscription, messages, cascade)
    );
    return await Promise.all(deliveries);
  }

  /** Delivers to one subscriber; never rejects. */
  #deliver(
    subscription: Subscription,
    messages: PreparedEvent[],
    cascade: readonly string[],
  ): Promise<DeliveryReport> {
    // Failover may still come to a destination whose last subscriber has gone.
    const { destinations } = subscription;
    for (const destination of destinations) destination.users++;
    const report = this.#report(subscription, messages, cascade);
    const done = report.then(() => {
      this.#underWay.delete(done);
      for (const destination of destinations) this.#release(destination);
    });
    this.#underWay.add(done);
    return report;
  }

  async #report(
    { event, socket, target, state, deliveryTimeoutMs, destinations }:
      Subscription,
    messages: PreparedEvent[],
    cascade: readonly string[],
  ): Promise<DeliveryReport> {
    const start = performance.now();
    const elapsed = () => performance.now() - start;
    const send = (index: number) =>
      destinations[index].client.deliver(messages[index], {
        timeoutMs: deliveryTimeoutMs,
      });
    try {
      const { result, via }: VirtualResult = target.policy === undefined
        ? { result: await send(0) }
        : await deliverVirtual(target.policy, state!, send, {
          restFor: this.#failoverTimeoutMs,
          now: () => performance.now(),
        });
      return {
        socket,
        delivered: true,
        ...result !== undefined && { result },
        ...via !== undefined && { via: formatSocket(target.sockets[via]) },
        ms: elapsed(),
      };
    } catch (error) {
      const report: DeliveryReport = {
        socket,
        delivered: false,
        error: error as Error,
        ms: elapsed(),
      };
      this.#cascade = [...cascade, event];
      this.dispatchEvent(
        new CustomEvent("failed", { detail: { event, report } }),
      );
      this.#cascade = [];
      return report;
    }
  }

  /** The subscriptions of an event, the oldest first. */
  #subscriptions(event: string): Subscription[] {
    return [...this.#events.get(event)?.values() ?? []];
  }

  #end(subscription: Subscription): void {
    this.#events.get(subscription.event)?.delete(subscription.socket);
    this.#forget(subscription);
  }

  /** Lets go of what a subscription uses. */
  #forget(subscription: Subscription): void {
    this.#expiring.delete(subscription);
    if (this.#expiring.size === 0) this.#disarmTimer();
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

  #acquire({ host, port }: EventSocket, syncMode: boolean): Destination {
    const name = `${formatHost(host)}:${port}`;
    const key = `${name} ${syncMode}`;
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      const client = new EventClient(`jsonrpc:${name}`, {
        ...this.#options,
        syncMode,
      });
      for (const type of ["connect", "disconnect", "unmatched"] as const) {
        client.addEventListener(type, (event: Event) => {
          const { detail } = event as CustomEvent<object | null>;
          this.dispatchEvent(
            new CustomEvent(type, { detail: { destination: name, ...detail } }),
          );
        });
      }
      destination = { key, name, syncMode, client, users: 0 };
      this.#destinations.set(key, destination);
    }
    destination.users++;
    return destination;
  }

  #release(destination: Destination): void {
    if (--destination.users > 0) return;
    this.#destinations.delete(destination.key);
    const closing = destination.client.close();
    this.#closings.add(closing);
    closing.then(() => this.#closings.delete(closing));
  }

  /** Ends the subscriptions whose time is over. */
  #expire(): void {
    const now = performance.now();
    if (now < this.#timerDue) return;
    for (const subscription of this.#expiring.due(now)) this.#end(subscription);
    this.#disarmTimer();
    const next = this.#expiring.next();
    if (next !== undefined) this.#armTimer(next);
  }

  /** Has the timer fire at `deadline`, unless it does so earlier anyway. */
  #armTimer(deadline: number): void {
    if (deadline >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = deadline;
    const ms = Math.ceil(deadline - performance.now());
    this.#timer = setTimeout(() => {
      this.#timerDue = Math.min(deadline, performance.now()); // look now
      this.#expire();
    }, Math.min(Math.max(0, ms), MAX_TIMER_MS));
  }

  #disarmTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDue = Infinity;
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

/** A client, and how many subscriptions use it. */
interface Destination {
  readonly key: string;
  readonly name: string;
  readonly syncMode: boolean;
  readonly client: EventClient;
  users: number;
}

class Subscription implements Waiting {
  readonly expire: number | undefined;
  readonly deadline: number;
  /** For {@linkcode Deadlines}: how long it lasts. */
  readonly timeoutMs: number;
  readonly deliveryTimeoutMs: number | undefined;
  state: VirtualState | undefined;
  destinations: Destination[] = [];

  constructor(
    readonly event: string,
    readonly target: Target,
    { expire, timeoutMs }: SubscribeOptions,
  ) {
    this.expire = expire;
    this.timeoutMs = (expire ?? 0) * 1000;
    this.deadline = performance.now() + this.timeoutMs;
    this.deliveryTimeoutMs = timeoutMs;
  }

  get socket(): string {
    return this.target.socket;
  }
}
