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

/** How many characters of responses may wait for the peer to read them. */
const MAX_UNREAD_LENGTH = 1024 * 1024;
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
  readonly #incoming: Incoming;
  readonly #pace: Pace;
  readonly #writer: ResponseWriter;
  #state: State;
  /** Whether the peer has ended its side. */
  #isHalfClosed = false;
  readonly #underWay: UnderWay;
  /** What the peer must not take too long for, or is asked next. */
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
      came: (message, text) => this.#dispatch(message, text),
      paused: () => this.#paused(),
      broke: (reason) =>
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
    this.#deadline.clear();
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
      await this.#incoming.read();
      this.#isHalfClosed = true;
      this.finish();
      this.#changed();
      this.#probe();
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

  #dispatch(message: JsonValue, text: string): void {
    this.#deadline.clear(); // the next one may have to wait for us
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
    if (this.#pace.mayBeOpenSips) reports.responded(text, this.peer);
    this.#writer.write(text);
  }

  /** A peer that sends faster than it is served, or reads, has to wait. */
  #hasRoom(): boolean {
    return this.#state !== "serving" ||
      (!this.#underWay.isFull && this.#writer.length < MAX_UNREAD_LENGTH);
  }

  /** Lets reading go on if it may, and the session end if it can. */
  #changed(): void {
    if (this.#hasRoom()) this.#incoming.goOn();
    // A handler that stops the server returns its result after that.
    if (this.#state === "finishing") queueMicrotask(() => this.#settle());
    else if (this.#state === "lingering" && this.#isHalfClosed) this.#close();
  }

  /** Ends the session, once nothing is under way that has to go out. */
  #settle(): void {
    if (this.#state !== "finishing" || this.#writer.writing) return;
    const { due, count } = this.#underWay;
    if ((this.#isHalfClosed ? due : count) > 0) return;
    if (this.#isHalfClosed || !this.#writer.hasBegun) return this.#close();
    this.#state = "lingering";
    this.#deadline.set(LINGER_MS, () => this.#close());
    this.#connection.closeWrite().catch(() => {}); // reading sees it
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

  /** Asks a peer that has ended its side whether it waits for its responses. */
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
    // A message must not take too long from its first bytes on.
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
