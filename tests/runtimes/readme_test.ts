// The connects that the README shows are those that the tests ran.

import { assert, assertEquals } from "@std/assert";

const readme = await Deno.readTextFile(
  new URL("../../README.md", import.meta.url),
);
const blocks = readme.split("\n```ts ignore\n").slice(1)
  .map((rest) => rest.split("\n```\n")[0]);

for (const file of ["node.ts", "bun.ts", "worker.ts"]) {
  Deno.test(`the README shows the connect of ${file}, in ten lines at most`, async () => {
    const source = await Deno.readTextFile(new URL(file, import.meta.url));
    const [shown, ofTheTest] = source.split("\n\n// What follows");
    assert(ofTheTest !== undefined);
    const block = shown.replace("../../mod.ts", "./event-jsonrpc/mod.ts");
    assertEquals(blocks.filter((other) => other === block).length, 1, block);
    const [, body] = /\nconst connect: Connect = .* => \{\n(.*)\n\};$/s
      .exec(shown)!;
    assert(body.split("\n").length <= 10, body);
  });
}
