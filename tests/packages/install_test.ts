// `deno install`, as the guide of the command tells to do it.

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test({
  name: "deno install makes a command that raises events from anywhere",
  ignore: Deno.build.os === "windows", // makes a .cmd there
  async fn() {
    const guide = await Deno.readTextFile(new URL("src/cli/README.md", ROOT));
    const [, line] = /^deno (install .*)$/m.exec(guide)!;
    const folder = await Deno.makeTempDir();
    try {
      // The command calls `deno`, whatever this one is called.
      await Deno.symlink(Deno.execPath(), `${folder}/deno`);
      const env = {
        DENO_INSTALL_ROOT: folder,
        PATH: `${folder}:${Deno.env.get("PATH")}`,
      };
      const installed = await new Deno.Command("deno", {
        args: line.split(" "),
        cwd: ROOT,
        env,
      }).output();
      assert(installed.success, decode(installed.stderr));
      const raised = await new Deno.Command(`${folder}/bin/event-jsonrpc`, {
        args: ["raise", "jsonrpc:127.0.0.1:8080", "E_X", "a=1", "--dry-run"],
        cwd: folder,
        env,
      }).output();
      assertEquals(
        decode(raised.stdout),
        `{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"a":"1"}}\n`,
        decode(raised.stderr),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
