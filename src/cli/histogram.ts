/** How long events took: counted in buckets, so that memory stays the same. */

/** A bucket holds values that differ by a 32nd at most. */
const STEPS_BITS = 5;
const STEPS = 1 << STEPS_BITS;
/** The longest time that is told apart, in microseconds: more than an hour. */
const MAX_MICROS = 2 ** 32 - 1;
const BUCKETS = bucketOf(MAX_MICROS) + 1;

/** Times in milliseconds, with the precision of microseconds or three percent. */
export class Histogram {
  readonly #counts: Float64Array = new Float64Array(BUCKETS);
  #count = 0;
  #max = 0;

  /** How many times there are. */
  get count(): number {
    return this.#count;
  }

  /** The longest one; 0 if there is none. */
  get max(): number {
    return this.#max;
  }

  /** Adds a time. */
  add(ms: number): void {
    const micros = Math.min(Math.max(Math.round(ms * 1000), 0), MAX_MICROS);
    this.#counts[bucketOf(micros)]!++;
    this.#count++;
    this.#max = Math.max(this.#max, ms);
  }

  /**
   * The time that a part of all did not exceed, such as 0.99 of them; 0 if there
   * is none.
   */
  quantile(part: number): number {
    const rank = Math.max(1, Math.ceil(part * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(middleOf(bucket) / 1000, this.#max);
    }
    return 0;
  }
}

/** From 64 on, a bucket is as wide as the power of two that it is below. */
function bucketOf(micros: number): number {
  const shift = Math.max(0, 31 - Math.clz32(micros) - STEPS_BITS);
  return shift * STEPS + (micros >>> shift);
}

function middleOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / STEPS) - 1);
  const first = (bucket - shift * STEPS) * 2 ** shift;
  return first + (2 ** shift - 1) / 2;
}
