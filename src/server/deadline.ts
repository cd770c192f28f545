/**
 * What a peer must not take too long for.
 *
 * @module
 */

import type { Timeouts, Wait } from "../transport/timeouts.ts";

/** At most one deadline at a time. */
export class Deadline {
  readonly #timeouts: Timeouts;
  #wait: Wait | undefined;

  constructor(timeouts: Timeouts) {
    this.#timeouts = timeouts;
  }

  /** Whether there is a deadline now. */
  get isSet(): boolean {
    return this.#wait !== undefined;
  }

  /** Calls `over` in so many milliseconds, instead of what was to be called. */
  set(ms: number, over: () => void): void {
    this.clear();
    this.#wait = this.#timeouts.begin(ms, () => {
      this.#wait = undefined;
      over();
    });
  }

  /** Calls nothing. */
  clear(): void {
    this.#timeouts.end(this.#wait);
    this.#wait = undefined;
  }
}
