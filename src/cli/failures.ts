/** Telling failures: some of them at once, the rest by their number. */

/** How many failures are told one by one until an event is delivered again. */
const MAX_TOLD = 10;
/** How often those that are not told are counted, in milliseconds. */
const COUNT_MS = 5000;
/** How often successes let failures be told again, in milliseconds. */
const RENEW_MS = 1000;

/** Where failures are told. */
export interface FailureHooks {
  /** Takes a failure. */
  fail(message: string): void;
  /** Takes how many were not told. */
  count(message: string): void;
}

/**
 * Tells the first failures one by one. Those that follow are counted, every few
 * seconds, until an event is delivered: then failures are told again.
 */
export class Failures {
  readonly #hooks: FailureHooks;
  readonly #now: () => number;
  readonly #countMs: number;
  #told = 0;
  #held = 0;
  #last = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewed = -Infinity;

  constructor(
    hooks: FailureHooks,
    now: () => number = () => performance.now(),
    countMs: number = COUNT_MS,
  ) {
    this.#hooks = hooks;
    this.#now = now;
    this.#countMs = countMs;
  }

  /** Tells a failure, or holds it back. */
  failed(message: string): void {
    if (this.#told < MAX_TOLD) {
      this.#told++;
      return this.#hooks.fail(message);
    }
    this.#held++;
    this.#last = message;
    this.#timer ??= setTimeout(() => this.countHeld(), this.#countMs);
  }

  /** Notes that an event was delivered. */
  succeeded(): void {
    if (this.#told === 0) return;
    // Events that fail and succeed in turn must not be told without end.
    const now = this.#now();
    if (now - this.#renewed < RENEW_MS) return;
    this.#renewed = now;
    this.#told = 0;
    this.countHeld();
  }

  /** Tells how many failures were not told, if any. */
  countHeld(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#held === 0) return;
    this.#hooks.count(
      this.#held === 1
        ? `1 more error: ${this.#last}`
        : `${this.#held} more errors, the last: ${this.#last}`,
    );
    this.#held = 0;
  }
}
