/**
 * One accepted connection.
 *
 * @module
 */

import { ConnectionClosedError, ServerError } from "../protocol/errors.ts";
import type { JsonValue } from "../protocol/json.ts";
import type { RequestId } from "../protocol/request.ts";
import { formatError, PARSE_ERROR } from "../protocol/response.ts";
import type {
  Accepted,
  AcceptedConnection,
  Address,
} from "../transport/listen.ts";
import type { Wait } from "../transport/timeouts.ts";
import { explainPeer } from "../transport/tls.ts";
import type { Dispatcher, PendingResponse } from "./dispatcher.ts";
import type { Origin } from "./event.ts";
import { MessageReader } from "./message_reader.ts";
import { Pace } from "./pace.ts";
import type { Reports } from "./reports.ts";
import { ResponseWriter, type WriterOptions } from "./response_writer.ts";

/**
 * Where a session stands. It ends by `finish` (what is under way goes out first)
 * or by `abort` (at once, from any state).
 *
 * | state | what it does | next |
 * |---|---|---|
 * | handshake | waits for TLS | serving; finish: closed |
 * | serving | reads messages, writes responses | finish, or the peer ends its side: finishing |
 * | finishing | writes responses; what still comes is thrown away | nothing is under way any more: lingering, or closed |
 * | lingering | has ended its side, waits for the peer to end the other | the peer has, or its time is over: closed |
 * | closed | nothing | |
 */
type State = "handshake" | "serving" | "finishing" | "lingering" | "closed";

/** What a session needs of its server. */
export interface SessionOptions extends WriterOptions {
  readonly dispatcher: Dispatcher;
  readonly reports: Reports;
  readonly maxMessageBytes: number | undefined;
  readonly responseGapMs: number | "auto";
  /** Called when a handler that was under way has ended. */
  readonly handlerEnded: () => void;
}

/**
 * How many handlers may be under way for one connection, and how many
 * characters their messages have; then it reads no more.
 */
const MAX_UNDER_WAY = 1024, MAX_UNDER_WAY_LENGTH = 1024 * 1024;
/** How many characters of responses may wait for the peer to read them. */
const MAX_UNREAD_LENGTH = 1024 * 1024;
/** How much is read at once, at first and at most: silent peers cost little. */
const MIN_READ_BYTES = 2 * 1024, MAX_READ_BYTES = 64 * 1024;
/**
 * How long a peer may take to end a connection after we did. To close at once,
 * while it still sends, would reset the connection, and destroy what it has not
 * yet read of our responses.
 */
const LINGER_MS = 1000;
/** How often a peer that has ended its side is asked whether it is there. */
const PROBE_MS = 1000;

/** A session: see the table of its states. */
export class Session implements Origin {
  readonly peer: Address;
  readonly #connection: AcceptedConnection;
  readonly #options: SessionOptions;
  readonly #handshake: Promise<unknown> | undefined;
  readonly #reader: MessageReader;
  readonly #pace: Pace;
  readonly #writer: ResponseWriter;
  #state: State;
  /** Whether the peer has ended its side. */
  #isHalfClosed = false;
  /** Handlers that have not ended, those whose response is due, and the length of their messages. */
  #underWay = 0;
  #due = 0;
  #underWayLength = 0;
  /** What the peer must not take too long for, or is asked next. */
  #wait: Wait | undefined;
  #goOn: (() => void) | undefined;
  #controller: AbortController | undefined;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  readonly #released: PromiseWithResolvers<void> = Promise.withResolvers<
    void
  >();

  constructor(accepted: Accepted, options: SessionOptions) {
    const { connection, peer, handshake } = accepted;
    this.peer = peer;
    this.#connection = connection;
    this.#options = options;
    this.#handshake = handshake;
    this.#state = handshake === undefined ? "serving" : "handshake";
    this.#reader = new MessageReader(options.maxMessageBytes);
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
   * Resolves when the connection is closed too. Over TLS, Deno cannot end a
   * connection on which a handshake or a write is under way: it takes until then.
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

  /** Takes the id of each request, in their order. */
  tookRequest(id: RequestId): void {
    this.#pace.take(id);
  }

  /** Reads no more, lets what is under way go out, and closes. */
  finish(): void {
    if (this.#state === "handshake") this.abort();
    if (this.#state !== "serving") return;
    this.#state = "finishing";
    this.#expectNothing();
    this.#changed();
  }

  /** Closes at once: what is under way is dropped. */
  abort(): void {
    if (this.#state === "closed") return;
    this.#close();
    this.#controller?.abort(gone());
  }

  /** Says why the peer is not served, and finishes. */
  refuse(error: ServerError): void {
    const { reports } = this.#options;
    reports.invalid(String(error.data ?? error.message), this.peer);
    if (this.#state === "handshake") return this.abort();
    reports.stats.responses++;
    reports.stats.errors++;
    this.#respond(formatError("null", error));
    this.finish();
  }

  /** Closes the connection, though that may not end it. */
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
      await this.#read();
    } catch (error) {
      if (this.#state === "closed") return;
      // The peer is gone, which is its right, unless it was no TLS that it sent.
      const reason = explainPeer(error);
      if (reason !== undefined) {
        this.#options.reports.invalid(reason, this.peer);
      }
      this.abort();
    }
  }

  /** Reads until the peer has ended its side. */
  async #read(): Promise<void> {
    const { reports: { stats } } = this.#options;
    let buffer = new Uint8Array(MIN_READ_BYTES);
    for (;;) {
      const length = await this.#connection.read(buffer);
      if (length === null) break;
      stats.bytesReceived += length;
      if (this.#state === "closed") return;
      if (this.#state !== "serving") continue;
      stats.replaced += this.#reader.push(buffer.subarray(0, length));
      while (!this.#takeMessages()) await this.#room();
      this.#expectRest();
      if (length === buffer.length && length < MAX_READ_BYTES) {
        buffer = new Uint8Array(MAX_READ_BYTES);
      }
    }
    this.#isHalfClosed = true;
    if (this.#state === "serving") {
      stats.replaced += this.#reader.end();
      while (!this.#takeMessages()) await this.#room();
      this.finish();
    } else this.#changed();
    this.#probe();
  }

  /**
   * Handles the messages that were read. At what is not JSON it says so. Returns
   * false if the rest has to wait for room.
   */
  #takeMessages(): boolean {
    const reader = this.#reader;
    while (this.#state === "serving") {
      let text: string | undefined, message: JsonValue;
      try {
        text = reader.next();
        if (text === undefined) break;
        message = JSON.parse(text);
      } catch (error) {
        const { message } = error as Error;
        this.refuse(new ServerError(PARSE_ERROR, "Parse error", message));
        break;
      }
      this.#expectNothing(); // the next one may have to wait for us
      this.#dispatch(message, text);
      if (!this.#hasRoom()) return false;
    }
    if (reader.isByLine) this.#writer.endLines();
    return true;
  }

  /** Resolves when there is room again. */
  #room(): Promise<void> {
    return new Promise((resolve) => this.#goOn = resolve);
  }

  #dispatch(message: JsonValue, text: string): void {
    const response = this.#options.dispatcher.dispatch(message, text, this);
    if (typeof response === "object") this.#await(response, text.length);
    else if (response !== undefined) this.#respond(response);
  }

  async #await(response: PendingResponse, length: number): Promise<void> {
    const { stats } = this.#options.reports;
    const due = response.isDue ? 1 : 0;
    stats.underWay++;
    this.#underWay++;
    this.#due += due;
    this.#underWayLength += length;
    const text = await response.text;
    stats.underWay--;
    this.#underWay--;
    this.#due -= due;
    this.#underWayLength -= length;
    if (text !== undefined) this.#respond(text);
    this.#changed();
    this.#options.handlerEnded();
  }

  #respond(text: string): void {
    const { reports } = this.#options;
    if (this.#pace.mayBeOpenSips) reports.responded(text, this.peer);
    this.#writer.write(text);
  }

  /** A peer that sends faster than it is served, or reads, has to wait. */
  #hasRoom(): boolean {
    return this.#state !== "serving" ||
      (this.#underWay < MAX_UNDER_WAY &&
        this.#underWayLength < MAX_UNDER_WAY_LENGTH &&
        this.#writer.length < MAX_UNREAD_LENGTH);
  }

  /** Lets reading go on if it may, and the session end if it can. */
  #changed(): void {
    if (this.#hasRoom()) this.#goOn?.();
    // A handler that stops the server returns its result after that.
    if (this.#state === "finishing") queueMicrotask(() => this.#settle());
    else if (this.#state === "lingering" && this.#isHalfClosed) this.#close();
  }

  /** Ends the session, once nothing is under way that has to go out. */
  #settle(): void {
    if (this.#state !== "finishing" || this.#writer.writing !== undefined) {
      return;
    }
    if ((this.#isHalfClosed ? this.#due : this.#underWay) > 0) return;
    if (this.#isHalfClosed || !this.#writer.hasBegun) return this.#close();
    this.#state = "lingering";
    this.#expect(LINGER_MS, () => this.#close());
    this.#connection.closeWrite().catch(() => {}); // reading sees it
  }

  #close(): void {
    this.#state = "closed";
    this.#expectNothing();
    const { writing } = this.#writer;
    this.#writer.close();
    this.#goOn?.();
    this.#closed.resolve();
    if (this.#handshake === undefined) return this.release();
    Promise.allSettled([this.#handshake, writing]).then(() => this.release());
  }

  /** Asks a peer that has ended its side whether it waits for its responses. */
  #probe(): void {
    if (this.#state !== "finishing") return;
    this.#expect(PROBE_MS, () => {
      this.#writer.probe();
      this.#probe();
    });
  }

  /** A message that has begun must not take too long, from its first bytes. */
  #expectRest(): void {
    if (this.#state !== "serving" || this.#wait !== undefined) return;
    if (this.#reader.inMessage) this.#expectMessage();
  }

  #expectMessage(): void {
    const { idleTimeoutMs } = this.#options;
    this.#expect(idleTimeoutMs, () => {
      const reason = `no whole message came within ${idleTimeoutMs} ms`;
      this.refuse(new ServerError(-32000, "Timed out", reason));
    });
  }

  #expect(ms: number, otherwise: () => void): void {
    this.#expectNothing();
    this.#wait = this.#options.timeouts.begin(ms, () => {
      this.#wait = undefined;
      otherwise();
    });
  }

  #expectNothing(): void {
    this.#options.timeouts.end(this.#wait);
    this.#wait = undefined;
  }
}

function gone(): ConnectionClosedError {
  return new ConnectionClosedError("the peer is gone");
}
