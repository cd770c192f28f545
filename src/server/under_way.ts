/**
 * The running handlers of one connection.
 *
 * @module
 */

import type { EventServerStats } from "./reports.ts";

/**
 * How many handlers may run for one connection, and how many characters their
 * messages may have together.
 */
const MAX_COUNT = 1024, MAX_LENGTH = 1024 * 1024;

/** Counts the handlers of a connection that have not ended. */
export class UnderWay {
  readonly #stats: EventServerStats;
  #count = 0;
  #due = 0;
  #length = 0;

  constructor(stats: EventServerStats) {
    this.#stats = stats;
  }

  /** The number of running handlers. */
  get count(): number {
    return this.#count;
  }

  /** The number of running handlers whose response the peer waits for. */
  get due(): number {
    return this.#due;
  }

  /** Whether no more handlers may begin. */
  get isFull(): boolean {
    return this.#count >= MAX_COUNT || this.#length >= MAX_LENGTH;
  }

  /** A handler began, for a message of `length` characters. */
  began(isDue: boolean, length: number): void {
    this.#add(1, isDue, length);
  }

  /** A handler ended; the arguments are those of `began`. */
  ended(isDue: boolean, length: number): void {
    this.#add(-1, isDue, -length);
  }

  #add(count: 1 | -1, isDue: boolean, length: number): void {
    this.#stats.underWay += count;
    this.#count += count;
    if (isDue) this.#due += count;
    this.#length += length;
  }
}
