/** Options and positional arguments of a command, checked. */

import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "./did_you_mean.ts";

/** A wrong use of the command: exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The help of a command is asked for, and nothing else. */
export class HelpRequest extends Error {
  override name = "HelpRequest";
}

/** The names of the options that a command knows. */
export interface OptionNames {
  boolean: readonly string[];
  string: readonly string[];
  /** Those that may come more than once. */
  list?: readonly string[];
}

/** What was given. */
export interface Arguments {
  positional: string[];
  /** Whether a boolean option was given. */
  has(name: string): boolean;
  /** The text of a string option, if given. */
  text(name: string): string | undefined;
  /** All texts of an option that may come more than once. */
  texts(name: string): string[];
}

/**
 * Parses `args`. Whatever follows `--` is positional.
 *
 * @throws {HelpRequest} for `--help` and `-h`.
 * @throws {UsageError} for an option that is unknown, lacks the value that it
 * needs, has one that it does not take, or comes twice.
 */
export function parseArguments(
  args: readonly string[],
  { boolean, string, list = [] }: OptionNames,
): Arguments {
  const known = [...boolean, ...string, ...list, "help"]
    .map((name) => `--${name}`);
  const parsed = parseArgs(normalize(args, { boolean, string, list }), {
    boolean,
    string: ["_", ...string, ...list],
    collect: list,
    unknown(arg, key) {
      if (key === undefined) return true;
      const [name] = arg.split("=");
      throw new UsageError(
        `unknown option ${name}` +
          (name.startsWith("--")
            ? nearest(name, known)
            : ` (after "--", what begins with "-" is no option)`),
      );
    },
  });
  return {
    positional: parsed._,
    has: (name) => parsed[name] === true,
    text: (name) => parsed[name] as string | undefined,
    texts: (name) => parsed[name] as string[],
  };
}

/**
 * Writes `--name value` as `--name=value`, so that a value may begin with "-",
 * as the codes of JSON-RPC errors do; and checks what `parseArgs` would let
 * pass, by the same errors.
 */
function normalize(
  args: readonly string[],
  { boolean, string, list }: Required<OptionNames>,
): string[] {
  const normal: string[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--") return [...normal, ...args.slice(i)];
    const [, name, given] = /^--([^=]+)(?:=(.*))?$/s.exec(args[i]) ?? [];
    if (args[i] === "--help" || args[i] === "-h") throw new HelpRequest();
    if (name === "_") throw new UsageError("unknown option --_");
    if (given !== undefined && ["help", ...boolean].includes(name)) {
      throw new UsageError(`option --${name} takes no value`);
    }
    if (!string.includes(name) && !list.includes(name)) {
      normal.push(args[i]);
      continue;
    }
    if (seen.has(name) && !list.includes(name)) {
      throw new UsageError(`option --${name} is given twice, expected once`);
    }
    seen.add(name);
    const value = given ?? args[++i];
    if (value === undefined || value === "") {
      throw new UsageError(`option --${name} needs a value`);
    }
    normal.push(`--${name}=${value}`);
  }
  return normal;
}

/**
 * Reads the text of a numeric option.
 *
 * @throws {UsageError} unless it is an integer from `min` to `max`.
 */
export function toInteger(
  text: string | undefined,
  name: string,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-9]+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(
      `${name} is ${
        JSON.stringify(text)
      }, expected an integer from ${min} to ${max}`,
    );
  }
  return value;
}

/**
 * Parses JSON that was given as an argument, and refuses what would not go out
 * as it was given: names that come twice or would change places, and numbers
 * that cannot be held.
 *
 * @throws {UsageError} if it is not JSON, or would change.
 */
export function toJson(text: string, name: string): unknown {
  const names: string[] = [];
  let value: unknown;
  try {
    value = JSON.parse(text, (_, v, context?: { source?: string }) => {
      const source = context?.source ?? "";
      if (typeof v === "number" && !isHeld(v, source)) {
        throw new UsageError(
          `${name} holds ${source}, expected numbers that lose no digits, such as integers up to ${Number.MAX_SAFE_INTEGER}`,
        );
      }
      return v;
    });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${name} is not JSON: ${(error as Error).message}`);
  }
  collectNames(value, names);
  // In JSON, a string before a colon is a name.
  const given = [...text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*(:?)/gs)]
    .flatMap(([, string, colon]) => colon ? [JSON.parse(string)] : []);
  const moved = given.findIndex((name, i) => name !== names[i]);
  if (moved !== -1) {
    throw new UsageError(
      `${name} has the name ${
        JSON.stringify(given[moved])
      } twice, or an integer for a name, which would change places: expected each name once, or params as words, name=text, which keep both`,
    );
  }
  return value;
}

/** Whether a number is what its text says. Fractions are rounded by all. */
function isHeld(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  const mayBeRounded = Number.isInteger(value) && !Number.isSafeInteger(value);
  return !mayBeRounded || digitsOf(source) === digitsOf(String(value));
}

/** The digits of a number but for zeros around them: 1.50e9 has 15. */
function digitsOf(number: string): string {
  return number.replace(/[eE].*|[-.]/g, "").replace(/^0+|0+$/g, "");
}

/** The names in a value, in the order in which it would be written. */
function collectNames(value: unknown, names: string[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value)) names.push(name);
    collectNames(member, names);
  }
}
