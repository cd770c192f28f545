/** Times in which a server is not reached. */

import type { FailureCause } from "../monitor/mod.ts";

/** Causes that a server which responds does not have. */
const NOT_REACHED: readonly FailureCause[] = [
  "connect",
  "closed",
  "timeout",
  "queue_full",
  "several",
];

/** Keeps account of failures. */
interface Book {
  failed(error: Error, count: number, time: number): void;
  succeeded(time: number): string | undefined;
}

/**
 * Tells when a socket is back, for how long it was not reached, and how many
 * events failed meanwhile. What keeps account is loaded at the first failure.
 */
export class Outage {
  readonly #socket: string;
  readonly #tell: (message: string) => void;
  #book: Promise<Book> | undefined;
  /** Whether the last event failed. */
  #isFailing = false;
  #done: Promise<void> = Promise.resolve();

  constructor(socket: string, tell: (message: string) => void) {
    this.#socket = socket;
    this.#tell = tell;
  }

  /** Notes that `count` events failed at the time `now`, in milliseconds. */
  failed(error: Error, count: number, now: number): void {
    this.#isFailing = true;
    this.#book ??= openBook(this.#socket);
    this.#done = this.#book.then((book) => book.failed(error, count, now));
  }

  /** Notes that an event was delivered. */
  succeeded(now: number): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#done = this.#book!.then((book) => {
      const message = book.succeeded(now);
      if (message !== undefined) this.#tell(message);
    });
  }

  /** Resolves when all is told. */
  flush(): Promise<void> {
    return this.#done;
  }
}

async function openBook(socket: string): Promise<Book> {
  const { causeOf, DeliveryLog, describeLogEntry } = await import(
    "../monitor/mod.ts"
  );
  const log = new DeliveryLog();
  const facts = { event: "", socket, ms: 0 };
  return {
    failed(error, count, time) {
      if (!NOT_REACHED.includes(causeOf(error))) return;
      log.take({ ...facts, outcome: "failed", error, count }, time);
    },
    succeeded(time) {
      const [back] = log.take({ ...facts, outcome: "sent" }, time);
      return back && describeLogEntry(back);
    },
  };
}
