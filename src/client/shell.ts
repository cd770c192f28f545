/**
 * The shell of a destination: it opens connections, reads, writes and sets timers,
 * and calls {@linkcode Destination} with the results. All rules are in
 * `Destination`.
 *
 * @module
 */

import {
  ConnectionClosedError,
  type DeliveryError,
  messageOf,
} from "../protocol/errors.ts";
import { MAX_ID, type MessageHead } from "../protocol/message.ts";
import { type EventSocket, isOverTls } from "../protocol/socket.ts";
import {
  closeQuietly,
  type Connect,
  type Connection,
} from "../transport/connection.ts";
import { nextTurn } from "../transport/next_turn.ts";
import { Timer } from "../transport/timer.ts";
import {
  explainRefusal,
  explainTls,
  type TlsOptions,
} from "../transport/tls.ts";
import { Aborts } from "./aborts.ts";
import { Connector } from "./connector.ts";
import type { Conversation } from "./conversation.ts";
import type { Delivery } from "./delivery.ts";
import { Destination, type Notice } from "./destination.ts";
import type { ClientSettings } from "./options.ts";
import type { EventClientStats } from "./stats.ts";

/** How many bytes one read may return. */
const READ_BYTES = 64 * 1024;
/** A timer that rings no later than this is on time, in milliseconds. */
const ON_TIME_MS = 5;
/**
 * How many turns of the event loop a late timer waits for data that has already
 * arrived. A server that sends without end must not hold up time-outs.
 */
const MAX_TURNS = 100;

const encoder = new TextEncoder();

/** An open connection, and the conversation on it. */
interface Line {
  readonly connection: Connection;
  readonly conversation: Conversation;
  isWriting: boolean;
  /** Whether our side of the connection was ended. */
  hasEnded: boolean;
}

/** See the module. */
export class DestinationShell {
  readonly target: EventSocket;
  readonly #settings: ClientSettings;
  readonly #core: Destination;
  readonly #tellNotice: (notice: Notice) => void;
  readonly #onSettled: ((delivery: Delivery) => void) | undefined;
  readonly #tls: TlsOptions | undefined;
  readonly #lines: Set<Line> = new Set();
  readonly #aborts: Aborts;
  readonly #timer: Timer = new Timer(() => this.#ring());
  readonly #connector: Connector;
  #isTurnAwaited = false;
  /** Set while a late timer waits; resolves when no more data arrives. */
  #arriving: Promise<void> | undefined;
  readonly #onTurnEnd = (): void => this.#endTurn();
  /** The number of reads, writes and connects that have ended. */
  #arrivals = 0;
  /** Settled deliveries that were not yet given to `onSettled`. */
  #settled: Delivery[] = [];
  #closing: Promise<void> | undefined;
  #allClosed: PromiseWithResolvers<void> | undefined;

  /**
   * Constructs a shell; no connection is opened yet. `tell` is called with each
   * notice, and `onSettled`, if given, with each delivery that is settled.
   */
  constructor(
    target: EventSocket,
    settings: ClientSettings,
    tell: (notice: Notice) => void,
    onSettled?: (delivery: Delivery) => void,
  ) {
    this.target = target;
    this.#settings = settings;
    this.#tellNotice = tell;
    this.#onSettled = onSettled;
    this.#tls = isOverTls(target) ? settings.tls : undefined;
    this.#core = new Destination(
      target,
      settings,
      Math.floor(Math.random() * MAX_ID),
      onSettled && ((delivery) => void this.#settled.push(delivery)),
    );
    this.#connector = new Connector(
      (signal) => this.#connect(signal),
      (connection) => this.#opened(connection),
      (cause) => {
        const why = this.#explain(cause);
        this.#core.connectFailed(why, cause, performance.now());
        this.#act();
      },
    );
    this.#aborts = new Aborts((deliveries, reason) => {
      this.#core.abort(deliveries, reason, performance.now());
      this.#act();
    });
  }

  /** A snapshot of the counters. */
  get stats(): EventClientStats {
    return this.#core.stats;
  }

  /** Whether all deliveries are settled. */
  get isIdle(): boolean {
    return this.#core.isSettled;
  }

  /** The state of the connections ({@linkcode ConnectionsState}), or `closed`. */
  get state(): Destination["state"] | "closed" {
    return this.#core.phase === "closed" ? "closed" : this.#core.state;
  }

  /** Sends an event or a list of notifications: see {@linkcode Destination.send}. */
  send(
    head: MessageHead,
    params: string | readonly string[],
    timeoutMs: number = this.#settings.timeoutMs,
    signal?: AbortSignal,
    isRaw: boolean = false,
  ): Delivery {
    const delivery = this.#core.send(head, params, timeoutMs, signal, isRaw);
    if (!this.#isTurnAwaited) {
      this.#isTurnAwaited = true;
      queueMicrotask(this.#onTurnEnd);
    }
    // Last: a signal's methods are the caller's, and may throw or raise an event.
    if (signal !== undefined) this.#aborts.listen(delivery, signal);
    return delivery;
  }

  /** See {@linkcode EventClient.flush}. */
  async flush(): Promise<void> {
    this.#endTurn();
    await Promise.allSettled(
      this.#core.pending().map(({ promise }) => promise),
    );
  }

  /** See {@linkcode EventClient.close}. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      // First: the caller's connect() may call close() again.
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#closing = promise;
      this.#close().then(resolve);
    }
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#core.drain();
    await this.flush();
    this.#core.close(performance.now());
    if (this.#lines.size > 0) this.#allClosed = Promise.withResolvers();
    this.#act();
    await this.#allClosed?.promise;
    await this.#arriving;
  }

  #endTurn(): void {
    this.#isTurnAwaited = false;
    if (!this.#core.isInTurn) {
      if (this.#settled.length > 0) this.#tell();
      return;
    }
    const now = performance.now();
    const deadline = this.#core.turnEnded(now);
    if (deadline < this.#timer.due) this.#timer.set(deadline, now);
    this.#goOn();
  }

  /** Writes what can be written, and acts if more than the queue has changed. */
  #goOn(): void {
    if (this.#core.hasChanged || this.#settled.length > 0) return this.#act();
    for (const line of this.#lines) this.#pump(line);
    this.#aborts.stopListening();
  }

  /** Makes connections, lines and the timer follow the state of the core. */
  #act(): void {
    const core = this.#core;
    core.hasChanged = false;
    this.#connector.want(core.wantedAttempt);
    for (const line of this.#lines) {
      const { state } = line.conversation;
      if (state === "open") this.#pump(line);
      else if (state !== "reading") this.#endLine(line);
    }
    const next = core.nextDeadline;
    if (next < this.#timer.due) this.#timer.set(next);
    // While a connection is open, a needless ring costs less than resetting the
    // timer for each event.
    else if (next === Infinity && this.#lines.size === 0) this.#timer.clear();
    if (core.notices.length > 0 || this.#settled.length > 0) this.#tell();
    this.#aborts.stopListening();
  }

  #endLine(line: Line): void {
    if (line.conversation.state === "closed") {
      this.#lines.delete(line);
      closeQuietly(line.connection);
      if (this.#lines.size === 0) this.#allClosed?.resolve();
    } else if (!line.hasEnded && !line.isWriting) {
      line.hasEnded = true;
      // A failure shows up in the read.
      line.connection.closeWrite().catch(() => {});
    }
  }

  /**
   * Sends the notices and settled deliveries to listeners. Call it last: listeners
   * are the caller's code.
   */
  #tell(): void {
    const { notices } = this.#core;
    const settled = this.#settled;
    this.#core.notices = [];
    this.#settled = [];
    for (const delivery of settled) this.#onSettled!(delivery);
    for (const notice of notices) this.#tellNotice(notice);
  }

  #opened(connection: Connection): void {
    this.#arrivals++;
    const conversation = this.#core.opened(performance.now());
    const line: Line = {
      connection,
      conversation,
      isWriting: false,
      hasEnded: false,
    };
    this.#lines.add(line);
    this.#act(); // before the read: if it fails at once, the events fail with it
    this.#read(line);
  }

  /** Writes what can be written. */
  #pump(line: Line): void {
    if (line.isWriting) return;
    const first = this.#core.nextWrite(line.conversation);
    if (first !== undefined) this.#write(line, first);
  }

  async #write(line: Line, first: string | Uint8Array): Promise<void> {
    const { connection, conversation } = line;
    const core = this.#core;
    line.isWriting = true;
    try {
      let next: string | Uint8Array | undefined = first;
      do {
        const bytes = typeof next === "string" ? encoder.encode(next) : next;
        const { length } = bytes;
        let at = await connection.write(bytes);
        while (at < length) {
          const taken = await connection.write(bytes.subarray(at));
          if (taken === 0) throw new Error("the connection takes no bytes");
          at += taken;
        }
        this.#arrivals++;
        core.written(conversation, length, performance.now());
        if (core.notices.length > 0 || this.#settled.length > 0) this.#tell();
        next = core.nextWrite(conversation);
      } while (next !== undefined);
    } catch (cause) {
      const error = this.#lossOf(cause);
      core.writeFailed(conversation, error, performance.now());
    }
    line.isWriting = false;
    // A listener may have changed the state while `isWriting` was true.
    if (conversation.state !== "open") this.#act();
    else this.#goOn();
  }

  async #read(line: Line): Promise<void> {
    const { connection, conversation } = line;
    const core = this.#core;
    const buffer = new Uint8Array(READ_BYTES);
    let error: DeliveryError;
    try {
      // Without sync mode nobody waits for responses. They are read all the same:
      // unread, they would fill the buffers until the server stops reading.
      for (;;) {
        const length = await connection.read(buffer);
        if (length === null) break;
        this.#arrivals++;
        conversation.received(
          buffer.subarray(0, length),
          performance.now(),
        );
        if (!this.#settings.syncMode) continue;
        while (core.takeResponses(conversation, performance.now())) {
          this.#goOn();
          await null;
        }
        this.#goOn();
      }
      error = conversation.endOfBytes();
    } catch (cause) {
      error = this.#lossOf(cause);
    }
    core.lost(conversation, error, performance.now());
    this.#act();
  }

  /**
   * The timer rang. If it rang late because the application was busy, first
   * processes what has already arrived.
   */
  #ring(): void {
    if (this.#arriving !== undefined) return;
    const lateness = performance.now() - this.#core.nextDeadline;
    if (lateness <= ON_TIME_MS) return this.#expire();
    this.#arriving = this.#letArrive();
    this.#arriving.then(() => {
      this.#arriving = undefined;
      this.#expire();
    });
  }

  async #letArrive(): Promise<void> {
    let seen: number;
    let turns = 0;
    do {
      seen = this.#arrivals;
      await nextTurn();
    } while (this.#arrivals !== seen && ++turns < MAX_TURNS);
  }

  #expire(): void {
    this.#core.expire(performance.now());
    this.#act();
  }

  #connect(signal: AbortSignal): ReturnType<Connect> {
    const { host, port } = this.target;
    const tls = this.#tls;
    return this.#settings.connect(host, port, {
      signal,
      ...tls !== undefined && { tls },
    });
  }

  /** Says why no connection could be opened. */
  #explain(cause: unknown): string {
    const { host } = this.target;
    return (this.#tls && explainTls(cause, host, this.#tls)) ??
      messageOf(cause);
  }

  #lossOf(cause: unknown): ConnectionClosedError {
    // The server may reject the client's certificate only now.
    const why = (this.#tls && explainRefusal(cause, this.#tls)) ??
      messageOf(cause);
    return new ConnectionClosedError(`the connection was lost: ${why}`, {
      cause,
    });
  }
}
