/**
 * Requests by their ids.
 *
 * @module
 */

import { MAX_ID } from "../protocol/message.ts";
import type { InFlight } from "../protocol/response.ts";

/** Something that has an id. */
interface Identified {
  readonly id: number;
}

/** The initial number of slots. */
const MIN_SLOTS = 16;

/**
 * Requests by ids that count up and are deleted in about the same order. The slot
 * of a request is the low bits of its id. If an older request still has that
 * slot, the new one goes into a `Map`. With many requests in flight this is
 * several times as fast as a `Map` alone.
 */
export class Requests<R extends Identified> implements InFlight<R> {
  #slots: (R | undefined)[] = new Array(MIN_SLOTS).fill(undefined);
  readonly #others: Map<number, R> = new Map();
  #size = 0;

  /** The number of requests. */
  get size(): number {
    return this.#size;
  }

  /** Returns the request with this id, or `undefined`. */
  get(id: number): R | undefined {
    const request = this.#slots[id & (this.#slots.length - 1)];
    if (request?.id === id) return request;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** Returns whether there is a request with this id. */
  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  /** Adds a request. No other request may have its id. */
  add(request: R): void {
    if (2 * ++this.#size > this.#slots.length) this.#grow();
    this.#place(request);
  }

  /** Removes a request that was added. */
  delete(request: R): void {
    const slot = request.id & (this.#slots.length - 1);
    if (this.#slots[slot] === request) this.#slots[slot] = undefined;
    else this.#others.delete(request.id);
    this.#size--;
  }

  /** All requests. */
  values(): R[] {
    const placed = this.#slots.filter((request) => request !== undefined);
    return [...placed, ...this.#others.values()];
  }

  /** All requests with their ids. */
  *entries(): MapIterator<[number, R]> {
    for (const request of this.values()) yield [request.id, request];
  }

  #place(request: R): void {
    const slot = request.id & (this.#slots.length - 1);
    if (this.#slots[slot] === undefined) this.#slots[slot] = request;
    else this.#others.set(request.id, request);
  }

  #grow(): void {
    const requests = this.values();
    this.#slots = new Array(2 * this.#slots.length).fill(undefined);
    this.#others.clear();
    for (const request of requests) this.#place(request);
  }
}

/** Returns the next free id after `previous`; after 2147483647 comes 1. */
export function nextId(
  previous: number,
  inFlight: { has(id: number): boolean },
): number {
  let id = previous;
  do {
    id = id >= MAX_ID ? 1 : id + 1;
  } while (inFlight.has(id));
  return id;
}
