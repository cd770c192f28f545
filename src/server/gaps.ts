/**
 * Waiting for less time than a timer can measure.
 *
 * @module
 */

/** Below this, a timer rings too late, in milliseconds. */
const MIN_TIMER_MS = 4;

/** A wait, until a point in time on the clock of `performance.now`. */
interface Gap {
  readonly end: number;
  readonly over: () => void;
}

/**
 * Ends gaps between responses in time. While a gap ends soon, each turn of the
 * event loop looks at the clock, one turn for all gaps; else nothing runs.
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
    // Got here, since Deno loads Node's timers for it.
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
