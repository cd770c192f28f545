/**
 * Events that outlive a crash.
 *
 * @module
 */

import { EventClient } from "../client/event_client.ts";
import type { AnyEventInterface } from "../events/event_interface.ts";
import { quote } from "../protocol/errors.ts";
import type { EventParams } from "../protocol/params.ts";
import { parseTarget } from "../protocol/virtual_socket.ts";
import { type Carrier, carrierOf } from "./carrier.ts";
import { Courier, type CourierHooks, type CourierOptions } from "./courier.ts";
import { OutboxFullError, StoreError } from "./errors.ts";
import { checkEvent, checkKey, KeySource } from "./keys.ts";
import { checkOptions, type OutboxOptions } from "./options.ts";
import { textOf, withParam } from "./params.ts";
import { newCounters, type OutboxStats, sumOf } from "./stats.ts";
import type {
  Appended,
  Deliverer,
  EventStore,
  KeptEvent,
  KeptSubscription,
} from "./store.ts";
import { change } from "./wait.ts";

/** Options of {@linkcode Outbox.raise}. */
export interface OutboxRaiseOptions {
  /**
   * By what the event is known again: 1 to 256 characters, none of them a
   * control character. An event that is raised again by the same key is not
   * stored again. Absent: one is drawn.
   */
  key?: string | undefined;
  /**
   * Where the event goes, instead of to the client's socket or to the subscribers:
   * a socket, plain or virtual; of a client, one of its own host and port.
   */
  socket?: string | undefined;
}

/** The events of an {@linkcode Outbox}, for `addEventListener`. */
export interface OutboxEventMap {
  /** An event was delivered, and is removed. */
  delivered: CustomEvent<KeptEvent>;
  /** An attempt has failed, and counts in `attempts`; there will be another. */
  postponed: CustomEvent<
    { event: KeptEvent; error: unknown; delayMs: number }
  >;
  /** An event was set aside. */
  aside: CustomEvent<{ event: KeptEvent; error: unknown }>;
  /** An event was not kept for a target that has as much as it may have. */
  full: CustomEvent<{ event: string; key: string; target: string }>;
  /** The store, or `retryOn`, has failed; what is kept stays. */
  error: CustomEvent<{ error: unknown }>;
}

/**
 * An outbox in front of a client or an Event Interface. An event that is raised
 * is stored, once for each target that it has at that moment, and delivered from
 * there in sync mode until each target has confirmed it: after a crash, the next
 * outbox on the same store goes on.
 *
 * A target that is not there is tried again, waiting longer each time, while all
 * others go on. An event that a server answers with an error is set aside.
 *
 * An event arrives at least once. It arrives again when its confirmation was
 * lost, or the process ended before the confirmation was noted: see
 * {@linkcode OutboxOptions.keyParam} and {@linkcode deduplicate}.
 *
 * The store, and the client or interface, are closed by whoever made them,
 * after the outbox.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventInterface, serveEvents } from "../../mod.ts";
 * import { memoryStore, Outbox } from "./mod.ts";
 *
 * const seen: unknown[] = [];
 * await using server = serveEvents({ port: 0 }, ({ params }) => {
 *   seen.push(params);
 * });
 *
 * await using store = memoryStore(); // openSqlite("events.db") outlives a crash
 * await using events = new EventInterface();
 * await using outbox = new Outbox(store, events, { keyParam: "key" });
 * await outbox.subscribe("E_CALL_ENDED", server.socket);
 * await outbox.raise("E_CALL_ENDED", { seconds: 61 }, { key: "call-17" });
 * await outbox.raise("E_CALL_ENDED", { seconds: 61 }, { key: "call-17" });
 * await outbox.flush();
 * assertEquals(seen, [{ seconds: 61, key: "call-17" }]);
 * ```
 */
export class Outbox extends EventTarget implements AsyncDisposable {
  /**
   * Resolves when the outbox delivers. Rejects with a {@linkcode StoreError} if
   * it cannot, such as when another process delivers from the store; then
   * `raise` rejects with the same error.
   */
  readonly ready: Promise<void>;
  readonly #store: EventStore;
  readonly #carrier: Carrier;
  readonly #options: CourierOptions;
  readonly #keyParam: string | undefined;
  readonly #timeoutMs: number | undefined;
  readonly #keys = new KeySource();
  readonly #couriers = new Map<string, { courier: Courier; again: boolean }>();
  readonly #counters = newCounters();
  readonly #listenedTo = new Set<string>();
  #state: "starting" | "open" | "closed" = "starting";
  #deliverer: Deliverer | undefined;
  #closing: Promise<void> | undefined;
  /** What the store could not do last. */
  #failure: { error: unknown } | undefined;
  /** Resolves when something of what `flush` waits for has changed. */
  #changed = Promise.withResolvers<void>();

  /**
   * Constructs an outbox, which begins to deliver what the store keeps. The
   * client must have `syncMode`; an interface is delivered by in sync mode
   * whatever its options are.
   *
   * @throws {TypeError} if an option has the wrong type, or the client is without
   * `syncMode`.
   * @throws {RangeError} if an option is out of its range.
   */
  constructor(
    store: EventStore,
    target: EventClient | AnyEventInterface,
    options: OutboxOptions = {},
  ) {
    super();
    if (target instanceof EventClient && !target.syncMode) {
      throw new TypeError(
        `Cannot keep events for ${
          quote(target.socket)
        }: its client has no syncMode, and only then an event is confirmed`,
      );
    }
    const { keyParam, timeoutMs, ...courierOptions } = checkOptions(options);
    this.#store = store;
    this.#carrier = carrierOf(target);
    this.#keyParam = keyParam;
    this.#timeoutMs = timeoutMs;
    this.#options = courierOptions;
    this.ready = this.#start();
    this.ready.catch(() => {}); // a caller may not look at it
  }

  /**
   * Raises an event. Resolves to its key when it is safe in the store for each
   * target: the client's socket, or the subscribers that the event has now. For
   * an event without subscribers nothing is stored.
   *
   * Rejects with
   * - {@linkcode OutboxFullError}, a `QueueFullError`: a target has as much as
   *   may be kept for it; for all others the event is safe;
   * - {@linkcode StoreError}: nothing is stored, such as when the disk is full,
   *   or the outbox is closed;
   * - {@linkcode ParamsError}: JSON cannot carry `params`, or one of them has the
   *   name of `keyParam`;
   * - `TypeError`: `event` or `key` is not a text that can be kept;
   * - {@linkcode SocketSyntaxError}: `socket` is not a socket.
   */
  raise(
    event: string,
    params: EventParams = {},
    options: OutboxRaiseOptions = {},
  ): Promise<string> {
    const promise = this.#raise(event, params, options);
    promise.catch(() => {}); // a caller may forget the promise
    return promise;
  }

  /**
   * Subscribes a socket to an event at the Event Interface, and keeps the
   * subscription, so that it is there after a restart. Resolves when it is kept.
   * Rejects as `EventInterface.subscribe` throws, and with a
   * {@linkcode StoreError} when it cannot be kept.
   */
  async subscribe(
    event: string,
    socket: string,
    options: { expire?: number | undefined } = {},
  ): Promise<void> {
    await this.#whenOpen();
    const { expire } = options;
    const expiresAt = expire === undefined
      ? undefined
      : Date.now() + expire * 1000;
    const target = this.#carrier.subscribe({ event, socket, expiresAt });
    await this.#store.subscribe({ event, socket: target, expiresAt });
  }

  /**
   * Ends a subscription, and keeps it no more. What is stored for it is still
   * delivered. Resolves to whether there was one.
   */
  async unsubscribe(event: string, socket: string): Promise<boolean> {
    await this.#whenOpen();
    const target = this.#carrier.unsubscribe(event, socket);
    if (target === undefined) return false;
    await this.#store.unsubscribe(event, target);
    return true;
  }

  /** What the outbox has done, and what the store keeps. */
  async stats(): Promise<OutboxStats> {
    return { ...this.#counters, ...sumOf(await this.#store.stats()) };
  }

  /**
   * Resolves when nothing waits to be delivered any more: what is kept is
   * confirmed, or set aside. Rejects with the reason of `signal` when that is
   * aborted, as {@linkcode Outbox.ready} does, and when the store fails.
   */
  async flush(
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    await this.#whenOpen();
    this.#forgetFailure();
    for (;;) {
      const changed = this.#changed.promise;
      const { kept, targets } = await this.stats();
      signal?.throwIfAborted();
      if (this.#couriers.size === 0) {
        if (kept === 0) return;
        if (this.#failure !== undefined) throw this.#failure.error;
        // A courier that failed before has left something.
        for (const { kept, target } of targets) {
          if (kept > 0) this.#begin(target);
        }
      }
      await change(changed, signal);
      signal?.throwIfAborted();
      if (this.#state === "closed") {
        throw new StoreError("closed", "Cannot flush: the outbox is closed");
      }
    }
  }

  /**
   * Closes the outbox. What is not delivered stays in the store. A delivery that
   * is under way has a second to be confirmed. Never rejects; closing twice is
   * fine.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode Outbox.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Listens to what happens: see {@linkcode OutboxEventMap}. */
  override addEventListener<K extends keyof OutboxEventMap>(
    type: K,
    listener:
      | ((event: OutboxEventMap[K]) => void)
      | EventListenerObject
      | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    this.#listenedTo.add(type);
    super.addEventListener(type, listener as EventListener, options);
  }

  async #start(): Promise<void> {
    const deliverer = await this.#store.deliver({
      window: this.#options.window,
      onTarget: (target) => this.#begin(target),
      onSubscription: (subscription, isKept) =>
        this.#follow(subscription, isKept),
    });
    // Closed meanwhile: then somebody else may deliver.
    if (this.#state === "closed") return await deliverer.close();
    this.#deliverer = deliverer;
    for (const subscription of await this.#store.subscriptions()) {
      this.#carrier.subscribe(subscription);
    }
    if (this.#state === "starting") this.#state = "open";
  }

  /** Does what another process has done to its subscriptions. */
  #follow(subscription: KeptSubscription, isKept: boolean): void {
    if (this.#state === "closed") return;
    const { event, socket } = subscription;
    if (isKept) this.#carrier.subscribe(subscription);
    else this.#carrier.unsubscribe(event, socket);
  }

  #forgetFailure(): void {
    this.#failure = undefined;
  }

  async #whenOpen(): Promise<void> {
    if (this.#state === "starting") await this.ready;
    if (this.#state === "open") return;
    await this.ready;
    throw new StoreError("closed", "Cannot use the outbox: it is closed");
  }

  async #raise(
    event: string,
    params: EventParams,
    { key: given, socket }: OutboxRaiseOptions,
  ): Promise<string> {
    checkEvent(event);
    if (given !== undefined) checkKey(given);
    const target = socket === undefined
      ? undefined
      : parseTarget(socket).socket;
    const text = textOf(params, this.#keyParam);
    if (this.#state !== "open") await this.#whenOpen();
    const key = given ?? this.#keys.next();
    const targets = target === undefined
      ? this.#carrier.targets(event)
      : [target];
    if (targets.length === 0) return key;
    const raisedAt = Date.now();
    const isKeyGiven = given !== undefined;
    const outcomes = await this.#store.append(targets.map((target) => (
      { target, event, params: text, key, isKeyGiven, raisedAt }
    )));
    for (const outcome of outcomes) this.#counters[outcome]++;
    if (outcomes.includes("full")) {
      throw this.#refuse(event, key, targets, outcomes);
    }
    return key;
  }

  #refuse(
    event: string,
    key: string,
    targets: readonly string[],
    outcomes: readonly Appended[],
  ): OutboxFullError {
    const full = targets.filter((_, i) => outcomes[i] === "full");
    for (const target of full) this.#tell("full", { event, key, target });
    const others = targets.length - full.length;
    return new OutboxFullError(
      `Cannot keep ${quote(event)} for ${
        full.join(", ")
      }: as much as may be is kept already` +
        (others === 0 ? "" : `; for ${others} other targets it is kept`),
      key,
      full,
      others > 0,
    );
  }

  /** Begins to deliver to a target, if nobody does. */
  #begin(target: string): void {
    if (this.#state === "closed") return;
    const running = this.#couriers.get(target);
    if (running !== undefined) {
      running.again = true; // it may just be about to finish
      return;
    }
    const courier = new Courier(
      target,
      this.#deliverer!,
      (event, signal) => this.#carry(event, signal),
      this.#options,
      this.#hooks,
    );
    const entry = { courier, again: false };
    this.#couriers.set(target, entry);
    courier.run().then(() => {
      this.#couriers.delete(target);
      if (entry.again) this.#begin(target);
      this.#tellChanged();
    });
  }

  #carry(event: KeptEvent, signal: AbortSignal): Promise<void> {
    const { target, params, key } = event;
    const text = this.#keyParam === undefined
      ? params
      : withParam(params, this.#keyParam, key);
    const timeoutMs = this.#timeoutMs;
    return this.#carrier.deliver(event.event, target, text, {
      timeoutMs,
      signal,
    });
  }

  readonly #hooks: CourierHooks = {
    delivered: (event) => {
      this.#counters.delivered++;
      this.#tell("delivered", event);
    },
    postponed: (event, error, delayMs) => {
      this.#counters.failed++;
      this.#tell("postponed", { event, error, delayMs });
    },
    setAside: (event, error) => {
      this.#counters.failed++;
      this.#tell("aside", { event, error });
    },
    failed: (error) => {
      this.#failure = { error };
      if (this.#state !== "closed") this.#tell("error", { error });
    },
  };

  /** To make an event that nobody listens to would take time. */
  #tell(type: keyof OutboxEventMap, detail: unknown): void {
    if (!this.#listenedTo.has(type)) return;
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #tellChanged(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #close(): Promise<void> {
    this.#state = "closed";
    await this.ready.catch(() => {});
    for (const { courier } of this.#couriers.values()) courier.stop();
    while (this.#couriers.size > 0) await this.#changed.promise;
    this.#tellChanged();
    await this.#deliverer?.close();
  }
}
