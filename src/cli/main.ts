/** From arguments to a command, and from its outcome to an exit code. */

import { parseArguments, UsageError } from "./arguments.ts";
import { COMMANDS } from "./commands.ts";
import { Output, stderr } from "./output.ts";

/** Runs the command that `args` name; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const isCommand = name !== undefined && Object.hasOwn(COMMANDS, name);
  try {
    checkUtf8(args);
    return isCommand ? await run(name, rest) : await runItself(name, rest);
  } catch (error) {
    return await fail(error as Error, isCommand ? ` ${name}` : "");
  }
}

/**
 * Refuses arguments that were not UTF-8. Deno puts U+FFFD in place of bytes that
 * are not, so they would go out as other ones. What was given stands in
 * /proc/self/cmdline, but Deno reads that with all permissions only.
 */
function checkUtf8(args: readonly string[]): void {
  const arg = args.find((arg) => arg.includes("\ufffd"));
  if (arg === undefined) return;
  throw new UsageError(
    `argument ${
      JSON.stringify(arg)
    } holds U+FFFD, which Deno puts in place of ` +
      "bytes that are not UTF-8, expected UTF-8 " +
      String.raw`(or if that character is meant, JSON: name:='"\ufffd"')`,
  );
}

async function run(name: string, args: string[]): Promise<number> {
  const command = await COMMANDS[name]!.load();
  const given = parseArguments(args, command.options);
  return given.wantsHelp ? await print(command.help) : await command.run(given);
}

/** What can be asked without a command. */
async function runItself(
  name: string | undefined,
  [about]: string[],
): Promise<number> {
  const { HELP, VERSION } = await import("./help.ts");
  if (name === "--version" || name === "-V") return await print(VERSION);
  if (!isHelp(name) && name !== "help") throw unknownCommand(name);
  if (about === undefined || isHelp(about)) return await print(HELP);
  if (!Object.hasOwn(COMMANDS, about)) throw unknownCommand(about);
  return await print((await COMMANDS[about]!.load()).help);
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h";
}

function unknownCommand(name: string | undefined): UsageError {
  const known = Object.keys(COMMANDS);
  if (name === undefined) {
    const names = new Intl.ListFormat("en", { type: "disjunction" });
    return new UsageError(
      `no command is given, expected ${names.format(known)}`,
    );
  }
  if (name.startsWith("-")) return new UsageError(`unknown option ${name}`);
  return new UsageError(`unknown command ${JSON.stringify(name)}`, {
    name,
    known,
  });
}

async function print(text: string): Promise<number> {
  const stdout = new Output(Deno.stdout);
  stdout.print(text.trimEnd());
  await stdout.flush();
  return 0;
}

/** Errors for wrong use, by name: so the library is not loaded to tell. */
const USAGE_ERRORS = ["UsageError", "SocketSyntaxError", "ParamsError"];

async function fail(error: Error, command: string): Promise<number> {
  let { message } = error;
  if (error instanceof UsageError && error.unknown !== undefined) {
    const { didYouMean } = await import("../protocol/did_you_mean.ts");
    message += didYouMean(error.unknown.name, error.unknown.known);
  }
  const isUsage = USAGE_ERRORS.includes(error.name);
  stderr.fail(message);
  if (isUsage) stderr.print(`Try "event-jsonrpc${command} --help".`);
  await stderr.flush();
  return isUsage ? 2 : 1;
}
