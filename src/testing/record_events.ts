/**
 * A listener for tests: it keeps what came, and waits for what is to come.
 *
 * @module
 */

import { MAX_TIMEOUT_MS } from "../protocol/checks.ts";
import type { EventHandler, ReceivedEvent } from "../server/event.ts";
import type { EventServer } from "../server/server.ts";
import {
  serveEvents,
  type ServeEventsOptions,
} from "../server/serve_events.ts";
import { ServerError } from "../protocol/errors.ts";

/** What is responded to the requests of a method. */
export type RecordedResponse = EventHandler | ServerError | JsonResult;

/** A result that is no function. */
export type JsonResult =
  | string
  | number
  | boolean
  | null
  | readonly unknown[]
  | { readonly [name: string]: unknown };

/** Options of {@linkcode recordEvents}: those of `serveEvents`, and these. */
export interface RecordEventsOptions extends ServeEventsOptions {
  /**
   * What is responded, by method: a result, a `ServerError`, or a function that
   * returns a result or throws. Other methods get the result `true`.
   *
   * @default {{}}
   */
  responses?: Readonly<Record<string, RecordedResponse>> | undefined;
}

/** Options of {@linkcode EventRecorder.next}. */
export interface NextOptions {
  /**
   * How long to wait, in milliseconds, more than 0.
   *
   * @default {1000}
   */
  timeoutMs?: number | undefined;
  /** Whether an event is the one that is waited for. Absent: every one is. */
  where?: ((event: ReceivedEvent) => boolean) | undefined;
}

/** A running listener that keeps what came. */
export interface EventRecorder
  extends AsyncDisposable, AsyncIterable<ReceivedEvent> {
  /** Where it listens. */
  readonly addr: EventServer["addr"];
  /** The socket by which it is reached, such as `jsonrpc:127.0.0.1:40112`. */
  readonly socket: string;
  /**
   * Resolves to the first event of this method that `next` has not given yet: at
   * once if it is there, else when it comes. Without a method, to the first event
   * of any. Other events stay for later calls.
   *
   * Rejects when the time is over, with an error that says what came instead; and
   * when the listener is stopped.
   */
  next(method?: string, options?: NextOptions): Promise<ReceivedEvent>;
  /** All events that came, or all of a method, in their order. */
  all(method?: string): ReceivedEvent[];
  /** Forgets what came. */
  clear(): void;
  /** Stops the listener, as `EventServer.shutdown` does. */
  shutdown(): Promise<void>;
}

const TIMEOUT_MS = 1000;
/** How many events an error shows, and how much of each. */
const MAX_SHOWN = 10, MAX_SHOWN_LENGTH = 200;

const STOPPED = "the listener has stopped";

/** Somebody who waits for an event. */
interface Waiter {
  readonly isWanted: (event: ReceivedEvent) => boolean;
  readonly resolve: (event: ReceivedEvent) => void;
  /** Says that the listener has stopped. */
  readonly end: () => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * Listens to events and keeps them, for the tests of whoever raises them: an
 * application, or an `opensips.cfg`. It listens when it returns, at a free port of
 * 127.0.0.1 unless the options say otherwise.
 *
 * Async iteration gives all events from the first one on, and ends when the
 * listener is stopped.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { EventClient, ServerError } from "../../mod.ts";
 * import { recordEvents } from "./mod.ts";
 *
 * await using events = recordEvents({
 *   responses: { E_CALL_END: new ServerError(404, "No such call") },
 * });
 *
 * // What is to be tested raises events at events.socket:
 * await using client = new EventClient(events.socket, { syncMode: true });
 * await client.raise("E_CALL_START", { caller: "alice" });
 * await assertRejects(() => client.raise("E_CALL_END"), ServerError);
 *
 * const { params } = await events.next("E_CALL_START");
 * assertEquals(params, { caller: "alice" });
 * assertEquals(events.all().length, 2);
 * ```
 *
 * @throws what `serveEvents` throws.
 */
export function recordEvents(options: RecordEventsOptions = {}): EventRecorder {
  const { responses = {}, ...serverOptions } = options;
  const recorder = new Recorder();
  const server = serveEvents({ port: 0, ...serverOptions }, (event) => {
    recorder.take(event);
    const response = Object.hasOwn(responses, event.method)
      ? responses[event.method]
      : true;
    if (response instanceof ServerError) throw response;
    return typeof response === "function" ? response(event) : response;
  });
  server.finished.then(() => recorder.end());
  const shutdown = () => server.shutdown();
  return {
    addr: server.addr,
    socket: server.socket,
    next: (method, options) => recorder.next(method, options),
    all: (method) => recorder.all(method),
    clear: () => recorder.clear(),
    shutdown,
    [Symbol.asyncDispose]: shutdown,
    [Symbol.asyncIterator]: () => recorder.iterate(),
  };
}

/** Keeps events: recording or ended. */
class Recorder {
  #events: ReceivedEvent[] = [];
  /** Those that `next` has not given yet. */
  #left: ReceivedEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  #isEnded = false;
  /** Resolves when there is more, or it has ended. */
  #changed = Promise.withResolvers<void>();

  take(event: ReceivedEvent): void {
    this.#events.push(event);
    this.#notify();
    for (const waiter of this.#waiters) {
      if (!this.#isWanted(waiter, event)) continue;
      this.#settle(waiter);
      return waiter.resolve(event);
    }
    this.#left.push(event);
  }

  next(
    method: string | undefined,
    options: NextOptions = {},
  ): Promise<ReceivedEvent> {
    const { timeoutMs = TIMEOUT_MS, where = () => true } = options;
    if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
      return Promise.reject(
        new RangeError(
          `Cannot use timeoutMs ${timeoutMs}: expected milliseconds, more than 0 and at most ${MAX_TIMEOUT_MS}`,
        ),
      );
    }
    const isWanted = (event: ReceivedEvent) =>
      (method === undefined || event.method === method) && where(event);
    const wanted = method === undefined ? "an event" : JSON.stringify(method);
    return new Promise((resolve, reject) => {
      const index = this.#left.findIndex(isWanted);
      if (index >= 0) return resolve(this.#left.splice(index, 1)[0]!);
      if (this.#isEnded) return reject(this.#missing(wanted, STOPPED));
      const timer = setTimeout(() => {
        this.#settle(waiter);
        reject(this.#missing(wanted, `nothing came in ${timeoutMs} ms`));
      }, timeoutMs);
      const waiter: Waiter = {
        isWanted,
        resolve,
        end: () => reject(this.#missing(wanted, STOPPED)),
        timer,
      };
      this.#waiters.add(waiter);
    });
  }

  all(method: string | undefined): ReceivedEvent[] {
    return this.#events.filter((event) =>
      method === undefined || event.method === method
    );
  }

  clear(): void {
    this.#events = [];
    this.#left = [];
  }

  end(): void {
    this.#isEnded = true;
    this.#notify();
    for (const waiter of this.#waiters) {
      this.#settle(waiter);
      waiter.end();
    }
  }

  async *iterate(): AsyncGenerator<ReceivedEvent, void> {
    let events = this.#events;
    for (let i = 0;;) {
      if (events !== this.#events) { // it was cleared
        events = this.#events;
        i = 0;
      }
      if (i < events.length) yield events[i++]!;
      else if (this.#isEnded) return;
      else await this.#changed.promise;
    }
  }

  #isWanted(waiter: Waiter, event: ReceivedEvent): boolean {
    try {
      return waiter.isWanted(event);
    } catch {
      return false; // it must not become the response to the event
    }
  }

  #settle(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    clearTimeout(waiter.timer);
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Says what came instead of an event. */
  #missing(wanted: string, reason: string): Error {
    const left = this.#left;
    const shown = left.slice(-MAX_SHOWN).map(({ method, params }) => {
      const text = `${method} ${JSON.stringify(params)}`;
      return text.length > MAX_SHOWN_LENGTH
        ? `${text.slice(0, MAX_SHOWN_LENGTH)}…`
        : text;
    });
    const hidden = left.length - shown.length;
    const others = left.length === 0 ? "no other event is there" : [
      `instead there ${
        left.length === 1 ? "is 1 other" : `are ${left.length} others`
      }`,
      ...hidden > 0 ? [`(${hidden} older ones)`] : [],
      ...shown,
    ].join("\n  ");
    return new Error(`Cannot get ${wanted}: ${reason}; ${others}`);
  }
}
