/** What an option takes from a file or from standard input. */

import { UsageError } from "./arguments.ts";

/**
 * Reads a file (`@file`) or standard input (`-`). `name` says in errors what the
 * text is.
 *
 * @throws {UsageError} if it cannot be read, or is not UTF-8.
 */
export async function readInput(given: string, name: string): Promise<string> {
  const bytes = await readBytes(given, name);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${name} is not UTF-8`);
  }
}

async function readBytes(given: string, name: string): Promise<Uint8Array> {
  try {
    return given === "-"
      ? await new Response(Deno.stdin.readable).bytes()
      : Deno.readFileSync(given.slice(1));
  } catch (error) {
    throw new UsageError(
      `${name} cannot be read: ${readProblem(error as Error, given.slice(1))}`,
    );
  }
}

/** Why a file cannot be read, and what gives the permission if that is missing. */
export function readProblem(error: Error, path: string): string {
  return error instanceof Deno.errors.NotCapable
    ? `there is no permission, run it with --allow-read=${path}`
    : error.message;
}
