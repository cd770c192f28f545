/**
 * The deliveries of one destination that are not settled, and how each is.
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

/** A response that settles a request. */
export type Answered = Extract<Outcome<Delivery>, { request: Delivery }>;

/** See the module. It does no I/O and reads no clock. */
export class Deliveries {
  readonly counters: Counters = newCounters();
  /** Those of which no byte has left. */
  readonly queue: WriteQueue = new WriteQueue();
  /** How many requests are in flight. */
  inFlight = 0;

  readonly #target: EventSocket;
  readonly #settings: ClientSettings;
  readonly #onSettled: ((delivery: Delivery) => void) | undefined;
  readonly #pending: DeadlineQueue<Delivery> = new DeadlineQueue();
  /** Those of this turn; their time runs from the end of the turn. */
  #begun: Delivery[] = [];
  /** The options of most deliveries. */
  #usual: DeliveryOptions | undefined;
  /** The events of this turn that the full queue refuses. */
  #refused: Delivery | undefined;

  /** Each that is settled is given to `onSettled`, if there is one. */
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

  /** How many wait to be settled. */
  get size(): number {
    return this.#pending.size;
  }

  /** Whether any was added or refused since the last turn ended. */
  get isInTurn(): boolean {
    return this.#begun.length > 0 || this.#refused !== undefined;
  }

  /** The earliest deadline, or `Infinity`. */
  get nextDeadline(): number {
    return this.#pending.next() ?? Infinity;
  }

  /** All that are not settled. */
  all(): Delivery[] {
    return this.#pending.all();
  }

  /** Those whose time is over. */
  due(now: number): Delivery[] {
    return this.#pending.due(now);
  }

  /** Adds a message; returns its delivery, which others may share. */
  add(
    head: MessageHead,
    text: string,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    isRaw: boolean,
  ): Delivery {
    const { syncMode, maxRequestsPerConnection } = this.#settings;
    // A batch is aborted, and goes out, as a whole.
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

  /** Refuses events, as the client is closed. */
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
   * Refuses events of so much text, as the queue is full. Those of one turn share
   * their delivery, as there may be many.
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

  /** Starts the time of what was added in this turn; returns its first end. */
  endTurn(now: number): number {
    let earliest = Infinity;
    for (const delivery of this.#begun) {
      const deadline = now + delivery.timeoutMs;
      delivery.deadline = deadline;
      if (deadline < earliest) earliest = deadline;
    }
    this.#begun = [];
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

  /** Settles one that was delivered. */
  succeed(delivery: Delivery, now: number, result: Result): void {
    this.#forget(delivery);
    delivery.succeed(now, result);
    this.#onSettled?.(delivery);
  }

  /** Settles one that has failed, unless it is settled. */
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

  /** Settles a request by its response; `raw` is its result as it came. */
  respond(
    outcome: Answered,
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

  /** Fails one that was written on a connection that is lost. */
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
    const usual = this.#usual;
    if (signal === undefined && !isRaw && usual?.timeoutMs === timeoutMs) {
      return usual;
    }
    const options = { target: this.#target, timeoutMs, signal, isRaw };
    if (signal === undefined && !isRaw) this.#usual = options;
    return options;
  }

  #begin(delivery: Delivery, mayJoin: boolean): void {
    this.queue.add(delivery, mayJoin);
    this.#pending.add(delivery);
    this.#begun.push(delivery);
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

  /** Takes one out of everything but the queue. */
  #forget(delivery: Delivery): void {
    this.#pending.delete(delivery);
    if (delivery.id === 0) return;
    this.inFlight--;
    delivery.carrier!.forget(delivery);
  }
}

/** Whether errors of both name the same event and socket. */
function isSame(a: MessageHead, b: MessageHead): boolean {
  return a.event === b.event && a.method === b.method &&
    a.protocol === b.protocol;
}
