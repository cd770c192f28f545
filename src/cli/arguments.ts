/** Options and positional arguments of a command, checked. */

import { parseArgs } from "@std/cli/parse-args";

/** Wrong use of the command: exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
  /** A name that nobody knows, and the names that it may have been meant for. */
  readonly unknown: UnknownName | undefined;

  constructor(message: string, unknown?: UnknownName) {
    super(message);
    this.unknown = unknown;
  }
}

/** A name that nobody knows, and the known ones. */
export interface UnknownName {
  readonly name: string;
  readonly known: readonly string[];
}

/**
 * The options of a command by their names. A `flag` takes no value, a `text`
 * takes one and may come once, a `list` takes one each time it comes.
 */
export type OptionKinds = Readonly<Record<string, OptionKind>>;

/** See `OptionKinds`. */
export type OptionKind = "flag" | "text" | "list";

/** The arguments of a command. */
export interface Arguments {
  readonly positional: readonly string[];
  /** Whether the help is asked for; then nothing else is checked. */
  readonly wantsHelp: boolean;
  /** Whether an option is given. */
  has(name: string): boolean;
  /** The value of a text option, if it is given. */
  text(name: string): string | undefined;
  /** All values of a list option. */
  texts(name: string): readonly string[];
}

/**
 * Parses the arguments of a command. A value stands after the option's name or
 * after "=", and may begin with "-", as the codes of JSON-RPC errors do. All
 * that follows `--` is positional.
 *
 * @throws {UsageError} if an option is unknown, has no value though it needs
 * one, has a value that it does not take, or is given twice.
 */
export function parseArguments(
  args: readonly string[],
  kinds: OptionKinds,
): Arguments {
  const { options, positional, given, wantsHelp, unknown } = normalize(
    args,
    kinds,
  );
  // Help is printed whatever stands before it.
  if (unknown !== undefined && !wantsHelp) throw unknown;
  const namesOf = (kind: OptionKind) =>
    Object.keys(kinds).filter((name) => kinds[name] === kind);
  const lists = namesOf("list");
  // Behind the options, so that none takes a positional "true" as its value.
  const parsed = parseArgs([...options, "--", ...positional], {
    boolean: namesOf("flag"),
    string: [...namesOf("text"), ...lists],
    collect: lists,
  });
  return {
    positional: parsed._,
    wantsHelp,
    has: (name) => given.has(name),
    text: (name) => parsed[name] as string | undefined,
    texts: (name) => parsed[name] as readonly string[],
  };
}

/** Arguments in the form in which `parseArgs` reads them without a doubt. */
interface NormalArguments {
  /** Each as `--name` or `--name=value`. */
  readonly options: readonly string[];
  readonly positional: readonly string[];
  /** The names of the options. */
  readonly given: ReadonlySet<string>;
  readonly wantsHelp: boolean;
  /** The error for the first option that is unknown. */
  readonly unknown: UsageError | undefined;
}

/**
 * Tells options and positional arguments apart, and checks what `parseArgs` would
 * let pass: it takes `--no-sync=1` as `--sync`, and no value that begins with "-".
 */
function normalize(
  args: readonly string[],
  kinds: OptionKinds,
): NormalArguments {
  const options: string[] = [];
  const positional: string[] = [];
  const given = new Set<string>();
  let wantsHelp = false;
  let unknown: UsageError | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      positional.push(...args.slice(i + 1));
      break;
    }
    if (arg === "--help" || arg === "-h") {
      wantsHelp = true;
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      positional.push(arg);
      continue;
    }
    const equals = arg.indexOf("=");
    const option = equals === -1 ? arg : arg.slice(0, equals);
    const name = option.slice(2);
    const kind = option.startsWith("--") && Object.hasOwn(kinds, name)
      ? kinds[name]
      : undefined;
    if (kind === "flag" || option === "--help") {
      if (equals !== -1) {
        throw new UsageError(`option ${option} takes no value`);
      }
      given.add(name);
      options.push(option);
    } else if (kind === undefined) {
      unknown ??= unknownOption(option, kinds);
    } else {
      const value = equals === -1 ? args[++i] : arg.slice(equals + 1);
      if (value === undefined || value === "") {
        throw new UsageError(`option ${option} needs a value`);
      }
      if (kind === "text" && given.has(name)) {
        throw new UsageError(`option ${option} is given twice, expected once`);
      }
      given.add(name);
      options.push(`${option}=${value}`);
    }
  }
  return { options, positional, given, wantsHelp, unknown };
}

function unknownOption(option: string, kinds: OptionKinds): UsageError {
  if (!option.startsWith("--")) {
    return new UsageError(
      `unknown option ${option} (after "--", words that begin with "-" are no options)`,
    );
  }
  const known = [...Object.keys(kinds), "help"].map((name) => `--${name}`);
  return new UsageError(`unknown option ${option}`, { name: option, known });
}

/**
 * Reads the text of a numeric option.
 *
 * @throws {UsageError} if it is not an integer from `min` to `max`.
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
