// Makes the pictures of the guides anew: run it by hand. It needs Chromium.

import { receivedEvent } from "../helpers/received.ts";
import { ConnectError, EventInterface, ServerError } from "../../mod.ts";
import {
  DeliveryTally,
  EventFeed,
  formatEvent,
  pageForHub,
  pageForListener,
  pageUrl,
  type SetAsideEvent,
} from "../../src/monitor/mod.ts";
import { Chromium, type View } from "../helpers/chromium.ts";
import { delivery } from "../helpers/deliveries.ts";

const FOLDER = new URL("../../src/monitor/pictures/", import.meta.url);
const HTTP = { hostname: "127.0.0.1", port: 0, onListen: () => {} };

/** A platform's events: method, params, the id of a request, and the error. */
const EVENTS: [string, object, number?, string?][] = [
  ["E_CALL_START", {
    caller: "sip:alice@example.com",
    callee: "sip:bob@example.net",
    call_id: "3848276298220188511",
  }],
  ["E_PIKE_BLOCKED", { ip: "192.168.2.11" }, 7],
  ["E_UL_CONTACT_INSERT", {
    domain: "location",
    aor: "alice",
    address: "sip:alice@10.1.1.7:5060;transport=udp",
    qval: -1,
    expires: 3600,
    cseq: 1,
  }],
  [
    "E_RTPPROXY_STATUS",
    { socket: "udp:10.0.0.3:7899", status: "down" },
    8,
    "No such node",
  ],
  ["E_CALL_END", { call_id: "3848276298220188511", duration: 74 }],
];

const PEER = { hostname: "10.0.0.7", port: 40112 };

/** How a terminal shows text with colours, as HTML. */
function terminal(text: string): string {
  const styles: Record<string, string> = {
    1: "font-weight:bold",
    2: "opacity:.6",
    32: "color:#8fd6ac",
    35: "color:#c9a0ec",
    36: "color:#7fb9f7",
  };
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const html = escaped.replace(
    // deno-lint-ignore no-control-regex
    /\x1b\[([0-9]+)m/g,
    (_, code) => code === "0" ? "</span>" : `<span style="${styles[code]}">`,
  );
  return `<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:#16181c;color:#dfe2e7"><pre style="margin:14px;font:13px/1.5 monospace">${html}</pre>`;
}

await Deno.mkdir(FOLDER, { recursive: true });
await using browser = await Chromium.launch("chromium");

async function save(
  name: string,
  url: string,
  view: View,
  ready: string,
  act = "",
) {
  await using tab = await browser.open(url, view);
  await tab.until(ready);
  await tab.evaluate(act);
  await tab.evaluate("new Promise((resolve) => setTimeout(resolve, 300))");
  const picture = await tab.picture();
  await Deno.writeFile(new URL(`${name}.png`, FOLDER), picture);
  console.log(name, picture.length);
}

const stop = new AbortController();
const { signal } = stop;
{
  const feed = new EventFeed();
  for (let i = 0; i < 4; i++) {
    for (const [method, params, id = null, error] of EVENTS) {
      const done = feed.watch(receivedEvent({
        method,
        params: params as Record<string, string>,
        id,
        peer: PEER,
      }));
      done?.({
        result: true,
        error: error && new ServerError(503, error),
        ms: 1.4,
      });
    }
  }
  feed.refuse('the message is no JSON: it begins with "GET / HTTP/1.1"', {
    hostname: "10.0.0.9",
    port: 51044,
  });
  const page = Deno.serve(
    HTTP,
    pageForListener(feed, { socket: "jsonrpc:10.0.0.5:8080", signal }),
  );
  const url = pageUrl(page.addr);
  const ready = `document.querySelectorAll(".row").length > 5`;
  const open =
    `[...document.querySelectorAll(".row")].find((row) => row.textContent.includes("CONTACT")).click()`;
  await save("listener-light", url, { width: 960, height: 400 }, ready, open);
  await save(
    "listener-dark",
    url,
    { width: 960, height: 360, dark: true },
    ready,
  );
  await save("listener-phone", url, { width: 360, height: 520 }, ready);
}
{
  await using events = new EventInterface({ syncMode: true });
  events.subscribe("E_CALL_START", "jsonrpc:10.0.0.5:8080", { expire: 3600 });
  events.subscribe("E_CALL_START", "jsonrpc:10.0.0.6:8080", { expire: 3600 });
  events.subscribe(
    "E_PIKE_BLOCKED",
    "virtual:FAILOVER jsonrpc:10.0.0.5:8080/block_ip jsonrpc:10.0.0.6:8080/block_ip",
  );
  const tally = new DeliveryTally();
  for (let i = 0; i < 420; i++) {
    tally.onDelivery(
      delivery({
        destination: "10.0.0.5:8080",
        outcome: "confirmed",
        settledAt: performance.now() - i * 20,
      }),
    );
  }
  const error = new ConnectError(
    "Cannot connect to 10.0.0.6:8080: connection refused",
  );
  tally.onDelivery(
    delivery({
      event: "E_CALL_START",
      socket: "jsonrpc:10.0.0.6:8080",
      destination: "10.0.0.6:8080",
      outcome: "failed",
      error,
      count: 12,
    }),
  );
  const aside: SetAsideEvent[] = [{
    id: 1,
    event: "E_CALL_START",
    socket: "jsonrpc:10.0.0.5:8080",
    params: '{"caller":"sip:mallory@example.com"}',
    error: "404 No such user",
    time: Date.now() - 3e6,
    attempts: 2,
  }];
  const outbox = {
    stats: () => ({ waiting: 12, setAside: 1, oldestMs: 9000 }),
    setAside: () => aside,
    retry: () => {},
    drop: () => {},
  };
  const page = Deno.serve(HTTP, pageForHub(events, tally, { outbox, signal }));
  await save(
    "hub-light",
    pageUrl(page.addr),
    { width: 960, height: 560 },
    `document.querySelectorAll("td").length > 5`,
  );
}
{
  const time = new Date(2026, 0, 31, 12, 0, 5, 123);
  const text = EVENTS.map(([method, params, id]) =>
    formatEvent({
      method,
      params: JSON.stringify(params),
      id: id === undefined ? undefined : String(id),
      peer: PEER,
      time,
    }, { color: true, columns: 100 })
  ).join("\n");
  const page = Deno.serve(
    { ...HTTP, signal },
    () =>
      new Response(terminal(text), {
        headers: { "content-type": "text/html" },
      }),
  );
  await save(
    "terminal",
    pageUrl(page.addr),
    { width: 800, height: 330 },
    `document.querySelector("pre")`,
  );
}
stop.abort();
