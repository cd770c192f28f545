/**
 * Subscribes a socket at a running OpenSIPS, and keeps it subscribed.
 *
 * @module
 */

import {
  checkInteger,
  checkMs as checkMilliseconds,
  checkSignal,
} from "../protocol/checks.ts";
import { ServerError } from "../protocol/errors.ts";
import { type Dialect, DIALECTS, parseAddress } from "./address.ts";
import { DEFAULT_EXPIRE, MAX_EXPIRE } from "./expire.ts";
import { MiClient, type MiClientOptions } from "./mi_client.ts";
import {
  type Ask,
  type Change,
  type Heard,
  type Span,
  SubscriptionLife,
} from "./subscription_life.ts";

/** Options of {@linkcode subscribeAt}. */
export interface SubscribeAtOptions extends MiClientOptions {
  /**
   * The names of the events. A `*` in a name stands for any text: `E_UL_*`
   * subscribes each event that the OpenSIPS has and that fits.
   */
  events: string | readonly string[];
  /**
   * The socket to subscribe, without a method: `tcp:host:port`,
   * `jsonrpc:host:port`, or `host:port`. OpenSIPS takes `jsonrpc:` up to 3.0 and
   * `tcp:` from 3.1 on. Which one is found out by trying, the given one first.
   */
  socket: string;
  /**
   * For how many seconds a subscription is asked for, from 2 to 2147483647. It
   * is renewed when half of them are over.
   *
   * @default {3600}
   */
  expire?: number | undefined;
  /**
   * How often it is looked whether the subscriptions are still there, in
   * milliseconds, at most 2147483647. A restart of OpenSIPS goes unseen for
   * so long.
   *
   * @default {10000}
   */
  checkMs?: number | undefined;
  /** Ends the subscriptions, as {@linkcode OpenSipsSubscription.close} does. */
  signal?: AbortSignal | undefined;
}

/** A time in which events may have been missed. */
export interface MissedTime {
  /** When the subscription was surely there for the last time. */
  from: Date;
  /** When it was there again. */
  until: Date;
}

/** The events of an {@linkcode OpenSipsSubscription}, for `addEventListener`. */
export interface OpenSipsSubscriptionEventMap {
  /**
   * An event is subscribed: for the first time, or again after its subscription
   * was lost; then `missed` tells for how long. A renewal is not told.
   */
  subscribed: CustomEvent<{
    event: string;
    socket: string;
    missed: MissedTime | undefined;
  }>;
  /**
   * The subscriptions of these events are gone: OpenSIPS was restarted, or
   * somebody ended them. They were there for the last time at `from`. They are
   * asked for again at once.
   */
  lost: CustomEvent<{ events: readonly string[]; from: Date }>;
  /**
   * OpenSIPS refuses a subscription: the event is not published, the socket is
   * none that it takes. It is asked for again at each check; the same reason
   * is told once.
   */
  refused: CustomEvent<
    { event: string; reason: string; error: ServerError | undefined }
  >;
  /** OpenSIPS does not respond. It is asked again, less and less often. */
  unreachable: CustomEvent<{ error: Error; retryMs: number }>;
  /** OpenSIPS responds again, after so many milliseconds. */
  reachable: CustomEvent<{ downMs: number }>;
}

/** What an OpenSIPS refuses at the first try, of what was to be subscribed. */
export class SubscribeError extends Error {
  /** The name of the class. */
  override name = "SubscribeError";
  /** The reasons, by the name or pattern of the event. */
  readonly refusals: ReadonlyMap<string, string>;

  /** Constructs an error for what `url` refuses. */
  constructor(url: string, refusals: ReadonlyMap<string, string>) {
    super(`Cannot subscribe at ${url}: ${[...refusals.values()].join("; ")}`);
    this.refusals = refusals;
  }
}

const DEFAULT_CHECK_MS = 10_000;

/**
 * Subscribes a socket at an OpenSIPS, and keeps it subscribed: waits for one that
 * is not up yet, renews in time, finds out when the OpenSIPS was restarted or
 * somebody ended a subscription, and subscribes anew. Closing ends the
 * subscriptions.
 *
 * {@linkcode receiveFrom} listens as well.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventInterface } from "../../mod.ts";
 * import { manageOverHttp, subscribeAt } from "./mod.ts";
 *
 * // Here the Event Interface of this module stands for an OpenSIPS.
 * await using events = new EventInterface();
 * events.publish("E_UL_AOR_INSERT");
 * await using http = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0 },
 *   manageOverHttp(events),
 * );
 *
 * await using subscription = subscribeAt(
 *   `http://127.0.0.1:${http.addr.port}/mi`,
 *   { events: "E_UL_*", socket: "127.0.0.1:8080" },
 * );
 * subscription.addEventListener("subscribed", ({ detail: { event, missed } }) => {
 *   if (missed) console.warn(`${event}: missed since ${missed.from}`);
 * });
 * await subscription.ready;
 * assertEquals(events.subscribers()[0].socket, "tcp:127.0.0.1:8080");
 * ```
 *
 * @param url The address of `mi_http`, such as `http://127.0.0.1:8888/mi`.
 * @throws {SocketSyntaxError} if `socket` is not a socket.
 * @throws {RangeError} if `socket` is one that OpenSIPS does not take (it has a
 * method, is over TLS, or is an IPv6 address), or another option is out of range.
 * @throws {TypeError} if an option has the wrong type, or no event is given.
 */
export function subscribeAt(
  url: string | URL,
  options: SubscribeAtOptions,
): OpenSipsSubscription {
  const { socket, ...rest } = options;
  const { address, dialects } = parseAddress(socket);
  return new OpenSipsSubscription(url, rest, address, dialects);
}

/**
 * The subscriptions of a socket at an OpenSIPS: see {@linkcode subscribeAt},
 * which makes them.
 */
export class OpenSipsSubscription extends EventTarget
  implements AsyncDisposable {
  /**
   * Resolves when all events that were asked for are subscribed. Rejects with a
   * {@linkcode SubscribeError} if OpenSIPS refuses one; the others stay, and it
   * is asked for again at each check. Rejects with the reason of `signal`, or an
   * `AbortError` (a `DOMException`), if it is closed before. Not awaiting it is
   * fine.
   */
  readonly ready: Promise<void>;
  /** Resolves when the subscriptions have ended, as {@linkcode OpenSipsSubscription.close} says. */
  readonly closed: Promise<void>;
  readonly #mi: MiClient;
  readonly #life: SubscriptionLife;
  readonly #locate: (() => Promise<string>) | undefined;
  readonly #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Ends the request or the pause that is under way. */
  #interrupt = new AbortController();
  #isClosing = false;

  /**
   * Is called by {@linkcode subscribeAt}.
   *
   * @param where The address to subscribe, or what finds it out.
   * @param dialects Those that are tried, in their order.
   */
  constructor(
    url: string | URL,
    options: Omit<SubscribeAtOptions, "socket">,
    where: string | (() => Promise<string>),
    dialects: readonly Dialect[] = DIALECTS,
  ) {
    super();
    const {
      expire = DEFAULT_EXPIRE,
      checkMs = DEFAULT_CHECK_MS,
      events,
      signal,
      ...clientOptions
    } = options;
    const names = typeof events === "string" ? [events] : [...events ?? []];
    if (names.length === 0 || names.some((n) => typeof n !== "string" || !n)) {
      throw new TypeError(
        "Cannot subscribe: expected events, at least one, which are non-empty strings",
      );
    }
    checkInteger("expire", expire, 2, MAX_EXPIRE);
    checkMilliseconds("checkMs", checkMs);
    checkSignal(signal);
    this.#mi = new MiClient(url, clientOptions);
    this.#locate = typeof where === "string" ? undefined : where;
    this.#life = new SubscriptionLife({
      events: names,
      address: typeof where === "string" ? where : undefined,
      dialects,
      expire,
      checkMs,
    });
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // a caller may not look at it
    const close = () => this.#close(signal!.reason);
    if (signal?.aborted) close();
    else signal?.addEventListener("abort", close, { once: true });
    this.closed = this.#run().finally(() =>
      signal?.removeEventListener("abort", close)
    );
  }

  /**
   * Ends the subscriptions. Resolves when OpenSIPS has ended them, or does not
   * respond; then they end when their time is over. Never rejects. Closing twice
   * is fine.
   */
  close(): Promise<void> {
    this.#close(
      new DOMException("Cannot subscribe: it was closed", "AbortError"),
    );
    return this.closed;
  }

  /** The same as {@linkcode OpenSipsSubscription.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Listens to what changes: see {@linkcode OpenSipsSubscriptionEventMap}. */
  override addEventListener<K extends keyof OpenSipsSubscriptionEventMap>(
    type: K,
    listener:
      | ((event: OpenSipsSubscriptionEventMap[K]) => void)
      | EventListenerObject
      | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  #close(reason: unknown): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#life.end();
    this.#ready.reject(reason);
    this.#interrupt.abort();
    this.#interrupt = new AbortController();
  }

  async #run(): Promise<void> {
    for (;;) {
      const wasClosing = this.#isClosing;
      const todo = this.#life.next(performance.now());
      if (todo === undefined) return;
      if (typeof todo === "number") {
        await pause(todo - performance.now(), this.#interrupt.signal);
        continue;
      }
      const heard = await this.#ask(todo);
      // What was interrupted is of no interest any more.
      if (this.#isClosing && !wasClosing) continue;
      const changes = this.#life.heard(heard, performance.now());
      if (this.#life.hasChecked) this.#settleReady();
      for (const change of changes) this.#tell(change);
    }
  }

  /** Asks OpenSIPS; never rejects. */
  async #ask(ask: Ask): Promise<Heard> {
    const { signal } = this.#interrupt;
    try {
      switch (ask.kind) {
        case "address":
          return { kind: "address", address: await this.#locate!() };
        case "events": {
          const events = await this.#mi.events({ signal });
          return { kind: "events", names: events.map(({ name }) => name) };
        }
        case "subscribers": {
          const list = await this.#mi.subscribers(undefined, { signal });
          return { kind: "subscribers", list };
        }
        case "subscribe": {
          const { event, socket, expire } = ask;
          await this.#mi.subscribe(event, socket, { expire, signal });
          return { kind: "subscribed" };
        }
      }
    } catch (error) {
      return error instanceof ServerError
        ? { kind: "refused", error }
        : { kind: "failed", error: error as Error };
    }
  }

  #settleReady(): void {
    const { refusals } = this.#life;
    if (refusals.size === 0) this.#ready.resolve();
    else this.#ready.reject(new SubscribeError(this.#mi.url, refusals));
  }

  #tell(change: Change): void {
    const { kind, ...detail } = toDetail(change);
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

/** What listeners get: times are dates. */
function toDetail(change: Change): { kind: string; [name: string]: unknown } {
  switch (change.kind) {
    case "lost":
      return { ...change, from: toDate(change.from) };
    case "subscribed":
      return { ...change, missed: change.missed && toMissed(change.missed) };
    default:
      return change;
  }
}

function toMissed({ from, until }: Span): MissedTime {
  return { from: toDate(from), until: toDate(until) };
}

/** The date of a time on the clock of performance.now(). */
function toDate(ms: number): Date {
  return new Date(performance.timeOrigin + ms);
}

/** Waits for so long, or until it is interrupted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(0, ms));
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
