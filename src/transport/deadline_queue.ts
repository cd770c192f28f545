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
  /** The queue that it waits in, and its neighbours there: for this module. */
  queue?: WaitingQueue | undefined;
  previous?: Waiting | undefined;
  next?: Waiting | undefined;
}

/** Those that wait equally long, in the order in which they were added. */
interface WaitingQueue {
  first: Waiting | undefined;
  last: Waiting | undefined;
}

/**
 * A set of waiting things, ordered by deadline. Those that wait equally long
 * become due in the order in which they were added, so a queue for each length
 * is enough: adding and deleting take constant time, and finding the earliest
 * takes one look at each queue, of which there is one as a rule.
 *
 * The queues are linked lists: a `Set` takes three times as long for what comes
 * and goes.
 */
export class DeadlineQueue<T extends Waiting> {
  readonly #queues = new Map<number, WaitingQueue>();
  #size = 0;

  /** How many are waiting. */
  get size(): number {
    return this.#size;
  }

  /** Adds one; deadlines of the same `timeoutMs` must not go backwards. */
  add(waiting: T): void {
    let queue = this.#queues.get(waiting.timeoutMs);
    if (queue === undefined) {
      queue = { first: undefined, last: undefined };
      this.#queues.set(waiting.timeoutMs, queue);
    }
    waiting.queue = queue;
    waiting.previous = queue.last;
    if (queue.last === undefined) queue.first = waiting;
    else queue.last.next = waiting;
    queue.last = waiting;
    this.#size++;
  }

  /** Takes one out; false if it is not there. */
  delete(waiting: T): boolean {
    const { queue, previous, next } = waiting;
    if (queue === undefined) return false;
    if (previous === undefined) queue.first = next;
    else previous.next = next;
    if (next === undefined) queue.last = previous;
    else next.previous = previous;
    waiting.queue = waiting.previous = waiting.next = undefined;
    this.#size--;
    // The usual one stays: to make it anew for each lone event takes time.
    if (queue.first === undefined && this.#queues.size > 1) {
      this.#queues.delete(waiting.timeoutMs);
    }
    return true;
  }

  /** The earliest deadline, or `undefined` if none is waiting. */
  next(): number | undefined {
    let earliest: number | undefined;
    for (const { first } of this.#queues.values()) {
      if (first === undefined) continue;
      if (earliest === undefined || first.deadline < earliest) {
        earliest = first.deadline;
      }
    }
    return earliest;
  }

  /** Those whose deadline has come at `now`; they stay until deleted. */
  due(now: number): T[] {
    return this.#list((waiting) => waiting.deadline <= now);
  }

  /** All that are waiting. */
  all(): T[] {
    return this.#list(() => true);
  }

  /** Of each queue, what comes before the first that is not `wanted`. */
  #list(wanted: (waiting: T) => boolean): T[] {
    const list: T[] = [];
    for (const { first } of this.#queues.values()) {
      let waiting = first as T | undefined;
      while (waiting !== undefined && wanted(waiting)) {
        list.push(waiting);
        waiting = waiting.next as T | undefined;
      }
    }
    return list;
  }
}
