/**
 * A timer for the earliest of many waits.
 *
 * @module
 */

/**
 * A timer that is set for longer rings early: a signal that is of no use any more
 * stays in memory, some 1 KiB, until its time is over.
 */
const MAX_MS = 10_000;

/**
 * A timer that is set and cleared often: it rings at the time that it was last
 * set to, or earlier, and then has to be set again. While it is set it keeps the
 * process alive, but on Node, where only the connections do so.
 *
 * It is made of `AbortSignal.timeout`: a signal that nobody listens to neither
 * rings nor keeps anything alive, and is used again when that can be done. With
 * `setTimeout`, for which Deno loads Node's timers, a `raise` of the command
 * takes 15 % longer, and to set and clear it twice as long.
 */
export class Timer {
  readonly #ring: () => void;
  readonly #onAbort: () => void;
  #signal: AbortSignal | undefined;
  /** When the signal is aborted. */
  #signalDue = Infinity;
  #due = Infinity;

  /** Constructs a timer that is not set, and calls `ring` when it rings. */
  constructor(ring: () => void) {
    this.#ring = ring;
    this.#onAbort = () => {
      this.#signal = undefined;
      this.#due = Infinity;
      this.#ring();
    };
  }

  /** When it rings, on the clock of `performance.now`; `Infinity`: it is not set. */
  get due(): number {
    return this.#due;
  }

  /** Has it ring at `deadline`, or earlier if it was to do so anyway. */
  set(deadline: number, now: number = performance.now()): void {
    if (deadline >= this.#due) return;
    const isOfUse = this.#signal?.aborted === false &&
      this.#signalDue <= deadline;
    if (!isOfUse) {
      this.clear();
      const ms = Math.min(Math.max(0, Math.ceil(deadline - now)), MAX_MS);
      this.#signal = AbortSignal.timeout(ms);
      this.#signalDue = now + ms;
    }
    this.#due = Math.min(deadline, this.#signalDue);
    this.#signal!.addEventListener("abort", this.#onAbort);
  }

  /** Has it not ring. */
  clear(): void {
    this.#due = Infinity;
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
