/** From arguments to a command, and from what became of it to an exit code. */

import config from "../../deno.json" with { type: "json" };
import { ParamsError, SocketSyntaxError } from "../../mod.ts";
import { HelpRequest, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { completionsOf } from "./completions.ts";
import { listen } from "./listen.ts";
import { nearest } from "./did_you_mean.ts";
import { Output, stderr } from "./output.ts";
import { pump } from "./pump.ts";
import { raise } from "./raise.ts";
import { hub } from "./hub.ts";

/** All commands, by their names. */
export const COMMANDS: Record<string, Command> = {
  raise,
  pump,
  listen,
  hub,
  completions: completionsOf(() => COMMANDS),
};

const HELP = `event-jsonrpc ${config.version}
Raises events as OpenSIPS does: JSON-RPC 2.0 straight over TCP.

Usage: event-jsonrpc <command> [arguments] [options]

Commands:
${
  Object.entries(COMMANDS).map(([name, { summary }]) =>
    `  ${name.padEnd(11)}  ${summary}`
  ).join("\n")
}

Options:
  -h, --help     print this, or with a command its help
  -V, --version  print the version

Examples, in two terminals:
  event-jsonrpc listen 8080
  event-jsonrpc raise jsonrpc:127.0.0.1:8080 E_PIKE_BLOCKED ip=192.168.2.11

Exit codes:
  0  delivered
  1  not delivered, or nobody knows
  2  wrong use, nothing was sent
  3  the server answered with an error
  4  timed out
`;

/** Runs the command that `args` name; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const command = Object.hasOwn(COMMANDS, name ?? "")
    ? COMMANDS[name]
    : undefined;
  try {
    if (command !== undefined) return await run(command, rest);
    if (name === "--version" || name === "-V") {
      return await print(`event-jsonrpc ${config.version}\n`);
    }
    if (!isHelp(name) && name !== "help") throw unknown(name);
    const [about] = rest;
    if (about === undefined || isHelp(about)) return await print(HELP);
    if (!Object.hasOwn(COMMANDS, about)) throw unknown(about);
    return await print(COMMANDS[about].help);
  } catch (error) {
    const isUsage = error instanceof UsageError ||
      error instanceof SocketSyntaxError || error instanceof ParamsError;
    stderr.fail((error as Error).message);
    if (isUsage) {
      const of = command === undefined ? "" : ` ${name}`;
      stderr.print(`Try "event-jsonrpc${of} --help".`);
    }
    await stderr.flush();
    return isUsage ? 2 : 1;
  }
}

async function run(command: Command, args: string[]): Promise<number> {
  try {
    return await command.run(args);
  } catch (error) {
    if (error instanceof HelpRequest) return await print(command.help);
    throw error;
  }
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h";
}

function unknown(name: string | undefined): UsageError {
  if (name === undefined) {
    const names = anyOf(Object.keys(COMMANDS));
    return new UsageError(`no command is given, expected ${names}`);
  }
  if (name.startsWith("-")) return new UsageError(`unknown option ${name}`);
  const found = nearest(name, Object.keys(COMMANDS));
  return new UsageError(`unknown command ${JSON.stringify(name)}${found}`);
}

function anyOf(names: string[]): string {
  return new Intl.ListFormat("en", { type: "disjunction" }).format(names);
}

async function print(text: string): Promise<number> {
  const stdout = new Output(Deno.stdout);
  await stdout.print(text.trimEnd());
  await stdout.flush();
  return 0;
}
