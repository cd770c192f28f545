/**
 * The delivery of an event, from `raise` until it is settled.
 *
 * @module
 */

import { type DeliveryError, quote } from "../protocol/errors.ts";
import type { JsonText, JsonValue } from "../protocol/json.ts";
import type { MessageHead } from "../protocol/message.ts";
import { type EventSocket, formatSocket } from "../protocol/socket.ts";
import type { Waiting } from "../transport/deadline_queue.ts";

/**
 * The state of a delivery. It may time out or be aborted in each of the first
 * three states; then it is `FAILED`.
 *
 * | state | meaning | next |
 * |---|---|---|
 * | `QUEUED` | no byte has left | `WRITING`; no connection can be opened: `FAILED` |
 * | `WRITING` | a byte may have left | the write ends: `WRITTEN`; an early response: `DELIVERED`, `FAILED`; the connection is lost: `FAILED` |
 * | `WRITTEN` | the operating system has the bytes, or the write has failed | a notification, at once: `DELIVERED`; a request, by its response: `DELIVERED`, `FAILED`; the write has failed or the connection is lost: `FAILED` |
 * | `DELIVERED` | settled | |
 * | `FAILED` | settled | |
 */
export type DeliveryState =
  | typeof QUEUED
  | typeof WRITING
  | typeof WRITTEN
  | typeof DELIVERED
  | typeof FAILED;
// Numbers are faster than strings, and states are compared for each event.
export const QUEUED = 0, WRITING = 1, WRITTEN = 2, DELIVERED = 3, FAILED = 4;

/** The result of a request, parsed or as it came; undefined of a notification. */
export type Result = JsonValue | JsonText | undefined;

/**
 * Makes an error. `say` wraps a problem into the full message, with event and
 * socket.
 */
export type ErrorMaker = (say: (problem: string) => string) => unknown;

/** Is called when a delivery is settled, before the promise's callbacks run. */
export interface Watcher {
  /** Must not run code of the caller: other deliveries may be settled next. */
  settled(delivery: Delivery): void;
}

/** The conversation that carries a request. */
export interface Carrier {
  /** Removes a settled request. */
  forget(request: Delivery): void;
  /** A written request has timed out; returns whether the connection is dead. */
  timedOut(request: Delivery): boolean;
  /** Why the conversation ends; undefined if we end it. */
  reason: DeliveryError | undefined;
}

/** Options of a {@linkcode Delivery}. */
export interface DeliveryOptions {
  /** The host and the port that the event goes to. */
  readonly target: EventSocket;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether the result is wanted as it came. */
  readonly isRaw: boolean;
}

/**
 * The delivery of an event, or of a batch of notifications that were raised in
 * one turn. A batch goes out in one write, so its events share everything here,
 * also the promise.
 */
export class Delivery implements Waiting {
  state: DeliveryState = QUEUED;
  /** The number of events: more than 1 in a batch. */
  count = 1;
  /** The messages to write. For a request: the text after its id. */
  text: string;
  /** The length of the text, in UTF-16 code units. */
  length: number;
  /** The text of a full batch as UTF-8; `text` is empty then. */
  bytes: Uint8Array | undefined;
  /** The id of the request; 0 for a notification, and while queued. */
  id = 0;
  /** When the delivery times out; `Infinity` until the turn of `raise` ends. */
  deadline: number = Infinity;
  /** The conversation that the delivery is written on. */
  carrier: Carrier | undefined;
  /** When it was written and settled, in milliseconds on the clock. */
  writtenAt = 0;
  settledAt = 0;
  /** How many reads the conversation had made when this write began. */
  readsBefore = 0;

  // The place in the DeadlineQueue.
  queue: Waiting["queue"];
  previous: Waiting | undefined;
  next: Waiting | undefined;

  /** The head of the first event's message. */
  readonly head: MessageHead;
  readonly options: DeliveryOptions;
  /** Whether it failed by our own doing, which says nothing about the server. */
  isOurs = false;
  /** Whether the batch has events with other names or methods. */
  isMixed = false;

  /** The result when `DELIVERED`; the maker of the error when `FAILED`. */
  #outcome: Result | ErrorMaker;
  #promise: Promise<Result> | undefined;
  #resolve!: (result: Result) => void;
  #reject!: (error: unknown) => void;
  #watchers: Watcher | Watcher[] | undefined;

  constructor(head: MessageHead, text: string, options: DeliveryOptions) {
    this.head = head;
    this.text = text;
    this.length = text.length;
    this.options = options;
  }

  get timeoutMs(): number {
    return this.options.timeoutMs;
  }

  /** When the turn of `raise` ended. */
  get queuedAt(): number {
    return this.deadline - this.options.timeoutMs;
  }

  /** How long the delivery took, in milliseconds. */
  get ms(): number {
    // Settled in the turn of `raise`: `queuedAt` is Infinity.
    return Math.max(0, this.settledAt - this.queuedAt);
  }

  get isSettled(): boolean {
    return this.state >= DELIVERED;
  }

  /** The result if `DELIVERED`, else `undefined`. */
  get result(): Result {
    return this.state === DELIVERED ? this.#outcome as Result : undefined;
  }

  /** Resolves to the result, or rejects with the error. */
  get promise(): Promise<Result> {
    if (this.#promise === undefined) {
      this.#promise = new Promise((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
      });
      if (this.isSettled) this.#settlePromise();
    }
    return this.#promise;
  }

  /** Calls a watcher when the delivery is settled. */
  watch(watcher: Watcher): void {
    if (this.isSettled) watcher.settled(this);
    else if (this.#watchers === undefined) this.#watchers = watcher;
    else if (Array.isArray(this.#watchers)) this.#watchers.push(watcher);
    else this.#watchers = [this.#watchers, watcher];
  }

  /** Settles the delivery as `DELIVERED`, with this result. */
  succeed(now: number, result: Result): void {
    this.state = DELIVERED;
    this.#outcome = result;
    this.#settle(now);
  }

  /**
   * Settles the delivery as `FAILED`, with the error that `makeError` makes.
   * `isOurs` says that our own side is the reason, such as a full queue.
   */
  fail(now: number, makeError: ErrorMaker, isOurs = false): void {
    this.state = FAILED;
    this.isOurs = isOurs;
    this.#outcome = makeError;
    this.#settle(now);
  }

  /** The error for all events, if the delivery has failed. */
  get error(): unknown {
    return this.state === FAILED ? this.#error() : undefined;
  }

  /** Makes the error for the event with this head, if the delivery has failed. */
  errorFor(head: MessageHead): unknown {
    if (this.state !== FAILED) return undefined;
    return (this.#outcome as ErrorMaker)((problem) =>
      `Cannot deliver ${quote(head.event)} to ${
        this.#socketOf(head)
      }: ${problem}`
    );
  }

  #settle(now: number): void {
    this.settledAt = now;
    this.text = "";
    this.bytes = undefined;
    if (this.#promise !== undefined) this.#settlePromise();
    const watchers = this.#watchers;
    this.#watchers = undefined;
    if (watchers === undefined) return;
    if (!Array.isArray(watchers)) watchers.settled(this);
    else for (const watcher of watchers) watcher.settled(this);
  }

  #settlePromise(): void {
    if (this.state === DELIVERED) return this.#resolve(this.result);
    // A rejection that the caller does not handle must not end the process.
    this.#promise!.catch(() => {});
    this.#reject(this.#error());
  }

  #error(): unknown {
    if (!this.isMixed) return this.errorFor(this.head);
    const { event } = this.head;
    return (this.#outcome as ErrorMaker)((problem) =>
      `Cannot deliver ${quote(event)} and ${
        this.count === 2 ? "another event" : `${this.count - 1} other events`
      } to ${this.#socketOf(this.head)}: ${problem}`
    );
  }

  #socketOf({ protocol, method }: MessageHead): string {
    const { host, port } = this.options.target;
    return formatSocket({ protocol, host, port, ...method && { method } });
  }
}
