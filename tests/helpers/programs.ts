/** Other programs, run to their end; those of npm too. */

/** Options of {@linkcode output}. */
export interface OutputOptions {
  cwd?: string | URL | undefined;
  env?: Record<string, string> | undefined;
  /** How long the program may take, in milliseconds. */
  ms?: number | undefined;
}

/** How long npm may take to bring a program, in milliseconds. */
export const INSTALL_MS = 120_000;

/** What a process prints; rejects, with what it complains of, if it fails. */
export async function output(
  command: string,
  args: string[],
  { cwd, env, ms = 60_000 }: OutputOptions = {},
): Promise<string> {
  const signal = AbortSignal.timeout(ms);
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env,
    signal,
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (signal.aborted) {
    throw new Error(`${command} did not end in ${ms} ms: ${text}`);
  }
  if (!success) {
    throw new Error(new TextDecoder().decode(stderr) || text || command);
  }
  return text;
}

/**
 * By package: npx must not install the same one twice at a time.
 */
const installs = new Map<string, Promise<string>>();

/**
 * Has npm bring a program; resolves to its path. Rejects if it cannot be had, or
 * does not run here.
 */
export function install(name: string, version: string): Promise<string> {
  const spec = `${name}@${version}`;
  let installed = installs.get(spec);
  if (installed === undefined) {
    installs.set(spec, installed = npx(name, spec));
  }
  return installed;
}

async function npx(name: string, spec: string): Promise<string> {
  const found = await output("npx", [
    "--yes",
    "--prefer-offline",
    "--loglevel=error",
    `--package=${spec}`,
    `--call=command -v ${name}`,
  ], { ms: INSTALL_MS });
  const binary = await Deno.realPath(found.trim());
  await output(binary, ["--version"], { ms: INSTALL_MS });
  return binary;
}
