// What the design promises of the files, so that it stays so.

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** What each module under src/ may import of its siblings: only those below. */
const LAYERS = [
  ["management.ts"],
  ["event_interface.ts"],
  ["client.ts", "raising.ts", "listener.ts"],
  ["destination.ts"],
  ["link.ts", "alarm.ts"],
  ["delivery.ts", "answer.ts", "virtual.ts"],
  [
    "transport.ts",
    "chunk.ts",
    "correlation.ts",
    "deadlines.ts",
    "reply_reader.ts",
  ],
  ["message.ts", "requests.ts"],
  ["json_stream.ts", "socket.ts", "tls.ts", "timer.ts"],
  ["errors.ts"],
];
const PURE = [
  "answer.ts",
  "virtual.ts",
  "raising.ts",
  "chunk.ts",
  "delivery.ts",
  "correlation.ts",
  "deadlines.ts",
  "reply_reader.ts",
  "requests.ts",
  "message.ts",
  "json_stream.ts",
  "socket.ts",
  "tls.ts",
  "errors.ts",
];

const source = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const files = (path: string) =>
  [...Deno.readDirSync(new URL(path, ROOT))].filter((f) => f.isFile)
    .map((f) => f.name);
/** The code of a module, without its comments. */
const code = (path: string) =>
  source(path).replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
const imports = (path: string) =>
  [...code(path).matchAll(/(?:from|import) "([^"]+)"/g)].map(([, name]) =>
    name
  );

Deno.test("src/ has the modules that the layers name", () => {
  assertEquals(files("src").sort(), LAYERS.flat().sort());
});

Deno.test("modules under src/ import from layers below them only", () => {
  for (const [level, layer] of LAYERS.entries()) {
    const below = LAYERS.slice(level + 1).flat().map((name) => `./${name}`);
    for (const name of layer) {
      for (const imported of imports(`src/${name}`)) {
        assert(below.includes(imported), `${name} imports ${imported}`);
      }
    }
  }
});

Deno.test("mod.ts imports from src/ only, and src/cli/ from mod.ts and @std/cli", () => {
  for (const imported of imports("mod.ts")) {
    assert(/^\.\/src\/[a-z_]+\.ts$/.test(imported), imported);
  }
  for (const name of files("src/cli").filter((n) => !n.endsWith(".d.ts"))) {
    for (const imported of imports(`src/cli/${name}`)) {
      assert(
        /^(\.\/[a-z_]+\.ts|\.\.\/\.\.\/(mod\.ts|deno\.json)|@std\/cli\/[a-z-]+)$/
          .test(imported),
        `${name} imports ${imported}`,
      );
    }
  }
});

Deno.test("the pure modules use no I/O, clock, timer or chance", () => {
  for (const name of PURE) {
    const used = code(`src/${name}`).match(
      /\b(Deno|Date|performance|setTimeout|setInterval|queueMicrotask|crypto|console|fetch)\b|Math\.random/,
    );
    assertEquals(used?.[0], undefined, name);
  }
});
