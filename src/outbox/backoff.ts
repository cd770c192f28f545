/**
 * How long to wait before something is tried again.
 *
 * @module
 */

/** Options of {@linkcode backoff}. */
export interface BackoffOptions {
  /**
   * How long to wait after the first attempt, in milliseconds.
   *
   * @default {100}
   */
  minDelayMs?: number | undefined;
  /**
   * How long to wait at most, in milliseconds.
   *
   * @default {30000}
   */
  maxDelayMs?: number | undefined;
}

/**
 * Returns how long to wait after the attempt of this number, counted from 1, in
 * milliseconds: twice as long each time, up to `maxDelayMs`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { backoff } from "./mod.ts";
 *
 * const options = { minDelayMs: 100, maxDelayMs: 1000 };
 * assertEquals(
 *   [1, 2, 3, 4, 5, 6].map((attempt) => backoff(attempt, options)),
 *   [100, 200, 400, 800, 1000, 1000],
 * );
 * ```
 */
export function backoff(
  attempt: number,
  { minDelayMs = 100, maxDelayMs = 30_000 }: BackoffOptions = {},
): number {
  // 2 ** 1024 is Infinity, and 0 times that is no number.
  const doublings = Math.min(Math.max(attempt, 1) - 1, 1000);
  return Math.min(minDelayMs * 2 ** doublings, maxDelayMs);
}
