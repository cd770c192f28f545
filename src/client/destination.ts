/**
 * One destination: what is sent to it, what goes out on its connections, and
 * what their responses and their end mean for each delivery.
 *
 * It does no I/O and reads no clock. It is told what happens (an event is sent,
 * a turn has ended, a connection was opened, bytes were written or received, a
 * connection was lost, the time), settles deliveries, and says what to do:
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
  type ProtocolError,
} from "../protocol/errors.ts";
import type { JsonValue } from "../protocol/json.ts";
import {
  formatMessage,
  formatRequest,
  type MessageHead,
} from "../protocol/message.ts";
import type { Outcome } from "../protocol/response.ts";
import type { EventSocket } from "../protocol/socket.ts";
import { Connections, type ConnectionsState } from "./connections.ts";
import type { Conversation } from "./conversation.ts";
import { Deliveries } from "./deliveries.ts";
import { type Delivery, QUEUED, WRITTEN } from "./delivery.ts";
import type { ClientSettings } from "./options.ts";
import type { EventClientStats } from "./stats.ts";
import { WRITE_LENGTH } from "./write_queue.ts";

/**
 * | phase | meaning | next |
 * |---|---|---|
 * | `taking` | events are taken | `draining` |
 * | `draining` | events are refused; what was taken is delivered | `closed` |
 * | `closed` | all is settled; the connections end | |
 */
export type DestinationPhase = "taking" | "draining" | "closed";

/** Something that happened, for the caller's listeners. */
export type Notice =
  | { type: "connect" }
  | { type: "disconnect"; error: DeliveryError | undefined }
  | { type: "unmatched"; response: JsonValue; reason: string }
  | { type: "full"; events: number };

/** See the module. */
export class Destination {
  /** What is to be told to listeners; whoever tells it empties the list. */
  notices: Notice[] = [];
  /** Whether more than the queue has changed since whoever acts has looked. */
  hasChanged = false;
  phase: DestinationPhase = "taking";

  readonly #settings: ClientSettings;
  readonly #deliveries: Deliveries;
  readonly #connections: Connections;
  #lastId: number;

  /** Each delivery that is settled is given to `onSettled`, if there is one. */
  constructor(
    target: EventSocket,
    settings: ClientSettings,
    firstId: number,
    onSettled?: (delivery: Delivery) => void,
  ) {
    this.#settings = settings;
    this.#lastId = firstId;
    const deliveries = new Deliveries(target, settings, onSettled);
    this.#deliveries = deliveries;
    this.#connections = new Connections(settings, {
      hasWork: () =>
        !deliveries.queue.isEmpty && deliveries.inFlight < settings.maxInFlight,
      changed: () => void (this.hasChanged = true),
      opened: () => {
        deliveries.counters.connects++;
        this.#notice({ type: "connect" });
      },
      closed: (error) => this.#notice({ type: "disconnect", error }),
    });
  }

  /** A snapshot of the counters. */
  get stats(): EventClientStats {
    return this.#deliveries.stats;
  }

  /** How far its connections are. */
  get state(): ConnectionsState {
    return this.#connections.state;
  }

  /** Whether nothing waits to be settled. */
  get isIdle(): boolean {
    return this.#deliveries.size === 0;
  }

  /** Whether events have been sent since the last turn ended. */
  get isInTurn(): boolean {
    return this.#deliveries.isInTurn;
  }

  /** The number of the attempt to connect that is wanted; 0: none is. */
  get wantedAttempt(): number {
    return this.#connections.wantedAttempt;
  }

  /** The next point in time at which `expire` is to be called, or `Infinity`. */
  get nextDeadline(): number {
    return Math.min(
      this.#deliveries.nextDeadline,
      this.#connections.nextDeadline,
    );
  }

  /** All deliveries that are not settled. */
  pending(): Delivery[] {
    return this.#deliveries.all();
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
    const { syncMode, delimiter, maxQueueBytes } = this.#settings;
    const deliveries = this.#deliveries;
    const isOne = typeof params === "string";
    const count = isOne ? 1 : params.length;
    deliveries.counters.raised += count;
    if (this.phase !== "taking") return deliveries.refuseClosed(head, count);
    const frame = syncMode ? head.request : head.notification;
    const text = isOne
      ? formatMessage(frame, params) + delimiter
      : params.map((text) => formatMessage(frame, text) + delimiter).join("");
    if (deliveries.queue.length + text.length > maxQueueBytes) {
      this.#noticeFull(count);
      return deliveries.refuseFull(head, text.length, count);
    }
    return isOne
      ? deliveries.add(head, text, timeoutMs, signal, isRaw)
      : deliveries.addAlone(head, text, count, timeoutMs, signal);
  }

  /**
   * The turn of the event loop has ended in which events were sent. Returns the
   * earliest of their deadlines.
   */
  turnEnded(now: number): number {
    const deadline = this.#deliveries.endTurn(now);
    this.#connections.advance(now);
    return deadline;
  }

  /** A connection was opened; returns the conversation on it. */
  opened(now: number): Conversation {
    return this.#connections.open(now);
  }

  /** No connection could be opened: `why`. All that waits for one fails. */
  connectFailed(why: string, cause: unknown, now: number): void {
    this.#connections.giveUp();
    for (const delivery of this.#deliveries.queue.all()) {
      this.#deliveries.fail(
        delivery,
        "connect",
        now,
        (say) => new ConnectError(say(`cannot connect: ${why}`), { cause }),
      );
    }
  }

  /** The next write on a conversation, if there is one to be made now. */
  nextWrite(conversation: Conversation): string | Uint8Array | undefined {
    if (conversation !== this.#connections.current || conversation.isWriting) {
      return undefined;
    }
    const { syncMode, maxInFlight, maxRequestsPerConnection } = this.#settings;
    const deliveries = this.#deliveries, { queue } = deliveries;
    let text = "";
    for (
      let delivery;
      (delivery = queue.peek()) !== undefined &&
      conversation.messages < maxRequestsPerConnection &&
      deliveries.inFlight < maxInFlight;
    ) {
      const { bytes } = delivery;
      const length = text.length + delivery.text.length;
      if (text !== "" && (bytes !== undefined || length > WRITE_LENGTH)) break;
      queue.shift(delivery);
      this.#lastId = conversation.begin(delivery, this.#lastId);
      if (syncMode) deliveries.inFlight++;
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
    const { counters } = this.#deliveries;
    counters.bytes += bytes;
    for (const delivery of conversation.written(now)) {
      counters.written += delivery.count;
      if (delivery.state === WRITTEN && delivery.id === 0) {
        this.#deliveries.succeed(delivery, now, undefined);
      }
    }
    const { maxRequestsPerConnection, maxIdleMs } = this.#settings;
    if (maxIdleMs !== Infinity) this.hasChanged = true; // it may be idle now
    if (conversation.messages >= maxRequestsPerConnection) {
      this.#connections.stopWriting(conversation, now);
    }
    this.#connections.closeIfDone(conversation, now);
  }

  /**
   * Bytes have come in, and the conversation has them. Settles what responses
   * settle, of a part of the requests in flight; returns
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
    if (this.#settings.maxIdleMs !== Infinity) this.hasChanged = true;
    this.#connections.closeIfDone(conversation, now);
    this.#connections.advance(now);
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
    if (conversation.state === "closed") return;
    conversation.reason ??= error;
    this.#connections.stopWriting(conversation, now);
    for (const delivery of conversation.written(now)) {
      this.#deliveries.failLost(delivery, error, now);
    }
    this.#connections.closeIfDone(conversation, now);
    this.#connections.advance(now);
  }

  /**
   * A connection is lost. What was written on it and is not settled fails; what
   * was not written goes out on a new connection.
   */
  lost(conversation: Conversation, error: DeliveryError, now: number): void {
    if (conversation.state === "closed") return;
    if (conversation.state !== "ending") conversation.reason ??= error;
    for (const delivery of conversation.underWay()) {
      this.#deliveries.failLost(delivery, conversation.reason ?? error, now);
    }
    this.#connections.close(conversation, now);
  }

  /** A signal was aborted: those that are not settled fail with its reason. */
  abort(deliveries: Iterable<Delivery>, reason: unknown, now: number): void {
    for (const delivery of deliveries) {
      this.#deliveries.fail(delivery, "aborted", now, () => reason);
    }
    this.#connections.closeDone(now);
    this.#connections.advance(now);
  }

  /** Time has passed: settles and ends what has taken too long. */
  expire(now: number): void {
    const why = this.#whyQueued();
    for (const delivery of this.#deliveries.due(now)) {
      this.#timeOut(delivery, why, now);
    }
    if (this.#connections.isTooLate(now)) {
      const cause =
        `no connection within ${this.#settings.connectTimeoutMs} ms`;
      this.connectFailed(cause, new DOMException(cause, "TimeoutError"), now);
    }
    this.#connections.expire(now);
    this.#connections.advance(now);
  }

  /** Refuses what is sent from now on. */
  drain(): void {
    if (this.phase === "taking") this.phase = "draining";
  }

  /** Ends the connections in an orderly way; all is settled that was sent. */
  close(now: number): void {
    this.phase = "closed";
    this.#connections.giveUp();
    this.#connections.endAll(now);
  }

  #take(
    conversation: Conversation,
    outcome: Outcome<Delivery>,
    now: number,
  ): void {
    if (outcome.kind === "unmatched") {
      this.#deliveries.counters.unmatched++;
      const { response } = conversation;
      const { reason } = outcome;
      return this.#notice({ type: "unmatched", response, reason });
    }
    if (outcome.kind === "unreadable") {
      const { error: cause } = outcome;
      const problem = `the server could not read what it got: ${cause.message}`;
      const error = new ConnectionClosedError(problem, { cause });
      return this.lost(conversation, error, now);
    }
    const isRaw = outcome.kind === "confirmed" && outcome.request.options.isRaw;
    const raw = isRaw ? conversation.rawResult() : undefined;
    this.#deliveries.respond(outcome, raw, now);
  }

  #timeOut(delivery: Delivery, whyQueued: string, now: number): void {
    const { state, timeoutMs, carrier } = delivery;
    const missing = state === WRITTEN
      ? "no response"
      : state === QUEUED
      ? whyQueued
      : "the server does not read, not written in full";
    this.#deliveries.fail(
      delivery,
      "timeout",
      now,
      (say) =>
        new DeliveryTimeoutError(say(`${missing} within ${timeoutMs} ms`), {
          mayHaveArrived: state !== QUEUED,
        }),
    );
    if (state !== WRITTEN || !carrier?.timedOut(delivery)) return;
    carrier.reason ??= new ConnectionClosedError(
      "the server has not responded to several requests in a row",
    );
    this.#connections.stopWriting(carrier as Conversation, now);
  }

  /** Why deliveries are still queued. */
  #whyQueued(): string {
    const { inFlight } = this.#deliveries;
    if (inFlight >= this.#settings.maxInFlight) {
      return `${inFlight} requests are in flight, not written`;
    }
    return this.#connections.current === undefined
      ? "not connected"
      : "the server does not read, not written";
  }

  /** Counts events that the queue refuses; those of a turn are one notice. */
  #noticeFull(count: number): void {
    const notice = this.notices.findLast(({ type }) => type === "full");
    if (notice?.type === "full") notice.events += count;
    else this.#notice({ type: "full", events: count });
  }

  #notice(notice: Notice): void {
    this.notices.push(notice);
    this.hasChanged = true;
  }
}
