// The project beside one's own code, which may be checked more strictly, by
// another TypeScript, and for Node.

import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { copy } from "../helpers/files.ts";

const ROOT = new URL("../../", import.meta.url);

/** The packages of npm that check the types for Node. */
const PACKAGES = { "typescript": "7.0.2", "@types/node": "22.20.5" };

/** What Deno checks beyond its defaults; `strict` is one of those. */
const FLAGS = [
  "exactOptionalPropertyTypes",
  "noUncheckedIndexedAccess",
  "isolatedDeclarations",
  "noPropertyAccessFromIndexSignature",
  "noImplicitReturns",
];
/** As Node wants it that reads TypeScript. */
const NODE_FLAGS = ["erasableSyntaxOnly", "verbatimModuleSyntax"];

/** The entry that only Deno runs, and that needs the map of `deno.json`. */
const COMMAND = "./cli";

/** Files that import other files as texts, which only Deno does. */
const OF_DENO = ["src/monitor/page_files.ts"];

const optionsOf = (flags: readonly string[]): Record<string, boolean> =>
  Object.fromEntries(["strict", ...flags].map((flag) => [flag, true]));

/**
 * A project that imports each entry of this one, by a copy in `event-jsonrpc/`,
 * and what the tests say of types.
 */
class Project implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(entries: readonly string[]): Promise<Project> {
    const project = new Project(await Deno.makeTempDir());
    const paths = ["src", "deno.json", "tests/packages/types"];
    for (const entry of entries) paths.push(pathOf(entry));
    const copied = `${project.#folder}/event-jsonrpc`;
    await Deno.mkdir(copied);
    for (const path of paths) {
      await copy(new URL(path, ROOT), `${copied}/${path}`);
    }
    const lines = ['import "./event-jsonrpc/tests/packages/types/params.ts";'];
    for (const [n, entry] of entries.entries()) {
      lines.push(
        `export * as entry${n} from "./event-jsonrpc/${pathOf(entry)}";`,
      );
    }
    await project.write("main.ts", lines.join("\n"));
    return project;
  }

  async write(name: string, content: unknown): Promise<void> {
    const text = typeof content === "string"
      ? content
      : JSON.stringify(content);
    await Deno.writeTextFile(`${this.#folder}/${name}`, text);
  }

  /** Runs Deno in the project's folder; resolves to all that it printed. */
  async deno(...args: string[]): Promise<string> {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: this.#folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return decoder.decode(stdout) + decoder.decode(stderr);
  }

  /** Has Deno check the project; resolves to the errors. */
  async denoCheck(flags: readonly string[]): Promise<string[]> {
    // As in the project's own configuration: the command imports `@std/cli`.
    const { imports } = config;
    const types = ["./event-jsonrpc/src/cli/std_cli.d.ts"];
    const compilerOptions = { ...optionsOf(flags), types };
    await this.write("flags.json", { imports, compilerOptions });
    const output = await this.deno("check", "--config=flags.json", "main.ts");
    // If it failed for another reason, nothing was checked.
    assert(!/^error: (?!Type checking failed)/m.test(output), output);
    return output.split(/^(?=TS\d+ \[ERROR\])/m).slice(1);
  }

  /** Installs what `tscCheck` needs. */
  async installTsc(): Promise<void> {
    const packages = { type: "module", devDependencies: PACKAGES };
    await this.write("package.json", packages);
    await this.deno("install", "--quiet");
  }

  /** Has tsc check the project for Node; resolves to the errors. */
  async tscCheck(flags: readonly string[]): Promise<string[]> {
    const compilerOptions = {
      ...optionsOf(flags),
      module: "nodenext",
      target: "esnext",
      lib: ["esnext", "dom", "dom.asynciterable"],
      types: ["node"],
      declaration: true, // for isolatedDeclarations
      noEmit: true,
      allowImportingTsExtensions: true,
    };
    const files = ["main.ts"];
    await this.write("tsconfig.json", { compilerOptions, files });
    const tsc = ["run", "-A", "node_modules/typescript/bin/tsc"];
    const output = await this.deno(...tsc, "--pretty", "false", "--listFiles");
    assert(output.includes("/event-jsonrpc/src/protocol/"), output);
    // The lines that explain an error are indented.
    return output.split(/^(?=\S)/m)
      .filter((text) => text.includes("error TS"))
      .filter((error) => !isOf(OF_DENO, error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function pathOf(entry: string): string {
  const path: string = config.exports[entry as keyof typeof config.exports];
  return path.slice("./".length);
}

function isOf(paths: readonly string[], error: string): boolean {
  return paths.some((path) => error.includes(`event-jsonrpc/${path}`));
}

const entries = Object.keys(config.exports);

Deno.test("Deno checks all entries by the strictest types", async () => {
  await using project = await Project.create(entries);
  assertEquals(await project.denoCheck(FLAGS), []);
  await project.write("main.ts", 'export const n: number = "a text";');
  assertEquals((await project.denoCheck(FLAGS)).length, 1);
});

Deno.test("tsc checks all entries for Node, which knows no Deno", async (t) => {
  await using project = await Project.create(
    entries.filter((entry) => entry !== COMMAND),
  );
  await project.installTsc();
  const together = [...FLAGS, ...NODE_FLAGS];
  for (const flags of [...FLAGS.map((flag) => [flag]), together]) {
    await t.step(`by ${["strict", ...flags].join(", ")}`, async () => {
      assertEquals(await project.tscCheck(flags), []);
    });
  }
});
