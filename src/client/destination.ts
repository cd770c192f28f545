/**
 * One destination: the queue of what goes there, the conversation that takes
 * it, and what becomes of each delivery.
 *
 * It does no I/O and reads no clock. It is told what happens (an event is sent,
 * a turn has ended, a connection was opened, bytes were written or received, a
 * connection was lost, the time), settles deliveries, and says what to do: see
 * {@linkcode Destination.wantedAttempt}, {@linkcode Destination.nextWrite},
 * {@linkcode Destination.nextDeadline} and the states of conversations.
 *
 * @module
 */

import {
  ConnectError,
  ConnectionClosedError,
  type DeliveryError,
  DeliveryTimeoutError,
  ProtocolError,
  QueueFullError,
} from "../protocol/errors.ts";
import type { JsonValue } from "../protocol/json.ts";
import {
  formatMessage,
  formatRequest,
  type MessageHead,
} from "../protocol/message.ts";
import type { Outcome } from "../protocol/response.ts";
import type { EventSocket } from "../protocol/socket.ts";
import { DeadlineQueue } from "../transport/deadline_queue.ts";
import { Conversation } from "./conversation.ts";
import {
  Delivery,
  type DeliveryOptions,
  type ErrorMaker,
  FAILED,
  QUEUED,
  type Turn,
  WRITTEN,
} from "./delivery.ts";
import type { ClientSettings } from "./options.ts";
import {
  type Counters,
  type EventClientStats,
  type FailedCounts,
  newCounters,
} from "./stats.ts";
import { WRITE_LENGTH, WriteQueue } from "./write_queue.ts";

/**
 * | state | meaning | next |
 * |---|---|---|
 * | `idle` | nothing is to be written, or too many connections are closing | `connecting` |
 * | `connecting` | an attempt to connect is under way | `open`; it fails: `idle` |
 * | `open` | the current conversation takes messages | it ends: `idle`, `connecting` |
 */
export type DestinationState = "idle" | "connecting" | "open";

/**
 * | phase | meaning | next |
 * |---|---|---|
 * | `taking` | events are taken | `draining` |
 * | `draining` | events are refused; what was taken is delivered | `closed` |
 * | `closed` | nothing is left but to end the connections | |
 */
export type DestinationPhase = "taking" | "draining" | "closed";

/** Something that happened, for the caller's listeners. */
export type Notice =
  | { type: "connect" }
  | { type: "disconnect"; error: DeliveryError | undefined }
  | { type: "unmatched"; response: JsonValue; reason: string }
  | { type: "full"; events: number };

/** How long the server may take to end a connection after we did. */
const LINGER_MS = 1000;
/** How many connections of one destination may be open or ending. */
const MAX_CONVERSATIONS = 64;

/** See the module. */
export class Destination {
  readonly target: EventSocket;
  readonly #settings: ClientSettings;
  /** Takes what is settled, if anybody asks for that. */
  readonly #onSettled: ((delivery: Delivery) => void) | undefined;
  readonly #counters: Counters = newCounters();
  /** What is to be told to listeners; whoever tells it empties the list. */
  notices: Notice[] = [];

  state: DestinationState = "idle";
  phase: DestinationPhase = "taking";
  /** The conversation that takes messages. */
  #current: Conversation | undefined;
  /** All that are not closed. */
  readonly conversations: Set<Conversation> = new Set();
  /** When the attempt under way is to be given up. */
  #connectBy = Infinity;
  #attempt = 0;

  readonly #queue: WriteQueue = new WriteQueue();
  readonly #pending: DeadlineQueue<Delivery> = new DeadlineQueue();
  #inFlight = 0;
  #lastId: number;
  #turn: Turn | undefined;
  /** The options of most deliveries of this turn. */
  #usual: DeliveryOptions | undefined;
  /** The events of this turn that are refused for the same reason. */
  #refused: Delivery | undefined;

  constructor(
    target: EventSocket,
    settings: ClientSettings,
    firstId: number,
    onSettled?: (delivery: Delivery) => void,
  ) {
    this.target = target;
    this.#settings = settings;
    this.#lastId = firstId;
    this.#onSettled = onSettled;
  }

  /** A snapshot of the counters. */
  get stats(): EventClientStats {
    return {
      ...this.#counters,
      failed: { ...this.#counters.failed },
      queued: this.#queue.events,
      queuedBytes: this.#queue.length,
      inFlight: this.#inFlight,
    };
  }

  /** Whether nothing waits to be settled. */
  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** The number of the attempt to connect that is wanted; 0: none is. */
  get wantedAttempt(): number {
    return this.state === "connecting" ? this.#attempt : 0;
  }

  /** Whether events have been sent since the last turn ended. */
  get isInTurn(): boolean {
    return this.#turn !== undefined;
  }

  /** All deliveries that are not settled. */
  pending(): Delivery[] {
    return this.#pending.all();
  }

  /**
   * Takes an event with the params that `formatParams` made; or notifications, by
   * a list of their params, which go out in one write and have one fate.
   */
  send(
    head: MessageHead,
    params: string | readonly string[],
    timeoutMs: number,
    signal: AbortSignal | undefined,
    isRaw: boolean,
  ): Delivery {
    const { syncMode, delimiter, maxQueueBytes, maxRequestsPerConnection } =
      this.#settings;
    const frame = syncMode ? head.request : head.notification;
    const isOne = typeof params === "string";
    const count = isOne ? 1 : params.length;
    const text = isOne
      ? formatMessage(frame, params) + delimiter
      : params.map((text) => formatMessage(frame, text) + delimiter).join("");
    this.#counters.raised += count;
    if (this.phase !== "taking") return this.#refuseClosed(head, count);
    if (this.#queue.length + text.length > maxQueueBytes) {
      return this.#refuseFull(head, text.length, count);
    }
    // A batch fails or is aborted as a whole.
    const mayJoin = isOne && !syncMode && signal === undefined &&
      maxRequestsPerConnection === Infinity;
    if (mayJoin) {
      const batch = this.#queue.batchFor(timeoutMs);
      if (batch !== undefined) {
        if (batch.head.event !== head.event) batch.isMixed = true;
        this.#queue.join(batch, text);
        return batch;
      }
    }
    const options = this.#optionsFor(timeoutMs, signal, isRaw);
    const delivery = new Delivery(head, text, options);
    delivery.count = count;
    this.#queue.add(delivery, mayJoin);
    this.#pending.add(delivery);
    return delivery;
  }

  /** The turn of the event loop has ended in which events were sent. */
  turnEnded(now: number): void {
    if (this.#turn !== undefined) this.#turn.endedAt = now;
    if (this.#refused !== undefined) {
      this.#refused.settledAt = now;
      this.#onSettled?.(this.#refused);
    }
    this.#turn = this.#usual = this.#refused = undefined;
    this.#queue.endTurn();
    this.#advance(now);
  }

  /** A connection was opened; returns the conversation on it. */
  opened(now: number): Conversation {
    const { syncMode, maxMessageBytes } = this.#settings;
    const conversation = new Conversation(
      now,
      syncMode ? maxMessageBytes : undefined,
    );
    this.#counters.connects++;
    this.#connectBy = Infinity;
    this.state = "open";
    this.#current = conversation;
    this.conversations.add(conversation);
    this.notices.push({ type: "connect" });
    return conversation;
  }

  /** No connection could be opened: `why`. */
  connectFailed(why: string, cause: unknown, now: number): void {
    this.state = "idle";
    this.#connectBy = Infinity;
    const options = { cause };
    for (const delivery of this.#queue.all()) {
      this.#fail(
        delivery,
        "connect",
        now,
        (say) => new ConnectError(say(`cannot connect: ${why}`), options),
      );
    }
  }

  /** The next write, if there is one and it can be made now. */
  nextWrite(conversation: Conversation): string | Uint8Array | undefined {
    if (conversation !== this.#current || conversation.isWriting) {
      return undefined;
    }
    const { syncMode, maxInFlight, maxRequestsPerConnection } = this.#settings;
    let text = "";
    for (
      let delivery;
      (delivery = this.#queue.peek()) !== undefined &&
      conversation.messages < maxRequestsPerConnection &&
      this.#inFlight < maxInFlight;
    ) {
      const { bytes } = delivery;
      const length = text.length + delivery.text.length;
      if (text !== "" && (bytes !== undefined || length > WRITE_LENGTH)) break;
      this.#queue.shift(delivery);
      this.#lastId = conversation.begin(delivery, this.#lastId);
      if (syncMode) this.#inFlight++;
      text += syncMode
        ? formatRequest(delivery.id, delivery.text)
        : delivery.text;
      delivery.text = "";
      delivery.bytes = undefined;
      if (bytes !== undefined) return bytes;
    }
    return text === "" ? undefined : text;
  }

  /** The operating system has taken the bytes of a write. */
  written(conversation: Conversation, bytes: number, now: number): void {
    if (conversation.state === "closed") return;
    this.#counters.bytes += bytes;
    for (const delivery of conversation.written(now)) {
      this.#counters.written += delivery.count;
      if (delivery.state === WRITTEN && delivery.id === 0) {
        this.#succeed(delivery, now, undefined);
      }
    }
    const { maxRequestsPerConnection } = this.#settings;
    if (conversation.messages >= maxRequestsPerConnection) {
      this.#stopWriting(conversation, now);
    }
    this.#closeIfDone(conversation, now);
  }

  /** Bytes have come in; their responses are taken by `takeResponses`. */
  received(conversation: Conversation, bytes: Uint8Array, now: number): void {
    conversation.received(bytes, now);
  }

  /**
   * Settles what responses settle, of a part of the requests in flight; returns
   * whether there may be more. Whoever now raises the next event has it written
   * while the other responses are taken, so that both ends work at the same time.
   */
  takeResponses(conversation: Conversation, now: number): boolean {
    const slice = Math.max(16, conversation.requests.size >> 1);
    try {
      for (let n = 0; conversation.state !== "closed"; n++) {
        if (n >= slice) return true;
        const outcome = conversation.next();
        if (outcome === undefined) break;
        this.#take(conversation, outcome, now);
      }
    } catch (error) {
      this.lost(conversation, error as ProtocolError, now);
    }
    this.#closeIfDone(conversation, now);
    this.#advance(now);
    return false;
  }

  /**
   * A write has failed: nothing more goes out on this connection, and what was
   * written before waits for its responses.
   */
  writeFailed(
    conversation: Conversation,
    error: ConnectionClosedError,
    now: number,
  ): void {
    conversation.reason ??= error;
    this.#stopWriting(conversation, now);
    for (const delivery of conversation.written(now)) {
      this.#failLost(delivery, error, now);
    }
    this.#closeIfDone(conversation, now);
  }

  /**
   * A connection is lost. What was written on it and is not settled fails; what
   * was not written goes out on a new connection.
   */
  lost(conversation: Conversation, error: DeliveryError, now: number): void {
    if (conversation.state === "closed") return;
    const isOurs = conversation.state === "ending";
    if (!isOurs) conversation.reason ??= error;
    for (const delivery of conversation.underWay()) {
      this.#failLost(delivery, conversation.reason ?? error, now);
    }
    this.#close(conversation, now);
  }

  /** A signal was aborted: those that are not settled fail with its reason. */
  abort(deliveries: Iterable<Delivery>, reason: unknown, now: number): void {
    for (const delivery of deliveries) {
      this.#fail(delivery, "aborted", now, () => reason);
    }
    this.#closeAllDone(now);
  }

  /** The next point in time at which `expire` is to be called, or `Infinity`. */
  nextDeadline(): number {
    let next = Math.min(this.#pending.next() ?? Infinity, this.#connectBy);
    for (const conversation of this.conversations) {
      next = Math.min(next, conversation.closeBy, this.#idleEnd(conversation));
    }
    return next;
  }

  /** Time has passed: settles and ends what has taken too long. */
  expire(now: number): void {
    for (const delivery of this.#pending.due(now)) this.#timeOut(delivery, now);
    if (this.#connectBy <= now) {
      const { connectTimeoutMs } = this.#settings;
      const why = `no connection within ${connectTimeoutMs} ms`;
      this.connectFailed(why, new DOMException(why, "TimeoutError"), now);
    }
    for (const conversation of [...this.conversations]) {
      if (conversation.closeBy <= now) this.#close(conversation, now);
      else if (this.#idleEnd(conversation) <= now) {
        this.#end(conversation, now);
      }
    }
    this.#closeAllDone(now);
    this.#advance(now);
  }

  /** Refuses what is sent from now on. */
  drain(): void {
    if (this.phase === "taking") this.phase = "draining";
  }

  /** Ends the connections in an orderly way; all is settled that was sent. */
  close(now: number): void {
    this.phase = "closed";
    if (this.state === "connecting") this.state = "idle";
    this.#connectBy = Infinity;
    for (const conversation of [...this.conversations]) {
      // A write under way is one that all have given up: there is no use in it.
      if (conversation.isWriting) this.#close(conversation, now);
      else this.#end(conversation, now);
    }
  }

  /** Asks for a connection if there is something to write and none is open. */
  #advance(now: number): void {
    if (this.state !== "idle" || this.#queue.isEmpty) return;
    if (this.conversations.size >= MAX_CONVERSATIONS) return;
    if (this.#inFlight >= this.#settings.maxInFlight) return;
    this.state = "connecting";
    this.#attempt++;
    this.#connectBy = now + this.#settings.connectTimeoutMs;
  }

  #optionsFor(
    timeoutMs: number,
    signal: AbortSignal | undefined,
    isRaw: boolean,
  ): DeliveryOptions {
    const usual = this.#usual;
    if (usual?.timeoutMs === timeoutMs && signal === undefined && !isRaw) {
      return usual;
    }
    const turn = this.#turn ??= { endedAt: Infinity };
    const options = { target: this.target, turn, timeoutMs, signal, isRaw };
    if (signal === undefined && !isRaw) this.#usual = options;
    return options;
  }

  #refuse(
    head: MessageHead,
    cause: keyof FailedCounts,
    count: number,
    makeError: ErrorMaker,
  ): Delivery {
    this.#counters.failed[cause] += count;
    const delivery = new Delivery(head, "", {
      target: this.target,
      turn: this.#turn ??= { endedAt: Infinity },
      timeoutMs: this.#settings.timeoutMs,
      signal: undefined,
      isRaw: false,
    });
    delivery.count = count;
    delivery.fail(0, makeError, true);
    return delivery;
  }

  #refuseClosed(head: MessageHead, count: number): Delivery {
    const refused = this.#refuse(
      head,
      "closed",
      count,
      (say) => new ConnectionClosedError(say("the client is closed")),
    );
    this.#onSettled?.(refused);
    return refused;
  }

  /** Events that are refused in one turn share their error: there may be many. */
  #refuseFull(head: MessageHead, length: number, count: number): Delivery {
    const refused = this.#refused;
    if (refused !== undefined) {
      if (refused.head.event !== head.event) refused.isMixed = true;
      this.#counters.failed.queueFull += count;
      refused.count += count;
      const notice = this.notices.findLast(({ type }) => type === "full");
      if (notice?.type === "full") notice.events += count;
      else this.notices.push({ type: "full", events: count });
      return refused;
    }
    const problem =
      `the queue is full: ${this.#queue.events} events of ${this.#queue.length} characters wait, maxQueueBytes is ${this.#settings.maxQueueBytes}, and this event has ${length}`;
    this.notices.push({ type: "full", events: count });
    return this.#refused = this.#refuse(
      head,
      "queueFull",
      count,
      (say) => new QueueFullError(say(problem)),
    );
  }

  #take(
    conversation: Conversation,
    outcome: Outcome<Delivery>,
    now: number,
  ): void {
    switch (outcome.kind) {
      case "confirmed":
        this.#counters.confirmed++;
        return this.#succeed(
          outcome.request,
          now,
          outcome.request.options.isRaw
            ? conversation.rawResult()
            : outcome.result,
        );
      case "refused":
        return this.#fail(outcome.request, "server", now, () => outcome.error);
      case "broken":
        return this.#fail(
          outcome.request,
          "protocol",
          now,
          (say) =>
            new ProtocolError(
              say(`the server's response is wrong: ${outcome.reason}`),
              { mayHaveArrived: true },
            ),
        );
      case "unreadable": {
        const { error: cause } = outcome;
        return this.lost(
          conversation,
          new ConnectionClosedError(
            `the server could not read what it got: ${cause.message}`,
            { cause },
          ),
          now,
        );
      }
      case "unmatched":
        this.#counters.unmatched++;
        this.notices.push({
          type: "unmatched",
          response: conversation.response,
          reason: outcome.reason,
        });
    }
  }

  #timeOut(delivery: Delivery, now: number): void {
    const { state } = delivery;
    const missing = state !== QUEUED
      ? state === WRITTEN
        ? "no response"
        : "the server does not read, not written in full"
      : this.#current === undefined
      ? "not connected"
      : this.#inFlight >= this.#settings.maxInFlight
      ? `${this.#inFlight} requests are in flight, not written`
      : "the server does not read, not written";
    this.#fail(delivery, "timeout", now, (say) =>
      new DeliveryTimeoutError(
        say(`${missing} within ${delivery.timeoutMs} ms`),
        { mayHaveArrived: state !== QUEUED },
      ));
    const { carrier } = delivery;
    if (state === WRITTEN && carrier?.timedOut(delivery)) {
      const dead = [...this.conversations].find((c) => c === carrier)!;
      dead.reason ??= new ConnectionClosedError(
        "the server has not responded to several requests in a row",
      );
      this.#stopWriting(dead, now);
    }
  }

  #succeed(delivery: Delivery, now: number, result: Delivery["result"]): void {
    this.#forget(delivery);
    delivery.succeed(now, result);
    this.#onSettled?.(delivery);
  }

  #fail(
    delivery: Delivery,
    cause: keyof FailedCounts,
    now: number,
    makeError: ErrorMaker,
  ): void {
    if (delivery.isSettled) return;
    this.#counters.failed[cause] += delivery.count;
    const wasQueued = delivery.state === QUEUED;
    delivery.state = FAILED;
    if (wasQueued) this.#queue.remove(delivery);
    this.#forget(delivery);
    delivery.fail(now, makeError, cause === "aborted");
    this.#onSettled?.(delivery);
  }

  /** Fails what was written on a connection that is lost. */
  #failLost(delivery: Delivery, error: DeliveryError, now: number): void {
    const Loss = error instanceof ProtocolError
      ? ProtocolError
      : ConnectionClosedError;
    const kind = error instanceof ProtocolError ? "protocol" : "closed";
    const { cause } = error;
    this.#fail(
      delivery,
      kind,
      now,
      (say) => new Loss(say(error.message), { cause, mayHaveArrived: true }),
    );
  }

  /** Takes a delivery out of everything but the queue. */
  #forget(delivery: Delivery): void {
    this.#pending.delete(delivery);
    if (delivery.id === 0) return;
    this.#inFlight--;
    delivery.carrier!.forget(delivery);
  }

  /** No more goes out on this connection; the next event opens another. */
  #stopWriting(conversation: Conversation, now: number): void {
    if (conversation.state === "open") conversation.state = "reading";
    if (this.#current === conversation) {
      this.#current = undefined;
      this.state = "idle";
      this.#advance(now);
    }
  }

  /** Ends a conversation that was only read, once all responses are there. */
  #closeIfDone(conversation: Conversation, now: number): void {
    if (conversation.state !== "reading" || !conversation.isIdle) return;
    if (conversation.reason !== undefined) this.#close(conversation, now);
    else this.#end(conversation, now);
  }

  #closeAllDone(now: number): void {
    for (const conversation of [...this.conversations]) {
      this.#closeIfDone(conversation, now);
    }
  }

  /** Tells the server that no more comes, and gives it time to end too. */
  #end(conversation: Conversation, now: number): void {
    if (conversation.state === "ending") return;
    this.#stopWriting(conversation, now);
    conversation.state = "ending";
    conversation.closeBy = now + LINGER_MS;
  }

  #close(conversation: Conversation, now: number): void {
    this.#stopWriting(conversation, now);
    conversation.state = "closed";
    conversation.drop();
    this.conversations.delete(conversation);
    this.notices.push({ type: "disconnect", error: conversation.reason });
    this.#advance(now);
  }

  /** When a conversation has been idle for long enough to end it. */
  #idleEnd(conversation: Conversation): number {
    return conversation.state === "open" && conversation.isIdle
      ? conversation.activeAt + this.#settings.maxIdleMs
      : Infinity;
  }
}
