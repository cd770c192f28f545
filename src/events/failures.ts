/**
 * Telling listeners of failures, so that it has an end.
 *
 * @module
 */

import type { DeliveryReport } from "./report.ts";

/** A failure of events that were raised in one go. */
export interface Failure {
  readonly event: string;
  /** How many events it is; each is told by itself. */
  readonly count: number;
  readonly report: DeliveryReport;
  /** See {@linkcode Failures.chain}. */
  readonly chain: readonly string[];
}

const NO_CHAIN: readonly string[] = [];

/**
 * Tells of failures in a microtask of its own, one list after another. A listener
 * may raise events, of which new failures come: they are in the next list. So
 * that this has an end, each failure knows the chain of failures that led to it,
 * and none of the events on a chain may be raised because of it.
 *
 * | state | `chain` | meaning |
 * |---|---|---|
 * | idle | empty | nothing is to be told, or its microtask has not come |
 * | telling | the failures that led here | a listener runs, and may raise events |
 */
export class Failures {
  #list: Failure[] = [];
  #chain: readonly string[] = NO_CHAIN;
  readonly #tell: (event: string, report: DeliveryReport) => void;

  /** `tell` tells the listeners of a failure, and does not throw. */
  constructor(tell: (event: string, report: DeliveryReport) => void) {
    this.#tell = tell;
  }

  /**
   * The events of which a failure is being told, each raised by a listener of the
   * one before. It is the same array for the same failure.
   */
  get chain(): readonly string[] {
    return this.#chain;
  }

  /** Takes a failure, to tell of it. */
  add(failure: Failure): void {
    this.#list.push(failure);
    if (this.#list.length === 1) Promise.resolve().then(() => this.#tellAll());
  }

  #tellAll(): void {
    const list = this.#list;
    this.#list = [];
    for (const { event, count, report, chain } of list) {
      this.#chain = [...chain, event];
      for (let i = 0; i < count; i++) this.#tell(event, report);
    }
    this.#chain = NO_CHAIN;
  }
}
