/**
 * The deliveries that wait to be written, in order.
 *
 * @module
 */

import { type Delivery, QUEUED } from "./delivery.ts";

/**
 * The text of one write has about this length; a longer message is written alone.
 * 60 KiB fit one packet of the loopback (65,483 bytes). When a larger write
 * failed, more events would be in doubt.
 */
export const WRITE_LENGTH: number = 60 * 1024;

const encoder = new TextEncoder();

/** Deliveries of which no byte has left. */
export class WriteQueue {
  #deliveries: Delivery[] = [];
  /** The index of the first delivery that was not taken. */
  #first = 0;
  /** How many later entries are settled and will be skipped. */
  #removed = 0;
  /** The batch that more notifications of this turn may join. */
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

  /** Adds a delivery. With `isBatch`, others may join it until the turn ends. */
  add(delivery: Delivery, isBatch: boolean): void {
    const { length } = delivery.text;
    this.#batch = isBatch && length < WRITE_LENGTH ? delivery : undefined;
    this.#deliveries.push(delivery);
    this.#events += delivery.count;
    this.#length += length;
  }

  /** Returns the batch that a notification with this time-out may join. */
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
    // Bytes take less memory, and the text must be encoded anyway.
    batch.bytes = encoder.encode(batch.text);
    batch.text = "";
    this.#batch = undefined;
  }

  /** Ends the turn: notifications of later turns do not join its batch. */
  endTurn(): void {
    this.#batch = undefined;
  }

  /** Returns the first delivery without removing it. */
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

  /** Removes the first delivery. */
  shift(delivery: Delivery): void {
    this.#first++;
    this.#uncount(delivery);
    if (this.#first > 1024 && 2 * this.#first > this.#deliveries.length) {
      this.#compact();
    }
  }

  /**
   * Removes a delivery from any position. Call it after `state` is set: a delivery
   * that is not `QUEUED` is skipped.
   */
  remove(delivery: Delivery): void {
    this.#uncount(delivery);
    this.#removed++;
    if (this.#removed > 1024 && 2 * this.#removed > this.#deliveries.length) {
      this.#compact();
    }
  }

  /** Returns all deliveries. */
  all(): Delivery[] {
    return this.#deliveries.slice(this.#first)
      .filter(({ state }) => state === QUEUED);
  }

  #uncount(delivery: Delivery): void {
    if (delivery === this.#batch) this.#batch = undefined;
    this.#events -= delivery.count;
    this.#length -= delivery.length;
  }

  #compact(): void {
    this.#deliveries = this.all();
    this.#first = this.#removed = 0;
  }
}
