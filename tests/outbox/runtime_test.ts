// A store in a file is the same on each runtime that has node:sqlite. Those that
// npm cannot bring are skipped.

import { assertEquals } from "@std/assert";
import { Folder } from "./helpers.ts";
import { succeeds } from "./process.ts";

const PROGRAM = decodeURIComponent(
  new URL("runtime.ts", import.meta.url).pathname,
);

async function find(
  name: string,
  version: string,
): Promise<string[] | undefined> {
  const { success, text } = await succeeds(
    "npx",
    "--yes",
    "--prefer-offline",
    "--loglevel=error",
    `--package=${name}@${version}`,
    `--call=command -v ${name}`,
  );
  return success ? [text.trim()] : undefined;
}

const RUNTIMES: [string, string[] | undefined][] = [
  ["Deno", [Deno.execPath(), "run", "--quiet", "--allow-all"]],
  ["Node 22.23.3", await find("node", "22.23.3")],
  ["Bun 1.4.5", await find("bun", "1.4.5")],
];

for (const [name, command] of RUNTIMES) {
  Deno.test({
    name: `openSqlite() runs on ${name}` +
      (command === undefined ? " (skipped: npm cannot bring it)" : ""),
    ignore: command === undefined,
    async fn() {
      using folder = new Folder();
      const [program, ...args] = command!;
      const { text } = await succeeds(program, ...args, PROGRAM, folder.file());
      const line = text.split("\n").find((line) => line.startsWith("["));
      assertEquals(JSON.parse(line ?? text), [
        ["known", "stored"],
        "busy",
        121,
        121,
        '{"n":119,"text":"zażółć"}',
        0,
      ]);
    },
  });
}
