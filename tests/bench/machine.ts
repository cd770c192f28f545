// Where and with what it was measured.

import { output } from "./processes.ts";
import { SPECIFIERS } from "./peers.ts";
import type { Options } from "./section.ts";

/** What a figure depends on, by name. */
export type Machine = Record<string, string>;

export async function describeMachine(
  { native, missing }: Options,
): Promise<Machine> {
  const packages = Object.entries(SPECIFIERS)
    .filter(([name]) => !missing.has(name))
    .map(([name, specifier]) => `${name} ${/@([\d.]+)/.exec(specifier)![1]}`);
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: `${model()}, ${navigator.hardwareConcurrency} cores`,
    system: `${Deno.build.os} ${Deno.osRelease()}, ${Deno.build.arch}`,
    Deno: `${Deno.version.deno}, V8 ${Deno.version.v8}`,
    packages: packages.join(", ") || "none",
    C: await version(native.c, "cc", "--version"),
    Go: await version(native.go, "go", "version"),
  };
}

function model(): string {
  try {
    const text = Deno.readTextFileSync("/proc/cpuinfo");
    return /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? "unknown";
  } catch {
    return "unknown";
  }
}

async function version(
  built: string | Error,
  ...[compiler, flag]: string[]
): Promise<string> {
  if (built instanceof Error) return built.message;
  return (await output(compiler, [flag])).split("\n")[0];
}
