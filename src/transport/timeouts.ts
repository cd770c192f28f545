/**
 * One timer for many things that wait.
 *
 * @module
 */

import { DeadlineQueue, type Waiting } from "./deadline_queue.ts";
import { Timer } from "./timer.ts";

/** Something that may take so long, and what is to be done then. */
export class Wait implements Waiting {
  readonly timeoutMs: number;
  readonly deadline: number;
  readonly over: () => void;
  queue: Waiting["queue"];
  previous: Waiting | undefined;
  next: Waiting | undefined;

  /** Constructs a wait that begins now. */
  constructor(timeoutMs: number, over: () => void) {
    this.timeoutMs = timeoutMs;
    this.deadline = performance.now() + timeoutMs;
    this.over = over;
  }
}

/** Calls what is over, by one timer. */
export class Timeouts {
  readonly #waits = new DeadlineQueue<Wait>();
  readonly #timer = new Timer(() => this.#ring());

  /** Begins a wait; `Infinity` is never over. */
  begin(timeoutMs: number, over: () => void): Wait {
    const wait = new Wait(timeoutMs, over);
    if (timeoutMs === Infinity) return wait;
    this.#waits.add(wait);
    this.#arm();
    return wait;
  }

  /** Ends a wait, if it has not ended. */
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
      if (this.#waits.delete(wait)) wait.over(); // else one before ended it
    }
    this.#arm();
  }
}
