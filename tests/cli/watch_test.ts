// `listen` with what sees its events: a page, metrics, spans, what it says.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { ConnectError, EventClient } from "../../mod.ts";
import { Chromium, findChromium } from "../helpers/chromium.ts";
import { SYNC } from "../helpers/client.ts";
import { collect, telemetryTo } from "../helpers/collector.ts";
import {
  exchange,
  needs,
  onTerminal,
  run,
  start,
  startListen,
} from "../helpers/command.ts";
import { checkMetrics, findPromtool } from "../helpers/promtool.ts";
import { freePort } from "../helpers/tcp.ts";

const chromium = await findChromium();
if (chromium === undefined) {
  console.log("Chromium is not here: the test of listen --page is skipped");
}
const promtool = await findPromtool();

/** The address in a line such as `page at http://…`. */
async function urlIn(line: Promise<string | undefined>): Promise<URL> {
  const [, url] = /^(?:page|metrics) at (http:\S+)$/.exec(await line ?? "") ??
    [];
  assert(url !== undefined, `${await line}`);
  return new URL(url);
}

const request = (id: number, method: string, params = "{}") =>
  `{"id":${id},"jsonrpc":"2.0","method":"${method}","params":${params}}`;

Deno.test("listen --raw prints each message as it came", async () => {
  await using listening = await startListen(["--raw"]);
  const odd = `{"params":[1.50,"\\u0041"],"jsonrpc":"2.0","method":"m","x":1}`;
  await exchange(listening.socket, odd);
  assertEquals(await listening.outLine(), odd);
  await exchange(listening.socket, `[${odd}]`);
  assertEquals(await listening.outLine(), odd, "of a batch, each member");
  const lines = `{\n  "jsonrpc": "2.0",\n\t"method": "m\u009b"\n}`;
  await exchange(listening.socket, lines);
  assertEquals(
    await listening.outLine(),
    `{   "jsonrpc": "2.0",  "method": "m\\u009b" }`,
  );
});

Deno.test("listen --only prints events of such names, and responds to all", async () => {
  await using listening = await startListen([
    "--only=E_UL_*",
    "--only",
    "E_X",
    "--count=2",
  ]);
  const names = ["E_PIKE_BLOCKED", "E_UL_CONTACT_INSERT", "E_XY", "E_X"];
  assertEquals(
    await exchange(
      listening.socket,
      names.map((name, i) => request(i + 1, name)).join(""),
    ),
    [1, 2, 3, 4].map((id) => `{"id":${id},"jsonrpc":"2.0","result":true}`)
      .join(""),
  );
  assertEquals(await listening.outLine(), "E_UL_CONTACT_INSERT {} id 2");
  assertEquals(await listening.outLine(), "E_X {} id 4");
  assertEquals(await listening.outLine(), undefined);
  assertEquals((await listening.process.status).code, 0);
});

Deno.test("listen --verbose tells of connections and responses, and sums up", async () => {
  await using listening = await startListen([
    "--verbose",
    "--result=[1.50]",
    "--count=3",
  ]);
  await exchange(listening.socket, request(7, "E_X"));
  assertMatch((await listening.errLine())!, /^127\.0\.0\.1:\d+ connected$/);
  assertMatch(
    (await listening.errLine())!,
    /^responded to 127\.0\.0\.1:\d+, E_X id 7: \[1\.50\] \(\d+\.\d ms\)$/,
  );
  assertMatch((await listening.errLine())!, /^127\.0\.0\.1:\d+ disconnected$/);
  await exchange(listening.socket, `{"method":"m"}`);
  assertMatch((await listening.errLine())!, / connected$/);
  assertMatch((await listening.errLine())!, /^refused from 127\.0\.0\.1:\d+: /);
  assertMatch((await listening.errLine())!, / disconnected$/);
  const notify = `{"jsonrpc":"2.0","method":"E_Y\u009b"}`;
  await exchange(listening.socket, notify + notify);
  const rest = [];
  for (let line; (line = await listening.errLine()) !== undefined;) {
    rest.push(line.replace(/^127\S+/, "peer"));
  }
  assertEquals(rest, [
    "peer connected",
    "peer disconnected",
    "3 events, 1 refused, from 127.0.0.1",
    "  2  E_Y\\u009b",
    "  1  E_X",
  ]);
  assertEquals((await listening.process.status).code, 0);
});

Deno.test("listen --verbose tells which error was the response", async () => {
  await using listening = await startListen(["--verbose", "--error=404:No"]);
  await exchange(listening.socket, request(1, "E_X"));
  await listening.errLine();
  assertStringIncludes(
    (await listening.errLine())!,
    ", E_X id 1: error 404: No (",
  );
});

/** Raises an event as soon as somebody listens. */
async function raiseWhenHeard(port: number, event: string): Promise<void> {
  await using client = new EventClient(`jsonrpc:127.0.0.1:${port}`, SYNC);
  for (;;) {
    try {
      await client.raise(event, { n: 3 });
      return;
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

Deno.test({
  ...await needs(
    "script",
    "listen on a terminal prints events for people, and sums up",
  ),
  async fn() {
    for (const isPlain of [false, true]) {
      const port = freePort();
      const terminal = onTerminal(
        ["listen", `${port}`, "--count", "1"],
        { NO_COLOR: isPlain ? "1" : "" },
      );
      await raiseWhenHeard(port, "E_PIKE_BLOCKED");
      const [listening, event, sum, name] = (await terminal).split("\r\n");
      assertEquals(listening, `listening at jsonrpc:127.0.0.1:${port}`);
      assertEquals(event!.includes("\x1b[1mE_PIKE_BLOCKED\x1b[0m"), !isPlain);
      assertMatch(
        // deno-lint-ignore no-control-regex
        event!.replace(/\x1b\[\d+m/g, ""),
        /^[\d:.]{12} 127\.0\.0\.1:\d+ E_PIKE_BLOCKED #\d+ {2}n=3$/,
      );
      assertEquals(sum, "1 event, 0 refused, from 127.0.0.1");
      assertEquals(name, "  1  E_PIKE_BLOCKED");
    }
  },
});

Deno.test({
  name: "listen --page shows what comes and what was responded in a browser",
  ignore: chromium === undefined,
  async fn() {
    await using listening = await startListen([
      "--page=0",
      `--result={"n":1.50}`,
    ]);
    const url = await urlIn(listening.errLine());
    assertEquals([url.hostname, url.search], ["127.0.0.1", ""]);
    await using browser = await Chromium.launch(chromium!);
    await using tab = await browser.open(url.href);
    await tab.until(
      `document.querySelector(".status").dataset.state === "live"`,
    );
    await using client = new EventClient(listening.socket, SYNC);
    await client.raise("E_PIKE_BLOCKED", { ip: "<b>192.168.2.11" });
    await exchange(listening.socket, `{"method":"m"}`);
    for (
      const text of ["E_PIKE_BLOCKED", "<b>192.168.2.11", "1.50", "refused"]
    ) {
      await tab.until(
        `document.body.innerText.includes(${JSON.stringify(text)})`,
      );
    }
    listening.process.kill("SIGTERM"); // while somebody looks
    assertEquals((await listening.process.status).code, 0);
  },
});

Deno.test("listen --page on other addresses has a token, given or drawn", async () => {
  for (const given of [undefined, "a-token-of-mine"]) {
    await using listening = await startListen([
      "--page=0.0.0.0:0",
      ...given === undefined ? [] : ["--token", given],
    ]);
    const { port, searchParams } = await urlIn(listening.errLine());
    const token = searchParams.get("token")!;
    assert(given === undefined ? token.length === 24 : token === given);
    const statuses = [];
    for (const query of ["", "?token=wrong-wrong", `?token=${token}`]) {
      const response = await fetch(`http://127.0.0.1:${port}/${query}`);
      await response.body?.cancel();
      statuses.push(response.status);
    }
    assertEquals(statuses, [403, 403, 200]);
  }
});

Deno.test("listen --page lets no page of another site look", async () => {
  await using listening = await startListen(["--page=0"]);
  const { origin } = await urlIn(listening.errLine());
  const response = await fetch(origin, {
    headers: { origin: "http://example.com" },
  });
  assertEquals(response.status, 403);
  await response.body?.cancel();
});

Deno.test("listen --page ends by a signal though a viewer does not read: exit code 0", async () => {
  await using listening = await startListen(["--page=0"]);
  const { port } = await urlIn(listening.errLine());
  using viewer = await Deno.connect({ port: Number(port) });
  await viewer.write(
    new TextEncoder().encode(
      `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
    ),
  );
  await viewer.read(new Uint8Array(1)); // the response has begun
  const params = `["${"x".repeat(60_000)}"]`;
  const text = request(1, "E_X", params);
  for (let n = 0; n < 10; n++) {
    await exchange(listening.socket, text.repeat(10));
    for (let m = 0; m < 10; m++) await listening.outLine();
  }
  listening.process.kill("SIGTERM");
  assertEquals((await listening.process.status).code, 0);
});

Deno.test("listen says why it cannot serve a page or metrics: exit code 1", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  for (const option of ["--page", "--metrics"]) {
    const { code, stderr } = await run(["listen", "0", option, `${port}`]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `error: Cannot listen at 127.0.0.1:${port}: `);
  }
});

Deno.test("listen --metrics counts what came, and is healthy", async () => {
  await using listening = await startListen(["--metrics=0"]);
  const url = await urlIn(listening.errLine());
  await exchange(listening.socket, request(1, "E_X") + request(2, "E_X"));
  await exchange(listening.socket, `{"method":"m"}`);
  await using client = new EventClient(listening.socket, SYNC);
  await client.raise("E_Y");
  const metrics = await (await fetch(url)).text();
  for (
    const line of [
      `event_jsonrpc_events_received_total{method="E_X"} 2`,
      `event_jsonrpc_events_received_total{method="E_Y"} 1`,
      "event_jsonrpc_messages_refused_total 1",
      "event_jsonrpc_listener_connections 1",
    ]
  ) assertStringIncludes(metrics, `\n${line}\n`);
  const health = await fetch(new URL("/health", url));
  assertEquals(await health.json(), { status: "ready" });
  if (promtool === undefined) console.log("promtool is not here: not checked");
  else assertEquals(await checkMetrics(promtool, metrics), "");
});

Deno.test("listen sends a span for each event where OpenTelemetry is on", async () => {
  const { server, spans } = collect();
  await using _ = server;
  await using listening = start(
    ["listen", "0", "--count", "1"],
    "null",
    { env: telemetryTo(server.addr.port) },
  );
  const [, socket] = (await listening.errLine())!.split(" at ");
  await using client = new EventClient(socket!, SYNC);
  await client.raise("E_X");
  assertEquals((await listening.process.status).code, 0);
  assertEquals(spans.map(({ name }) => name), ["process E_X"]);
});
