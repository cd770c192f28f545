/** An event from a line of JSON. */

import type { EventParams } from "../../mod.ts";
import { toJson, UsageError } from "./arguments.ts";

/**
 * Reads a line.
 *
 * @throws {UsageError} that says what is wrong with it, or that its params
 * would not go out as they stand there.
 */
export function parseEventLine(
  line: string,
): { event: string; params: EventParams | undefined } {
  let value = parse(line);
  if (mayHaveChanged(line, value)) value = toJson(line, "it");
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(
      `it is no JSON object, expected {"event":…,"params":…}`,
    );
  }
  const { event, params } = value as Record<string, unknown>;
  if (typeof event !== "string" || event === "") {
    throw new UsageError(`it has no "event" that is a name`);
  }
  if (
    params !== undefined && (typeof params !== "object" || params === null)
  ) {
    throw new UsageError(`its "params" are neither an object nor an array`);
  }
  for (const name in value) {
    if (name === "event" || name === "params") continue;
    throw new UsageError(
      `it has ${JSON.stringify(name)}, expected "event" and "params" only`,
    );
  }
  return { event, params: params as EventParams | undefined };
}

/**
 * Whether a value may not go out as it was written. To be sure takes time: this
 * finds numbers that could have lost digits, names that could be lost, for then
 * there are fewer than colons, and names that could have moved.
 */
function mayHaveChanged(line: string, value: unknown): boolean {
  const names = countNames(value);
  // Most lines have no colon in a text; to see which are, takes 0.1 us more.
  return names === undefined ||
    countColons(line) !== names && line.match(/"\s*:/g)?.length !== names;
}

/** How many names a value has; undefined if something may have changed. */
function countNames(value: unknown): number | undefined {
  if (typeof value === "number") {
    const isHeld = Number.isSafeInteger(value) ||
      !Number.isInteger(value) && Number.isFinite(value);
    return isHeld ? 0 : undefined;
  }
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const member of value) {
      const names = countNames(member);
      if (names === undefined) return undefined;
      count += names;
    }
    return count;
  }
  for (const name in value) {
    // Integers come first, wherever they stood.
    if (count === 0 && name >= "0" && name < ":") return undefined;
    const names = countNames((value as Record<string, unknown>)[name]);
    if (names === undefined) return undefined;
    count += 1 + names;
  }
  return count;
}

function countColons(line: string): number {
  let count = 0;
  for (let i = line.indexOf(":"); i !== -1; i = line.indexOf(":", i + 1)) {
    count++;
  }
  return count;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new UsageError(`it is not JSON: ${(error as Error).message}`);
  }
}
