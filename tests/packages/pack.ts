/**
 * Makes the package for npm: `deno task pack`. Prints the path of its file.
 *
 * `deno pack` does most of it: it writes JavaScript, types and a `package.json`.
 * It packs all exports, and makes dependencies of what they import. So it gets a
 * copy of the project without the command, which alone imports something. The
 * command is in the package as one file, its program. `deno pack` knows of no
 * programs, so its `package.json` is changed afterwards.
 */

import config from "../../deno.json" with { type: "json" };
import { copy } from "../helpers/files.ts";
import { output } from "../helpers/programs.ts";
import { bundle } from "./bundle.ts";

const ROOT = new URL("../../", import.meta.url);

/** The file of the command, and the name by which it is installed. */
const PROGRAM = "event-jsonrpc.js";
const NAME = "event-jsonrpc";

const INCLUDED = ["mod.ts", "src", "README.md", "LICENSE", "CHANGELOG.md"];
const EXCLUDED = ["src/cli", "src/monitor/pictures"];

/** Where this runs first, a runtime that is not Deno says so. */
const CHECK = `if (!("Deno" in globalThis)) {
  throw new Error("Cannot run ${NAME} on this runtime: it is a program for Deno");
}`;

/** Makes the package in `folder`; resolves to the path of its file. */
export async function pack(folder: string): Promise<string> {
  const name = config.name.replace("@", "").replace("/", "-");
  const path = `${folder}/${name}-${config.version}.tgz`;
  const work = await Deno.makeTempDir();
  try {
    const project = `${work}/project`;
    await writeProject(project);
    // The copy is in no repository that could be unclean.
    const args = ["pack", "--allow-dirty", "--no-source-maps"];
    await output(
      Deno.execPath(),
      [...args, "--output", `${work}/packed.tgz`],
      { cwd: project },
    );
    await output("tar", ["-xzf", "packed.tgz"], { cwd: work });
    await addProgram(`${work}/package/package.json`);
    await output("tar", ["-czf", "changed.tgz", "package"], { cwd: work });
    await Deno.copyFile(`${work}/changed.tgz`, path);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return path;
}

/** Writes what is packed, with a configuration that leaves the command out. */
async function writeProject(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  for (const path of INCLUDED) {
    await copy(new URL(path, ROOT), `${folder}/${path}`);
  }
  for (const path of EXCLUDED) {
    await Deno.remove(`${folder}/${path}`, { recursive: true });
  }
  await bundle(`${folder}/${PROGRAM}`);
  await addCheck(`${folder}/${PROGRAM}`);
  const { name, version, license } = config;
  const { "./cli": _, ...exports } = config.exports;
  await writeJson(`${folder}/deno.json`, { name, version, license, exports });
}

/** Puts the check below the first line, which names the program to run it. */
async function addCheck(path: string): Promise<void> {
  const [first, ...rest] = (await Deno.readTextFile(path)).split("\n");
  await Deno.writeTextFile(path, [first, CHECK, ...rest].join("\n"));
}

async function addProgram(path: string): Promise<void> {
  const manifest = JSON.parse(await Deno.readTextFile(path));
  manifest.bin = { [NAME]: `./${PROGRAM}` };
  await writeJson(path, manifest);
}

function writeJson(path: string, value: unknown): Promise<void> {
  return Deno.writeTextFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

if (import.meta.main) console.log(await pack(Deno.cwd()));
