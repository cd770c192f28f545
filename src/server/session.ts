/**
 * One accepted connection.
 *
 * @module
 */

import { LINGER_MS } from "../transport/connection.ts";
import { ConnectionClosedError, ServerError } from "../protocol/errors.ts";
import type { JsonValue } from "../protocol/json.ts";
import type { RequestId } from "../protocol/request.ts";
import { formatError, PARSE_ERROR } from "../protocol/response.ts";
import type {
  Accepted,
  AcceptedConnection,
  Address,
} from "../transport/listen.ts";
import { explainPeer } from "../transport/tls.ts";
import { Deadline } from "./deadline.ts";
import type { Dispatcher, PendingResponse } from "./dispatcher.ts";
import type { Origin } from "./event.ts";
import { Incoming } from "./incoming.ts";
import { MessageReader } from "./message_reader.ts";
import { Pace } from "./pace.ts";
import type { Reports } from "./reports.ts";
import { ResponseWriter, type WriterOptions } from "./response_writer.ts";
import { UnderWay } from "./under_way.ts";

/**
 * The state of a session. `finish` ends it after its handlers and responses;
 * `abort` closes it at once, from any state.
 *
 * | state | activity | next |
 * |---|---|---|
 * | handshake | waits for TLS | TLS is ready: serving; finish: closed |
 * | serving | reads messages, writes responses | finish, or the peer ends its side: finishing |
 * | finishing | writes responses; discards received bytes | all handlers and writes have ended: lingering, or closed if the peer has ended its side or nothing was written |
 * | lingering | has ended our side; waits for the peer to end its side | the peer has, or the time is over: closed |
 * | closed | none | |
 */
type State = "handshake" | "serving" | "finishing" | "lingering" | "closed";

/** Options of {@linkcode Session}. */
export interface SessionOptions extends WriterOptions {
  readonly dispatcher: Dispatcher;
  readonly reports: Reports;
  readonly maxMessageBytes: number | undefined;
  readonly responseGapMs: number | "auto";
  /** Is called when a handler that returned a promise has ended. */
  readonly handlerEnded: () => void;
}

/** How many characters of responses may wait until the peer reads. */
const MAX_UNREAD_LENGTH = 1024 * 1024;
/** How often to check that a peer that has ended its side is still there. */
const PROBE_MS = 1000;

/** A session: see the table of its states. */
export class Session implements Origin {
  readonly peer: Address;
  readonly #connection: AcceptedConnection;
  readonly #options: SessionOptions;
  readonly #handshake: Promise<unknown> | undefined;
  readonly #reader: MessageReader;
  readonly #incoming: Incoming;
  readonly #pace: Pace;
  readonly #writer: ResponseWriter;
  #state: State;
  /** Whether the peer has ended its side. */
  #isHalfClosed = false;
  readonly #underWay: UnderWay;
  /** The deadline for a message or for lingering, or the time of the next probe. */
  readonly #deadline: Deadline;
  #controller: AbortController | undefined;
  readonly #closed = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();

  constructor(accepted: Accepted, options: SessionOptions) {
    const { connection, peer, handshake } = accepted;
    this.peer = peer;
    this.#connection = connection;
    this.#options = options;
    this.#handshake = handshake;
    this.#underWay = new UnderWay(options.stats);
    this.#deadline = new Deadline(options.timeouts);
    this.#state = handshake === undefined ? "serving" : "handshake";
    this.#reader = new MessageReader(options.maxMessageBytes);
    this.#incoming = new Incoming(connection, this.#reader, options.stats, {
      isServing: () => this.#state === "serving",
      hasRoom: () => this.#hasRoom(),
      received: (message, text) => this.#dispatch(message, text),
      paused: () => this.#paused(),
      failed: (reason) =>
        this.refuse(new ServerError(PARSE_ERROR, "Parse error", reason)),
    });
    this.#pace = new Pace(options.responseGapMs);
    this.#writer = new ResponseWriter(connection, this.#pace, options, {
      written: () => this.#changed(),
      lost: () => this.abort(),
    });
    this.#expectMessage();
    this.#serve();
  }

  /** Resolves when the session is closed. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Resolves when the connection is closed too. Over TLS, Deno cannot close it
   * during a handshake or a write, so this may be later than `closed`.
   */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Aborts when the session is aborted. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#state === "closed") this.#controller.abort(gone());
    return this.#controller.signal;
  }

  /** See {@linkcode Origin.tookRequest}. */
  tookRequest(id: RequestId): void {
    this.#pace.take(id);
  }

  /** Reads no more messages, waits for handlers and responses, and closes. */
  finish(): void {
    if (this.#state === "handshake") this.abort();
    if (this.#state !== "serving") return;
    this.#state = "finishing";
    this.#deadline.clear();
    this.#changed();
  }

  /** Closes at once; responses that were not written are dropped. */
  abort(): void {
    if (this.#state === "closed") return;
    this.#close();
    this.#controller?.abort(gone());
  }

  /** Responds with an error, and finishes. */
  refuse(error: ServerError): void {
    const { reports } = this.#options;
    reports.invalid(String(error.data ?? error.message), this.peer);
    if (this.#state === "handshake") return this.abort();
    reports.stats.responses++;
    reports.stats.errors++;
    this.#respond(formatError("null", error));
    this.finish();
  }

  /** Closes the connection; over TLS, Deno may keep it open. */
  release(): void {
    try {
      this.#connection.close();
    } catch { /* it is closed */ }
    this.#released.resolve();
  }

  async #serve(): Promise<void> {
    try {
      if (this.#handshake !== undefined) {
        await this.#handshake;
        if (this.#state !== "handshake") return;
        this.#state = "serving";
      }
      await this.#incoming.read();
      this.#isHalfClosed = true;
      this.finish();
      this.#changed();
      this.#probe();
    } catch (error) {
      if (this.#state === "closed") return;
      // A peer may close its connection at any time. Only a failure of TLS is
      // reported.
      const reason = explainPeer(error);
      if (reason !== undefined) {
        this.#options.reports.invalid(reason, this.peer);
      }
      this.abort();
    }
  }

  #dispatch(message: JsonValue, text: string): void {
    this.#deadline.clear(); // the next message may have to wait for handlers
    const response = this.#options.dispatcher.dispatch(message, text, this);
    if (typeof response === "object") this.#await(response, text.length);
    else if (response !== undefined) this.#respond(response);
  }

  async #await(response: PendingResponse, length: number): Promise<void> {
    this.#underWay.began(response.isDue, length);
    const text = await response.text;
    this.#underWay.ended(response.isDue, length);
    if (text !== undefined) this.#respond(text);
    this.#changed();
    this.#options.handlerEnded();
  }

  #respond(text: string): void {
    const { reports } = this.#options;
    if (this.#pace.mayBeOpenSips) reports.checkLength(text, this.peer);
    this.#writer.write(text);
  }

  /** Whether to read on. A peer that sends faster than it is served must wait. */
  #hasRoom(): boolean {
    return this.#state !== "serving" ||
      (!this.#underWay.isFull && this.#writer.length < MAX_UNREAD_LENGTH);
  }

  /** Continues to read if there is room, and ends the session if it can end. */
  #changed(): void {
    if (this.#hasRoom()) this.#incoming.goOn();
    // In a microtask: a handler that stops the server has not yet returned.
    if (this.#state === "finishing") queueMicrotask(() => this.#settle());
    else if (this.#state === "lingering" && this.#isHalfClosed) this.#close();
  }

  /** Ends a finishing session when all handlers and writes have ended. */
  #settle(): void {
    if (this.#state !== "finishing" || this.#writer.writing) return;
    const { due, count } = this.#underWay;
    if ((this.#isHalfClosed ? due : count) > 0) return;
    if (this.#isHalfClosed || !this.#writer.hasBegun) return this.#close();
    this.#state = "lingering";
    this.#deadline.set(LINGER_MS, () => this.#close());
    this.#connection.closeWrite().catch(() => {}); // the read fails too
  }

  #close(): void {
    this.#state = "closed";
    this.#deadline.clear();
    const { writing } = this.#writer;
    this.#writer.close();
    this.#incoming.goOn();
    this.#closed.resolve();
    if (this.#handshake === undefined) return this.release();
    Promise.allSettled([this.#handshake, writing]).then(() => this.release());
  }

  /** Checks regularly that a peer that has ended its side is still there. */
  #probe(): void {
    if (this.#state !== "finishing") return;
    this.#deadline.set(PROBE_MS, () => {
      this.#writer.probe();
      this.#probe();
    });
  }

  #paused(): void {
    if (this.#reader.isByLine) this.#writer.endLines();
    if (this.#state !== "serving" || this.#deadline.isSet) return;
    // The deadline of a message starts with its first bytes.
    if (this.#reader.inMessage) this.#expectMessage();
  }

  #expectMessage(): void {
    const { idleTimeoutMs } = this.#options;
    this.#deadline.set(idleTimeoutMs, () => {
      const reason = `no whole message came within ${idleTimeoutMs} ms`;
      this.refuse(new ServerError(-32000, "Timed out", reason));
    });
  }
}

function gone(): ConnectionClosedError {
  return new ConnectionClosedError("the peer is gone");
}
