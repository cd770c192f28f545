/**
 * Many time-outs with one timer.
 *
 * @module
 */

import { DeadlineQueue, type Waiting } from "./deadline_queue.ts";
import { Timer } from "./timer.ts";

/** A time-out that has begun, and the function to call when it is over. */
export class Wait implements Waiting {
  readonly timeoutMs: number;
  readonly deadline: number;
  readonly over: () => void;
  queue: Waiting["queue"];
  previous: Waiting | undefined;
  next: Waiting | undefined;

  /** Constructs a time-out that begins now. */
  constructor(timeoutMs: number, over: () => void) {
    this.timeoutMs = timeoutMs;
    this.deadline = performance.now() + timeoutMs;
    this.over = over;
  }
}

/** Calls a function for each time-out that is over, with one timer for all. */
export class Timeouts {
  readonly #waits = new DeadlineQueue<Wait>();
  readonly #timer = new Timer(() => this.#ring());

  /** Begins a time-out and calls `over` at its end; `Infinity` never ends. */
  begin(timeoutMs: number, over: () => void): Wait {
    const wait = new Wait(timeoutMs, over);
    if (timeoutMs === Infinity) return wait;
    this.#waits.add(wait);
    this.#arm();
    return wait;
  }

  /** Cancels a time-out: its function is not called. */
  end(wait: Wait | undefined): void {
    if (wait === undefined || !this.#waits.delete(wait)) return;
    if (this.#waits.size === 0) this.#timer.clear();
  }

  #arm(): void {
    const next = this.#waits.next();
    if (next !== undefined) this.#timer.set(next);
  }

  #ring(): void {
    for (const wait of this.#waits.due(performance.now())) {
      // An earlier `over` may have cancelled this one.
      if (this.#waits.delete(wait)) wait.over();
    }
    this.#arm();
  }
}
