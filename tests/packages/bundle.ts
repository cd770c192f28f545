/** The command as one file, as `deno task bundle` makes it, but elsewhere. */

import { output } from "../helpers/programs.ts";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** Makes the file at `path`. */
export async function bundle(path: string): Promise<void> {
  const [program, ...args] = config.tasks.bundle.command.split(" ");
  if (program !== "deno") throw new Error(`Cannot bundle by ${program}`);
  args[args.indexOf("--output") + 1] = path;
  await output(Deno.execPath(), args, { cwd: ROOT });
}
