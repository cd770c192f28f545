// `raise --count --rate`, as a process.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { serveEvents, ServerError } from "../../mod.ts";
import { run, start } from "../helpers/command.ts";
import { freePort, gate } from "../helpers/tcp.ts";

Deno.test("raise --count raises that often, and prints rates and times", async () => {
  let received = 0;
  await using server = serveEvents({ port: 0 }, ({ params }) => {
    assertEquals(params, { a: "1" });
    received++;
  });
  for (const [mode, by] of [[["--sync"], "by"], [[], "to"]] as const) {
    received = 0;
    const { code, stdout, stderr } = await run([
      "raise",
      server.socket,
      "E_MY_EVENT",
      "a=1",
      "--count=500",
      ...mode,
    ]);
    assertEquals([code, stderr, received], [0, "", 500]);
    const [first, second, third] = stdout.split("\n");
    const outcome = by === "by" ? "confirmed" : "sent";
    assertMatch(
      first!,
      RegExp(
        `^${outcome} 500 of 500 E_MY_EVENT ${by} ${server.socket} in [\\d.]+ s \\([\\d.]+/s\\)$`,
      ),
    );
    assertMatch(second!, /^ {2}p50 [\d.]+ ms, p99 [\d.]+ ms, max [\d.]+ ms$/);
    assertEquals(third, "");
  }
});

Deno.test("raise --rate tells each second how far it is", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  const args = ["raise", server.socket, "E", "--rate=20", "--count=25"];
  const { code, stdout, stderr } = await run(args);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "sent 25 of 25 E to ");
  assertMatch(
    stderr,
    /^\d+ s: \d+ raised, \d+ delivered, 0 failed, \d+\/s, p50 [\d.]+ ms, p99 [\d.]+ ms\n/,
  );
  assertEquals((await run([...args, "--quiet"])).stderr, "");
});

Deno.test("raise --count --json prints one object, with failures by kind", async () => {
  let n = 0;
  await using server = serveEvents({ port: 0 }, () => {
    if (n++ % 2 === 0) throw new ServerError(404, "No such user");
  });
  const { code, stdout, stderr } = await run([
    "raise",
    server.socket,
    "E_MY_EVENT",
    "--sync",
    "--count=10",
    "--json",
  ]);
  assertEquals(code, 3);
  const { seconds, rate, ms, ...rest } = JSON.parse(stdout);
  assertEquals(rest, {
    event: "E_MY_EVENT",
    socket: server.socket,
    raised: 10,
    delivered: 5,
    failed: 5,
    underWay: 0,
    failures: { "server error 404": 5 },
  });
  assert(seconds > 0 && rate > 0 && ms.p50 > 0);
  assert(ms.p50 <= ms.p99 && ms.p99 <= ms.max);
  assertEquals(
    stderr,
    "error: the server answered with error 404: No such user\n",
  );
});

Deno.test("raise --count tells a failure once, with a hint: exit code 1", async () => {
  const port = freePort();
  const { code, stdout, stderr } = await run([
    "raise",
    `jsonrpc:127.0.0.1:${port}`,
    "E_PIKE_BLOCKED",
    "ipp=1",
    "--count=100",
  ]);
  assertEquals(code, 1);
  assertMatch(
    stdout,
    /^sent 0 of 100 .* \(0\/s\)\n {2}failed 100: cannot connect\n$/,
  );
  const [error, hint, none] = stderr.split("\n");
  assertStringIncludes(error!, `"event-jsonrpc listen ${port}" is one`);
  assertStringIncludes(hint!, 'has no param "ipp"');
  assertEquals(none, "");
});

Deno.test("raise --count goes to a virtual socket", async () => {
  let received = 0;
  await using server = serveEvents({ port: 0 }, () => void received++);
  const { code, stdout } = await run([
    "raise",
    `virtual:FAILOVER jsonrpc:127.0.0.1:${freePort()} ${server.socket}`,
    "E",
    "--sync",
    "--count=50",
  ]);
  assertEquals([code, received], [0, 50]);
  assertMatch(stdout, /^confirmed 50 of 50 E by virtual:FAILOVER /);
});

Deno.test("raise --rate goes on until it is interrupted: exit code 0", async () => {
  const three = gate();
  let received = 0;
  await using server = serveEvents({ port: 0 }, () => {
    if (++received === 3) three.open();
  });
  await using raising = start([
    "raise",
    server.socket,
    "E",
    "--sync",
    "--rate=100",
  ]);
  await three.opened;
  raising.process.kill("SIGINT");
  assertEquals((await raising.process.status).code, 0);
  const line = (await raising.outLine())!;
  const [, delivered, raised] = /^confirmed (\d+) of (\d+) /.exec(line)!;
  assertEquals(delivered, raised);
  assert(Number(delivered) >= 3);
});

Deno.test("raise --count tells what it did when it is interrupted: exit code 130 or 143", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const asked = gate(), never = gate();
    await using server = serveEvents({ port: 0 }, async () => {
      asked.open();
      await never.opened;
    });
    await using raising = start([
      "raise",
      server.socket,
      "E",
      "--sync",
      "--timeout=60000",
      "--count=5",
    ]);
    await asked.opened;
    raising.process.kill(signal);
    assertEquals((await raising.process.status).code, code);
    assertMatch((await raising.outLine())!, /^confirmed 0 of 5 E by /);
    assertEquals(await raising.outLine(), "  still under way 5");
    never.open();
  }
});

Deno.test("raise --count and --rate refuse what is wrong: exit code 2", async () => {
  for (
    const [args, error] of [
      [["--count=0"], '--count is "0", expected an integer from 1'],
      [["--count", "-1"], '--count is "-1"'],
      [
        ["--rate=0"],
        '--rate is "0", expected events per second, more than 0 and at most 1000000',
      ],
      [["--rate=1e3"], '--rate is "1e3"'],
      [["--rate=1000001"], '--rate is "1000001"'],
      [["--count=2", "--dry-run"], "--dry-run is given with --count or --rate"],
      [
        ["--count=2", "a=1", "--event-param=a"],
        "the event param has that name",
      ],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(
      ["raise", "jsonrpc:127.0.0.1:8080", "E", ...args],
      [],
    );
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, error);
  }
});
