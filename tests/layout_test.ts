// What the design promises of the files, so that it stays so.

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** The folders of src/, and which others each may import from. */
const BELOW: Record<string, readonly string[]> = {
  protocol: [],
  transport: ["protocol"],
  client: ["transport", "protocol"],
  server: ["transport", "protocol"],
  events: ["client", "transport", "protocol"],
  opensips: ["events", "client", "server", "transport", "protocol"],
  outbox: ["events", "client", "server", "transport", "protocol"],
  testing: ["events", "client", "server", "transport", "protocol"],
  monitor: [
    "outbox",
    "opensips",
    "events",
    "client",
    "server",
    "transport",
    "protocol",
  ],
  cli: ["protocol"],
};
/**
 * The entries that `cli/` uses, and the part of one that `raise` loads alone, so
 * that it starts quickly; `protocol/` is there for its texts.
 */
const ENTRIES = [
  "mod.ts",
  "deno.json",
  "src/opensips/find_events.ts",
  ...["opensips", "outbox", "monitor", "testing"].map((f) => `src/${f}/mod.ts`),
];

/** The modules of other runtimes, and what of these they import. */
const RUNTIMES: Record<string, readonly string[]> = {
  "src/transport/node.ts": ["node:net", "node:tls"],
  "src/transport/node_connection.ts": ["node:net"],
};

/** No file may have more lines of code. */
const MAX_LINES = 300;
/** Data, which nobody has to hold in mind. */
const UNBOUNDED = ["src/opensips/catalogue.ts"];

/** All files below a folder, by their paths from the root. */
function* files(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) yield* files(`${folder}${name}/`);
    else yield `${folder}${name}`;
  }
}

const modules = [...files("src/")].filter((path) =>
  path.endsWith(".ts") && !path.endsWith(".d.ts")
);
const layerOf = (path: string) => path.split("/")[1];

/** The code of a module, without its comments. */
const code = (path: string) =>
  Deno.readTextFileSync(new URL(path, ROOT))
    .replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");

/** What a module imports, by its path from the root or its bare name. */
function imports(path: string): string[] {
  const base = new URL(path, ROOT);
  return [...code(path).matchAll(/(?:\bfrom|\bimport|\bimport\() ?"([^"]+)"/g)]
    .map(([, name]) =>
      name.startsWith(".")
        ? new URL(name, base).pathname.slice(ROOT.pathname.length)
        : name
    );
}

Deno.test("src/ has the folders that the layers name, and no file beside them", () => {
  for (const path of files("src/")) {
    assert(layerOf(path) in BELOW && path.split("/").length > 2, path);
  }
});

Deno.test("a module of src/ imports from its own folder and those below", () => {
  for (const path of modules) {
    const layer = layerOf(path);
    for (const imported of imports(path)) {
      const isOwn = imported.startsWith(`src/${layer}/`);
      const isBelow = imported.startsWith("src/") &&
        BELOW[layer].includes(layerOf(imported));
      const isOfCommand = layer === "cli" &&
        (ENTRIES.includes(imported) || imported.startsWith("@std/cli/"));
      const isOfRuntime = RUNTIMES[path]?.includes(imported);
      assert(!(imported in RUNTIMES) || path in RUNTIMES, path);
      assert(
        isOwn || isBelow || isOfCommand || isOfRuntime,
        `${path} imports ${imported}`,
      );
    }
  }
});

Deno.test("mod.ts imports from the layers up to events/", () => {
  const layers = ["protocol", "transport", "client", "server", "events"];
  for (const imported of imports("mod.ts")) {
    assert(
      imported.startsWith("src/") && layers.includes(layerOf(imported)),
      imported,
    );
  }
});

Deno.test("no modules import each other in a circle", () => {
  const done = new Set<string>();
  function visit(path: string, trail: string[]): void {
    assert(!trail.includes(path), [...trail, path].join(" -> "));
    if (done.has(path) || !path.startsWith("src/")) return;
    for (const imported of imports(path)) visit(imported, [...trail, path]);
    done.add(path);
  }
  for (const path of modules) visit(path, []);
});

/** What a pure module must not use: I/O, a clock, timers, chance. */
const IMPURE =
  /\b(Deno|Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|crypto|console|fetch|process|globalThis)\b|Math\.random|AbortSignal\.timeout/;

/**
 * State of a module: a `let`, or a constant that can be changed, such as a buffer
 * or a collection. Tables that nobody writes to are declared `readonly`, frozen,
 * or are plain literals that no line assigns to.
 */
function stateOf(path: string): string | undefined {
  const text = code(path);
  const field =
    /^ +(?:private |public )?static (?!readonly )[#\w]+\s*[:=;].*$/m;
  const [mutable] = text.match(field) ?? [];
  if (mutable !== undefined) return mutable;
  for (
    const [line, kind, name] of text.matchAll(
      /^(?:export )?(let|var|const) (\w+).*$/gm,
    )
  ) {
    if (kind !== "const") return line;
    const isMutable = new RegExp(
      `\\b${name}(\\.[\\w.]+|\\[[^\\]]+\\])? *(=[^=>]|\\+=|-=|\\+\\+|--)` +
        `|\\b${name}\\.(set|add|delete|clear|push|pop|shift|unshift|splice|fill|copyWithin|sort|reverse)\\(`,
    );
    const rest = text.slice(text.indexOf(line) + line.length);
    const inFunctions = rest.split("\n").filter((l) => /^\s+\S/.test(l)).join(
      "\n",
    );
    if (isMutable.test(inFunctions)) return line;
    if (
      /= new (Uint8Array|ArrayBuffer|Map|Set|WeakMap|WeakSet|Array)(<.*>)?\((?!\[|")/
        .test(line) && !isTable(text, name)
    ) return line;
  }
}

/** Whether a buffer is filled at the top level only, as a table of constants. */
function isTable(text: string, name: string): boolean {
  return new RegExp(`^for \\(.*\\) ${name}\\[`, "m").test(text);
}

Deno.test("protocol/ is pure, and its modules keep no state", () => {
  for (const path of modules.filter((path) => layerOf(path) === "protocol")) {
    assertEquals(code(path).match(IMPURE)?.[0], undefined, path);
    assertEquals(stateOf(path), undefined, path);
  }
});

Deno.test("no module has more lines of code than a reader holds in mind", () => {
  const scripts = [...files("src/")].filter((path) => path.endsWith(".js"));
  for (const path of [...modules, ...scripts]) {
    if (UNBOUNDED.includes(path)) continue;
    const lines = code(path).split("\n").filter((line) => line.trim() !== "");
    assert(lines.length <= MAX_LINES, `${path} has ${lines.length} lines`);
  }
});
