/**
 * One destination: a long-lived connection on which events go out.
 *
 * @module
 */

import { correlate, nextId } from "./correlation.ts";
import { Deadlines, type Waiting } from "./deadlines.ts";
import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  DeliveryTimeoutError,
  ProtocolError,
  QueueFullError,
  quote,
  ServerError,
} from "./errors.ts";
import { JsonStream } from "./json_stream.ts";
import {
  checkEventParam,
  type EventParams,
  type JsonValue,
  MAX_ID,
  notificationOf,
  type PreparedEvent,
  prepareEvent,
  requestOf,
} from "./message.ts";
import { type EventSocket, formatSocket, parseSocket } from "./socket.ts";
import { type Connect, connectDeno, type Connection } from "./transport.ts";

/** Options of {@linkcode EventClient}. */
export interface EventClientOptions {
  /**
   * Whether events go out as requests that the server confirms, instead of as
   * notifications. OpenSIPS: `sync_mode`.
   *
   * @default {false}
   */
  syncMode?: boolean;
  /**
   * How long an event may take, in milliseconds, more than 0 and at most
   * 2147483647: in sync mode from raise to reply, else from raise until the
   * operating system has taken its bytes. OpenSIPS: `timeout`.
   *
   * @default {1000}
   */
  timeoutMs?: number;
  /**
   * The name under which the event's name goes out as the first parameter.
   * OpenSIPS: `event_param`. Absent: it does not go out.
   */
  eventParam?: string;
  /**
   * White space that goes out after each message, such as `"\n"`, for servers
   * that read lines. OpenSIPS sends none.
   *
   * @default {""}
   */
  delimiter?: string;
  /**
   * How many bytes of messages may wait to be taken by the operating system.
   *
   * @default {16777216}
   */
  maxQueueBytes?: number;
  /**
   * The largest reply that is taken in sync mode, in bytes.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number;
  /**
   * How connections are opened.
   *
   * @default {connectDeno}
   */
  connect?: Connect;
}

/** Options of {@linkcode EventClient.deliver}. */
export interface DeliverOptions {
  /** As in {@linkcode EventClientOptions}, for this event. */
  timeoutMs?: number;
  /**
   * Gives the event up: what was not yet written is not sent. The promise
   * rejects with the signal's reason.
   */
  signal?: AbortSignal;
}

/** Options of {@linkcode EventClient.raise}. */
export interface RaiseOptions extends DeliverOptions {
  /**
   * Another socket of the same host and port, to use its dialect and method.
   * By default the client's own.
   */
  socket?: string;
}

/** Why events failed, and how many of each. */
export interface FailedCounts {
  /** No connection could be opened. */
  connect: number;
  /** The connection, or the client, was closed. */
  closed: number;
  /** The time-out was over. */
  timeout: number;
  /** The queue was full. */
  queueFull: number;
  /** The server answered with an error. */
  server: number;
  /** The server did not speak JSON-RPC 2.0. */
  protocol: number;
  /** The caller's signal was aborted. */
  aborted: number;
}

/** Counters of an {@linkcode EventClient}, from its start. */
export interface EventClientStats {
  /** Events given to `raise`, wrong ones not counted. */
  raised: number;
  /** Messages whose bytes the operating system has taken. */
  written: number;
  /** Their bytes. */
  bytes: number;
  /** Requests that the server answered with a result. */
  confirmed: number;
  /** Events that rejected, by cause. */
  failed: FailedCounts;
  /** Replies that settled nothing, and were ignored. */
  unmatched: number;
  /** Connections that were opened. */
  connects: number;
  /** Events that wait to be written, now. */
  queued: number;
  /** The bytes that wait to be taken by the operating system, now. */
  queuedBytes: number;
  /** Requests that wait for their reply, now. */
  inFlight: number;
}

/** The events of an {@linkcode EventClient}, for `addEventListener`. */
export interface EventClientEventMap {
  /** A connection was opened. */
  connect: Event;
  /** The connection ended; `error` says why, unless the client was closed. */
  disconnect: CustomEvent<{ error?: DeliveryError }>;
  /** A reply settled nothing and is ignored. */
  unmatched: CustomEvent<{ reply: JsonValue; reason: string }>;
}

/**
 * How many bytes one write gathers: as much as the operating system commonly
 * takes at once. Of a larger write less could be said when it fails in the
 * middle, as every event in it may have arrived.
 */
const MAX_BATCH_BYTES = 64 * 1024;

const DEFAULT_TIMEOUT_MS = 1000;
const MAX_TIMEOUT_MS = 0x7fffffff; // setTimeout takes no more
const DEFAULT_QUEUE_BYTES = 16 * 1024 * 1024;
/**
 * How long the server may take to end a connection after we did, or to let go
 * of what it replied before a write failed, in milliseconds. To close at once
 * could reset the connection, and destroy what the server has not yet read.
 */
const LINGER_MS = 1000;
/** The longest head of a request: `{"id":2147483647`. */
const MAX_HEAD_BYTES = 16;

/**
 * A client for one destination, which all sockets of that host and port share.
 *
 * It connects when the first event is raised, keeps the connection, and opens
 * a new one when it was lost and there is something to send. An open
 * connection keeps the process alive: close the client when done.
 *
 * Events go out in the order in which they were raised. Each settles exactly
 * once. A message of which a byte may be out is finished, or the connection is
 * closed; nothing is sent twice.
 *
 * @example Tell a server, and have it confirmed
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient } from "./client.ts";
 * import { serveEvents } from "./listener.ts";
 *
 * await using server = serveEvents({ port: 0 }, ({ params }) => params);
 *
 * await using client = new EventClient(server.socket, { syncMode: true });
 * const result = await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 * assertEquals(result, { ip: "192.168.2.11" }); // what the handler returned
 * ```
 */
export class EventClient extends EventTarget implements AsyncDisposable {
  readonly #socket: EventSocket;
  readonly #syncMode: boolean;
  readonly #timeoutMs: number;
  readonly #eventParam: string | undefined;
  readonly #delimiter: string;
  readonly #maxQueueBytes: number;
  readonly #maxMessageBytes: number | undefined;
  readonly #connect: Connect;

  /** Every event that is not settled yet. */
  readonly #pending = new Deadlines<Delivery>();
  /** Those of them that are not written yet, in order. */
  readonly #queue = new Set<Delivery>();
  /** Bytes of the queue and of the write under way. */
  #queuedBytes = 0;

  /** The deliveries that each signal aborts, with one listener on it. */
  readonly #aborts = new Map<AbortSignal, Abort>();

  #connecting: AbortController | undefined;
  #link: Link | undefined;
  #lastId = 1 + Math.floor(Math.random() * MAX_ID);
  #closing: Promise<void> | undefined;

  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Infinity;

  readonly #stats = {
    raised: 0,
    written: 0,
    bytes: 0,
    confirmed: 0,
    failed: {
      connect: 0,
      closed: 0,
      timeout: 0,
      queueFull: 0,
      server: 0,
      protocol: 0,
      aborted: 0,
    },
    unmatched: 0,
    connects: 0,
  };

  /**
   * Constructs a client; no connection is opened yet.
   *
   * @param socket Where events go: `jsonrpc:host:port[/method]`.
   * @throws {SocketSyntaxError} if `socket` is not a socket.
   * @throws {TypeError} if `options.eventParam` is not a non-empty string.
   * @throws {RangeError} if another option is out of its range.
   */
  constructor(socket: string, options: EventClientOptions = {}) {
    super();
    const {
      syncMode = false,
      timeoutMs = DEFAULT_TIMEOUT_MS,
      eventParam,
      delimiter = "",
      maxQueueBytes = DEFAULT_QUEUE_BYTES,
      maxMessageBytes,
      connect = connectDeno,
    } = options;
    checkTimeout(timeoutMs);
    checkEventParam(eventParam);
    if (!/^[ \t\r\n]*$/.test(delimiter)) {
      throw new RangeError(
        `Cannot use delimiter ${
          quote(delimiter)
        }: expected white space of JSON`,
      );
    }
    if (!Number.isSafeInteger(maxQueueBytes) || maxQueueBytes < 1) {
      throw new RangeError(
        `Cannot use maxQueueBytes ${maxQueueBytes}: expected a positive integer`,
      );
    }
    new JsonStream({ maxMessageBytes }); // throws what is wrong with it
    this.#socket = parseSocket(socket);
    this.#syncMode = syncMode;
    this.#timeoutMs = timeoutMs;
    this.#eventParam = eventParam;
    this.#delimiter = delimiter;
    this.#maxQueueBytes = maxQueueBytes;
    this.#maxMessageBytes = maxMessageBytes;
    this.#connect = connect;
  }

  /** The socket that the client was made for. */
  get socket(): string {
    return formatSocket(this.#socket);
  }

  /** A snapshot of the counters. */
  get stats(): EventClientStats {
    return {
      ...this.#stats,
      failed: { ...this.#stats.failed },
      queued: this.#queue.size,
      queuedBytes: this.#queuedBytes,
      inFlight: this.#link?.inFlight.size ?? 0,
    };
  }

  /**
   * Raises an event.
   *
   * In sync mode the promise resolves to the server's result; otherwise to
   * `undefined`, when the operating system has taken the message. Not awaiting
   * it is fine: a rejection that nobody handles does not end the process.
   *
   * @param event The event's name, such as `E_PIKE_BLOCKED`.
   * @param params Its parameters; none by default.
   * @throws {ParamsError} at once, if `params` cannot be carried by JSON.
   * @throws {TypeError} at once, if `event` is not a non-empty string.
   * @throws {SocketSyntaxError} at once, if `options.socket` is not a socket.
   * @throws {RangeError} at once, if `options.socket` is of another host or
   * port, or `options.timeoutMs` is out of range.
   *
   * Rejects with
   * - {@linkcode ConnectError}: no connection could be opened;
   * - {@linkcode ConnectionClosedError}: it ended too early;
   * - {@linkcode DeliveryTimeoutError}: it took longer than `timeoutMs`;
   * - {@linkcode QueueFullError}: more than `maxQueueBytes` would wait;
   * - {@linkcode ServerError}: the server answered with an error;
   * - {@linkcode ProtocolError}: what it answered is not JSON-RPC 2.0;
   * - the reason of `options.signal`, if that is aborted.
   */
  raise(
    event: string,
    params: EventParams = {},
    options: RaiseOptions = {},
  ): Promise<JsonValue | undefined> {
    const socket = options.socket === undefined
      ? this.#socket
      : this.#sameDestination(options.socket);
    return this.deliver(
      prepareEvent(socket, event, params, this.#eventParam),
      options,
    );
  }

  /**
   * Raises an event whose message was built before, so that one message serves
   * many clients: otherwise as {@linkcode EventClient.raise}.
   */
  deliver(
    prepared: PreparedEvent,
    options: DeliverOptions = {},
  ): Promise<JsonValue | undefined> {
    const { timeoutMs = this.#timeoutMs, signal } = options;
    checkTimeout(timeoutMs);
    const delivery = new Delivery(
      prepared,
      this.#socket,
      (this.#syncMode ? prepared.body : notificationOf(prepared)) +
        this.#delimiter,
      timeoutMs,
      signal,
    );
    if (this.#syncMode) delivery.bytes += MAX_HEAD_BYTES;

    this.#stats.raised++;
    if (signal?.aborted) {
      this.#stats.failed.aborted++;
      delivery.reject(signal.reason);
      return delivery.promise;
    }
    const refusal = this.#refusal(delivery);
    if (refusal !== undefined) {
      this.#stats.failed[causeOf(refusal)]++;
      delivery.reject(refusal);
      return delivery.promise;
    }
    this.#listenTo(delivery);
    this.#pending.add(delivery);
    this.#queue.add(delivery);
    this.#queuedBytes += delivery.bytes;
    this.#armTimer(delivery.deadline);
    this.#advance();
    return delivery.promise;
  }

  /**
   * Resolves when every event raised so far is settled: delivered, or failed.
   * It never rejects.
   */
  async flush(): Promise<void> {
    await Promise.allSettled(Array.from(this.#pending, (d) => d.promise));
  }

  /**
   * Closes the client. What was raised before is still delivered, within its
   * time-out; what is raised from now on rejects. Resolves when the connection
   * is closed, for which the server is given a second, and never rejects.
   * Closing twice is fine.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode EventClient.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Listens to a change of status: see {@linkcode EventClientEventMap}. */
  override addEventListener<K extends keyof EventClientEventMap>(
    type: K,
    listener:
      | ((event: EventClientEventMap[K]) => void)
      | EventListenerObject
      | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  async #close(): Promise<void> {
    await this.flush();
    const link = this.#link;
    if (link === undefined) return;
    // A write under way is one that all have given up: there is no use in it.
    if (link.batch.length > 0) this.#drop(link);
    else link.end(() => this.#drop(link));
    await link.closed;
  }

  #sameDestination(text: string): EventSocket {
    const socket = parseSocket(text);
    const { host, port } = this.#socket;
    if (socket.host !== host || socket.port !== port) {
      throw new RangeError(
        `Cannot raise to socket ${quote(text)}: this client is for ${
          quote(this.socket)
        }, expected the same host and port`,
      );
    }
    return socket;
  }

  /** Why an event cannot even wait, if so. */
  #refusal(delivery: Delivery): DeliveryError | undefined {
    if (this.#closing !== undefined) {
      return new ConnectionClosedError(delivery.say("the client is closed"));
    }
    if (this.#queuedBytes + delivery.bytes > this.#maxQueueBytes) {
      return new QueueFullError(
        delivery.say(
          `the queue is full: ${this.#queuedBytes} of ${this.#maxQueueBytes} bytes wait, and this event has ${delivery.bytes}`,
        ),
      );
    }
  }

  /** Has the delivery fail when its signal is aborted. */
  #listenTo(delivery: Delivery): void {
    const { signal } = delivery;
    if (!signal) return;
    let abort = this.#aborts.get(signal);
    if (abort === undefined) {
      const deliveries = new Set<Delivery>();
      const listener = () => {
        for (const delivery of [...deliveries]) {
          this.#fail(delivery, signal.reason, "aborted");
        }
      };
      this.#aborts.set(signal, abort = { deliveries, listener });
      signal.addEventListener("abort", listener);
    }
    abort.deliveries.add(delivery);
  }

  #stopListeningTo(delivery: Delivery): void {
    const { signal } = delivery;
    const abort = signal && this.#aborts.get(signal);
    if (!abort) return;
    abort.deliveries.delete(delivery);
    if (abort.deliveries.size > 0) return;
    signal.removeEventListener("abort", abort.listener);
    this.#aborts.delete(signal);
  }

  /** Does the next thing that the queue calls for, if it can be done now. */
  #advance(): void {
    if (this.#queue.size === 0) return;
    const link = this.#link;
    if (link !== undefined) {
      if (link.batch.length === 0 && link.loss === undefined) this.#write(link);
    } else if (this.#connecting === undefined) {
      this.#open();
    }
  }

  async #open(): Promise<void> {
    const attempt = this.#connecting = new AbortController();
    const { host, port } = this.#socket;
    let connection: Connection | undefined, link: Link;
    try {
      const { signal } = attempt;
      connection = await this.#connect(host, port, { signal });
      if (this.#connecting !== attempt) { // nobody waits for it any more
        return closeQuietly(connection);
      }
      link = new Link(
        connection,
        this.#syncMode
          ? new JsonStream({ maxMessageBytes: this.#maxMessageBytes })
          : undefined,
      );
    } catch (cause) {
      if (connection !== undefined) closeQuietly(connection);
      if (this.#connecting !== attempt) return;
      this.#connecting = undefined;
      const why = `cannot connect: ${messageOf(cause)}`;
      for (const delivery of [...this.#queue]) {
        this.#fail(delivery, new ConnectError(delivery.say(why), { cause }));
      }
      return;
    }
    this.#connecting = undefined;
    this.#link = link;
    this.#stats.connects++;
    this.#read(link);
    this.#advance();
    this.dispatchEvent(new Event("connect"));
  }

  /** Writes the queue, a batch at a time, until it is empty. */
  async #write(link: Link): Promise<void> {
    try {
      while (this.#queue.size > 0 && this.#link === link) {
        const bytes = new TextEncoder().encode(this.#nextBatch(link));
        await link.writer.write(bytes);
        if (this.#link !== link) return; // dropped, and accounted for there
        const { batch } = link;
        this.#stats.bytes += bytes.length;
        this.#stats.written += batch.length;
        this.#queuedBytes -= link.batchBytes;
        link.batch = [];
        link.batchBytes = 0;
        for (const delivery of batch) {
          delivery.state = "written";
          if (!this.#syncMode && this.#settle(delivery)) {
            delivery.resolve(undefined);
          }
        }
      }
    } catch (cause) {
      if (this.#link !== link) return;
      link.loss = connectionLost(cause);
      // Of requests written before, replies may have come; #read takes them.
      if (link.inFlight.size === 0) this.#drop(link, link.loss);
      else link.dropAfter(LINGER_MS, () => this.#drop(link, link.loss));
    }
  }

  /** Moves deliveries from the queue to the write under way. */
  #nextBatch(link: Link): string {
    let text = "";
    for (const delivery of this.#queue) {
      if (
        link.batchBytes > 0 &&
        link.batchBytes + delivery.bytes > MAX_BATCH_BYTES
      ) break;
      this.#queue.delete(delivery);
      delivery.state = "writing";
      link.batch.push(delivery);
      link.batchBytes += delivery.bytes;
      if (this.#syncMode) {
        // In flight before it is written: a reply may overtake the write.
        delivery.id = this.#lastId = nextId(this.#lastId, link.inFlight);
        link.inFlight.set(delivery.id, delivery);
        text += requestOf(delivery.id, delivery.text);
      } else {
        text += delivery.text;
      }
      delivery.text = "";
    }
    return text;
  }

  async #read(link: Link): Promise<void> {
    try {
      while (this.#link === link) {
        const { value, done } = await link.reader.read();
        if (done) break;
        // Without sync mode nobody waits for replies; left unread, they would
        // fill the server's buffers, and in the end ours.
        link.replies?.push(value);
        this.#takeReplies(link);
      }
      link.loss ??= new ConnectionClosedError(
        link.replies?.inText
          ? "the server closed the connection in the middle of a reply"
          : "the server closed the connection",
      );
    } catch (cause) {
      link.loss ??= cause instanceof ProtocolError
        ? cause
        : connectionLost(cause);
    }
    this.#drop(link, link.isEnding ? undefined : link.loss);
  }

  /** Settles what the replies read so far settle; throws a ProtocolError. */
  #takeReplies(link: Link): void {
    while (this.#link === link) {
      let reply: JsonValue;
      try {
        const text = link.replies?.next();
        if (text === undefined) return;
        reply = JSON.parse(text);
      } catch (cause) {
        throw new ProtocolError(
          `the server's reply is not JSON: ${messageOf(cause)}`,
          { cause },
        );
      }
      const isBatch = Array.isArray(reply) && reply.length > 0;
      for (const member of isBatch ? reply as JsonValue[] : [reply]) {
        this.#takeReply(link, member);
        if (this.#link !== link) return;
      }
    }
  }

  #takeReply(link: Link, reply: JsonValue): void {
    const outcome = correlate(reply, link.inFlight);
    switch (outcome.kind) {
      case "confirmed":
        if (this.#settle(outcome.request)) {
          this.#stats.confirmed++;
          outcome.request.resolve(outcome.result);
        }
        return;
      case "refused":
        return this.#fail(outcome.request, outcome.error);
      case "broken":
        return this.#fail(
          outcome.request,
          new ProtocolError(
            outcome.request.say(
              `the server's reply is wrong: ${outcome.reason}`,
            ),
            { mayHaveArrived: true },
          ),
        );
      case "unreadable":
        return this.#drop(link, outcome.error);
      case "unmatched":
        this.#stats.unmatched++;
        this.dispatchEvent(
          new CustomEvent("unmatched", {
            detail: { reply, reason: outcome.reason },
          }),
        );
    }
  }

  /**
   * Gives a connection up. What was written on it and is not settled fails
   * because of `loss`; what was not written goes out on a new connection.
   */
  #drop(link: Link, loss?: DeliveryError): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    link.close();
    this.#queuedBytes -= link.batchBytes;
    for (const delivery of [...link.batch, ...link.inFlight.values()]) {
      this.#fail(delivery, loss && delivery.failedBy(loss));
    }
    this.#advance();
    this.dispatchEvent(
      new CustomEvent("disconnect", { detail: { error: loss } }),
    );
  }

  #fail(
    delivery: Delivery,
    error: unknown,
    cause: keyof FailedCounts = causeOf(error),
  ): void {
    if (!this.#settle(delivery)) return;
    this.#stats.failed[cause]++;
    delivery.reject(error);
  }

  /** Takes a delivery out of everything; false if it was settled before. */
  #settle(delivery: Delivery): boolean {
    if (!this.#pending.delete(delivery)) return false;
    this.#stopListeningTo(delivery);
    if (delivery.state === "queued") {
      this.#queue.delete(delivery);
      this.#queuedBytes -= delivery.bytes;
      if (this.#queue.size === 0) this.#stopConnecting();
    } else {
      this.#link?.inFlight.delete(delivery.id);
    }
    if (this.#pending.size === 0) this.#disarmTimer();
    return true;
  }

  #stopConnecting(): void {
    const attempt = this.#connecting;
    this.#connecting = undefined; // first: the abort may run code that raises
    attempt?.abort();
  }

  /** Has the timer fire at `deadline`, or earlier if it was to do so anyway. */
  #armTimer(deadline: number): void {
    if (deadline >= this.#timerDue) return;
    this.#disarmTimer();
    this.#timerDue = deadline;
    this.#timer = setTimeout(
      () => this.#expire(),
      Math.max(0, Math.ceil(deadline - performance.now())),
    );
  }

  #disarmTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDue = Infinity;
  }

  #expire(): void {
    this.#disarmTimer();
    for (const delivery of this.#pending.due(performance.now())) {
      const problem = delivery.state === "queued" && this.#link === undefined
        ? "not connected"
        : MISSING[delivery.state];
      this.#fail(
        delivery,
        new DeliveryTimeoutError(
          delivery.say(`${problem} within ${delivery.timeoutMs} ms`),
          { mayHaveArrived: delivery.state !== "queued" },
        ),
      );
    }
    const next = this.#pending.next();
    if (next !== undefined) this.#armTimer(next);
  }
}

/** An event on its way. */
class Delivery implements Waiting {
  readonly promise: Promise<JsonValue | undefined>;
  readonly resolve: (result: JsonValue | undefined) => void;
  readonly reject: (error: unknown) => void;
  readonly deadline: number;
  bytes: number;
  /** How far it is. Unless it is queued, a byte of it may have left. */
  state: "queued" | "writing" | "written" = "queued";
  /** The id of its request, once that is out. */
  id = 0;

  constructor(
    readonly prepared: PreparedEvent,
    readonly destination: EventSocket,
    /** The message; in sync mode only its body, until the id is known. */
    public text: string,
    readonly timeoutMs: number,
    readonly signal: AbortSignal | undefined,
  ) {
    ({ promise: this.promise, resolve: this.resolve, reject: this.reject } =
      Promise.withResolvers<JsonValue | undefined>());
    // A caller may forget the promise; a rejection must not end the process.
    this.promise.catch(() => {});
    this.deadline = performance.now() + timeoutMs;
    this.bytes = utf8Length(text);
  }

  /** The error of this delivery when its connection is lost after a write. */
  failedBy(loss: DeliveryError): DeliveryError {
    if (loss instanceof ServerError) return loss;
    const { cause } = loss;
    const Loss = loss instanceof ProtocolError
      ? ProtocolError
      : ConnectionClosedError;
    return new Loss(this.say(loss.message), { cause, mayHaveArrived: true });
  }

  /** The message of every error of this delivery. */
  say(problem: string): string {
    const { event, protocol, method } = this.prepared;
    const socket = formatSocket({ ...this.destination, protocol, method });
    return `Cannot deliver ${quote(event)} to ${socket}: ${problem}`;
  }
}

/** What a delivery lacks when its time is over, by how far it is. */
const MISSING = {
  queued: "the server does not read, not written",
  writing: "the server does not read, not written in full",
  written: "no reply",
};

function connectionLost(cause: unknown): ConnectionClosedError {
  return new ConnectionClosedError(
    `the connection was lost: ${messageOf(cause)}`,
    { cause },
  );
}

/** What a signal aborts, and how it is told. */
interface Abort {
  readonly deliveries: Set<Delivery>;
  readonly listener: () => void;
}

/** An open connection, and what is under way on it. */
class Link {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly inFlight = new Map<number, Delivery>();
  /** The deliveries of the write under way. */
  batch: Delivery[] = [];
  batchBytes = 0;
  /** Why nothing more can be written, once that is so. */
  loss: DeliveryError | undefined;
  /** Whether we are ending it ourselves. */
  isEnding = false;
  /** Resolves when it is closed. */
  readonly closed: Promise<void>;
  readonly #connection: Connection;
  readonly #close: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(connection: Connection, readonly replies?: JsonStream) {
    ({ promise: this.closed, resolve: this.#close } = Promise.withResolvers<
      void
    >());
    this.#connection = connection;
    this.reader = connection.readable.getReader();
    this.writer = connection.writable.getWriter();
    this.writer.closed.catch(() => {}); // each write tells
  }

  /**
   * Tells the server that no more comes, and goes on reading until it ends the
   * connection too, but not for long; then `drop` is called.
   */
  end(drop: () => void): void {
    this.isEnding = true;
    this.dropAfter(LINGER_MS, drop);
    this.writer.close().catch(() => {}); // #read sees what is wrong
  }

  dropAfter(ms: number, drop: () => void): void {
    this.#timer ??= setTimeout(drop, ms);
  }

  /** Closes it. The pending read goes first, so that the peer sees an end. */
  close(): void {
    clearTimeout(this.#timer);
    this.reader.cancel().catch(() => {});
    closeQuietly(this.#connection);
    this.#close();
  }
}

/** Closes a connection that may be of any make. */
async function closeQuietly(connection: Connection): Promise<void> {
  try {
    await connection.close();
  } catch { /* it is gone, which is all that was asked */ }
}

/** Throws a RangeError unless `timeoutMs` is a time-out that can be kept. */
export function checkTimeout(timeoutMs: number): void {
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(
      `Cannot use timeoutMs ${timeoutMs}: expected milliseconds, more than 0 and at most ${MAX_TIMEOUT_MS}`,
    );
  }
}

function causeOf(error: unknown): keyof FailedCounts {
  if (!(error instanceof DeliveryError)) return "aborted";
  if (error instanceof ConnectError) return "connect";
  if (error instanceof ConnectionClosedError) return "closed";
  if (error instanceof DeliveryTimeoutError) return "timeout";
  if (error instanceof QueueFullError) return "queueFull";
  return error instanceof ServerError ? "server" : "protocol";
}

/** Whatever was thrown, by code of any make, as text. */
function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "an error that cannot be shown";
  }
}

/** How many bytes `text` has in UTF-8. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate is half of four bytes.
    length += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return length;
}
