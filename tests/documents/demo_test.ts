import { assertEquals, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };

Deno.test("deno task demo shows what goes over the wire, and what comes back", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo"],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  for (
    const part of [
      `-> {"id":null,"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}\n   sent`,
      `-> {"id":null,"jsonrpc":"2.0","method":"block_ip","params":{"ip":"192.168.2.11"}}\n   sent`,
      `,"jsonrpc":"2.0","result":8}\n   confirmed, with the result 8\n`,
      `-> {"id":null,"jsonrpc":"2.0","method":"handle_cmd","params":{"opensips_event":"E_PIKE_BLOCKED","ip":"192.168.2.11"}}\n`,
      `-> {"id":null,"jsonrpc":"2.0","method":"E_MY_EVENT","params":[3,5]}\n`,
      "the first server\n   the first server ends\n",
      "the second server\n\n7 of 7 events arrived.\n",
      "   -> event_subscribe ",
      '{"ip":"192.168.2.11"}\n\n1 of 1 events arrived.\n',
      "the raiser is killed, the server comes back\n",
      "calls 1, 2, 3, 4, 5\n\n5 of 5 events arrived.\n",
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("the demo may use loopback, and nothing else", () => {
  assertStringIncludes(
    config.tasks.demo.command,
    "deno run --allow-net=127.0.0.1 tests/",
  );
});
