/**
 * Messages that go out in one write.
 *
 * @module
 */

/**
 * How many bytes one write has, unless a message is larger: about as much as one
 * packet of the loopback or one write to a network card can carry, 65,483 bytes.
 * With 64 KiB a small packet follows each large one, and writing takes four
 * times as long. Of a larger write less could be said when it fails in the
 * middle, as every event in it may have arrived.
 */
export const CHUNK_BYTES = 60 * 1024;

/** Part of a {@linkcode Chunk}: one message, or several with one fate. */
export interface Part {
  /** Where it starts and ends. */
  start: number;
  end: number;
  /** Unless that is "pending", it is not to go out any more. */
  readonly outcome: string;
}

/** Messages in a row, as bytes. */
export class Chunk<P extends Part> {
  /** All of it, in order. */
  parts: P[] = [];
  /** How many bytes are of parts that were dropped. */
  #dropped = 0;
  bytes: Uint8Array<ArrayBuffer>;
  /** How many of the bytes are in use. */
  length = 0;

  /** Constructs a chunk that has room for `capacity` bytes at first. */
  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Has it be empty, as after it went out; its memory stays. */
  clear(): void {
    this.parts = [];
    this.#dropped = 0;
    this.length = 0;
  }

  /** Whether a message of this length can be added. */
  takes(length: number): boolean {
    return this.length + length <= CHUNK_BYTES || this.length === 0;
  }

  /** Makes room for a message of this length. */
  reserve(length: number): void {
    const needed = this.length + length;
    if (needed <= this.bytes.length) return;
    const capacity = Math.max(
      needed,
      Math.min(4 * this.bytes.length, CHUNK_BYTES),
    );
    const grown = new Uint8Array(capacity);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /**
   * Drops a part that is not pending any more; returns how many bytes that makes
   * room for. To move what stands behind it each time would take too long: it is
   * done once half of the bytes are of no use.
   */
  drop(part: P): number {
    this.#dropped += part.end - part.start;
    return 2 * this.#dropped >= this.length ? this.compact() : 0;
  }

  /** Leaves what is pending only; returns how many bytes that makes room for. */
  compact(): number {
    if (this.#dropped === 0) return 0;
    this.#dropped = 0;
    this.parts = this.parts.filter(({ outcome }) => outcome === "pending");
    const before = this.length;
    this.length = 0;
    for (const part of this.parts) {
      this.bytes.copyWithin(this.length, part.start, part.end);
      part.end += this.length - part.start;
      part.start = this.length;
      this.length = part.end;
    }
    // One part that waits long must not keep the memory of all.
    if (4 * this.length < this.bytes.length) {
      this.bytes = this.bytes.slice(0, this.length);
    }
    return before - this.length;
  }
}
