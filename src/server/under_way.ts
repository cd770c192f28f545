/**
 * What is under way for one connection.
 *
 * @module
 */

import type { EventServerStats } from "./reports.ts";

/**
 * How many handlers may be under way for one connection, and how many
 * characters their messages have.
 */
const MAX_COUNT = 1024, MAX_LENGTH = 1024 * 1024;

/** Handlers that have not ended. */
export class UnderWay {
  readonly #stats: EventServerStats;
  #count = 0;
  #due = 0;
  #length = 0;

  constructor(stats: EventServerStats) {
    this.#stats = stats;
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** How many of them the peer waits for. */
  get due(): number {
    return this.#due;
  }

  /** Whether no more may begin. */
  get isFull(): boolean {
    return this.#count >= MAX_COUNT || this.#length >= MAX_LENGTH;
  }

  /** One begins that handles a message of so many characters. */
  began(isDue: boolean, length: number): void {
    this.#add(1, isDue, length);
  }

  /** The same one has ended. */
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
