// Measures what a page that somebody looks at costs a listener that prints each
// event as a line: run it by hand. It needs Chromium for a real viewer; without
// one, the viewer reads the stream and does no more.

import process from "node:process";
import { EventClient, serveEvents } from "../../mod.ts";
import {
  EventFeed,
  pageForListener,
  pageUrl,
  watchHandler,
} from "../../src/monitor/mod.ts";
import { Chromium, findChromium } from "../helpers/chromium.ts";

interface Cost {
  rate: number;
  cpu: number;
}

const EVENTS = 3_000_000, ROUNDS = 3;
const PARAMS = {
  caller: "sip:alice@example.com",
  callee: "sip:bob@example.net",
  call_id: "3848276298220188511@atlanta.example.com",
};

if (Deno.args[0] === "raise") {
  // In a process of its own, as a real one is.
  await using client = new EventClient(Deno.args[1]!, { timeoutMs: 60_000 });
  for (let i = 0; i < EVENTS; i += 500) {
    const batch = [];
    for (let j = 0; j < 500; j++) {
      batch.push(client.raise("E_CALL_START", PARAMS));
    }
    await Promise.all(batch);
  }
  Deno.exit(0);
}

/**
 * Events a second at a listener: alone, with a page, with a page and a viewer; and
 * the processor time of the listener, in microseconds for each.
 */
async function measure(mode: "alone" | "page" | "viewer"): Promise<Cost> {
  const feed = new EventFeed();
  const stop = new AbortController();
  let count = 0, lines = "";
  const done = Promise.withResolvers<void>();
  const encoder = new TextEncoder();
  using out = await Deno.open("/dev/null", { write: true });
  let writing: Promise<unknown> | undefined;
  const handler = watchHandler(({ method, params }) => {
    lines += `${method} ${JSON.stringify(params)}\n`;
    writing ??= Promise.resolve().then(async () => {
      const bytes = encoder.encode(lines);
      lines = "";
      await out.write(bytes);
      writing = undefined;
    });
    if (++count === EVENTS) done.resolve();
    return true;
  }, ...mode === "alone" ? [] : [feed.watch]);
  await using server = serveEvents({ port: 0 }, handler);
  const http = mode === "alone" ? undefined : Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    pageForListener(feed, { signal: stop.signal }),
  );
  const tab = mode === "viewer" && browser !== undefined
    ? await browser.open(pageUrl(http!.addr))
    : undefined;
  const reading = mode === "viewer" && browser === undefined
    ? fetch(`${pageUrl(http!.addr)}events`).then(async ({ body }) => {
      const reader = body!.getReader();
      while (!(await reader.read()).done);
    })
    : undefined;
  await tab?.until(
    `document.querySelector(".status").dataset.state === "live"`,
  );
  const start = performance.now(), before = process.cpuUsage();
  const raiser = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", import.meta.filename!, "raise", server.socket],
  }).spawn();
  await done.promise;
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  await raiser.status;
  await tab?.[Symbol.asyncDispose]();
  stop.abort();
  await reading;
  await http?.shutdown();
  return { rate: EVENTS / seconds, cpu: (user + system) / EVENTS };
}

const command = await findChromium();
const browser = command === undefined || Deno.args.includes("--reader")
  ? undefined
  : await Chromium.launch(command);
const modes = ["alone", "page", "viewer"] as const;
const costs = new Map<string, Cost[]>(modes.map((mode) => [mode, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const mode of modes) costs.get(mode)!.push(await measure(mode));
}
await browser?.[Symbol.asyncDispose]();

const median = (values: number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1]!;
const rateOf = (mode: string) =>
  median(costs.get(mode)!.map(({ rate }) => rate));
const cpuOf = (mode: string) => median(costs.get(mode)!.map(({ cpu }) => cpu));
for (const mode of modes) {
  const rate = rateOf(mode), cpu = cpuOf(mode);
  console.log(
    `${mode.padEnd(7)} ${Math.round(rate).toLocaleString("en")} events/s (${
      (rate / rateOf("alone")).toFixed(2)
    } of alone), ${cpu.toFixed(2)} us of the listener's processor time each (${
      (cpuOf("alone") / cpu).toFixed(2)
    })`,
  );
}
