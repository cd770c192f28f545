import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { EventInterface, type JsonValue, serveEvents } from "../../mod.ts";
import { type Asker, manageOverHttp } from "../../src/opensips/mod.ts";
import { TOOLS } from "./tools.ts";

const LIST = `{"jsonrpc":"2.0","method":"events_list","id":"7"}`;
const TYPE = { "content-type": "application/json" };

/** What an HTTP request is answered with. */
async function post(
  body: BodyInit | null,
  init: RequestInit = {},
): Promise<[status: number, text: string]> {
  await using events = new EventInterface();
  const handle = manageOverHttp(events, { maxMessageBytes: 1000 });
  const response = await handle(
    new Request("http://h/any/path", {
      method: "POST",
      headers: TYPE,
      body,
      ...init,
    }),
  );
  return [response.status, await response.text()];
}

Deno.test("manageOverHttp() answers requests over HTTP", async () => {
  assertEquals(await post(LIST), [
    200,
    `{"id":"7","jsonrpc":"2.0","result":{"Events":[]}}`,
  ]);
  const headers = { "Content-Type": "Application/JSON; charset=utf-8" };
  assertEquals((await post(LIST, { headers }))[0], 200);
  assertEquals((await post(`[${LIST}]`))[1][0], "[");
});

Deno.test("manageOverHttp() refuses what is no such request", async () => {
  const get = await post(null, { method: "GET" });
  assertEquals(get, [405, "expected POST\n"]);
  const wrong: HeadersInit[] = [{}, { "content-type": "text/plain" }];
  for (const headers of wrong) {
    const [status, text] = await post(LIST, { headers });
    assertEquals(status, 415);
    assertStringIncludes(text, "application/json");
  }
  const parseError =
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"}}`;
  for (const body of ["{", "", " ", `${LIST} x`, "\u0000"]) {
    assertEquals(await post(body), [200, parseError]);
  }
  assertEquals((await post(" ".repeat(1001)))[0], 413);
  assertEquals((await post(LIST.padEnd(1000)))[0], 200);
  assertEquals(await post(LIST.replace(`,"id":"7"`, "")), [204, ""]);
  const [status, text] = await post("1");
  assertEquals(status, 200);
  assertStringIncludes(text, "-32600");
});

Deno.test("manageOverHttp() stops reading a body that is too large", async () => {
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled++;
      controller.enqueue(new Uint8Array(100));
    },
  });
  assertEquals((await post(endless))[0], 413);
  assertEquals(pulled < 20, true, `${pulled}`);
});

Deno.test("manageOverHttp() refuses a wrong limit", async () => {
  await using events = new EventInterface();
  assertThrows(
    () => manageOverHttp(events, { maxMessageBytes: 0 }),
    RangeError,
    "maxMessageBytes 0",
  );
});

Deno.test("manageOverHttp() has a server subscribe itself, and get events", async () => {
  const received = Promise.withResolvers<unknown>();
  await using server = serveEvents({ port: 0 }, ({ method, params }) => {
    received.resolve([method, params]);
  });
  await using events = new EventInterface();
  events.publish("E_PIKE_BLOCKED");
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    manageOverHttp(events),
  );
  const url = `http://127.0.0.1:${http.addr.port}/mi`;
  const command = async (method: string, params: JsonValue) => {
    const response = await fetch(url, {
      method: "POST",
      headers: TYPE,
      body: JSON.stringify({ jsonrpc: "2.0", id: "1", method, params }),
    });
    assertEquals(response.headers.get("content-type"), "application/json");
    return (await response.json()).result;
  };
  const event = "E_PIKE_BLOCKED", socket = `${server.socket}/block_ip`;
  assertEquals(await command("event_subscribe", { event, socket }), "OK");
  const params = { ip: "192.168.2.11" };
  assertEquals(await command("raise_event", { event, params }), "OK");
  assertEquals(await received.promise, ["block_ip", params]);
});

Deno.test("manageOverHttp() refuses what a web page sends", async () => {
  const headers = {
    ...TYPE,
    origin: "http://h",
    "sec-fetch-site": "same-origin",
  };
  assertEquals((await post(LIST, { headers }))[0], 403);
});

Deno.test("manageOverHttp() answers when a request is not sent in full", async () => {
  const broken = new ReadableStream<Uint8Array>({
    start: (controller) => controller.error(new Error("reset")),
  });
  assertEquals((await post(broken))[0], 400);
});

Deno.test("manageOverHttp() takes bytes that are not UTF-8, and a byte order mark", async () => {
  const encoder = new TextEncoder();
  const [before, after] = [
    `{"jsonrpc":"2.0","method":"events_list","id":"`,
    `"}`,
  ];
  const body = Uint8Array.from([
    0xef,
    0xbb,
    0xbf,
    ...encoder.encode(before),
    0xff,
    ...encoder.encode(after),
  ]);
  const [status, text] = await post(body);
  assertEquals(status, 200);
  assertStringIncludes(text, `{"id":"\ufffd","jsonrpc"`);
});

Deno.test("manageOverHttp() tells `allow` who asks", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const askers: Asker[] = [];
  const handle = manageOverHttp(events, {
    allow: (_, asker) => askers.push(asker) > 0,
  });
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    handle,
  );
  const subscribe = {
    method: "POST",
    headers: { ...TYPE, authorization: "Bearer x" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "evi:subscribe",
      params: ["E_X", "tcp:h:1"],
    }),
  };
  const url = `http://127.0.0.1:${http.addr.port}/mi`;
  await (await fetch(url, subscribe)).body?.cancel();
  await handle(new Request(url, subscribe)); // of whom nothing is known
  await handle(new Request(url, subscribe), {
    remoteAddr: { transport: "unix", path: "/run/mi" },
  });
  assertEquals(
    askers.map(({ addr, headers }) => [
      addr?.hostname,
      headers.get("authorization"),
    ]),
    [
      ["127.0.0.1", "Bearer x"],
      [undefined, "Bearer x"],
      [undefined, "Bearer x"],
    ],
  );
});

Deno.test("manageOverHttp() responds to what opensips-cli and python-opensips ask", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const handle = manageOverHttp(events);
  for (const [what, method, params, expected] of TOOLS) {
    const response = await handle(
      new Request("http://h/mi", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: "12345", method, params }),
      }),
    );
    const { id, result, error } = await response.json();
    assertEquals([response.status, id], [200, "12345"]);
    if (typeof expected === "number") assertEquals(error.code, expected, what);
    else assertStringIncludes(JSON.stringify(result), `${expected}`, what);
  }
});
