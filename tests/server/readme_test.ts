// The guide's server is a server: it stays up, serves, and ends by its signals.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { EventClient } from "../../mod.ts";
import { freePort } from "../helpers/tcp.ts";

const root = new URL("../../", import.meta.url);
const readme = await Deno.readTextFile(new URL("src/server/README.md", root));
const [, block] = /```ts ignore\n([^]*?)```/.exec(readme)!;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`the server of the guide stays up until ${signal}`, async () => {
    const port = freePort();
    const script = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(script, block!.replace("8080", `${port}`));
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        `--allow-net=127.0.0.1:${port}`,
        `--config=${new URL("deno.json", root).pathname}`,
        script,
      ],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = process.stdout.pipeThrough(new TextDecoderStream());
    let output = "";
    const reader = lines.getReader();
    while (!output.includes("\n")) output += (await reader.read()).value ?? "";
    assertEquals(output, `listening at jsonrpc:127.0.0.1:${port}\n`);
    {
      await using client = new EventClient(`jsonrpc:127.0.0.1:${port}`, {
        syncMode: true,
        timeoutMs: 60_000,
      });
      await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
    }
    process.kill(signal);
    for (let read; !(read = await reader.read()).done;) output += read.value;
    const { code } = await process.status;
    assertMatch(output, /blocked \{ ip: "192.168.2.11" \}\n$/);
    assertEquals(code, 0);
    await Deno.remove(script);
  });
}

Deno.test("the guide has no more than one block that is not run", () => {
  assert(readme.split("```ts ignore").length === 2);
});
