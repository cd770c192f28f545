// The command as one file, `deno task bundle`.

import { assertEquals } from "@std/assert";
import { VERSION } from "../../src/cli/help.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { run } from "../helpers/command.ts";
import { output } from "../helpers/programs.ts";
import { serve } from "../helpers/tcp.ts";
import { bundle } from "./bundle.ts";

Deno.test("deno task bundle makes a file that runs alone", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    await bundle(`${folder}/event-jsonrpc.js`);
    // With no configuration, an empty cache, and no modules from elsewhere.
    const env = { DENO_DIR: `${folder}/cache`, NO_COLOR: "1" };
    const bundled = (args: string[]) =>
      output(
        Deno.execPath(),
        [
          "run",
          "--no-prompt",
          "--no-remote",
          "--no-npm",
          "--allow-net",
          "event-jsonrpc.js",
          ...args,
        ],
        { cwd: folder, env },
      );

    await t.step("and tells its version", async () => {
      assertEquals(await bundled(["--version"]), `${VERSION}\n`);
    });
    for (const name of Object.keys(COMMANDS)) {
      await t.step(`and has the command ${name}`, async () => {
        const { stdout } = await run([name, "--help"]);
        assertEquals(await bundled([name, "--help"]), stdout);
      });
    }
    await t.step("and raises events", async () => {
      const received = Promise.withResolvers<string[]>();
      await using server = serve(async (_, reader) => {
        received.resolve(await reader.all());
      });
      const socket = `jsonrpc:127.0.0.1:${server.port}`;
      await bundled(["raise", socket, "E_X", "a=1"]);
      assertEquals(await received.promise, [
        '{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"a":"1"}}',
      ]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
