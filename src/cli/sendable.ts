/**
 * Params for a client that does not take `JsonText` yet. Without this file, the
 * text itself is given to the client.
 */

import {
  type EventParams,
  type JsonText,
  membersOf,
  NamedParams,
} from "../../mod.ts";
import { UsageError } from "./arguments.ts";

/**
 * Params as values; those that would not go out as they are given are refused.
 *
 * @throws {UsageError} if they would change.
 */
export function toSendable({ text }: JsonText): EventParams {
  const value = JSON.parse(text);
  if (!mayChange(text, value)) return value;
  return text.startsWith("{")
    ? new NamedParams(
      membersOf(text).map(([name, value]) => [name, unchanged(value)]),
    )
    : unchanged(text) as unknown[];
}

function unchanged(text: string): unknown {
  const value = JSON.parse(text);
  if (mayChange(text, value)) checkUnchanged(text, value, "a param");
  return value;
}

/**
 * Whether a value may not go out as it was written. It is quick and finds some
 * that do: `checkUnchanged` decides.
 */
function mayChange(text: string, value: unknown): boolean {
  // A double holds each number of up to 15 digits, and some longer ones.
  if (/[0-9.]{16}|[0-9][eE]/.test(text)) return true;
  const names = countNames(value);
  // Most texts have no colon inside a string; to see which have takes longer.
  return names === undefined ||
    countColons(text) !== names && text.match(/"\s*:/g)?.length !== names;
}

/** How many names a value has; undefined if some may have changed places. */
function countNames(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const element of value) {
      const names = countNames(element);
      if (names === undefined) return undefined;
      count += names;
    }
    return count;
  }
  for (const name in value) {
    // Names that are integers come first, wherever they stood.
    if (count === 0 && name >= "0" && name < ":") return undefined;
    const names = countNames((value as Record<string, unknown>)[name]);
    if (names === undefined) return undefined;
    count += 1 + names;
  }
  return count;
}

function countColons(text: string): number {
  let count = 0;
  for (let i = text.indexOf(":"); i !== -1; i = text.indexOf(":", i + 1)) {
    count++;
  }
  return count;
}

function checkUnchanged(text: string, value: unknown, name: string): void {
  JSON.parse(text, (_, v, context?: { source?: string }) => {
    const source = context?.source ?? "";
    if (typeof v === "number" && decimalOf(source) !== decimalOf(`${v}`)) {
      throw new UsageError(
        `${name} holds ${source}, which a double cannot hold, expected numbers that lose no digits, such as integers up to ${Number.MAX_SAFE_INTEGER}`,
      );
    }
    return v;
  });
  const names: string[] = [];
  collectNames(value, names);
  // In JSON, a string before a colon is a name.
  const given = [...text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*(:?)/gs)]
    .flatMap(([, string, colon]) => colon ? [JSON.parse(string!)] : []);
  const moved = given.findIndex((name, i) => name !== names[i]);
  if (moved !== -1) {
    throw new UsageError(
      `${name} has the name ${
        JSON.stringify(given[moved])
      } twice, or names that are integers, which would change places: expected each name once`,
    );
  }
}

/** A number's sign, its digits from the first to the last that is not 0, and its exponent. */
function decimalOf(number: string): string | undefined {
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/
    .exec(number);
  if (match === null) return undefined; // Infinity
  const [, sign, integer, fraction = "", exponent = "0"] = match;
  const digits = (integer + fraction).replace(/^0+/, "");
  const ending = digits.replace(/0+$/, "");
  if (ending === "") return "0";
  const zeros = digits.length - ending.length;
  return `${sign}${ending}e${
    BigInt(exponent) - BigInt(fraction.length - zeros)
  }`;
}

/** The names in a value, in the order in which they would be written. */
function collectNames(value: unknown, names: string[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value)) names.push(name);
    collectNames(member, names);
  }
}
