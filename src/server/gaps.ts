/**
 * Waits that are too short for a timer.
 *
 * @module
 */

/** For a shorter wait, in milliseconds, a timer is not precise enough. */
const MIN_TIMER_MS = 4;

/** A wait until `end`, on the clock of `performance.now`. */
interface Gap {
  readonly end: number;
  readonly over: () => void;
}

/**
 * Waits for the gaps between responses. While there are gaps that end soon, it
 * looks at the clock in each turn of the event loop, once for all gaps.
 */
export class Gaps {
  #gaps: Gap[] = [];
  #isTurning = false;

  /** Resolves at `end` or shortly after. */
  until(end: number): Promise<void> {
    const left = end - performance.now();
    if (!(left > 0)) return Promise.resolve();
    if (left > MIN_TIMER_MS) {
      return new Promise<void>((resolve) => setTimeout(resolve, left - 2))
        .then(() => this.until(end));
    }
    return new Promise((over) => {
      this.#gaps.push({ end, over });
      if (this.#isTurning) return;
      this.#isTurning = true;
      this.#turn();
    });
  }

  #turn(): void {
    // Read only when needed, because Deno then loads Node's timers.
    const { setImmediate } = globalThis as unknown as {
      setImmediate(run: () => void): void;
    };
    setImmediate(() => {
      const now = performance.now();
      const waiting: Gap[] = [];
      for (const gap of this.#gaps) {
        if (gap.end <= now) gap.over();
        else waiting.push(gap);
      }
      this.#gaps = waiting;
      this.#isTurning = waiting.length > 0;
      if (this.#isTurning) this.#turn();
    });
  }
}
