/**
 * Checks of options, so that a wrong one is refused at once and by its name.
 *
 * Each throws a `TypeError` for a value of a wrong type, and a `RangeError` for
 * a value out of range.
 *
 * @module
 */

import { quote } from "./errors.ts";

/** The longest time that a timer takes, in milliseconds: 24 days. */
export const MAX_TIMEOUT_MS = 0x7fffffff;

/** Checks a whole number from 1. */
export function checkPositiveInteger(name: string, value: unknown): void {
  checkInteger(name, value, 1, Number.MAX_SAFE_INTEGER);
}

/** Checks a whole number from `min` to `max`. */
export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max: number,
): void {
  const expected = max < Number.MAX_SAFE_INTEGER
    ? `an integer from ${min} to ${max}`
    : min === 1
    ? "a positive integer"
    : `an integer from ${min}`;
  checkNumber(name, value, expected);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw outOfRange(name, value, expected);
  }
}

/** Checks milliseconds: more than 0, and no more than a timer takes. */
export function checkMs(name: string, value: unknown): void {
  const expected = `milliseconds, more than 0 and at most ${MAX_TIMEOUT_MS}`;
  checkNumber(name, value, expected);
  if (!(value > 0 && value <= MAX_TIMEOUT_MS)) {
    throw outOfRange(name, value, expected);
  }
}

/** Checks milliseconds as {@linkcode checkMs} does; `Infinity` is fine too. */
export function checkMsOrInfinity(name: string, value: unknown): void {
  if (value === Infinity) return;
  const expected =
    `milliseconds, more than 0 and at most ${MAX_TIMEOUT_MS}, or Infinity`;
  checkNumber(name, value, expected);
  if (!(value > 0 && value <= MAX_TIMEOUT_MS)) {
    throw outOfRange(name, value, expected);
  }
}

/** Checks `true` or `false`. */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== "boolean") {
    throw wrongType(name, value, "true or false");
  }
}

/** Checks a text that is not empty. */
export function checkText(name: string, value: unknown): void {
  if (typeof value !== "string" || value === "") {
    throw wrongType(name, value, "a non-empty string");
  }
}

/** Checks a function. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw wrongType(name, value, "a function");
}

/** Checks a signal, or none. */
export function checkSignal(
  signal: AbortSignal | null | undefined,
): void {
  if (
    signal !== undefined && typeof signal?.addEventListener !== "function"
  ) {
    throw wrongType("signal", signal, "an AbortSignal");
  }
}

function checkNumber(
  name: string,
  value: unknown,
  expected: string,
): asserts value is number {
  if (typeof value !== "number") throw wrongType(name, value, expected);
}

function wrongType(name: string, value: unknown, expected: string): TypeError {
  return new TypeError(
    `Cannot use ${name} ${show(value)}: expected ${expected}`,
  );
}

function outOfRange(name: string, value: number, expected: string): RangeError {
  return new RangeError(`Cannot use ${name} ${value}: expected ${expected}`);
}

/** A value of any type, as code would have it where that is short. */
function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "bigint":
      return `${value}n`;
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? "of type array" : "of type object";
    case "function":
    case "symbol":
      return `of type ${typeof value}`;
    default:
      return String(value);
  }
}
