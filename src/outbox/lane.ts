/**
 * Which event of one target is next.
 *
 * @module
 */

import type { Row } from "./row.ts";

/** How many events may wait in memory, read ahead. */
const MAX_BUFFER = 256;

/** Reads the events of the target that come after `seq`, in order. */
export type ReadRows = (after: number, max: number) => Row[];

/**
 * The events of one target: what is out, what is postponed, and what is read
 * ahead. The rest stays in the store.
 *
 *     in the store -> buffered -> in hand -> gone
 *                                 in hand -> postponed -> in hand
 */
export class Lane {
  readonly #read: ReadRows;
  readonly #window: number;
  /** Read ahead, the next one first. */
  #buffer: Row[] = [];
  #nextInBuffer = 0;
  /** The last that was read from the store. */
  #cursor = 0;
  /** Whether the store may have more after the cursor. */
  #hasMore = true;
  readonly #inHand = new Set<number>();
  /** In their order, each with the time from which it may go again. */
  readonly #postponed: { row: Row; due: number }[] = [];

  constructor(window: number, read: ReadRows) {
    this.#window = window;
    this.#read = read;
  }

  /** Takes what may go now, at most `max`. */
  take(max: number, now: number): Row[] {
    const rows: Row[] = [];
    while (rows.length < max) {
      const row = this.#takeDue(now) ?? this.#takeNew();
      if (row === undefined) break;
      this.#inHand.add(row.seq);
      rows.push(row);
    }
    return rows;
  }

  /** Whether nothing is there: neither out, nor postponed, nor in the store. */
  get isEmpty(): boolean {
    return this.#inHand.size === 0 && this.#postponed.length === 0 &&
      !this.#fill();
  }

  /** When the next of those that are postponed may go; `Infinity` if none. */
  get due(): number {
    return this.#postponed.reduce(
      (least, { due }) => Math.min(least, due),
      Infinity,
    );
  }

  /** Takes note of rows that were stored after all others. */
  push(rows: readonly Row[]): void {
    const waiting = this.#buffer.length - this.#nextInBuffer;
    if (this.#hasMore || waiting + rows.length > MAX_BUFFER) {
      this.#hasMore = true;
      return;
    }
    for (const row of rows) this.#buffer.push(row);
    this.#cursor = rows[rows.length - 1]!.seq;
  }

  /** Takes note that a row is gone: done, or set aside. */
  remove(row: Row): void {
    this.#inHand.delete(row.seq);
  }

  /** Takes a row back, to give it again from `due` on. */
  postpone(row: Row, due: number): void {
    this.#inHand.delete(row.seq);
    const after = this.#postponed.findIndex((p) => p.row.seq > row.seq);
    this.#postponed.splice(after === -1 ? Infinity : after, 0, { row, due });
  }

  /** Reads anew from the start: somebody else has changed the store. */
  rewind(): void {
    this.#buffer = [];
    this.#nextInBuffer = 0;
    this.#cursor = 0;
    this.#hasMore = true;
    this.#postponed.length = 0; // they may be gone, and may go at once if not
  }

  #takeDue(now: number): Row | undefined {
    const index = this.#postponed.findIndex(({ due }) => due <= now);
    return index === -1 ? undefined : this.#postponed.splice(index, 1)[0]!.row;
  }

  #takeNew(): Row | undefined {
    const out = this.#inHand.size + this.#postponed.length;
    if (out >= this.#window || !this.#fill()) return undefined;
    return this.#buffer[this.#nextInBuffer++];
  }

  /** After a rewind, what is out is read again. */
  #isOut(seq: number): boolean {
    return this.#inHand.has(seq) ||
      this.#postponed.some(({ row }) => row.seq === seq);
  }

  /** Reads ahead if need be; returns whether there is a next one. */
  #fill(): boolean {
    while (this.#nextInBuffer === this.#buffer.length) {
      this.#buffer = [];
      this.#nextInBuffer = 0;
      if (!this.#hasMore) return false;
      const rows = this.#read(this.#cursor, MAX_BUFFER);
      if (rows.length === 0) this.#hasMore = false;
      else this.#cursor = rows[rows.length - 1]!.seq;
      this.#buffer = rows.filter(({ seq }) => !this.#isOut(seq));
    }
    return true;
  }
}
