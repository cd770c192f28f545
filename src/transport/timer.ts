/**
 * A timer for the earliest of many deadlines.
 *
 * @module
 */

/**
 * The longest time until the timer rings, in milliseconds. Each signal stays in
 * memory until its time is over, even if it is no longer used.
 */
const MAX_MS = 10_000;

/**
 * A timer that can be set and cleared often. It rings at the time that it was set
 * to, or earlier; then set it again. While it is set, it keeps the process alive
 * on Deno. On Node only the connections do that.
 *
 * It uses `AbortSignal.timeout`: a signal without a listener does nothing and
 * keeps nothing alive, and the next `set` may use it again. `setTimeout` is slower
 * to set and clear, and Deno loads Node's timers for it, so the command would
 * start more slowly.
 */
export class Timer {
  readonly #ring: () => void;
  readonly #onAbort: () => void;
  #signal: AbortSignal | undefined;
  /** When the signal is aborted. */
  #signalDue = Infinity;
  #due = Infinity;

  /** Constructs a timer that is not set. It calls `ring` when it rings. */
  constructor(ring: () => void) {
    this.#ring = ring;
    this.#onAbort = () => {
      this.#signal = undefined;
      this.#due = Infinity;
      this.#ring();
    };
  }

  /** When it rings, on the clock of `performance.now`; `Infinity` if not set. */
  get due(): number {
    return this.#due;
  }

  /** Sets it to ring at `deadline`, unless it is set to ring earlier. */
  set(deadline: number, now: number = performance.now()): void {
    if (deadline >= this.#due) return;
    const canReuse = this.#signal?.aborted === false &&
      this.#signalDue <= deadline;
    if (!canReuse) {
      this.clear();
      const ms = Math.min(Math.max(0, Math.ceil(deadline - now)), MAX_MS);
      this.#signal = AbortSignal.timeout(ms);
      this.#signalDue = now + ms;
    }
    this.#due = Math.min(deadline, this.#signalDue);
    this.#signal!.addEventListener("abort", this.#onAbort);
  }

  /** Clears it: it does not ring. */
  clear(): void {
    this.#due = Infinity;
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
