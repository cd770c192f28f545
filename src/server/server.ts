/**
 * A server for events: accepts connections, and closes them.
 *
 * @module
 */

import { ServerError } from "../protocol/errors.ts";
import { formatSocket } from "../protocol/socket.ts";
import {
  TypedEventTarget,
  type TypedListener,
} from "../protocol/typed_event_target.ts";
import type { Accepted, Address, Listener } from "../transport/listen.ts";
import { Timeouts } from "../transport/timeouts.ts";
import { Dispatcher, type Handlers } from "./dispatcher.ts";
import { Gaps } from "./gaps.ts";
import {
  type EventServerEventMap,
  type EventServerStats,
  type ReportHooks,
  Reports,
} from "./reports.ts";
import { Session, type SessionOptions } from "./session.ts";

/** A running server for events. */
export interface EventServer extends AsyncDisposable {
  /** The address at which the server listens. */
  readonly addr: Address;
  /**
   * The socket of the server, such as `jsonrpc:127.0.0.1:8080`, or `jsonrpcs:` over
   * TLS.
   */
  readonly socket: string;
  /** A snapshot of the counters. */
  readonly stats: EventServerStats;
  /** Resolves when the server has stopped. */
  readonly finished: Promise<void>;
  /**
   * Stops the server. It accepts and reads nothing more, and waits at most 5 seconds
   * for running handlers and their responses. Resolves when all connections are
   * closed, so a handler must not await it. (Over TLS, Deno keeps a connection in
   * the handshake open until the peer closes it or the process ends.) Calling it
   * again is fine.
   */
  shutdown(): Promise<void>;
  /**
   * Stops the server at once: closes all connections and aborts the signals of
   * events. Resolves when that is done. May be called after `shutdown`.
   */
  abort(): Promise<void>;
  /** Adds a listener: see {@linkcode EventServerEventMap}. */
  addEventListener<K extends keyof EventServerEventMap>(
    type: K,
    listener: TypedListener<EventServerEventMap[K]> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Removes a listener. */
  removeEventListener<K extends keyof EventServerEventMap>(
    type: K,
    listener: TypedListener<EventServerEventMap[K]> | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** The checked options of a server. */
export interface ServerOptions extends
  Pick<
    SessionOptions,
    "idleTimeoutMs" | "maxMessageBytes" | "responseGapMs"
  > {
  readonly maxConnections: number;
  readonly signal: AbortSignal | undefined;
  readonly isTls: boolean;
  readonly hooks: ReportHooks;
}

/**
 * The state of a server.
 *
 * | state | activity | next |
 * |---|---|---|
 * | listening | accepts connections | shutdown: stopping; abort: stopped |
 * | stopping | waits for running handlers and their responses | all have ended, or the time is over, or abort: stopped |
 * | stopped | none | |
 */
type State = "listening" | "stopping" | "stopped";

/** How long a shutdown waits for handlers and responses. */
const SHUTDOWN_MS = 5000;
/** How long to wait after a failure to accept, such as EMFILE. */
const ACCEPT_PAUSE_MS = 100;

/** Serves the connections of a listener, until it is stopped. */
export class RunningServer extends TypedEventTarget<EventServerEventMap>
  implements EventServer {
  readonly addr: Address;
  readonly socket: string;
  readonly finished: Promise<void>;
  readonly #listener: Listener;
  readonly #options: ServerOptions;
  readonly #reports: Reports;
  readonly #sessionOptions: SessionOptions;
  readonly #sessions = new Set<Session>();
  readonly #refused = new Set<Session>();
  readonly #accepting: Promise<void>;
  readonly #finished = Promise.withResolvers<void>();
  #state: State = "listening";
  #stopping: Promise<void> | undefined;
  /** Resolves when a session or a handler ends. */
  #ended = Promise.withResolvers<void>();

  constructor(listener: Listener, options: ServerOptions, handlers: Handlers) {
    super();
    const { isTls, hooks, signal } = options;
    this.addr = listener.addr;
    this.socket = formatSocket({
      protocol: isTls ? "jsonrpcs" : "jsonrpc",
      host: listener.addr.hostname,
      port: listener.addr.port,
    });
    this.finished = this.#finished.promise;
    this.#listener = listener;
    this.#options = options;
    this.#reports = new Reports(hooks, this);
    this.#sessionOptions = {
      ...options,
      reports: this.#reports,
      stats: this.#reports.stats,
      dispatcher: new Dispatcher(handlers, this.#reports),
      timeouts: new Timeouts(),
      gaps: new Gaps(),
      handlerEnded: () => this.#ended.resolve(),
    };
    this.#accepting = this.#accept();
    signal?.addEventListener("abort", this.shutdown);
    if (signal?.aborted) this.shutdown();
  }

  get stats(): EventServerStats {
    return { ...this.#reports.stats, open: this.#sessions.size };
  }

  // Both are bound to the server, so they can be passed as listeners.
  readonly shutdown = (): Promise<void> => this.#stopping ??= this.#stop();

  readonly abort = (): Promise<void> => {
    const stopped = this.shutdown();
    this.#end();
    return stopped;
  };

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #accept(): Promise<void> {
    const { isTls, maxConnections } = this.#options;
    while (this.#state === "listening") {
      if (isTls && this.#sessions.size >= maxConnections) {
        // Refusing a connection over TLS takes as long as serving it.
        await this.#change();
        continue;
      }
      let accepted: Accepted;
      try {
        accepted = await this.#listener.accept();
      } catch (error) {
        if (this.#state !== "listening") return;
        this.#reports.failed(error);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
        continue;
      }
      this.#begin(accepted);
    }
  }

  #begin(accepted: Accepted): void {
    const { stats } = this.#reports;
    stats.accepted++;
    const isOneTooMany = this.#sessions.size >= this.#options.maxConnections;
    const sessions = isOneTooMany ? this.#refused : this.#sessions;
    const session = new Session(accepted, this.#sessionOptions);
    sessions.add(session);
    session.released.then(() => {
      sessions.delete(session);
      this.#ended.resolve();
      if (!isOneTooMany) this.#reports.disconnected(accepted.peer);
    });
    if (!isOneTooMany) return this.#reports.connected(accepted.peer);
    stats.refused++;
    session.refuse(new ServerError(-32000, "Too many connections"));
  }

  async #stop(): Promise<void> {
    this.#state = "stopping";
    this.#options.signal?.removeEventListener("abort", this.shutdown);
    this.#listener.close();
    this.#ended.resolve();
    const timer = setTimeout(() => this.#end(), SHUTDOWN_MS);
    for (const session of this.#sessions) session.finish();
    const closed = Array.from(this.#sessions, ({ closed }) => closed);
    await Promise.all([this.#accepting, ...closed]);
    // Handlers for peers that are gone may end too.
    while (this.#isStopping() && this.#reports.stats.underWay > 0) {
      await this.#change();
    }
    clearTimeout(timer);
    this.#end();
    this.#reports.flush();
    this.#finished.resolve();
  }

  /** Closes all connections at once. */
  #end(): void {
    this.#state = "stopped";
    for (const session of [...this.#sessions, ...this.#refused]) {
      session.abort();
      session.release();
    }
    this.#ended.resolve();
  }

  #isStopping(): boolean {
    return this.#state === "stopping";
  }

  /** Resolves when the next session or handler ends. */
  #change(): Promise<void> {
    this.#ended = Promise.withResolvers<void>();
    return this.#ended.promise;
  }
}
