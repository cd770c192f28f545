/**
 * The receiving end: a server for events.
 *
 * @module
 */

import { Timeouts, type Wait } from "../transport/timeouts.ts";
import {
  type Address,
  type Answerer,
  answererOf,
  type EventHandler,
} from "./dispatcher.ts";
import { ServerError } from "../protocol/errors.ts";
import { JsonStream } from "../protocol/json_stream.ts";
import { formatError } from "../protocol/response.ts";
import { isObject, type JsonValue } from "../protocol/json.ts";
import { formatSocket } from "../protocol/socket.ts";
import {
  checkCertified,
  explainPeer,
  type ListenerTlsOptions,
} from "../transport/tls.ts";
import { connectionOf, type Ends, endsOf, type Streams } from "./ends.ts";

/** Options of {@linkcode serveEvents}. */
export interface ServeEventsOptions {
  /**
   * The address to listen at. Whoever can reach it can send events: JSON-RPC
   * over TCP knows no authentication.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * The port to listen at; 0 picks a free one.
   *
   * @default {8080}
   */
  port?: number;
  /**
   * Has the server speak TLS, with this certificate. Deno's TLS demands no
   * certificate of a peer, and has no `TCP_NODELAY`: an answer may wait for up
   * to 40 ms until the peer has acknowledged the one before. And it cannot end a
   * connection in the handshake, or on which a write is under way: a peer that
   * takes too long for these is served no more, but counts as one of
   * `maxConnections` until it goes. Absent: plain TCP.
   */
  tls?: ListenerTlsOptions;
  /** Stops the server when aborted, as `shutdown` does. */
  signal?: AbortSignal;
  /**
   * The largest message that is taken, in bytes. A larger one is answered with
   * an error, and the connection is closed.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number;
  /**
   * How many connections may be open. One more is told so and closed; over TLS
   * it has to wait until another ends.
   *
   * @default {1000}
   */
  maxConnections?: number;
  /**
   * How long a peer may take, in milliseconds, to send its first message, to
   * finish one that it has begun, or to read an answer. One that takes longer is
   * told so, if it reads, and its connection is closed. Between messages it may
   * be silent for ever, as OpenSIPS is: it keeps its connection. `Infinity`: no
   * limit.
   *
   * @default {30000}
   */
  idleTimeoutMs?: number;
  /** Called once the server listens. */
  onListen?: (addr: Address) => void;
  /**
   * Called with what a handler threw, and with failures to accept.
   *
   * @default {console.error}
   */
  onError?: (error: unknown) => void;
  /**
   * Called when a peer sent what is no event, or is one peer too many, and why.
   * The peer is told the same, unless it speaks no TLS to a server that does.
   */
  onInvalid?: (reason: string, peer: Address) => void;
}

/** A running server for events. */
export interface EventServer extends AsyncDisposable {
  /** Where it listens. */
  readonly addr: Address;
  /**
   * The socket by which it is reached, such as `jsonrpc:127.0.0.1:8080`, or
   * `jsonrpcs:` over TLS.
   */
  readonly socket: string;
  /** Resolves when the server has stopped. */
  readonly finished: Promise<void>;
  /**
   * Stops the server: nothing more is accepted or read, handlers under way may
   * end and their answers go out, for 5 seconds at most. Resolves when all
   * connections are closed; so a handler must not wait for it. (Over TLS, Deno
   * keeps one that is in the handshake until the peer goes or the process ends.)
   * Calling it again is fine.
   */
  shutdown(): Promise<void>;
}

const DEFAULT_PORT = 8080; // as in the examples of OpenSIPS
const DEFAULT_MAX_CONNECTIONS = 1000;
const DEFAULT_IDLE_TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 0x7fffffff; // as of a client
/**
 * How many handlers may be under way for one connection, and how many
 * characters the messages have that they handle; then it waits.
 */
const MAX_UNDER_WAY = 1024, MAX_UNDER_WAY_LENGTH = 1024 * 1024;
/** How many characters of answers may wait for one peer to read them. */
const MAX_UNREAD = 1024 * 1024;
/** How long answers under way may take to go out at a shutdown. */
const SHUTDOWN_MS = 5000;
/**
 * How long a peer may take to end a connection after we did. To close at once,
 * while it still sends, would reset the connection, and destroy what it has not
 * yet read of our answers.
 */
const LINGER_MS = 1000;
/** How long to wait when no connection can be accepted, as at EMFILE. */
const ACCEPT_PAUSE_MS = 100;

/**
 * Serves events, in the manner of `Deno.serve`. Messages follow JSON-RPC 2.0:
 * requests are answered, notifications (`"id":null` as OpenSIPS sends them, and
 * no id alike) are not, and batches work. What cannot be read is answered with
 * `-32700`, what is no request with `-32600`.
 *
 * The handler is a function for all methods, or an object with one for each
 * method; then others are answered with `-32601`.
 *
 * Needs the permission to listen: `--allow-net=host:port`.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * import { serveEvents } from "../../mod.ts";
 *
 * await using server = serveEvents({ port: 0 }, {
 *   E_PIKE_BLOCKED: ({ params, peer }) => {
 *     console.log(`${peer.hostname} says: block`, params);
 *     return true;
 *   },
 * });
 * assertMatch(server.socket, /^jsonrpc:127\.0\.0\.1:[0-9]+$/);
 * ```
 *
 * @throws {RangeError} if an option is out of its range.
 * @throws {Error} if `tls.key` is not the key of `tls.cert`.
 * @throws {Deno.errors.AddrInUse} if the address is in use.
 * @throws {Deno.errors.NotCapable} if there is no permission to listen.
 */
export function serveEvents(
  options: ServeEventsOptions,
  handler: EventHandler | Record<string, EventHandler>,
): EventServer {
  const {
    hostname = "127.0.0.1",
    port = DEFAULT_PORT,
    tls,
    signal,
    maxMessageBytes,
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS,
    onListen,
    onError = console.error,
    onInvalid,
  } = options;
  if (typeof handler !== "function" && !isObject(handler)) {
    throw new TypeError(
      "Cannot serve events: the second argument is no handler, expected a function, or an object of one for each method",
    );
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RangeError(
      `Cannot listen at port ${port}: expected an integer from 0 to 65535`,
    );
  }
  if (!Number.isSafeInteger(maxConnections) || maxConnections < 1) {
    throw new RangeError(
      `Cannot use maxConnections ${maxConnections}: expected a positive integer`,
    );
  }
  if (
    !(idleTimeoutMs > 0 &&
      (idleTimeoutMs <= MAX_TIMEOUT_MS || idleTimeoutMs === Infinity))
  ) {
    throw new RangeError(
      `Cannot use idleTimeoutMs ${idleTimeoutMs}: expected milliseconds, more than 0 and at most ${MAX_TIMEOUT_MS}, or Infinity`,
    );
  }
  new JsonStream({ maxMessageBytes }); // throws what is wrong with it

  if (tls !== undefined) checkCertified(tls);

  const listener = tls === undefined
    ? Deno.listen({ hostname, port })
    : Deno.listenTls({ hostname, port, cert: tls.cert, key: tls.key });
  const addr = toAddress(listener.addr);
  try {
    onListen?.(addr);
  } catch (error) {
    listener.close();
    throw error;
  }
  const reports = { onError: quietly(onError), onInvalid: quietly(onInvalid) };
  const answer = answererOf(handler, reports);
  const sessions = new Set<Session>();
  const refused = new Set<Session>();
  const alarm = new Timeouts();
  let room = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;

  async function accept(): Promise<void> {
    while (stopping === undefined) {
      if (tls !== undefined && sessions.size >= maxConnections) {
        // To refuse one would keep a connection for as long as to serve it.
        room = Promise.withResolvers();
        await room.promise;
        continue;
      }
      let conn: Deno.TcpConn | Deno.TlsConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (stopping !== undefined) return;
        if (isPeerGone(error)) continue;
        reports.onError(error);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
        continue;
      }
      if (stopping !== undefined) { // while this one was accepted
        conn.close();
        return;
      }
      const session = new Session(
        connectionOf(conn),
        "handshake" in conn ? conn.handshake() : undefined,
        toAddress(conn.remoteAddr),
        answer,
        new JsonStream({ maxMessageBytes }),
        reports.onInvalid,
        { alarm, idleTimeoutMs },
      );
      if (tls === undefined && sessions.size >= maxConnections) {
        session.refuse(new ServerError(-32000, "Too many connections"));
        refused.add(session);
        session.run().then(() => refused.delete(session));
        continue;
      }
      sessions.add(session);
      session.run().then(() => {
        sessions.delete(session);
        room.resolve();
      });
    }
  }

  async function stop(): Promise<void> {
    signal?.removeEventListener("abort", shutdown);
    listener.close();
    room.resolve();
    const timer = setTimeout(() => {
      for (const session of sessions) session.close();
    }, SHUTDOWN_MS);
    await Promise.all([accepting, ...Array.from(sessions, (s) => s.stop())]);
    clearTimeout(timer);
    for (const session of refused) session.close();
  }

  function shutdown(): Promise<void> {
    return stopping ??= stop();
  }

  const accepting = accept();
  const finished = Promise.withResolvers<void>();
  accepting.then(() => stopping).then(finished.resolve, finished.reject);
  signal?.addEventListener("abort", shutdown);
  if (signal?.aborted) shutdown();
  return {
    addr,
    socket: formatSocket({
      protocol: tls === undefined ? "jsonrpc" : "jsonrpcs",
      host: addr.hostname,
      port: addr.port,
    }),
    finished: finished.promise,
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}

/** A hook that is called if there is one, and whose failure does no harm. */
function quietly<A extends unknown[]>(
  hook: ((...args: A) => void) | undefined,
): (...args: A) => void {
  return (...args) => {
    try {
      hook?.(...args);
    } catch { /* there is nobody left to tell */ }
  };
}

/** Whether a connection ended before it was accepted. */
function isPeerGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.ConnectionReset;
}

function toAddress(addr: Deno.Addr): Address {
  const { hostname, port } = addr as Deno.NetAddr;
  return { hostname, port };
}

/** How long peers may take, and the timer for that. */
interface Patience {
  readonly alarm: Timeouts;
  readonly idleTimeoutMs: number;
}

/** One accepted connection. */
class Session {
  readonly #connection: Streams;
  readonly #peer: Address;
  readonly #answer: Answerer;
  readonly #onInvalid: (reason: string, peer: Address) => void;
  readonly #messages: JsonStream;
  readonly #ends: Ends;
  /** Settles when the handshake of TLS is over. */
  readonly #handshake: Promise<unknown> | undefined;
  #isOpen = true;
  /** Handlers that have not ended, and the length of their messages. */
  #underWay = 0;
  #underWayLength = 0;
  /** Answers that wait for the write under way. */
  #unread = "";
  #isWriting = false;
  #writing: Promise<void> | undefined;
  #hasAnswered = false;
  #isStopping = false;
  /** Whether the server stops, and not only this. */
  #endsAtOnce = false;
  /** Whether the peer takes no more answers. */
  #isDeaf = false;
  #isClosed = false;
  /** What the peer may not take too long for: to send, and to read. */
  #sending: Wait | undefined;
  #reading: Wait | undefined;
  readonly #patience: Patience;
  #changed = Promise.withResolvers<void>();
  #run: Promise<void> | undefined;

  constructor(
    connection: Streams,
    handshake: Promise<unknown> | undefined,
    peer: Address,
    answer: Answerer,
    messages: JsonStream,
    onInvalid: (reason: string, peer: Address) => void,
    patience: Patience,
  ) {
    this.#patience = patience;
    this.#onInvalid = onInvalid;
    this.#connection = connection;
    this.#peer = peer;
    this.#answer = answer;
    this.#messages = messages;
    this.#ends = endsOf(connection);
    if (handshake === undefined) return;
    this.#isOpen = false;
    this.#handshake = handshake.then(() => this.#isOpen = true)
      .catch(() => {}); // #serve sees it
  }

  /** Serves until the peer ends, or until it is stopped. Never rejects. */
  run(): Promise<void> {
    return this.#run ??= this.#serve();
  }

  /** Takes no more messages, lets what is under way end, and closes. */
  stop(): Promise<void> {
    this.#endsAtOnce = true;
    if (this.#isClosed || !this.#isOpen) this.close();
    else this.#stop();
    return this.run();
  }

  #stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#finish();
  }

  /**
   * Closes, whatever is under way. Over TLS, a connection on which a handshake or
   * a write is under way stays open though it is closed. So as long as the server
   * runs, it is closed, and counts as closed, when that has ended.
   */
  close(): void {
    this.#isClosed = this.#isStopping = this.#isDeaf = true;
    this.#unread = "";
    this.#endSending();
    this.#endReading();
    this.#notify();
    if (this.#handshake === undefined || this.#endsAtOnce) {
      return void this.#connection.close();
    }
    Promise.allSettled([this.#handshake, this.#writing])
      .then(() => this.#connection.close());
  }

  /** Says why the peer is not served, and closes. */
  refuse(error: ServerError): void {
    this.#send(formatError("null", error));
    this.#onInvalid(String(error.data ?? error.message), this.#peer);
    this.#stop();
  }

  async #serve(): Promise<void> {
    this.#beginSending();
    try {
      for (;;) {
        const { value, done } = await this.#ends.reader.read();
        if (done) break;
        if (this.#isStopping) continue;
        this.#messages.push(value);
        await this.#takeMessages();
        const { inText } = this.#messages;
        if (inText && this.#sending === undefined) this.#beginSending();
      }
      if (!this.#isStopping) {
        this.#messages.end();
        await this.#takeMessages();
      }
    } catch (error) {
      // The peer is gone, which is its right, unless it was no TLS that it sent.
      const reason = explainPeer(error);
      if (reason !== undefined) this.#onInvalid(reason, this.#peer);
    }
    await this.#until(() => this.#isDone());
    this.close();
  }

  async #finish(): Promise<void> {
    // A handler that stops the server has an answer that comes after that.
    do await this.#until(() => this.#isDone()); while (!this.#isDone());
    if (!this.#hasAnswered || this.#isClosed) return this.close();
    const timer = setTimeout(() => this.close(), LINGER_MS);
    this.#ends.writer.close().catch(() => {}); // then #serve sees it
    await this.run();
    clearTimeout(timer);
  }

  #beginSending(): void {
    const { alarm, idleTimeoutMs } = this.#patience;
    this.#sending = alarm.begin(idleTimeoutMs, () => {
      if (this.#isStopping) return this.close();
      const reason = `no whole message came within ${idleTimeoutMs} ms`;
      this.refuse(new ServerError(-32000, "Timed out", reason));
    });
  }

  #endSending(): void {
    this.#patience.alarm.end(this.#sending);
    this.#sending = undefined;
  }

  #endReading(): void {
    this.#patience.alarm.end(this.#reading);
    this.#reading = undefined;
  }

  /** Handles what was read. At what is not JSON, it says so and stops. */
  async #takeMessages(): Promise<void> {
    while (!this.#isStopping) {
      let text: string | undefined, message: JsonValue;
      try {
        text = this.#messages.next();
        if (text === undefined) return;
        message = JSON.parse(text);
      } catch (error) {
        const { message } = error as Error;
        this.refuse(new ServerError(-32700, "Parse error", message));
        return;
      }
      this.#endSending(); // what follows may have to wait for us
      this.#handle(message, text.length);
      if (!this.#mayGoOn()) await this.#until(() => this.#mayGoOn());
    }
  }

  #handle(message: JsonValue, length: number): void {
    const answer = this.#answer(message, this.#peer);
    if (!(answer instanceof Promise)) return this.#send(answer);
    this.#underWay++;
    this.#underWayLength += length;
    answer.then((text) => {
      this.#underWay--;
      this.#underWayLength -= length;
      this.#send(text);
      this.#notify();
    });
  }

  /** A peer that sends faster than it is served, or reads, has to wait. */
  #mayGoOn(): boolean {
    return this.#isClosed ||
      (this.#underWay < MAX_UNDER_WAY &&
        this.#underWayLength < MAX_UNDER_WAY_LENGTH &&
        this.#unread.length < MAX_UNREAD);
  }

  #send(text: string | undefined): void {
    if (text === undefined || this.#isDeaf) return;
    this.#hasAnswered = true;
    this.#unread += text;
    if (!this.#isWriting) this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    // What is answered in one go goes out as one. Over TLS, where Deno has no
    // TCP_NODELAY, the rest would else wait for up to 40 ms.
    await null;
    try {
      while (this.#unread !== "") {
        const bytes = new TextEncoder().encode(this.#unread);
        this.#unread = "";
        const { alarm, idleTimeoutMs } = this.#patience;
        this.#reading = alarm.begin(idleTimeoutMs, () => this.close());
        await this.#ends.writer.write(bytes);
        this.#endReading();
      }
    } catch {
      this.#isDeaf = true; // the peer is gone
      this.#unread = "";
    }
    this.#isWriting = false;
    this.#notify();
  }

  /** Whether nothing is under way any more, or nothing can be. */
  #isDone(): boolean {
    return this.#isClosed ||
      (this.#underWay === 0 && !this.#isWriting && this.#unread === "");
  }

  /** Waits until a change makes `condition` true. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
