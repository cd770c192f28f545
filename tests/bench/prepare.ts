// What must be there before anything is measured: the npm packages in Deno's
// cache, and the programs of C and Go.

import { clientArgs, output, pathOf, Skipped } from "./processes.ts";
import { SPECIFIERS } from "./peers.ts";
import type { Options } from "./section.ts";

/** The one that a quick run tries; it has no dependencies. */
const QUICK_PACKAGE = "json-rpc-2.0";

/**
 * Gets packages; returns those that cannot be had. A quick run takes only what
 * is cached, and one of them.
 */
export async function getPackages(
  isQuick: boolean,
): Promise<Map<string, Error>> {
  const missing = new Map<string, Error>();
  for (const [name, specifier] of Object.entries(SPECIFIERS)) {
    if (isQuick && name !== QUICK_PACKAGE) {
      missing.set(name, new Skipped("quick run"));
      continue;
    }
    try {
      const [run, ...args] = clientArgs("import_package.ts", specifier);
      const cached = isQuick ? ["--cached-only"] : [];
      await output(Deno.execPath(), [run, ...cached, ...args]);
    } catch (error) {
      const why = isQuick ? "not in Deno's cache" : (error as Error).message;
      missing.set(name, new Skipped(why));
    }
  }
  return missing;
}

/** Builds the programs of C and Go in a directory. */
export async function buildPrograms(
  directory: string,
  isQuick: boolean,
): Promise<Options["native"]> {
  const build = async (compiler: string, name: string, args: string[]) => {
    if (isQuick) return new Skipped("quick run");
    const path = `${directory}/${name}.out`;
    try {
      await output(compiler, [...args, "-o", path, pathOf(`clients/${name}`)]);
      return path;
    } catch (error) {
      return new Skipped(
        error instanceof Deno.errors.NotFound
          ? `no ${compiler}`
          : (error as Error).message,
      );
    }
  };
  return {
    c: await build("cc", "native.c", ["-O2"]),
    go: await build("go", "native.go", ["build"]),
  };
}
