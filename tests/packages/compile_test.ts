import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test({
  name: "deno task compile builds a binary that raises events",
  // Deno would download denort, the base of the binary; tests download nothing.
  ignore: Deno.env.get("DENORT_BIN") === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const [program, ...args] = config.tasks.compile.command.split(" ");
      assertEquals(program, "deno");
      const output = args.indexOf("--output") + 1;
      args[output] = `${folder}/${args[output]}`;
      const built = await new Deno.Command(Deno.execPath(), {
        args,
        cwd: new URL("../..", import.meta.url),
      }).output();
      assertEquals(built.code, 0, decode(built.stderr));
      const raised = await new Deno.Command(args[output], {
        args: ["raise", "jsonrpc:127.0.0.1:8080", "E_X", "a=1", "--dry-run"],
      }).output();
      assertEquals(
        decode(raised.stdout),
        `{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"a":"1"}}\n`,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
