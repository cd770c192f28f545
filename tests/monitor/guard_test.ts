import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  drawToken,
  EventFeed,
  pageForListener,
  pageUrl,
} from "../../src/monitor/mod.ts";

const TOKEN = "0123456789abcdef";

interface Asked {
  url?: string;
  method?: string;
  headers?: Record<string, string>;
  peer?: string;
}

/** The status of a request; `headers` may have a host of its own. */
async function statusOf(
  { url = "http://127.0.0.1:8081/", method, headers = {}, peer }: Asked,
  token?: string,
): Promise<number> {
  const stop = new AbortController();
  const handler = pageForListener(new EventFeed(), {
    token,
    signal: stop.signal,
    operations: { metrics: () => "" },
  });
  const { host } = new URL(url);
  const request = new Request(url, { method, headers: { host, ...headers } });
  const info = peer === undefined
    ? undefined
    : { remoteAddr: { hostname: peer, port: 5 } };
  const response = await handler(request, info);
  await response.body?.cancel();
  stop.abort();
  return response.status;
}

const PATHS = ["", "events"];

Deno.test("a page without a token is for this machine, by a loopback address or localhost", async () => {
  for (const path of PATHS) {
    for (
      const host of ["127.0.0.1:8081", "127.9.9.9", "[::1]:8081", "localhost:5"]
    ) {
      const url = `http://${host}/${path}`;
      assertEquals(await statusOf({ url }), 200, url);
      assertEquals(await statusOf({ url, peer: "127.0.0.1" }), 200, url);
      assertEquals(await statusOf({ url, peer: "::1" }), 200, url);
      assertEquals(await statusOf({ url, peer: "10.0.0.7" }), 403, url);
      assertEquals(await statusOf({ url, peer: "2001:db8::7" }), 403, url);
    }
  }
});

Deno.test("a page without a token refuses a foreign Host, as of DNS rebinding", async () => {
  for (const path of PATHS) {
    for (
      const host of [
        "evil.example:8081",
        "10.0.0.7:8081",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "[2001:db8::1]",
      ]
    ) {
      const url = `http://${host}/${path}`;
      assertEquals(await statusOf({ url, peer: "127.0.0.1" }), 403, url);
    }
  }
});

Deno.test("a page refuses a foreign Origin, with a token and without", async () => {
  const origins = [
    "https://evil.example",
    "http://127.0.0.1:9",
    "http://localhost:8081",
    "null",
    "nonsense",
  ];
  for (const path of [...PATHS, "clear"]) {
    const method = path === "clear" ? "POST" : "GET";
    for (const origin of origins) {
      const asked = { method, headers: { origin } };
      const url = `http://127.0.0.1:8081/${path}`;
      assertEquals(await statusOf({ ...asked, url }), 403, origin);
      const withToken = `${url}?token=${TOKEN}`;
      assertEquals(await statusOf({ ...asked, url: withToken }, TOKEN), 403);
    }
    const own = { method, headers: { origin: "http://127.0.0.1:8081" } };
    const url = `http://127.0.0.1:8081/${path}`;
    assertEquals(await statusOf({ ...own, url }), path === "clear" ? 204 : 200);
  }
});

Deno.test("a page with a token wants it of all, and then lets all in", async () => {
  for (const path of PATHS) {
    const url = `http://hub.example:8081/${path}`;
    const peer = "10.0.0.7";
    const bad = ["", "?token=", "?token=wrong", `?token=${TOKEN}x`];
    for (const query of bad) {
      assertEquals(await statusOf({ url: url + query, peer }, TOKEN), 403);
      const local = `http://127.0.0.1/${path}${query}`;
      assertEquals(await statusOf({ url: local }, TOKEN), 403);
    }
    const good = `${url}?token=${TOKEN}`;
    assertEquals(await statusOf({ url: good, peer }, TOKEN), 200);
    const headers = { authorization: `Bearer ${TOKEN}` };
    assertEquals(await statusOf({ url, peer, headers }, TOKEN), 200);
    const wrong = { authorization: `Bearer ${TOKEN.slice(1)}` };
    assertEquals(await statusOf({ url, peer, headers: wrong }, TOKEN), 403);
  }
});

Deno.test("health and metrics are for all", async () => {
  for (const path of ["health", "metrics"]) {
    const url = `http://hub.example/${path}`;
    const headers = { origin: "https://elsewhere.example" };
    const asked = { url, headers, peer: "10.0.0.7" };
    assertEquals(await statusOf(asked), 200);
    assertEquals(await statusOf(asked, TOKEN), 200);
    assertEquals(await statusOf({ ...asked, method: "HEAD" }), 200);
    assertEquals(await statusOf({ ...asked, method: "POST" }), 403);
  }
});

Deno.test("a page refuses other paths and methods", async () => {
  const asked = {
    "/": "POST",
    "/events": "POST",
    "/clear": "GET",
    "/x": "GET",
  };
  for (const [path, method] of Object.entries(asked)) {
    const url = `http://127.0.0.1${path}`;
    assertEquals(await statusOf({ url, method }), 404, path);
  }
});

Deno.test("a page refuses a token that is too short", () => {
  for (const token of ["", "short"]) {
    const error = assertThrows(
      () => pageForListener(new EventFeed(), { token }),
      RangeError,
    );
    assert(!error.message.includes("short") || token === "");
  }
});

Deno.test("drawToken() draws a new token each time, fit for an address", () => {
  const tokens = new Set(Array.from({ length: 100 }, drawToken));
  assertEquals(tokens.size, 100);
  for (const token of tokens) assertMatch(token, /^[\w-]{24}$/);
});

Deno.test("pageUrl() puts the token into the address", () => {
  const addr = { hostname: "127.0.0.1", port: 8081 };
  assertEquals(pageUrl(addr), "http://127.0.0.1:8081/");
  assertEquals(pageUrl(addr, "a/b"), "http://127.0.0.1:8081/?token=a%2Fb");
});
