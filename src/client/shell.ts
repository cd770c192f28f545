/**
 * The shell of a destination: it awaits connections, reads, writes and time, and
 * tells {@linkcode Destination} of them. All rules are there.
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

/** How much is read from a connection at once. */
const READ_BYTES = 64 * 1024;
/** A timer that rings no later than this is on time, in milliseconds. */
const ON_TIME_MS = 5;
/**
 * For how many turns of the event loop a timer that has rung lets arrive what is
 * there already. A server that sends without end must not hold up time-outs.
 */
const MAX_TURNS = 100;

const encoder = new TextEncoder();

/** An open connection, and the conversation on it. */
interface Line {
  readonly connection: Connection;
  readonly conversation: Conversation;
  isWriting: boolean;
  /** Whether the server was told that no more comes. */
  isEnded: boolean;
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
  /** Ends when what is there already has arrived, after a late timer. */
  #arriving: Promise<void> | undefined;
  readonly #onTurnEnd = (): void => this.#endTurn();
  /** Counts what arrives, so that a timer can wait for it. */
  #arrivals = 0;
  /** What is settled and has not been told. */
  #settled: Delivery[] = [];
  #closing: Promise<void> | undefined;
  #allClosed: PromiseWithResolvers<void> | undefined;

  /**
   * Constructs a shell; no connection is opened yet. What happens is given to
   * `tell`, and each delivery that is settled to `onSettled`, if there is one.
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
        this.#core.connectFailed(
          this.#explain(cause),
          cause,
          performance.now(),
        );
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

  /** Whether nothing waits to be settled. */
  get isIdle(): boolean {
    return this.#core.isIdle;
  }

  /** How far it is; see {@linkcode DestinationState}. */
  get state(): Destination["state"] | "closed" {
    return this.#core.phase === "closed" ? "closed" : this.#core.state;
  }

  /**
   * Takes an event with the params that `formatParams` made, or a list of
   * notifications; see {@linkcode Destination.send}.
   */
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
    // Last, as methods of a signal may have been replaced by ones that raise.
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
      // Before anything else: a connect() of the caller may raise an event.
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

  /** Writes what can be written; does more if more than the queue has changed. */
  #goOn(): void {
    if (this.#core.hasChanged || this.#settled.length > 0) return this.#act();
    for (const line of this.#lines) this.#pump(line);
    this.#aborts.stopListening();
  }

  /** Does what the core says. */
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
    // Beside a connection, which lasts longer, it may ring for nothing: setting it
    // anew for each lone event takes more time.
    else if (next === Infinity && this.#lines.size === 0) this.#timer.clear();
    if (core.notices.length > 0 || this.#settled.length > 0) this.#tell();
    this.#aborts.stopListening();
  }

  #endLine(line: Line): void {
    if (line.conversation.state === "closed") {
      this.#lines.delete(line);
      closeQuietly(line.connection);
      if (this.#lines.size === 0) this.#allClosed?.resolve();
    } else if (!line.isEnded && !line.isWriting) {
      line.isEnded = true;
      // The read sees what goes wrong.
      line.connection.closeWrite().catch(() => {});
    }
  }

  /** Tells of all that has happened, last of all: it runs code of the caller. */
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
    const line = { connection, conversation, isWriting: false, isEnded: false };
    this.#lines.add(line);
    this.#act(); // first: a connection that fails at once must fail its events
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
    // Whoever was told may have looked already, while this was writing.
    if (conversation.state !== "open") this.#act();
    else this.#goOn();
  }

  async #read(line: Line): Promise<void> {
    const { connection, conversation } = line;
    const core = this.#core;
    const buffer = new Uint8Array(READ_BYTES);
    let error: DeliveryError;
    try {
      for (;;) {
        const length = await connection.read(buffer);
        if (length === null) break;
        this.#arrivals++;
        conversation.received(
          buffer.subarray(0, length),
          performance.now(),
        );
        // Without sync mode nobody waits for responses; left unread, they would
        // fill the server's buffers, and in the end ours.
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
   * The timer has rung. It may ring late, as the application kept the event loop
   * busy: what has arrived meanwhile comes first.
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

  /** Why no connection could be opened. */
  #explain(cause: unknown): string {
    const { host } = this.target;
    return (this.#tls && explainTls(cause, host, this.#tls)) ??
      messageOf(cause);
  }

  #lossOf(cause: unknown): ConnectionClosedError {
    // A server may say only now what it thinks of the client's certificate.
    const why = (this.#tls && explainRefusal(cause, this.#tls)) ??
      messageOf(cause);
    return new ConnectionClosedError(`the connection was lost: ${why}`, {
      cause,
    });
  }
}
