/**
 * Asks a consumer for messages, and goes on asking.
 *
 * @module
 */

import { type Api, nanos, pause } from "./jetstream_api.ts";
import type { NatsMessage } from "./nats.ts";

/** What {@linkcode Pull} needs to know. */
export interface PullOptions {
  stream: string;
  consumer: string;
  /** How many messages may be out at once. */
  window: number;
  /** Sees to it that the consumer is there. */
  prepare(): Promise<void>;
  /** Called for each message. */
  onMessage(message: NatsMessage): void;
  /** Called when the consumer cannot be had; it is tried again. */
  onFailure(error: unknown): void;
}

/** How long a request stands. */
const EXPIRES_MS = 30_000;
/** How often the server shows that it is there when it has nothing. */
const HEARTBEAT_MS = 5_000;
/** How long to wait before something is tried again that failed. */
const PAUSE_MS = 250;

/**
 * Has the messages of a consumer sent:
 *
 *     preparing -> asking    (the consumer is there)
 *     asking    -> asking    (the request is at its end, or may be lost)
 *               -> preparing (the consumer may be gone)
 *     all       -> closed
 */
export class Pull {
  readonly #api: Api;
  readonly #options: PullOptions;
  readonly #inbox = `_INBOX.${crypto.randomUUID().replaceAll("-", "")}`;
  readonly #listening: { unsubscribe(): void };
  #state: "preparing" | "asking" | "closed" = "preparing";
  /** Counts requests, so that a status is known to be of the last one. */
  #request = 0;
  #left = 0;
  #heardAt = 0;

  constructor(api: Api, options: PullOptions) {
    this.#api = api;
    this.#options = options;
    this.#listening = api.client.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (!error) this.#receive(message);
      },
    });
    this.#prepare();
  }

  /**
   * Asks for more, unless a request stands. None does while all are out that may
   * be: else what is given back at the end would be sent to a request of which
   * nobody listens any more, and be given to others only after `ackWaitMs`.
   */
  more(): void {
    if (this.#left === 0) this.again();
  }

  /** Asks again if the server was not heard for too long. */
  check(now: number): void {
    if (this.#left > 0 && now - this.#heardAt > 2 * HEARTBEAT_MS) this.again();
  }

  /** Asks again: the connection was lost. */
  again(): void {
    if (this.#state === "asking") this.#ask();
  }

  /** Ends; the server sends nothing more. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#listening.unsubscribe();
  }

  async #prepare(): Promise<void> {
    let hasFailed = false;
    while (this.#isOpen()) {
      try {
        await this.#options.prepare();
        break;
      } catch (error) {
        if (!hasFailed) this.#options.onFailure(error);
        hasFailed = true;
        await pause(PAUSE_MS);
      }
    }
    if (!this.#isOpen()) return;
    this.#state = "asking";
    this.#ask();
  }

  #isOpen(): boolean {
    return this.#state !== "closed";
  }

  #ask(): void {
    const { stream, consumer, window } = this.#options;
    this.#left = window;
    this.#heardAt = performance.now();
    this.#api.publish(
      this.#api.subject(`CONSUMER.MSG.NEXT.${stream}.${consumer}`),
      JSON.stringify({
        batch: window,
        expires: nanos(EXPIRES_MS),
        idle_heartbeat: nanos(HEARTBEAT_MS),
      }),
      { reply: `${this.#inbox}.${++this.#request}` },
    );
  }

  #receive(message: NatsMessage): void {
    if (this.#state === "closed") return;
    this.#heardAt = performance.now();
    // A message comes by its own subject, a status by that of the request.
    if (!message.subject.startsWith(this.#inbox)) {
      this.#left = Math.max(0, this.#left - 1);
      this.#options.onMessage(message);
      return;
    }
    if (message.subject !== `${this.#inbox}.${this.#request}`) return;
    const { code } = message.headers!;
    if (code === 100) return; // it is there
    if (code === 408 || code === 404) this.again(); // its time is over
    else this.#recover();
  }

  async #recover(): Promise<void> {
    if (this.#state !== "asking") return;
    this.#state = "preparing";
    await pause(PAUSE_MS);
    await this.#prepare();
  }
}
