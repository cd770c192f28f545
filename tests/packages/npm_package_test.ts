// The package for npm, `deno task pack`, in an empty folder: checked by tsc, and
// run on Node and Bun, which npm brings.

import { assert, assertEquals, assertRejects } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { needs, run } from "../helpers/command.ts";
import { install, INSTALL_MS, output } from "../helpers/programs.ts";
import { listen } from "../helpers/server.ts";
import { pack } from "./pack.ts";

const NODE = "22.23.3";
const BUN = "1.4.5";
/** What a project of TypeScript for Node has beside the package. */
const TOOLS = ["typescript@7.0.2", "@types/node@22.20.5"];

const { "./cli": _, ...exports } = config.exports;
const entries = Object.keys(exports);
const specifierOf = (entry: string) => `${config.name}${entry.slice(1)}`;

/** A program that uses the package; all entries, and their types too. */
const PROGRAM = `
import { EventClient } from "${config.name}";
import { memoryStore, Outbox } from "${config.name}/outbox";
import { connectNode } from "${config.name}/node";
${
  entries.map((entry, n) => `import * as e${n} from "${specifierOf(entry)}";`)
    .join("\n")
}
const socket: string = process.argv[2]!;
const client = new EventClient(socket, {
  connect: connectNode,
  syncMode: true,
  timeoutMs: 30_000, // the machine may be busy with other tests
});
const outbox = new Outbox(memoryStore(), client);
await outbox.raise("E_KEPT", { n: 1 });
await outbox.flush();
await outbox.close();
const result: unknown = await client.raise("E_X", { text: "zażółć" });
await client.close();
const counts = [${entries.map((_, n) => `e${n}`)}].map((entry) =>
  Object.keys(entry).length
);
console.log(JSON.stringify({ result, counts }));
`;

/** Names that no entry has, each in a line of its own. */
const WRONG = entries.map((entry) =>
  `import { nothing } from "${specifierOf(entry)}";`
).join("\n");

/** Installs the package in an empty folder. */
async function installed(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await npm(folder, await pack(folder));
  const all = stack.move();
  return { folder, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function npm(folder: string, ...packages: string[]): Promise<void> {
  const flags = ["--prefer-offline", "--no-audit", "--no-fund"];
  await output("npm", ["install", ...flags, ...packages], {
    cwd: folder,
    ms: INSTALL_MS,
  });
}

Deno.test({
  ...await needs("npm", "deno task pack makes a package that installs"),
  async fn(t) {
    assert(config.tasks.pack.command.endsWith(" tests/packages/pack.ts"));
    await using project = await installed();
    const { folder } = project;
    const root = `${folder}/node_modules/${config.name}`;
    const manifest = JSON.parse(
      await Deno.readTextFile(`${root}/package.json`),
    );

    await t.step(
      "with all entries but the command, each with types",
      async () => {
        assertEquals(Object.keys(manifest.exports), entries);
        for (const entry of entries) {
          for (const path of Object.values<string>(manifest.exports[entry])) {
            assert((await Deno.stat(`${root}/${path}`)).isFile, path);
          }
          assert(manifest.exports[entry].types.endsWith(".d.ts"));
        }
      },
    );
    await t.step("and no dependency", () => {
      assertEquals(manifest.dependencies, undefined);
      const [scope, ...others] = [...Deno.readDirSync(`${folder}/node_modules`)]
        .map(({ name }) => name).filter((name) => !name.startsWith("."));
      assertEquals([scope, others], [config.name.split("/")[0], []]);
      assertEquals([...Deno.readDirSync(`${root}/..`)].length, 1);
    });

    await t.step("and a command, by Deno", async () => {
      // Its first line names deno, whatever this one is called.
      await Deno.symlink(Deno.execPath(), `${folder}/deno`);
      const [[name]] = Object.entries(manifest.bin);
      const env = { PATH: `${folder}:${Deno.env.get("PATH")}` };
      const help = await output(
        `${folder}/node_modules/.bin/${name}`,
        ["raise", "--help"],
        { cwd: folder, env },
      );
      assertEquals(help, (await run(["raise", "--help"])).stdout);
    });

    await Deno.writeTextFile(`${folder}/main.mts`, PROGRAM);
    await Deno.writeTextFile(`${folder}/wrong.mts`, WRONG);
    await t.step("and passes tsc --strict", async () => {
      await npm(folder, ...TOOLS);
      const tsc = (...files: string[]) =>
        output(`${folder}/node_modules/.bin/tsc`, [
          "--strict",
          "--module",
          "nodenext",
          "--target",
          "esnext",
          "--types",
          "node",
          ...files,
        ], { cwd: folder });
      await tsc("main.mts");
      const { message } = await assertRejects(() => tsc("wrong.mts"), Error);
      // One error each: so the types of each were found.
      const missing = message.match(/has no exported member 'nothing'/g);
      assertEquals(missing?.length, entries.length, message);
    });

    for (const [runtime, version] of [["node", NODE], ["bun", BUN]]) {
      const binary = await install(runtime, version).catch(() => undefined);
      await t.step({
        name: `and runs on ${runtime} ${version}` +
          (binary === undefined ? " (skipped: npm has not brought it)" : ""),
        ignore: binary === undefined,
        async fn() {
          const events: unknown[] = [];
          await using server = listen(({ method, params }) => {
            events.push(method);
            return params;
          });
          const printed = await output(binary!, ["main.mjs", server.socket], {
            cwd: folder,
          });
          const { result, counts } = JSON.parse(printed);
          assertEquals(result, { text: "zażółć" });
          assertEquals(counts.length, entries.length);
          assert(counts.every((count: number) => count > 0), printed);
          assertEquals(events, ["E_KEPT", "E_X"]);
          // The command says what it needs.
          const { message } = await assertRejects(
            () => output(binary!, [`${root}/event-jsonrpc.js`, "--help"]),
            Error,
          );
          assert(message.includes("it is a program for Deno"), message);
        },
      });
    }
  },
});
