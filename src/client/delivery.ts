/**
 * What is kept of an event until it is settled.
 *
 * @module
 */

import type { Chunk, Part } from "./write_buffer.ts";
import type { Waiting } from "../transport/deadline_queue.ts";
import {
  ConnectionClosedError,
  type DeliveryError,
  ProtocolError,
  quote,
  ServerError,
} from "../protocol/errors.ts";
import type { JsonValue } from "../protocol/json.ts";
import type { Template } from "./encoded_message.ts";
import { type EventSocket, formatSocket } from "../protocol/socket.ts";

/**
 * Makes an error. `say` makes its message of what went wrong: it adds which
 * event that was, and to whom.
 */
export type ErrorMaker = (say: (problem: string) => string) => unknown;

/** Told when a delivery is settled, before whoever awaits its promise. */
export interface Watcher {
  /** Must not run code of the caller: more may have to be settled first. */
  settled(delivery: Delivery): void;
}

/**
 * An event on its way: or several that were raised in one go, go out in one
 * write and so have one fate. They share all of this, the promise among it;
 * each for itself would take ten times as long.
 */
export class Delivery implements Waiting, Part {
  /** How many events it is. */
  count = 1;
  /** What its messages are in while they are queued, and where there. */
  chunk: Chunk<Delivery> | undefined;
  start = 0;
  end = 0;
  /** How far it is. Unless it is queued, a byte of it may have left. */
  state: "queued" | "writing" | "written" = "queued";
  /** The id of its request; 0 if it is none. */
  id = 0;
  /** When it is to be given up, in milliseconds on the clock. */
  deadline = Infinity;
  queue: Waiting["queue"];
  previous: Waiting | undefined;
  next: Waiting | undefined;

  /** What became of it. */
  outcome: "pending" | "delivered" | "failed" = "pending";
  /** The server's result, if it was delivered and there is one. */
  result: JsonValue | undefined;
  /** How long it took, in milliseconds. */
  ms = 0;

  #promise: Promise<JsonValue | undefined> | undefined;
  #resolve!: (result: JsonValue | undefined) => void;
  #reject!: (error: unknown) => void;
  #watchers: Watcher | Watcher[] | undefined;

  #makeError: ErrorMaker | undefined;
  #error: unknown;

  /** Of its first event. */
  readonly template: Template;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly #destination: EventSocket;

  constructor(
    template: Template,
    destination: EventSocket,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ) {
    this.template = template;
    this.timeoutMs = timeoutMs;
    this.signal = signal;
    this.#destination = destination;
  }

  /** Resolves to the result, or rejects with the error. */
  get promise(): Promise<JsonValue | undefined> {
    if (this.#promise === undefined) {
      this.#promise = new Promise((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
      });
      if (this.outcome !== "pending") this.#keepPromise();
    }
    return this.#promise;
  }

  /** Has a watcher told. */
  watch(watcher: Watcher): void {
    if (this.outcome !== "pending") watcher.settled(this);
    else if (this.#watchers === undefined) this.#watchers = watcher;
    else if (Array.isArray(this.#watchers)) this.#watchers.push(watcher);
    else this.#watchers = [this.#watchers, watcher];
  }

  /** Tells so, once its outcome is "delivered". */
  succeed(now: number, result: JsonValue | undefined): void {
    this.result = result;
    this.#tell(now);
  }

  /** Tells so, once its outcome is "failed". */
  fail(now: number, makeError: ErrorMaker): void {
    this.#makeError = makeError;
    this.#tell(now);
  }

  #tell(now: number): void {
    const start = this.deadline - this.timeoutMs;
    this.ms = Math.max(0, now - start); // 0 in the turn in which it was raised
    if (this.#promise !== undefined) this.#keepPromise();
    const watchers = this.#watchers;
    this.#watchers = undefined;
    if (watchers === undefined) return;
    if (!Array.isArray(watchers)) watchers.settled(this);
    else for (const watcher of watchers) watcher.settled(this);
  }

  #keepPromise(): void {
    if (this.outcome === "delivered") return this.#resolve(this.result);
    // A caller may forget the promise; a rejection must not end the process.
    this.#promise!.catch(() => {});
    this.#reject(this.errorOf(this.template));
  }

  /** Why the event of this template failed, if it did. */
  errorOf(template: Template): unknown {
    if (template !== this.template) return this.#makeErrorOf(template);
    return this.#error ??= this.#makeErrorOf(template);
  }

  #makeErrorOf({ event, protocol, method }: Template): unknown {
    return this.#makeError?.((problem) => {
      const socket = formatSocket({ ...this.#destination, protocol, method });
      return `Cannot deliver ${quote(event)} to ${socket}: ${problem}`;
    });
  }
}

/** The error of what was written on a connection that was then lost. */
export function lostWith(loss: DeliveryError): ErrorMaker {
  if (loss instanceof ServerError) return () => loss;
  const { cause } = loss;
  const Loss = loss instanceof ProtocolError
    ? ProtocolError
    : ConnectionClosedError;
  return (say) => new Loss(say(loss.message), { cause, mayHaveArrived: true });
}
