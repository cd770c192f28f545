// What `hub` serves by HTTP beside management: its page, health, metrics, spans.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { serveEvents } from "../../mod.ts";
import { Chromium, findChromium } from "../helpers/chromium.ts";
import { collect, telemetryTo } from "../helpers/collector.ts";
import { run, start } from "../helpers/command.ts";
import { checkMetrics, findPromtool } from "../helpers/promtool.ts";
import { freePort, gate } from "../helpers/tcp.ts";

const chromium = await findChromium();
if (chromium === undefined) {
  console.log("Chromium is not here: the test of the hub's page is skipped");
}
const promtool = await findPromtool();

/** Starts `hub`; `url` is the first that it prints. */
async function startHub(
  args: string[],
  { at = "0", env = {} }: { at?: string; env?: Record<string, string> } = {},
) {
  const hub = start(["hub", at, ...args], "null", { env });
  const line = await hub.errLine();
  const [, url] = /^listening at (http:\S+)$/.exec(line ?? "") ?? [];
  assert(url !== undefined, line);
  return { ...hub, url };
}

/** Asks a hub to raise an event; resolves to the status. */
async function raise(
  url: string | URL,
  event: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "raise_event",
      params: [event, { a: 1 }],
    }),
  });
  await response.body?.cancel();
  return response.status;
}

/** Fetches until the text holds something. */
async function textWith(url: URL, wanted: string): Promise<string> {
  for (;;) {
    const text = await (await fetch(url)).text();
    if (text.includes(wanted)) return text;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("hub has metrics that Prometheus takes, at an address of their own too", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  const down = `127.0.0.1:${freePort()}`;
  const up = server.socket.replace("jsonrpc:", "");
  await using hub = await startHub([
    "--sync",
    "--metrics=0",
    `--subscribe=E_X=${server.socket}`,
    `--subscribe=E_X=jsonrpc:${down}/m`,
  ]);
  const [, own] = /^metrics at (\S+)$/.exec((await hub.errLine())!) ?? [];
  for (let n = 0; n < 3; n++) assertEquals(await raise(hub.url, "E_X"), 200);
  for (const url of [own!, `${hub.url}/metrics`]) {
    await textWith(new URL(url), `destination="${down}",cause="connect"} 3\n`);
    const text = await textWith(new URL(url), `outcome="confirmed"} 3\n`);
    for (
      const line of [
        `event_jsonrpc_events_raised_total{destination="${up}"} 3`,
        `event_jsonrpc_events_delivered_total{destination="${up}",outcome="confirmed"} 3`,
        `event_jsonrpc_subscribers{event="E_X"} 2`,
        `event_jsonrpc_events_published 1`,
      ]
    ) assertStringIncludes(text, `\n${line}\n`);
    if (promtool === undefined) console.log("promtool is not here: unchecked");
    else assertEquals(await checkMetrics(promtool, text), "");
    const health = await fetch(new URL("/health", url));
    assertEquals(await health.json(), { status: "ready" });
  }
  const other = await fetch(new URL("/mi", own), { method: "POST" });
  assertEquals(other.status, 404, "management is not there");
  await other.body?.cancel();
});

Deno.test("hub on other addresses wants the token that it prints, for page and management", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  for (const given of [undefined, "a-token-of-mine"]) {
    await using hub = await startHub([
      `--subscribe=E_X=${server.socket}`,
      ...given === undefined ? [] : [`--token=${given}`],
    ], { at: "0.0.0.0:0" });
    const [, page] =
      /^page at (http:\S+); management needs this token too$/.exec(
        (await hub.errLine())!,
      ) ?? [];
    const { port, search, searchParams } = new URL(page!);
    const token = searchParams.get("token")!;
    if (given !== undefined) assertEquals(token, given);
    const at = `http://127.0.0.1:${port}/`;
    assertEquals(await raise(`${at}mi`, "E_X"), 403);
    assertEquals(await raise(`${at}mi${search}`, "E_X"), 200);
    const headers = { authorization: `Bearer ${token}` };
    assertEquals(await raise(`${at}mi`, "E_X", headers), 200);
    const statuses = [];
    for (const path of ["", search, "health", "metrics"]) {
      const response = await fetch(at + path);
      await response.body?.cancel();
      statuses.push(response.status);
    }
    assertEquals(statuses, [403, 200, 200, 200]);
  }
});

Deno.test("hub takes no requests of web pages, and none for another host", async () => {
  await using hub = await startHub(["--publish=E_X"]);
  const origin = { origin: "http://example.com" };
  assertEquals(await raise(hub.url, "E_X", origin), 403);
  assertEquals(await raise(hub.url, "E_X", { origin: hub.url }), 403);
  const { port } = new URL(hub.url);
  using conn = await Deno.connect({ port: Number(port) });
  await conn.write(
    new TextEncoder().encode("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
  );
  const bytes = new Uint8Array(1000);
  const length = await conn.read(bytes) ?? 0;
  assertMatch(
    new TextDecoder().decode(bytes.subarray(0, length)),
    /^HTTP\/1\.1 403 /,
  );
});

Deno.test({
  name: "hub shows subscribers, destinations and failures in a browser",
  ignore: chromium === undefined,
  async fn() {
    const down = `jsonrpc:127.0.0.1:${freePort()}`;
    await using hub = await startHub([`--subscribe=E_X=${down}/m`]);
    await using browser = await Chromium.launch(chromium!);
    await using tab = await browser.open(`${hub.url}/`);
    await raise(hub.url, "E_X");
    for (const text of ["E_X", `${down}/m`, "down", "Connection refused"]) {
      await tab.until(
        `document.body.innerText.includes(${JSON.stringify(text)})`,
      );
    }
    hub.process.kill("SIGTERM"); // while somebody looks
    assertEquals((await hub.process.status).code, 0);
  },
});

Deno.test("hub ends by a signal though a viewer does not read: exit code 0", async () => {
  await using hub = await startHub([]);
  const { port } = new URL(hub.url);
  using viewer = await Deno.connect({ port: Number(port) });
  await viewer.write(
    new TextEncoder().encode(
      `GET /state HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
    ),
  );
  await viewer.read(new Uint8Array(1)); // the response has begun
  hub.process.kill("SIGINT");
  assertEquals((await hub.process.status).code, 0);
});

Deno.test("hub says why it cannot serve metrics: exit code 1", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const at = `127.0.0.1:${listener.addr.port}`;
  const { code, stderr } = await run(["hub", "0", "--metrics", at]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `error: Cannot listen at ${at}: `);
});

Deno.test("hub sends a span for each delivery where OpenTelemetry is on", async () => {
  const { server: collector, spans } = collect();
  await using _ = collector;
  const arrived = gate();
  await using server = serveEvents({ port: 0 }, () => {
    arrived.open();
    return true;
  });
  await using hub = await startHub(
    ["--sync", `--subscribe=E_X=${server.socket}`],
    { env: telemetryTo(collector.addr.port) },
  );
  await raise(hub.url, "E_X");
  await arrived.opened;
  hub.process.kill("SIGTERM");
  assertEquals((await hub.process.status).code, 0);
  assertEquals(spans.map(({ name }) => name), ["send E_X"]);
});
