/**
 * Which of many waiting things is due, without a timer for each.
 *
 * @module
 */

/** Something that waits until a point in time. */
export interface Waiting {
  /** How long it may wait, in milliseconds. */
  readonly timeoutMs: number;
  /** When that is over, in milliseconds on the caller's clock. */
  readonly deadline: number;
}

/**
 * A set of waiting things, ordered by deadline. Those that wait equally long
 * become due in the order in which they were added, so a queue for each length
 * is enough: adding and deleting take constant time, and finding the earliest
 * takes one look at each queue, of which there is one as a rule.
 */
export class Deadlines<T extends Waiting> {
  readonly #queues = new Map<number, Set<T>>();
  #size = 0;

  /** How many are waiting. */
  get size(): number {
    return this.#size;
  }

  /** Adds one; deadlines of the same `timeoutMs` must not go backwards. */
  add(waiting: T): void {
    let queue = this.#queues.get(waiting.timeoutMs);
    if (queue === undefined) {
      this.#queues.set(waiting.timeoutMs, queue = new Set());
    }
    queue.add(waiting);
    this.#size++;
  }

  /** Takes one out; false if it is not there. */
  delete(waiting: T): boolean {
    const queue = this.#queues.get(waiting.timeoutMs);
    if (queue === undefined || !queue.delete(waiting)) return false;
    if (queue.size === 0) this.#queues.delete(waiting.timeoutMs);
    this.#size--;
    return true;
  }

  /** The earliest deadline, or `undefined` if none is waiting. */
  next(): number | undefined {
    let earliest: number | undefined;
    for (const queue of this.#queues.values()) {
      for (const { deadline } of queue) {
        if (earliest === undefined || deadline < earliest) earliest = deadline;
        break;
      }
    }
    return earliest;
  }

  /** Those whose deadline has come at `now`; they stay until deleted. */
  due(now: number): T[] {
    const due: T[] = [];
    for (const queue of this.#queues.values()) {
      for (const waiting of queue) {
        if (waiting.deadline > now) break;
        due.push(waiting);
      }
    }
    return due;
  }

  /** All that are waiting. */
  *[Symbol.iterator](): Iterator<T> {
    for (const queue of this.#queues.values()) yield* queue;
  }
}
