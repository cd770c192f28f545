/**
 * Sends the events of one target to its stream, in order.
 *
 * @module
 */

import { StoreError } from "./errors.ts";
import {
  type Api,
  ApiError,
  isUnanswered,
  pause,
  read,
  storeErrorOf,
} from "./jetstream_api.ts";
import type { Appended } from "./store.ts";

/** An event that the stream has not confirmed. */
interface Pending {
  readonly payload: Uint8Array;
  readonly id: string;
  readonly isKeyGiven: boolean;
  readonly deadline: number;
  readonly settled: PromiseWithResolvers<Appended>;
  sends: number;
}

/** Waits before all is sent again that nobody has answered. */
const PAUSE_MS = 100;

/**
 * Sends events until the stream has confirmed them:
 *
 *     stopped   -> preparing (an event came)
 *     preparing -> sending   (the stream is there; all that is pending is sent)
 *     sending   -> stopped   (the connection is lost)
 *               -> preparing (nobody answered, or the connection is back)
 *
 * What is pending is sent again in its order, and known again by its id; so the
 * order is kept, and nothing is stored twice.
 */
export class Sender {
  readonly #api: Api;
  readonly #subject: string;
  readonly #prepare: () => Promise<void>;
  readonly #pending = new Set<Pending>();
  #state: "stopped" | "preparing" | "sending" = "stopped";

  /** `prepare` sees to it that the stream is there. */
  constructor(api: Api, subject: string, prepare: () => Promise<void>) {
    this.#api = api;
    this.#subject = subject;
    this.#prepare = prepare;
  }

  /** Sends an event; `id` is by what the stream knows it again. */
  send(
    payload: Uint8Array,
    id: string,
    isKeyGiven: boolean,
  ): Promise<Appended> {
    const pending: Pending = {
      payload,
      id,
      isKeyGiven,
      deadline: performance.now() + this.#api.timeoutMs,
      settled: Promise.withResolvers(),
      sends: 0,
    };
    this.#pending.add(pending);
    if (this.#state === "sending") this.#send(pending);
    else if (this.#state === "stopped") this.#start();
    return pending.settled.promise;
  }

  /** The connection is lost: what is sent now would overtake what was lost. */
  stop(): void {
    if (this.#state === "sending") this.#state = "stopped";
  }

  /** The connection is there again: what was sent before may be lost. */
  resume(): void {
    if (this.#state !== "preparing" && this.#pending.size > 0) this.#start();
  }

  async #start(): Promise<void> {
    this.#state = "preparing";
    try {
      await this.#prepare();
    } catch (error) {
      this.#state = "stopped";
      for (const pending of this.#pending) this.#fail(pending, error);
      return;
    }
    this.#state = "sending";
    for (const pending of this.#pending) this.#send(pending);
  }

  async #send(pending: Pending): Promise<void> {
    pending.sends++;
    const timeout = Math.max(1, pending.deadline - performance.now());
    try {
      const headers = this.#api.headersOf(pending.id);
      const { connection } = this.#api.client;
      const { duplicate = false } = read<{ duplicate?: boolean }>(
        await connection.request(this.#subject, pending.payload, {
          timeout,
          headers,
        }),
      );
      // The second time it may be known by the first.
      const isKnown = duplicate && pending.isKeyGiven && pending.sends === 1;
      this.#settle(pending, isKnown ? "known" : "stored");
    } catch (error) {
      if (isUnanswered(error) && performance.now() < pending.deadline) {
        await this.#restart();
      } else if (isBound(error)) this.#settle(pending, "full");
      else this.#fail(pending, error);
    }
  }

  async #restart(): Promise<void> {
    if (this.#state !== "sending") return;
    this.#state = "preparing";
    await pause(PAUSE_MS);
    await this.#start();
  }

  #settle(pending: Pending, outcome: Appended): void {
    if (!this.#pending.delete(pending)) return;
    pending.settled.resolve(outcome);
  }

  #fail(pending: Pending, error: unknown): void {
    if (!this.#pending.delete(pending)) return;
    const failure = storeErrorOf(error, "keep the event");
    pending.settled.reject(
      pending.sends === 0 ? failure : new StoreError(
        failure.reason,
        `${failure.message}; it may be kept all the same`,
        { cause: error },
      ),
    );
  }
}

/** Whether a stream has as much as it may have. */
function isBound(error: unknown): boolean {
  return error instanceof ApiError &&
    /maximum (messages|bytes)/.test(error.message);
}
