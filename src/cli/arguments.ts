/** Options and positional arguments of a command, checked. */

import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "./nearest.ts";

/** A wrong use of the command: exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The names of the options that a command knows. */
export interface OptionNames {
  boolean: readonly string[];
  string: readonly string[];
}

/** What was given. */
export interface Arguments {
  positional: string[];
  /** Whether a boolean option was given. */
  has(name: string): boolean;
  /** The text of a string option, if given. */
  text(name: string): string | undefined;
}

/**
 * Parses `args`. Whatever follows `--` is positional.
 *
 * @throws {UsageError} for an option that is unknown, has a value that it
 * cannot have, lacks the one it needs, or comes twice.
 */
export function parseArguments(
  args: readonly string[],
  { boolean, string }: OptionNames,
): Arguments {
  const known = [...boolean, ...string, "help"];
  const parsed = parseArgs(joinValues(args, string), {
    boolean,
    string: ["_", ...string],
    unknown(arg, key) {
      if (key === undefined) return true;
      if (!arg.startsWith("--")) {
        throw new UsageError(
          `unknown option ${arg} (after "--", what begins with "-" is no option)`,
        );
      }
      const [name] = arg.slice(2).split("=");
      throw new UsageError(
        `unknown option --${name}` +
          nearest(`--${name}`, known.map((n) => `--${n}`)),
      );
    },
  });
  for (const name of string) {
    if (parsed[name] === "") {
      throw new UsageError(`option --${name} needs a value`);
    }
  }
  return {
    positional: parsed._,
    has: (name) => parsed[name] === true,
    text: (name) => parsed[name] as string | undefined,
  };
}

/**
 * Writes `--name value` as `--name=value`, so that a value may begin with "-",
 * as the codes of JSON-RPC errors do.
 *
 * @throws {UsageError} for an option that comes twice.
 */
function joinValues(
  args: readonly string[],
  names: readonly string[],
): string[] {
  const joined: string[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--") return [...joined, ...args.slice(i)];
    const [option] = args[i].split("=");
    const takesValue = names.some((name) => option === `--${name}`);
    if (takesValue && seen.has(option)) {
      throw new UsageError(`option ${option} is given twice, expected once`);
    }
    seen.add(option);
    const isSplit = takesValue && option === args[i] && i + 1 < args.length;
    joined.push(isSplit ? `${option}=${args[++i]}` : args[i]);
  }
  return joined;
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
 * as it was given: an integer too large to be held.
 *
 * @throws {UsageError} if it is not JSON, or holds such an integer.
 */
export function toJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text, (_, value, context?: { source?: string }) => {
      if (
        typeof value === "number" && Number.isInteger(value) &&
        !Number.isSafeInteger(value) && /^-?[0-9]+$/.test(context?.source ?? "")
      ) {
        throw new UsageError(
          `${name} holds ${context?.source}, expected integers up to ${Number.MAX_SAFE_INTEGER}; larger ones would lose digits`,
        );
      }
      return value;
    });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${name} is not JSON: ${(error as Error).message}`,
    );
  }
}
