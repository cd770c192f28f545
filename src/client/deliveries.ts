/**
 * The deliveries of one destination that are not settled, and their settling.
 *
 * @module
 */

import {
  ConnectionClosedError,
  type DeliveryError,
  ProtocolError,
  QueueFullError,
} from "../protocol/errors.ts";
import type { JsonText } from "../protocol/json.ts";
import type { MessageHead } from "../protocol/message.ts";
import type { Outcome } from "../protocol/response.ts";
import type { EventSocket } from "../protocol/socket.ts";
import { DeadlineQueue } from "../transport/deadline_queue.ts";
import {
  Delivery,
  type DeliveryOptions,
  type ErrorMaker,
  FAILED,
  QUEUED,
  type Result,
} from "./delivery.ts";
import type { ClientSettings } from "./options.ts";
import {
  type Counters,
  type EventClientStats,
  type FailedCounts,
  newCounters,
} from "./stats.ts";
import { WriteQueue } from "./write_queue.ts";

/** The outcome of a response that settles a request. */
type SettlingOutcome = Extract<Outcome<Delivery>, { request: Delivery }>;

/** See the module. It does no I/O and reads no clock. */
export class Deliveries {
  readonly counters: Counters = newCounters();
  /** The deliveries that wait to be written. */
  readonly queue: WriteQueue = new WriteQueue();
  /** How many requests are in flight. */
  inFlight = 0;

  readonly #target: EventSocket;
  readonly #settings: ClientSettings;
  readonly #onSettled: ((delivery: Delivery) => void) | undefined;
  readonly #pending: DeadlineQueue<Delivery> = new DeadlineQueue();
  /** Added in this turn; their time-outs start when it ends. */
  #addedInTurn: Delivery[] = [];
  /** The last options without signal and raw result, to be shared. */
  #plainOptions: DeliveryOptions | undefined;
  /** The events that a full queue has refused in this turn. */
  #refused: Delivery | undefined;

  /** Calls `onSettled`, if given, with each delivery that is settled. */
  constructor(
    target: EventSocket,
    settings: ClientSettings,
    onSettled: ((delivery: Delivery) => void) | undefined,
  ) {
    this.#target = target;
    this.#settings = settings;
    this.#onSettled = onSettled;
  }

  /** A snapshot of the counters. */
  get stats(): EventClientStats {
    return {
      ...this.counters,
      failed: { ...this.counters.failed },
      queued: this.queue.events,
      queuedBytes: this.queue.length,
      inFlight: this.inFlight,
    };
  }

  /** How many deliveries are not settled. */
  get size(): number {
    return this.#pending.size;
  }

  /** Whether a delivery was added or refused since the last turn ended. */
  get isInTurn(): boolean {
    return this.#addedInTurn.length > 0 || this.#refused !== undefined;
  }

  /** The earliest deadline, or `Infinity`. */
  get nextDeadline(): number {
    return this.#pending.next() ?? Infinity;
  }

  /** All deliveries that are not settled. */
  all(): Delivery[] {
    return this.#pending.all();
  }

  /** The deliveries whose deadline has come. */
  due(now: number): Delivery[] {
    return this.#pending.due(now);
  }

  /** Adds a message; returns its delivery, which other messages may share. */
  add(
    head: MessageHead,
    text: string,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    isRaw: boolean,
  ): Delivery {
    const { syncMode, maxRequestsPerConnection } = this.#settings;
    // A batch is written and aborted as a whole.
    const mayJoin = !syncMode && signal === undefined &&
      maxRequestsPerConnection === Infinity;
    if (mayJoin) {
      const batch = this.queue.batchFor(timeoutMs);
      if (batch !== undefined) {
        if (batch.head !== head && !isSame(batch.head, head)) {
          batch.isMixed = true;
        }
        this.queue.join(batch, text);
        return batch;
      }
    }
    const options = this.#optionsFor(timeoutMs, signal, isRaw);
    const delivery = new Delivery(head, text, options);
    this.#begin(delivery, mayJoin);
    return delivery;
  }

  /** Adds notifications that go out in one write, and that none may join. */
  addAlone(
    head: MessageHead,
    text: string,
    count: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Delivery {
    const options = this.#optionsFor(timeoutMs, signal, false);
    const delivery = new Delivery(head, text, options);
    delivery.count = count;
    this.#begin(delivery, false);
    return delivery;
  }

  /** Refuses events because the client is closed. */
  refuseClosed(head: MessageHead, count: number): Delivery {
    const refused = this.#refuse(
      head,
      count,
      "closed",
      (say) => new ConnectionClosedError(say("the client is closed")),
    );
    this.#onSettled?.(refused);
    return refused;
  }

  /**
   * Refuses events of `length` because the queue is full. Those of one turn share a
   * delivery: there may be many of them.
   */
  refuseFull(head: MessageHead, length: number, count: number): Delivery {
    const refused = this.#refused;
    if (refused !== undefined) {
      if (!isSame(refused.head, head)) refused.isMixed = true;
      this.counters.failed.queueFull += count;
      refused.count += count;
      return refused;
    }
    const { events, length: waiting } = this.queue;
    const problem =
      `the queue is full: ${events} events of ${waiting} characters wait, maxQueueBytes is ${this.#settings.maxQueueBytes}, and this event has ${length}`;
    return this.#refused = this.#refuse(
      head,
      count,
      "queueFull",
      (say) => new QueueFullError(say(problem)),
    );
  }

  /** Sets the deadlines of the deliveries of this turn; returns the earliest. */
  endTurn(now: number): number {
    let earliest = Infinity;
    for (const delivery of this.#addedInTurn) {
      const deadline = now + delivery.timeoutMs;
      delivery.deadline = deadline;
      if (deadline < earliest) earliest = deadline;
    }
    this.#addedInTurn = [];
    this.queue.endTurn();
    const refused = this.#refused;
    this.#refused = undefined;
    if (refused !== undefined) {
      refused.deadline = now + refused.timeoutMs;
      refused.settledAt = now;
      this.#onSettled?.(refused);
    }
    return earliest;
  }

  /** Settles a delivery: it was delivered. */
  succeed(delivery: Delivery, now: number, result: Result): void {
    this.#forget(delivery);
    delivery.succeed(now, result);
    this.#onSettled?.(delivery);
  }

  /** Settles a delivery, unless it is settled: it has failed. */
  fail(
    delivery: Delivery,
    cause: keyof FailedCounts,
    now: number,
    makeError: ErrorMaker,
  ): void {
    if (delivery.isSettled) return;
    this.counters.failed[cause] += delivery.count;
    const wasQueued = delivery.state === QUEUED;
    delivery.state = FAILED;
    if (wasQueued) this.queue.remove(delivery);
    this.#forget(delivery);
    delivery.fail(now, makeError, cause === "aborted");
    this.#onSettled?.(delivery);
  }

  /** Settles a request by its response; `raw` is the result as it came. */
  settleByResponse(
    outcome: SettlingOutcome,
    raw: JsonText | undefined,
    now: number,
  ): void {
    const { request } = outcome;
    switch (outcome.kind) {
      case "confirmed":
        this.counters.confirmed++;
        return this.succeed(request, now, raw ?? outcome.result);
      case "refused":
        return this.fail(request, "server", now, () => outcome.error);
      case "broken":
        return this.fail(request, "protocol", now, (say) =>
          new ProtocolError(
            say(`the server's response is wrong: ${outcome.reason}`),
            { mayHaveArrived: true },
          ));
    }
  }

  /** Fails a delivery whose write had begun: its connection is lost. */
  failLost(delivery: Delivery, error: DeliveryError, now: number): void {
    const isProtocol = error instanceof ProtocolError;
    const Loss = isProtocol ? ProtocolError : ConnectionClosedError;
    const { cause } = error;
    this.fail(
      delivery,
      isProtocol ? "protocol" : "closed",
      now,
      (say) => new Loss(say(error.message), { cause, mayHaveArrived: true }),
    );
  }

  #optionsFor(
    timeoutMs: number,
    signal: AbortSignal | undefined,
    isRaw: boolean,
  ): DeliveryOptions {
    const isPlain = signal === undefined && !isRaw;
    if (isPlain && this.#plainOptions?.timeoutMs === timeoutMs) {
      return this.#plainOptions;
    }
    const options = { target: this.#target, timeoutMs, signal, isRaw };
    if (isPlain) this.#plainOptions = options;
    return options;
  }

  #begin(delivery: Delivery, mayJoin: boolean): void {
    this.queue.add(delivery, mayJoin);
    this.#pending.add(delivery);
    this.#addedInTurn.push(delivery);
  }

  #refuse(
    head: MessageHead,
    count: number,
    cause: keyof FailedCounts,
    makeError: ErrorMaker,
  ): Delivery {
    this.counters.failed[cause] += count;
    const { timeoutMs } = this.#settings;
    const options = this.#optionsFor(timeoutMs, undefined, false);
    const delivery = new Delivery(head, "", options);
    delivery.count = count;
    delivery.fail(0, makeError, true);
    return delivery;
  }

  /** Removes a delivery everywhere except from the queue. */
  #forget(delivery: Delivery): void {
    this.#pending.delete(delivery);
    if (delivery.id === 0) return;
    this.inFlight--;
    delivery.carrier!.forget(delivery);
  }
}

/** Whether the errors for both heads name the same event and socket. */
function isSame(a: MessageHead, b: MessageHead): boolean {
  return a.event === b.event && a.method === b.method &&
    a.protocol === b.protocol;
}
