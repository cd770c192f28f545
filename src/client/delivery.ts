/**
 * An event on its way, until it is settled.
 *
 * @module
 */

import { type DeliveryError, quote } from "../protocol/errors.ts";
import type { JsonText, JsonValue } from "../protocol/json.ts";
import type { MessageHead } from "../protocol/message.ts";
import { type EventSocket, formatSocket } from "../protocol/socket.ts";
import type { Waiting } from "../transport/deadline_queue.ts";

/**
 * How far a delivery is. It may time out, be aborted or lose its connection in
 * each state before the last two.
 *
 * | state | meaning | next |
 * |---|---|---|
 * | `QUEUED` | no byte of it has left | `WRITING`, `FAILED` |
 * | `WRITING` | a byte of it may have left | `WRITTEN`; a response may come: `DELIVERED`, `FAILED` |
 * | `WRITTEN` | the operating system has its bytes | a notification at once, a request by its response: `DELIVERED`, `FAILED` |
 * | `DELIVERED` | settled | |
 * | `FAILED` | settled | |
 */
export type DeliveryState =
  | typeof QUEUED
  | typeof WRITING
  | typeof WRITTEN
  | typeof DELIVERED
  | typeof FAILED;
// Numbers: they are compared for each event.
export const QUEUED = 0, WRITING = 1, WRITTEN = 2, DELIVERED = 3, FAILED = 4;

/** What came of a request: its result, parsed or as it came. */
export type Result = JsonValue | JsonText | undefined;

/**
 * Makes an error. `say` makes its message of what went wrong: it adds which
 * event that was, and to which socket.
 */
export type ErrorMaker = (say: (problem: string) => string) => unknown;

/** Learns that a delivery is settled, before its promise does. */
export interface Watcher {
  /** Must not run code of the caller: more may have to be settled first. */
  settled(delivery: Delivery): void;
}

/** The conversation that carries a request. */
export interface Carrier {
  /** Takes a request out that is settled. */
  forget(request: Delivery): void;
  /** A written request has timed out; returns whether the connection is dead. */
  timedOut(request: Delivery): boolean;
  /** Why it ends, unless we end it ourselves. */
  reason: DeliveryError | undefined;
}

/** Options of a {@linkcode Delivery}. */
export interface DeliveryOptions {
  /** The host and the port that it goes to. */
  readonly target: EventSocket;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether the result is wanted as it came. */
  readonly isRaw: boolean;
}

/**
 * An event on its way: or a batch of notifications that were raised in one turn.
 * A batch goes out in one write and so has one fate; its events share all of
 * this, the promise among it.
 */
export class Delivery implements Waiting {
  state: DeliveryState = QUEUED;
  /** How many events it is. */
  count = 1;
  /** The messages that wait to be written; of a request the rest after its id. */
  text: string;
  /** How long the text is, in UTF-16 code units. */
  length: number;
  /** The text as UTF-8, once a batch is full. */
  bytes: Uint8Array | undefined;
  /** The id of its request; 0 if it is none, or is still queued. */
  id = 0;
  /** When it is to be given up; `Infinity` in the turn in which it was raised. */
  deadline: number = Infinity;
  /** The conversation that it is written on. */
  carrier: Carrier | undefined;
  /** When it was written and settled, in milliseconds on the clock. */
  writtenAt = 0;
  settledAt = 0;
  /** How many reads its connection had brought when it was written. */
  readsBefore = 0;

  // Where it waits for its deadline.
  queue: Waiting["queue"];
  previous: Waiting | undefined;
  next: Waiting | undefined;

  /** The head of its first event's messages. */
  readonly head: MessageHead;
  readonly options: DeliveryOptions;
  /** Whether it has failed by our own doing, which says nothing of the server. */
  isOurs = false;
  /** Whether events of other names are in the batch. */
  isMixed = false;

  /** The result once it is delivered; the error's maker once it has failed. */
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

  /** When the turn ended in which it was raised. */
  get queuedAt(): number {
    return this.deadline - this.options.timeoutMs;
  }

  /** How long it took, in milliseconds. */
  get ms(): number {
    // 0 if it was settled in the turn in which it was raised.
    return Math.max(0, this.settledAt - this.queuedAt);
  }

  get isSettled(): boolean {
    return this.state >= DELIVERED;
  }

  /** The result, if it was delivered and there is one. */
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
      if (this.isSettled) this.#keepPromise();
    }
    return this.#promise;
  }

  /** Lets a watcher know when it is settled. */
  watch(watcher: Watcher): void {
    if (this.isSettled) watcher.settled(this);
    else if (this.#watchers === undefined) this.#watchers = watcher;
    else if (Array.isArray(this.#watchers)) this.#watchers.push(watcher);
    else this.#watchers = [this.#watchers, watcher];
  }

  /** Settles it: it was delivered, with this result. */
  succeed(now: number, result: Result): void {
    this.state = DELIVERED;
    this.#outcome = result;
    this.#tell(now);
  }

  /**
   * Settles it: it has failed, with the error that is made. `isOurs` says that it
   * was by our own doing, such as a full queue.
   */
  fail(now: number, makeError: ErrorMaker, isOurs = false): void {
    this.state = FAILED;
    this.isOurs = isOurs;
    this.#outcome = makeError;
    this.#tell(now);
  }

  /** The error for all of its events, if it failed. */
  get error(): unknown {
    return this.state === FAILED ? this.#error() : undefined;
  }

  /** The error for an event of the batch that has this head, if it failed. */
  errorFor(head: MessageHead): unknown {
    if (this.state !== FAILED) return undefined;
    return (this.#outcome as ErrorMaker)((problem) =>
      `Cannot deliver ${quote(head.event)} to ${
        this.#socketOf(head)
      }: ${problem}`
    );
  }

  #tell(now: number): void {
    this.settledAt = now;
    this.text = "";
    this.bytes = undefined;
    if (this.#promise !== undefined) this.#keepPromise();
    const watchers = this.#watchers;
    this.#watchers = undefined;
    if (watchers === undefined) return;
    if (!Array.isArray(watchers)) watchers.settled(this);
    else for (const watcher of watchers) watcher.settled(this);
  }

  #keepPromise(): void {
    if (this.state === DELIVERED) return this.#resolve(this.result);
    // A caller may forget the promise; a rejection must not end the process.
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
