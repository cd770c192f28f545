/**
 * Things that end when their time is over.
 *
 * @module
 */

import { DeadlineQueue, type Waiting } from "../transport/deadline_queue.ts";
import { Timer } from "../transport/timer.ts";

/** Something that ends at its deadline. */
export interface Expiring extends Waiting {
  /** Ends it, and deletes it from its {@linkcode Expiry}. */
  end(): void;
}

/** Ends many things at their deadlines, by one timer. */
export class Expiry {
  readonly #queue: DeadlineQueue<Expiring> = new DeadlineQueue();
  /** Rings when something may have to end; nothing has to before. */
  readonly #timer: Timer = new Timer(() => this.#endDue());

  /** Takes something that is to end. */
  add(expiring: Expiring): void {
    this.#queue.add(expiring);
    this.#timer.set(expiring.deadline);
  }

  /** Lets go of something that has ended, or never had a deadline. */
  delete(expiring: Expiring): void {
    this.#queue.delete(expiring);
    if (this.#queue.size === 0) this.#timer.clear();
  }

  /** Ends the things that are due, as the timer may ring late. */
  check(): void {
    if (this.#timer.due === Infinity) return; // to look at the clock takes time
    if (performance.now() >= this.#timer.due) this.#endDue();
  }

  #endDue(): void {
    for (const expiring of this.#queue.due(performance.now())) expiring.end();
    this.#timer.clear();
    const next = this.#queue.next();
    if (next !== undefined) this.#timer.set(next);
  }
}
