/**
 * A queue of items with deadlines, so that one timer is enough for all of them.
 *
 * @module
 */

/** An item with a deadline. */
export interface Waiting {
  /** How long the item waits, in milliseconds. */
  readonly timeoutMs: number;
  /** When the item is due, in milliseconds on the caller's clock. */
  readonly deadline: number;
  /** The item's queue, and its neighbours there. Only this module sets them. */
  queue?: WaitingQueue | undefined;
  previous?: Waiting | undefined;
  next?: Waiting | undefined;
}

/** The items with the same `timeoutMs`, in the order in which they were added. */
interface WaitingQueue {
  first: Waiting | undefined;
  last: Waiting | undefined;
}

/**
 * A set of items with deadlines. Items with the same `timeoutMs` become due in the
 * order in which they were added, so each `timeoutMs` has a queue. Adding and
 * deleting an item take constant time. Finding the earliest deadline takes one
 * look at each queue; usually there is one queue.
 *
 * The queues are linked lists, because a `Set` is slower when many items are added
 * and deleted.
 */
export class DeadlineQueue<T extends Waiting> {
  readonly #queues = new Map<number, WaitingQueue>();
  #size = 0;

  /** The number of items. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds an item. Its deadline must not be earlier than that of an item that was
   * added before with the same `timeoutMs`.
   */
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

  /** Deletes an item; returns whether it was in the queue. */
  delete(waiting: T): boolean {
    const { queue, previous, next } = waiting;
    if (queue === undefined) return false;
    if (previous === undefined) queue.first = next;
    else previous.next = next;
    if (next === undefined) queue.last = previous;
    else next.previous = previous;
    waiting.queue = waiting.previous = waiting.next = undefined;
    this.#size--;
    // The last queue is kept: creating it again for each lone event takes time.
    if (queue.first === undefined && this.#queues.size > 1) {
      this.#queues.delete(waiting.timeoutMs);
    }
    return true;
  }

  /** Returns the earliest deadline, or `undefined` if there are no items. */
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

  /** Returns the items that are due at `now`, without deleting them. */
  due(now: number): T[] {
    return this.#list((waiting) => waiting.deadline <= now);
  }

  /** Returns all items. */
  all(): T[] {
    return this.#list(() => true);
  }

  /** Returns the items of each queue up to the first that is not `wanted`. */
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
