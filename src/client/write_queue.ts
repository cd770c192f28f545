/**
 * What waits to be written, in order.
 *
 * @module
 */

import { type Delivery, QUEUED } from "./delivery.ts";

/**
 * How much text one write has, unless a message is longer: about as much as one
 * packet of the loopback or one write to a network card can carry, 65,483 bytes.
 * With 64 KiB a small packet follows each large one. Of a larger write less
 * could be said when it fails in the middle, as every event in it may have
 * arrived.
 */
export const WRITE_LENGTH: number = 60 * 1024;

const encoder = new TextEncoder();

/** The deliveries that no byte has left of. */
export class WriteQueue {
  #deliveries: Delivery[] = [];
  /** The index of the first; those before it were taken. */
  #first = 0;
  /** How many of the others were removed, and are passed over. */
  #removed = 0;
  /** The batch that notifications of this turn may still join. */
  #batch: Delivery | undefined;
  #events = 0;
  #length = 0;

  /** How many events wait. */
  get events(): number {
    return this.#events;
  }

  /** How much text waits, in UTF-16 code units. */
  get length(): number {
    return this.#length;
  }

  get isEmpty(): boolean {
    return this.#events === 0;
  }

  /** Adds a delivery; one that `isBatch` may be joined until the turn ends. */
  add(delivery: Delivery, isBatch: boolean): void {
    const { length } = delivery.text;
    this.#batch = isBatch && length < WRITE_LENGTH ? delivery : undefined;
    this.#deliveries.push(delivery);
    this.#events += delivery.count;
    this.#length += length;
  }

  /** The batch that a notification with this time-out may join. */
  batchFor(timeoutMs: number): Delivery | undefined {
    const batch = this.#batch;
    return batch?.options.timeoutMs === timeoutMs ? batch : undefined;
  }

  /** Adds a message to the batch. */
  join(batch: Delivery, text: string): void {
    batch.text += text;
    batch.length += text.length;
    batch.count++;
    this.#events++;
    this.#length += text.length;
    if (batch.text.length < WRITE_LENGTH) return;
    // As bytes it takes the least memory, and it is encoded once in any case.
    batch.bytes = encoder.encode(batch.text);
    batch.text = "";
    this.#batch = undefined;
  }

  /** Lets nothing more join what was raised in this turn. */
  endTurn(): void {
    this.#batch = undefined;
  }

  /** The first delivery, which stays. */
  peek(): Delivery | undefined {
    const deliveries = this.#deliveries;
    while (this.#first < deliveries.length) {
      const delivery = deliveries[this.#first]!;
      if (delivery.state === QUEUED) return delivery;
      this.#first++;
      this.#removed--;
    }
    this.#deliveries.length = this.#first = this.#removed = 0;
    return undefined;
  }

  /** Takes the first delivery out. */
  shift(delivery: Delivery): void {
    this.#first++;
    this.#forget(delivery);
    if (this.#first > 1024 && 2 * this.#first > this.#deliveries.length) {
      this.#compact();
    }
  }

  /**
   * Takes a delivery out that may stand anywhere, once it is settled and before
   * its text goes.
   */
  remove(delivery: Delivery): void {
    this.#forget(delivery);
    this.#removed++;
    if (this.#removed > 1024 && 2 * this.#removed > this.#deliveries.length) {
      this.#compact();
    }
  }

  /** All deliveries. */
  all(): Delivery[] {
    return this.#deliveries.slice(this.#first)
      .filter(({ state }) => state === QUEUED);
  }

  #forget(delivery: Delivery): void {
    if (delivery === this.#batch) this.#batch = undefined;
    this.#events -= delivery.count;
    this.#length -= delivery.length;
  }

  #compact(): void {
    this.#deliveries = this.all();
    this.#first = this.#removed = 0;
  }
}
