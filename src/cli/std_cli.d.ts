// The npm build of the standard library, see "imports" in deno.json, is
// JavaScript without types. These are the ones that the command uses.

declare module "@std/cli/parse-args" {
  export interface ParseOptions {
    boolean?: readonly string[];
    string?: readonly string[];
    collect?: readonly string[];
  }
  export function parseArgs(
    args: readonly string[],
    options?: ParseOptions,
  ): { _: string[]; [name: string]: unknown };
}
