import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { EventClient } from "../../mod.ts";
import {
  exchange,
  run,
  runWith,
  start,
  startInShell,
  startListen,
} from "../helpers/command.ts";
import { serve } from "../helpers/tcp.ts";

/** Sends events until the listener takes no more of them. */
async function sendUntilStuck(port: number): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = new TextEncoder().encode(
    `{"jsonrpc":"2.0","method":"E","params":["${"x".repeat(60_000)}"]}`,
  );
  let isStuck = false;
  while (!isStuck) {
    let timer: ReturnType<typeof setTimeout>;
    const stuck = new Promise<number>((resolve) => {
      timer = setTimeout(resolve, 500, 0);
    });
    const writing = conn.write(bytes).catch(() => 0);
    isStuck = await Promise.race([writing, stuck]) === 0;
    clearTimeout(timer!);
  }
  conn.close();
}

Deno.test("listen ends by a signal though nobody reads its output: exit code 130 or 143", async () => {
  for (
    const [args, signal, code] of [
      [[], "SIGTERM", 143],
      [["--json"], "SIGINT", 130],
    ] as const
  ) {
    await using listening = await startListen([...args]);
    await sendUntilStuck(Number(listening.socket.split(":").at(-1)));
    listening.process.kill(signal);
    assertEquals((await listening.process.status).code, code);
    assertMatch(
      (await listening.errLine())!,
      /^error: interrupted before all events were printed/,
    );
  }
});

Deno.test({
  name: "listen ends by a signal though nobody reads its errors either",
  ignore: Deno.build.os === "windows",
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    await using listening = startInShell(["listen", `:${port}`], "2>&1");
    assertEquals(
      await listening.outLine(),
      `listening at jsonrpc:127.0.0.1:${port}`,
    );
    await sendUntilStuck(port);
    listening.process.kill("SIGTERM");
    assertEquals((await listening.process.status).code, 143);
  },
});

Deno.test("listen and hub take a port without a host", async () => {
  for (const [command, at] of [["listen", "jsonrpc:"], ["hub", "http://"]]) {
    await using listening = start([command!, ":0"]);
    const line = (await listening.errLine())!;
    assert(line.startsWith(`listening at ${at}127.0.0.1:`), line);
  }
});

Deno.test("listen and hub say why they cannot listen", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  for (
    const [address, permissions, hint] of [
      [`${port}`, undefined, `; another program listens at port ${port}`],
      [
        "192.0.2.1:0",
        undefined,
        "; this machine does not have the address 192.0.2.1",
      ],
      ["8080", [], "; run it with --allow-net=127.0.0.1:8080"],
    ] as const
  ) {
    for (const command of ["listen", "hub"]) {
      const { code, stderr } = await run(
        [command, address],
        permissions && [...permissions],
      );
      assertEquals(code, 1);
      assertStringIncludes(stderr, hint);
    }
  }
});

Deno.test("listen responds with a --result as it is given", async () => {
  for (const result of ["1e400", `{"2":1,"1":[0.10],"1":null}`]) {
    await using listening = await startListen(["--result", result]);
    assertEquals(
      await exchange(listening.socket, `{"jsonrpc":"2.0","method":"m","id":1}`),
      `{"id":1,"jsonrpc":"2.0","result":${result}}`,
    );
  }
});

Deno.test("pump takes what listen --json wrote", async () => {
  const params = [{}, { a: "\u009b é", b: [1, null] }, [3, "x"]];
  await using listening = await startListen(["--json"]);
  await using client = new EventClient(listening.socket, { syncMode: true });
  let lines = "";
  for (const [n, given] of params.entries()) {
    await client.raise(`E_${n}`, given);
    lines += `${await listening.outLine()}\n`;
  }
  const received: unknown[] = [];
  await using server = serve(async (_, reader) => {
    for (const text of await reader.all()) {
      const { method, params } = JSON.parse(text);
      received.push([method, params]);
    }
  });
  const { code, stderr } = await runWith(lines, ["pump", server.socket]);
  assertEquals(code, 0, stderr);
  assertEquals(received, params.map((given, n) => [`E_${n}`, given]));
});
