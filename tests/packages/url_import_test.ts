import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

Deno.test("mod.ts runs from a URL, in a fresh process with no configuration", async () => {
  const requested: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const path = new URL(request.url).pathname;
      requested.push(path);
      const file = await Deno.readFile(new URL(`.${path}`, ROOT));
      return new Response(file, {
        headers: { "content-type": "text/typescript" },
      });
    },
  );
  const origin = `127.0.0.1:${server.addr.port}`;
  const script = `
    import { EventClient, serveEvents } from "http://${origin}/mod.ts";
    await using server = serveEvents({ port: 0 }, ({ params }) => params);
    await using client = new EventClient(server.socket, { syncMode: true });
    console.log(await client.raise("E_X", { from: "a URL" }));
  `;
  const cache = await Deno.makeTempDir();
  try {
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-config",
        "--no-prompt",
        "--check",
        `--allow-import=${origin}`,
        "--allow-net=127.0.0.1",
        "-",
      ],
      cwd: cache,
      env: { DENO_DIR: cache, NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await new Blob([script]).stream().pipeTo(process.stdin);
    const { code, stdout, stderr } = await process.output();
    const errors = new TextDecoder().decode(stderr);
    assertEquals(code, 0, errors);
    assertEquals(new TextDecoder().decode(stdout), `{ from: "a URL" }\n`);
    // Everything came from here: mod.ts, and the layers up to events/.
    assert(requested.includes("/mod.ts"));
    for (const path of requested) {
      assert(
        /^\/(mod|src\/(protocol|transport|client|server|events)\/[a-z_]+)\.ts$/
          .test(path),
        path,
      );
    }
    assert(!/Download (?!http:\/\/127)/.test(errors), errors);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});
