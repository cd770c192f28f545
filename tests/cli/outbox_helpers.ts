// What the tests of the command with an outbox share.

import { type Finished, runWith } from "../helpers/command.ts";
import { Folder } from "../outbox/helpers.ts";

/** The permissions that the help names, for one file. */
export function permissionsOf(file: string): string[] {
  const files = ["", "-wal", "-shm", "-lock", "-ballast"]
    .map((ending) => file + ending).join();
  return ["--allow-net", `--allow-read=${files}`, `--allow-write=${files}`];
}

/** Lines of input, one for each value. */
export const lines = (values: unknown[]): string =>
  values.map((value) => JSON.stringify(value) + "\n").join("");

/** An event for each number, of which the key is that number. */
export const numbered = (from: number, to: number): unknown[] =>
  Array.from({ length: to - from }, (_, i) => ({
    event: "E_X",
    params: { n: from + i },
    key: `${from + i}`,
  }));

/** Runs the command on a file, to its end. */
export function runOn(
  file: string,
  args: string[],
  input = "",
): Promise<Finished> {
  return runWith(input, args, permissionsOf(file));
}

export { Folder };
