/**
 * Checks of options. The error names the option and states the value.
 *
 * Each check throws a `TypeError` if the value has a wrong type, and a
 * `RangeError` if it is out of range.
 *
 * @module
 */

import { quote } from "./errors.ts";

/** The longest time that a timer can be set for, in milliseconds: 24 days. */
export const MAX_TIMEOUT_MS = 0x7fffffff;

/** Checks that a value is an integer of at least 1. */
export function checkPositiveInteger(name: string, value: unknown): void {
  checkInteger(name, value, 1, Number.MAX_SAFE_INTEGER);
}

/** Checks that a value is an integer from `min` to `max`. */
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

/** Checks milliseconds: more than 0, and at most {@linkcode MAX_TIMEOUT_MS}. */
export function checkMs(name: string, value: unknown): void {
  const expected = `milliseconds, more than 0 and at most ${MAX_TIMEOUT_MS}`;
  checkNumber(name, value, expected);
  if (!(value > 0 && value <= MAX_TIMEOUT_MS)) {
    throw outOfRange(name, value, expected);
  }
}

/** Checks milliseconds as {@linkcode checkMs} does, but allows `Infinity`. */
export function checkMsOrInfinity(name: string, value: unknown): void {
  if (value === Infinity) return;
  const expected =
    `milliseconds, more than 0 and at most ${MAX_TIMEOUT_MS}, or Infinity`;
  checkNumber(name, value, expected);
  if (!(value > 0 && value <= MAX_TIMEOUT_MS)) {
    throw outOfRange(name, value, expected);
  }
}

/** Checks that a value is `true` or `false`. */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== "boolean") {
    throw wrongType(name, value, "true or false");
  }
}

/** Checks that a value is a string and is not empty. */
export function checkText(name: string, value: unknown): void {
  if (typeof value !== "string" || value === "") {
    throw wrongType(name, value, "a non-empty string");
  }
}

/** Checks that a value is a function. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw wrongType(name, value, "a function");
}

/** Checks that a value is an `AbortSignal` or `undefined`. */
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

/** Shows a value as it stands in code, or its type if that would be long. */
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
