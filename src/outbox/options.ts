/**
 * The options of an outbox, and what they may be.
 *
 * @module
 */

import type { BackoffOptions } from "./backoff.ts";
import { type CourierOptions, retryUnlessRefused } from "./courier.ts";

/** Options of {@linkcode Outbox}. */
export interface OutboxOptions extends BackoffOptions {
  /**
   * How many events may be under way to one target at once. With 1 they arrive
   * in the order in which they were raised; with more, much faster, and after a
   * failure in another order. A crash may repeat as many as are under way.
   *
   * @default {1}
   */
  window?: number | undefined;
  /**
   * The name under which the event's key goes out as the last param, so that the
   * receiver can tell a second coming. Of unnamed params it becomes the last.
   * Absent: it does not go out.
   */
  keyParam?: string | undefined;
  /**
   * After how many milliseconds an event that could not be delivered is set
   * aside.
   *
   * @default {Infinity}
   */
  maxAgeMs?: number | undefined;
  /**
   * How long a delivery may take to be confirmed, in milliseconds. Absent: as
   * long as the client or the interface allows.
   */
  timeoutMs?: number | undefined;
  /**
   * Whether to try an event again after it failed with this error, instead of
   * setting it aside. By default always, unless the server has answered with an
   * error, or the event cannot be sent at all.
   */
  retryOn?: ((error: unknown) => boolean) | undefined;
}

/** All options, with their defaults. */
export interface CheckedOptions extends CourierOptions {
  keyParam: string | undefined;
  timeoutMs: number | undefined;
}

/**
 * Returns options with their defaults.
 *
 * @throws {TypeError} if one has the wrong type.
 * @throws {RangeError} if one is out of its range.
 */
export function checkOptions(options: OutboxOptions): CheckedOptions {
  const {
    window = 1,
    keyParam,
    maxAgeMs = Infinity,
    timeoutMs,
    retryOn = retryUnlessRefused,
    minDelayMs = 100,
    maxDelayMs = 30_000,
  } = options;
  if (!Number.isInteger(window) || window < 1) {
    throw new RangeError(
      `Cannot use window ${window}: expected a whole number from 1`,
    );
  }
  checkPositive("maxAgeMs", maxAgeMs);
  checkPositive("minDelayMs", minDelayMs);
  checkPositive("maxDelayMs", maxDelayMs);
  if (timeoutMs !== undefined) checkPositive("timeoutMs", timeoutMs);
  if (
    keyParam !== undefined && (typeof keyParam !== "string" || keyParam === "")
  ) {
    throw new TypeError(
      `Cannot use keyParam ${
        JSON.stringify(keyParam)
      }: expected a non-empty string`,
    );
  }
  if (typeof retryOn !== "function") {
    throw new TypeError(
      `Cannot use retryOn ${String(retryOn)}: expected a function`,
    );
  }
  return {
    window,
    keyParam,
    maxAgeMs,
    timeoutMs,
    retryOn,
    minDelayMs,
    maxDelayMs,
  };
}

function checkPositive(name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(
      `Cannot use ${name} ${String(value)}: expected milliseconds`,
    );
  }
  if (!(value > 0)) {
    throw new RangeError(
      `Cannot use ${name} ${value}: expected milliseconds, more than 0`,
    );
  }
}
