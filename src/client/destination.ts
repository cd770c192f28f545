/**
 * One destination: its deliveries, and the connections that they are written on.
 *
 * It does no I/O and reads no clock. The shell calls a method for each thing that
 * happens: an event is sent, a turn has ended, a connection was opened, bytes were
 * written, a connection was lost, time has passed. Bytes that were read go to the
 * conversation; `takeResponses` follows. The destination settles deliveries. Then the shell reads what to do next from
 * {@linkcode Destination.wantedAttempt}, {@linkcode Destination.nextWrite},
 * {@linkcode Destination.nextDeadline}, {@linkcode Destination.notices} and the
 * states of conversations; {@linkcode Destination.hasChanged} says whether more
 * than a write may be due.
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
 * | `taking` | new events are accepted | `draining` |
 * | `draining` | new events are refused; the others are still delivered | `closed` |
 * | `closed` | all deliveries are settled; the connections end | |
 */
export type DestinationPhase = "taking" | "draining" | "closed";

/** A change to dispatch as an event to the caller's listeners. */
export type Notice =
  | { type: "connect" }
  | { type: "disconnect"; error: DeliveryError | undefined }
  | { type: "unmatched"; response: JsonValue; reason: string }
  | { type: "full"; events: number };

/** What did not happen in time, and why, with a colon before the reason. */
type Shortfall = readonly [missing: string, why: string];

/** See the module. */
export class Destination {
  /** Notices not yet sent to listeners; the shell empties the list. */
  notices: Notice[] = [];
  /**
   * Whether something other than the queue has changed since the shell last
   * looked.
   */
  hasChanged = false;
  phase: DestinationPhase = "taking";

  readonly #settings: ClientSettings;
  readonly #deliveries: Deliveries;
  readonly #connections: Connections;
  #lastId: number;

  /**
   * Constructs a destination without connections. The first request has the id
   * after `lastId`. `onSettled`, if given, is called with each delivery that is
   * settled.
   */
  constructor(
    target: EventSocket,
    settings: ClientSettings,
    lastId: number,
    onSettled?: (delivery: Delivery) => void,
  ) {
    this.#settings = settings;
    this.#lastId = lastId;
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

  /** The state of the connections. */
  get state(): ConnectionsState {
    return this.#connections.state;
  }

  /** Whether all deliveries are settled. */
  get isSettled(): boolean {
    return this.#deliveries.size === 0;
  }

  /** Whether events were sent or refused since the last turn ended. */
  get isInTurn(): boolean {
    return this.#deliveries.isInTurn;
  }

  /** The number of the wanted connect attempt, or 0 if none is wanted. */
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
   * Queues or refuses an event; `params` is the text that `formatParams` made. A
   * list of such texts is as many notifications, which go out in one write.
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
   * A turn of the event loop in which events were sent has ended. Returns the
   * earliest deadline of these events.
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

  /** No connection could be opened, for the reason `why`: queued events fail. */
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

  /** Begins the next write on a conversation, if there is something to write. */
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
      this.#lastId = conversation.beginWrite(delivery, this.#lastId);
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
    for (const delivery of conversation.endWrite(now)) {
      counters.written += delivery.count;
      if (delivery.state === WRITTEN && delivery.id === 0) {
        this.#deliveries.succeed(delivery, now, undefined);
      }
    }
    const { maxRequestsPerConnection, maxIdleMs } = this.#settings;
    // The conversation may be idle now, which changes the next deadline.
    if (maxIdleMs !== Infinity) this.hasChanged = true;
    if (conversation.messages >= maxRequestsPerConnection) {
      this.#connections.stopWriting(conversation, now);
    }
    this.#connections.closeIfDone(conversation, now);
  }

  /**
   * Takes up to half of the responses that the conversation has received, and
   * settles their requests; returns whether to call it again. Call it in a later
   * microtask: callers raise their next events meanwhile, so these are written
   * while other responses are taken.
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
   * A write has failed: its deliveries fail, and nothing more is written on this
   * connection. Requests that were written before wait for their responses.
   */
  writeFailed(
    conversation: Conversation,
    error: ConnectionClosedError,
    now: number,
  ): void {
    if (conversation.state === "closed") return;
    conversation.reason ??= error;
    this.#connections.stopWriting(conversation, now);
    for (const delivery of conversation.endWrite(now)) {
      this.#deliveries.failLost(delivery, error, now);
    }
    this.#connections.closeIfDone(conversation, now);
    this.#connections.advance(now);
  }

  /**
   * A connection is lost. Its deliveries that are not settled fail; queued events
   * are written on a new connection.
   */
  lost(conversation: Conversation, error: DeliveryError, now: number): void {
    if (conversation.state === "closed") return;
    if (conversation.state !== "ending") conversation.reason ??= error;
    for (const delivery of conversation.underWay()) {
      this.#deliveries.failLost(delivery, conversation.reason ?? error, now);
    }
    this.#connections.close(conversation, now);
  }

  /** A signal was aborted: deliveries that are not settled fail with `reason`. */
  abort(deliveries: Iterable<Delivery>, reason: unknown, now: number): void {
    for (const delivery of deliveries) {
      this.#deliveries.fail(delivery, "aborted", now, () => reason);
    }
    this.#connections.closeDone(now);
    this.#connections.advance(now);
  }

  /** Times out deliveries, connect attempts and connections whose time is over. */
  expire(now: number): void {
    const queued = this.#describeQueued();
    for (const delivery of this.#deliveries.due(now)) {
      this.#timeOut(delivery, queued, now);
    }
    if (this.#connections.isTooLate(now)) {
      const cause =
        `no connection within ${this.#settings.connectTimeoutMs} ms`;
      this.connectFailed(cause, new DOMException(cause, "TimeoutError"), now);
    }
    this.#connections.expire(now);
    this.#connections.advance(now);
  }

  /** Refuses events from now on. */
  drain(): void {
    if (this.phase === "taking") this.phase = "draining";
  }

  /** Ends the connections. Call it when all deliveries are settled. */
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
      const problem = `the server could not read a message: ${cause.message}`;
      const error = new ConnectionClosedError(problem, { cause });
      return this.lost(conversation, error, now);
    }
    const isRaw = outcome.kind === "confirmed" && outcome.request.options.isRaw;
    const raw = isRaw ? conversation.rawResult() : undefined;
    this.#deliveries.settleByResponse(outcome, raw, now);
  }

  #timeOut(delivery: Delivery, queued: Shortfall, now: number): void {
    const { state, timeoutMs, carrier } = delivery;
    const [missing, why] = state === WRITTEN
      ? ["no response", ""]
      : state === QUEUED
      ? queued
      : ["not written in full", ": the server does not read"];
    const problem = `${missing} within ${timeoutMs} ms${why}`;
    const mayHaveArrived = state !== QUEUED;
    this.#deliveries.fail(
      delivery,
      "timeout",
      now,
      (say) => new DeliveryTimeoutError(say(problem), { mayHaveArrived }),
    );
    if (state !== WRITTEN || !carrier?.timedOut(delivery)) return;
    carrier.reason ??= new ConnectionClosedError(
      "the server has not responded to several requests in a row",
    );
    this.#connections.stopWriting(carrier as Conversation, now);
  }

  /** Says why deliveries are still queued. */
  #describeQueued(): Shortfall {
    const { inFlight } = this.#deliveries;
    if (inFlight >= this.#settings.maxInFlight) {
      return ["not written", `: ${inFlight} requests are in flight`];
    }
    return this.#connections.current === undefined
      ? ["not connected", ""]
      : ["not written", ": the server does not read"];
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
