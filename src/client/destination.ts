/**
 * One destination: a connection on which events go out, and all that can
 * happen to it.
 *
 * @module
 */

import { Chunk, CHUNK_BYTES } from "./write_buffer.ts";
import { correlate, type InFlight } from "../protocol/response.ts";
import { DeadlineQueue } from "../transport/deadline_queue.ts";
import { Delivery, type ErrorMaker, lostWith } from "./delivery.ts";
import {
  brief,
  ConnectError,
  ConnectionClosedError,
  type DeliveryError,
  DeliveryTimeoutError,
  ProtocolError,
  QueueFullError,
  quote,
  ServerError,
} from "../protocol/errors.ts";
import { closeQuietly, LINGER_MS, Link } from "./conversation.ts";
import {
  checkEventParam,
  type EncodedParams,
  type Head,
  MAX_ID_BYTES,
  messageLength,
  type Template,
  writeId,
  writeMessage,
} from "./encoded_message.ts";
import type { JsonValue } from "../protocol/json.ts";
import { MAX_ID } from "../protocol/message.ts";
import { JsonStream } from "../protocol/json_stream.ts";
import { nextId, Requests } from "./requests.ts";
import { type EventSocket, isOverTls } from "../protocol/socket.ts";
import { Timer } from "../transport/timer.ts";
import {
  checkTls,
  explainRefusal,
  explainTls,
  type TlsOptions,
} from "../transport/tls.ts";
import {
  type Connect,
  connectDeno,
  type Connection,
} from "../transport/deno.ts";

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
   * operating system has taken its bytes. It counts from the end of the turn of
   * the event loop in which the event was raised. OpenSIPS: `timeout`.
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
   * How many bytes may wait to be taken by the operating system: those of the
   * messages, and 480 for each event, but once for those that were raised in
   * one go and go out as notifications.
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
   * How TLS is spoken, with `jsonrpcs:` sockets only: whom to trust, and what
   * to show. `connectDeno` cannot use a client certificate together with
   * another server name.
   *
   * @default {{}}
   */
  tls?: TlsOptions;
  /**
   * How connections are opened.
   *
   * @default {connectDeno}
   */
  connect?: Connect;
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

/** Told what happens at a destination. */
export interface DestinationHooks {
  /** A connection was opened. */
  connected(): void;
  /** The connection ended; why, unless the destination was closed. */
  disconnected(error: DeliveryError | undefined): void;
  /** A reply settled nothing and is ignored. */
  unmatched(reply: JsonValue, reason: string): void;
}

const DEFAULT_TIMEOUT_MS = 1000;
const MAX_TIMEOUT_MS = 0x7fffffff; // as of setTimeout: 24 days
const DEFAULT_QUEUE_BYTES = 16 * 1024 * 1024;
/**
 * What it takes to keep a delivery that waits, in bytes, beside its messages:
 * 470 were measured. Many small events that nobody takes must not cost more
 * memory than the queue may have.
 */
const DELIVERY_BYTES = 480;
/** How many replies are taken in one go, at least: so many pay for a write. */
const MIN_SLICE = 16;
/** With fewer requests in flight, a quarter of them is taken at once, else half. */
const MANY_IN_FLIGHT = 128;
/** The first of a chunk, which then grows as needed. */
const MIN_CHUNK_BYTES = 128;
/** A chunk that became no larger is used again: there may be many destinations. */
const MAX_SPARE_BYTES = 4096;

/**
 * How long a connection over TLS may take to open before another is tried, in
 * milliseconds. Until then it goes on, though all that waited may have given up:
 * Deno cannot end a TLS handshake, and keeps its connection until the server
 * ends it. So a server that hangs costs one at a time, and not one for each
 * event; and one that is slow is reached in the end.
 */
const PATIENCE_MS = 30_000;

const encoder = new TextEncoder();

/** See {@linkcode EventClient}, of which this is the engine. */
export class Destination {
  readonly socket: EventSocket;
  readonly #hooks: DestinationHooks;
  readonly #joinsAll: boolean;
  readonly #syncMode: boolean;
  readonly #timeoutMs: number;
  readonly #delimiter: Uint8Array;
  readonly #maxQueueBytes: number;
  readonly #maxMessageBytes: number | undefined;
  readonly #tls: TlsOptions | undefined;
  readonly #connect: Connect;

  /** What is not settled, but for what this turn has begun. */
  readonly #pending = new DeadlineQueue<Delivery>();
  /** What this turn has begun; its time-out runs from the end of the turn. */
  #begun: Delivery[] = [];
  /** The last of those, if more events may join it. */
  #joinable: Delivery | undefined;

  /** What is to be written, in order. */
  #queue: Chunk<Delivery>[] = [];
  /** How many deliveries that is, and how many events. */
  #queuedDeliveries = 0;
  #queuedEvents = 0;
  /** Bytes of the queue and of the write under way. */
  #queuedBytes = 0;
  /** How large the last chunk became: so may be the next. */
  #usualChunkBytes = MIN_CHUNK_BYTES;
  /** One that went out, for the next: lone notifications gain a third. */
  #spare: Chunk<Delivery> | undefined;

  /** Requests by id, queued ones and those in flight. */
  readonly #requests = new Requests<Delivery>();
  #inFlight(): InFlight<Delivery> {
    return {
      get: (id) => this.#getInFlight(id),
      size: this.#requests.size - this.#queuedDeliveries,
      entries: () =>
        new Map(
          this.#requests.values().filter(({ state }) => state !== "queued")
            .map((request) => [request.id, request]),
        ).entries(),
    };
  }

  /** The deliveries that each signal aborts, with one listener on it. */
  readonly #aborts = new Map<AbortSignal, Abort>();

  #connecting: AbortController | undefined;
  #connectingSince = 0;
  #link: Link | undefined;
  #lastId = 1 + Math.floor(Math.random() * MAX_ID);
  #closing: Promise<void> | undefined;

  /** Rings when the first time-out may be over. */
  readonly #timer = new Timer(() => this.#expire());

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
   * Constructs a destination; no connection is opened yet. If it `joinsAll`,
   * different events may share a delivery, and the error of each is to be made
   * by `errorOf`.
   *
   * @throws {TypeError} if `options.eventParam` is not a non-empty string.
   * @throws {RangeError} if another option is out of its range.
   */
  constructor(
    socket: EventSocket,
    options: EventClientOptions,
    hooks: DestinationHooks,
    joinsAll: boolean,
  ) {
    const {
      syncMode = false,
      timeoutMs = DEFAULT_TIMEOUT_MS,
      eventParam,
      delimiter = "",
      maxQueueBytes = DEFAULT_QUEUE_BYTES,
      maxMessageBytes,
      tls = {},
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
    checkTls(tls);
    this.socket = socket;
    this.#hooks = hooks;
    this.#joinsAll = joinsAll;
    this.#syncMode = syncMode;
    this.#timeoutMs = timeoutMs;
    this.#delimiter = encoder.encode(delimiter);
    this.#maxQueueBytes = maxQueueBytes;
    this.#maxMessageBytes = maxMessageBytes;
    this.#tls = isOverTls(socket) ? tls : undefined;
    this.#connect = connect;
  }

  /** A snapshot of the counters. */
  get stats(): EventClientStats {
    return {
      ...this.#stats,
      failed: { ...this.#stats.failed },
      queued: this.#queuedEvents,
      queuedBytes: this.#queuedBytes,
      inFlight: this.#requests.size -
        (this.#syncMode ? this.#queuedDeliveries : 0),
    };
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#begun.length === 0;
  }

  /**
   * Takes an event. Notifications that are taken in one go share a delivery, if
   * they have the same template, unless any will do, the same time-out and no
   * signal.
   *
   * @throws {RangeError} if `timeoutMs` is out of range.
   * @throws {TypeError} if `signal` is no signal.
   */
  send(
    template: Template,
    params: EncodedParams,
    timeoutMs = this.#timeoutMs,
    signal?: AbortSignal,
  ): Delivery {
    const heads = this.#syncMode ? template.request : template.notification;
    const head = heads[params.kind];
    const length = messageLength(head, params) + this.#delimiter.length +
      (this.#syncMode ? MAX_ID_BYTES : 0);
    const joinable = this.#joinable;
    if (
      joinable !== undefined &&
      (this.#joinsAll || joinable.template === template) &&
      joinable.timeoutMs === timeoutMs && signal === undefined &&
      joinable.chunk!.takes(length) &&
      this.#hasRoomFor(length)
    ) {
      this.#stats.raised++;
      joinable.count++;
      this.#append(joinable, head, params, length);
      return joinable;
    }
    checkTimeout(timeoutMs);
    checkSignal(signal);
    const delivery = new Delivery(template, this.socket, timeoutMs, signal);
    this.#stats.raised++;
    if (signal?.aborted) {
      this.#stats.failed.aborted++;
      delivery.outcome = "failed";
      delivery.fail(0, () => signal.reason);
      return delivery;
    }
    const refusal = this.#refusal(length);
    if (refusal !== undefined) {
      const [cause, makeError] = refusal;
      this.#stats.failed[cause]++;
      delivery.outcome = "failed";
      delivery.fail(0, makeError);
      return delivery;
    }
    this.#begin(delivery, this.#chunkFor(length));
    this.#append(delivery, head, params, length);
    // Last, as methods of a signal may have been replaced by ones that raise.
    if (signal !== undefined) this.#listenTo(delivery, signal);
    return delivery;
  }

  #hasRoomFor(length: number): boolean {
    return this.#queuedBytes + this.#queuedDeliveries * DELIVERY_BYTES +
        length <= this.#maxQueueBytes;
  }

  /** The chunk that takes the next message. */
  #chunkFor(length: number): Chunk<Delivery> {
    const last = this.#queue.at(-1);
    if (last?.takes(length)) return last;
    const spare = this.#spare;
    if (spare !== undefined) {
      this.#spare = undefined;
      return spare;
    }
    if (last !== undefined) this.#usualChunkBytes = CHUNK_BYTES;
    const size = Math.max(MIN_CHUNK_BYTES, length, this.#usualChunkBytes);
    return new Chunk(size);
  }

  #begin(delivery: Delivery, chunk: Chunk<Delivery>): void {
    delivery.chunk = chunk;
    if (chunk.length === 0) this.#queue.push(chunk);
    chunk.parts.push(delivery);
    delivery.start = chunk.length;
    this.#queuedDeliveries++;
    if (this.#syncMode) {
      delivery.id = this.#lastId = nextId(this.#lastId, this.#requests);
      this.#requests.add(delivery);
    }
    // Requests have an id each, and events with a signal may end alone.
    const mayBeJoined = !this.#syncMode && delivery.signal === undefined;
    this.#joinable = mayBeJoined ? delivery : undefined;
    this.#begun.push(delivery);
    if (this.#begun.length === 1) Promise.resolve().then(() => this.#endTurn());
  }

  /** Adds a message to the last delivery of its chunk. */
  #append(
    delivery: Delivery,
    head: Head,
    params: EncodedParams,
    length: number,
  ): void {
    const chunk = delivery.chunk!;
    chunk.reserve(length);
    const { bytes } = chunk;
    let at = chunk.length;
    if (delivery.id !== 0) at = writeId(bytes, at, delivery.id);
    at = writeMessage(bytes, at, head, params);
    for (const byte of this.#delimiter) bytes[at++] = byte;
    this.#queuedBytes += at - chunk.length;
    this.#queuedEvents++;
    delivery.end = chunk.length = at;
  }

  /**
   * Goes on with what was begun in this turn of the event loop. All of it goes
   * out together, and one look at the clock, which takes 90 ns, is enough: as
   * long as a turn lasts, no time-out can be noticed anyway.
   */
  #endTurn(): void {
    this.#joinable = undefined;
    const begun = this.#begun;
    if (begun.length === 0) return;
    this.#begun = [];
    const now = performance.now();
    let earliest = Infinity;
    for (const delivery of begun) {
      if (delivery.outcome !== "pending") continue; // aborted meanwhile
      delivery.deadline = now + delivery.timeoutMs;
      this.#pending.add(delivery);
      earliest = Math.min(earliest, delivery.deadline);
    }
    this.#timer.set(earliest, now);
    this.#advance();
  }

  /**
   * Resolves when every event raised so far is settled: delivered, or failed.
   * It never rejects.
   */
  async flush(): Promise<void> {
    this.#endTurn();
    await Promise.allSettled(this.#pending.all().map(({ promise }) => promise));
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
    await this.flush();
    this.#stopConnecting();
    const link = this.#link;
    if (link === undefined) return;
    // A write under way is one that all have given up: there is no use in it.
    if (link.batch.length > 0) this.#drop(link);
    else link.end(() => this.#drop(link));
    await link.closed;
  }

  /** Why an event of this length cannot even wait, if so. */
  #refusal(length: number): [keyof FailedCounts, ErrorMaker] | undefined {
    if (this.#closing !== undefined) {
      return [
        "closed",
        (say) => new ConnectionClosedError(say("the client is closed")),
      ];
    }
    if (!this.#hasRoomFor(length)) {
      const problem =
        `the queue is full: ${this.#queuedEvents} events with ${this.#queuedBytes} bytes wait, maxQueueBytes is ${this.#maxQueueBytes}, and this event has ${length}`;
      return ["queueFull", (say) => new QueueFullError(say(problem))];
    }
  }

  /** Has the delivery fail when its signal is aborted. */
  #listenTo(delivery: Delivery, signal: AbortSignal): void {
    let abort = this.#aborts.get(signal);
    if (abort === undefined) {
      const deliveries = new Set<Delivery>();
      const listener = () => {
        for (const delivery of [...deliveries]) {
          this.#fail(delivery, "aborted", () => signal.reason);
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
    if (this.#queue.length === 0) return;
    const link = this.#link;
    if (link !== undefined) {
      if (link.batch.length === 0 && link.loss === undefined) this.#write(link);
    } else if (this.#connecting === undefined) {
      this.#open();
    } else if (
      this.#tls !== undefined &&
      performance.now() - this.#connectingSince > PATIENCE_MS
    ) {
      this.#stopConnecting();
      this.#open();
    }
  }

  async #open(): Promise<void> {
    const attempt = this.#connecting = new AbortController();
    this.#connectingSince = performance.now();
    const { host, port } = this.socket;
    let connection: Connection | undefined, link: Link;
    try {
      connection = await this.#connect(host, port, {
        signal: attempt.signal,
        ...this.#tls !== undefined && { tls: this.#tls },
      });
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
      const why = `cannot connect: ${this.#explain(cause)}`;
      for (const chunk of [...this.#queue]) {
        for (const delivery of chunk.parts) {
          this.#fail(
            delivery,
            "connect",
            (say) => new ConnectError(say(why), { cause }),
          );
        }
      }
      return;
    }
    this.#connecting = undefined;
    this.#link = link;
    this.#stats.connects++;
    this.#read(link);
    this.#advance();
    this.#hooks.connected();
  }

  /** Why no connection could be opened. */
  #explain(cause: unknown): string {
    const { host } = this.socket;
    return (this.#tls && explainTls(cause, host, this.#tls)) ??
      messageOf(cause);
  }

  #lossOf(cause: unknown): DeliveryError {
    // A server may say only now what it thinks of the client's certificate.
    const why = (this.#tls && explainRefusal(cause, this.#tls)) ??
      messageOf(cause);
    return new ConnectionClosedError(`the connection was lost: ${why}`, {
      cause,
    });
  }

  /** Writes the queue, a chunk at a time, until it is empty. */
  async #write(link: Link): Promise<void> {
    try {
      while (this.#queue.length > 0 && this.#link === link) {
        const chunk = this.#takeChunk(link);
        const bytes = chunk.bytes.subarray(0, chunk.length);
        await link.writer.write(bytes);
        if (this.#link !== link) return; // dropped, and accounted for there
        if (link.letsGo && chunk.bytes.length <= MAX_SPARE_BYTES) {
          chunk.clear();
          this.#spare = chunk;
        }
        const { batch } = link;
        this.#stats.bytes += bytes.length;
        this.#queuedBytes -= link.batchBytes;
        link.batch = [];
        link.batchBytes = 0;
        const now = this.#syncMode ? 0 : performance.now();
        for (const delivery of batch) {
          delivery.state = "written";
          this.#stats.written += delivery.count;
          if (!this.#syncMode && this.#settle(delivery, "delivered")) {
            delivery.succeed(now, undefined);
          }
        }
      }
    } catch (cause) {
      if (this.#link !== link) return;
      link.loss = this.#lossOf(cause);
      // Of requests written before, replies may have come; #read takes them.
      if (this.#requests.size === 0) this.#drop(link, link.loss);
      else link.dropAfter(LINGER_MS, () => this.#drop(link, link.loss));
    }
  }

  /** Moves a chunk from the queue to the write under way. */
  #takeChunk(link: Link): Chunk<Delivery> {
    const chunk = this.#queue.shift()!;
    this.#usualChunkBytes = Math.min(
      chunk.length + (chunk.length >> 3),
      CHUNK_BYTES,
    );
    this.#queuedBytes -= chunk.compact();
    link.batchBytes = chunk.length;
    for (const delivery of chunk.parts) {
      delivery.chunk = undefined; // one that waits long must not keep it
      delivery.state = "writing";
      link.batch.push(delivery);
      this.#queuedDeliveries--;
      this.#queuedEvents -= delivery.count;
    }
    if (this.#joinable?.state === "writing") this.#joinable = undefined;
    return chunk;
  }

  async #read(link: Link): Promise<void> {
    try {
      while (this.#link === link) {
        const { value, done } = await link.reader.read();
        if (done) break;
        // Without sync mode nobody waits for replies; left unread, they would
        // fill the server's buffers, and in the end ours.
        if (link.replies === undefined) continue;
        link.replies.push(value);
        while (this.#takeReplies(link, link.replies)) await null;
      }
      link.loss ??= new ConnectionClosedError(
        link.replies?.inText
          ? "the server closed the connection in the middle of a reply"
          : "the server closed the connection",
      );
    } catch (cause) {
      link.loss ??= cause instanceof ProtocolError
        ? cause
        : this.#lossOf(cause);
    }
    this.#drop(link, link.isEnding ? undefined : link.loss);
  }

  /**
   * Settles what replies settle, of a part of the requests in flight; returns
   * whether there may be more. A caller who now raises the next event has it
   * written while the other replies are taken, so that both ends work at the same
   * time: over taking all, a quarter gains 60 % with 64 in flight, and half of
   * them 54 % with 128 and 14 % with 512.
   *
   * Throws a ProtocolError.
   */
  #takeReplies(link: Link, replies: JsonStream): boolean {
    const now = performance.now();
    const { size } = this.#requests;
    const slice = Math.max(MIN_SLICE, size >> (size < MANY_IN_FLIGHT ? 2 : 1));
    for (let n = 0; this.#link === link; n++) {
      if (n >= slice) return true;
      let reply: JsonValue | undefined;
      try {
        const text = replies.next();
        reply = text === undefined ? undefined : JSON.parse(text);
      } catch (cause) {
        throw new ProtocolError(
          `the server's reply is not JSON: ${messageOf(cause)}`,
          { cause },
        );
      }
      if (reply === undefined) return false;
      if (!Array.isArray(reply) || reply.length === 0) {
        this.#takeReply(link, reply, now);
        continue;
      }
      for (const member of reply) {
        this.#takeReply(link, member, now);
        if (this.#link !== link) return false;
      }
    }
    return false;
  }

  #takeReply(link: Link, reply: JsonValue, now: number): void {
    const outcome = correlate(reply, this.#inFlight());
    switch (outcome.kind) {
      case "confirmed":
        if (this.#settle(outcome.request, "delivered")) {
          this.#stats.confirmed++;
          outcome.request.succeed(now, outcome.result);
        }
        return;
      case "refused":
        return this.#fail(outcome.request, "server", () => outcome.error);
      case "broken":
        return this.#fail(
          outcome.request,
          "protocol",
          (say) =>
            new ProtocolError(
              say(`the server's reply is wrong: ${outcome.reason}`),
              { mayHaveArrived: true },
            ),
        );
      case "unreadable":
        return this.#drop(link, outcome.error);
      case "unmatched":
        this.#stats.unmatched++;
        this.#hooks.unmatched(reply, outcome.reason);
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
    // Without a loss nothing is under way but what was given up already.
    const lost = [...link.batch, ...this.#requests.values()];
    for (const delivery of loss === undefined ? [] : lost) {
      if (delivery.state === "queued") continue;
      this.#fail(delivery, causeOf(loss!), lostWith(loss!));
    }
    this.#restTimer();
    this.#advance();
    this.#hooks.disconnected(loss);
  }

  #fail(
    delivery: Delivery,
    cause: keyof FailedCounts,
    makeError: ErrorMaker,
  ): void {
    if (!this.#settle(delivery, "failed")) return;
    this.#stats.failed[cause] += delivery.count;
    delivery.fail(performance.now(), makeError);
  }

  /** Takes a delivery out of everything; false if it was settled before. */
  #settle(delivery: Delivery, outcome: "delivered" | "failed"): boolean {
    if (delivery.outcome !== "pending") return false;
    // First of all: what follows may run code of the caller. Methods of a signal
    // may have been replaced; and when Deno loads a part of itself within a call,
    // it runs what waits as a microtask.
    delivery.outcome = outcome;
    this.#pending.delete(delivery);
    if (delivery.id !== 0) this.#requests.delete(delivery);
    if (delivery.state === "queued") this.#dequeue(delivery);
    this.#restTimer();
    if (delivery.signal !== undefined) this.#stopListeningTo(delivery);
    return true;
  }

  #dequeue(delivery: Delivery): void {
    if (delivery === this.#joinable) this.#joinable = undefined;
    this.#queuedDeliveries--;
    this.#queuedEvents -= delivery.count;
    const chunk = delivery.chunk!;
    delivery.chunk = undefined;
    this.#queuedBytes -= chunk.drop(delivery);
    if (chunk.length > 0) return;
    this.#queue.splice(this.#queue.indexOf(chunk), 1);
    if (this.#queue.length > 0) return;
    if (this.#tls === undefined) this.#stopConnecting();
  }

  #getInFlight(id: number): Delivery | undefined {
    const request = this.#requests.get(id);
    return request?.state === "queued" ? undefined : request;
  }

  #stopConnecting(): void {
    const attempt = this.#connecting;
    this.#connecting = undefined; // first: the abort may run code that raises
    attempt?.abort();
  }

  /**
   * Clears the timer when nobody waits. Beside a connection, which lasts longer,
   * it goes on: to set it anew for each lone event takes 1 us.
   */
  #restTimer(): void {
    if (this.#pending.size === 0 && this.#link === undefined) {
      this.#timer.clear();
    }
  }

  #expire(): void {
    const now = performance.now();
    for (const delivery of this.#pending.due(now)) {
      const problem = delivery.state === "queued" && this.#link === undefined
        ? "not connected"
        : MISSING[delivery.state];
      const mayHaveArrived = delivery.state !== "queued";
      this.#fail(delivery, "timeout", (say) =>
        new DeliveryTimeoutError(
          say(`${problem} within ${delivery.timeoutMs} ms`),
          { mayHaveArrived },
        ));
    }
    const next = this.#pending.next();
    if (next !== undefined) this.#timer.set(next, now);
  }
}

/** What a delivery lacks when its time is over, by how far it is. */
const MISSING = {
  queued: "the server does not read, not written",
  writing: "the server does not read, not written in full",
  written: "no reply",
};

/** What a signal aborts, and how it is told. */
interface Abort {
  readonly deliveries: Set<Delivery>;
  readonly listener: () => void;
}

/** Throws a RangeError unless `timeoutMs` is a time-out that can be kept. */
export function checkTimeout(timeoutMs: number): void {
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(
      `Cannot use timeoutMs ${timeoutMs}: expected milliseconds, more than 0 and at most ${MAX_TIMEOUT_MS}`,
    );
  }
}

/** Throws a TypeError unless `signal` is absent or can be listened to. */
function checkSignal(signal: AbortSignal | undefined): void {
  if (
    signal !== undefined && typeof signal?.addEventListener !== "function"
  ) {
    throw new TypeError("Cannot use signal: expected an AbortSignal");
  }
}

/** As what the loss of a connection is counted. */
function causeOf(loss: DeliveryError): keyof FailedCounts {
  if (loss instanceof ServerError) return "server";
  return loss instanceof ProtocolError ? "protocol" : "closed";
}

/** Whatever was thrown, by code of any make, as text. */
function messageOf(error: unknown): string {
  try {
    return brief(String(error instanceof Error ? error.message : error));
  } catch {
    return "an error that cannot be shown";
  }
}
