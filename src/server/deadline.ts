/**
 * The deadline of a session.
 *
 * @module
 */

import type { Timeouts, Wait } from "../transport/timeouts.ts";

/** A deadline that can be set again and cleared. */
export class Deadline {
  readonly #timeouts: Timeouts;
  #wait: Wait | undefined;

  constructor(timeouts: Timeouts) {
    this.#timeouts = timeouts;
  }

  /** Whether the deadline is set. */
  get isSet(): boolean {
    return this.#wait !== undefined;
  }

  /** Sets the deadline: `over` is called after `ms`. Replaces an earlier one. */
  set(ms: number, over: () => void): void {
    this.clear();
    this.#wait = this.#timeouts.begin(ms, () => {
      this.#wait = undefined;
      over();
    });
  }

  /** Clears the deadline. */
  clear(): void {
    this.#timeouts.end(this.#wait);
    this.#wait = undefined;
  }
}
