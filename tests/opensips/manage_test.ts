import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { EventInterface, type JsonValue, serveEvents } from "../../mod.ts";
import {
  manage,
  type ManagementOptions,
  manageOverHttp,
} from "../../src/opensips/mod.ts";
import recorded from "../data/opensips-mi.json" with { type: "json" };
import { gate } from "../helpers/tcp.ts";

/** What a command answers: its result or its error. */
async function ask(
  events: EventInterface,
  method: string,
  params?: JsonValue,
  options?: ManagementOptions,
): Promise<unknown> {
  const text = await manage(events, {
    jsonrpc: "2.0",
    method,
    id: 1,
    ...params !== undefined && { params },
  }, options);
  const { id, jsonrpc, ...answer } = JSON.parse(text!);
  assertEquals([id, jsonrpc], [1, "2.0"]);
  return answer.result ?? answer.error;
}

const INVALID = { code: -32602, message: "Invalid params" };
const BAD_VALUE = { code: 400, message: "Bad parameter value" };

Deno.test("manage() answers as OpenSIPS does: the recorded exchange", async () => {
  await using events = new EventInterface();
  for (const event of recorded.before.published) events.publish(event);
  for (const { event, socket, expire } of recorded.before.subscribed) {
    const seconds = typeof expire === "number" ? expire : undefined;
    events.subscribe(event, socket, { expire: seconds });
  }
  // OpenSIPS has events of its own, which came first; ours has none.
  const own = JSON.stringify(recorded.exchange)
    .replaceAll(/\{"name":"E_CORE_\w+","id":\d\},/g, "")
    .replaceAll(`"id":4`, `"id":0`);
  for (const [request, answer] of JSON.parse(own)) {
    const text = await manage(events, request);
    assertEquals(JSON.parse(text!), answer, JSON.stringify(request));
  }
});

Deno.test("manage() leaves out what is recorded as a fault", async () => {
  await using events = new EventInterface();
  const socket = "jsonrpc:127.0.0.1:18081/m";
  events.publish("E_X");
  const subscribe = (expire: number) =>
    ask(events, "event_subscribe", { event: "E_X", socket, expire });
  await subscribe(100);
  assertEquals(await ask(events, "subscribers_list", ["E_X", socket]), {
    Event: { name: "E_X", id: 0, Subscriber: { socket, expire: 100 } },
  });
  await subscribe(50);
  assertEquals(await ask(events, "subscribers_list", ["E_X"]), {
    Event: { name: "E_X", id: 0, Subscribers: [{ socket, expire: 50 }] },
  });
  assertEquals(await subscribe(0), "OK");
  assertEquals(await ask(events, "subscribers_list"), { Events: [] });
  assertEquals(await subscribe(0), "OK");
});

Deno.test("event_subscribe takes named and positional params, and refuses others", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const subscribe = (params: JsonValue) =>
    ask(events, "event_subscribe", params);
  assertEquals(await subscribe(["E_X", "jsonrpc:h:1", "60"]), "OK");
  assertEquals(
    await subscribe(["E_X", "virtual:PARALLEL jsonrpc:h:1 jsonrpc:h:2"]),
    "OK",
  );
  assertEquals(events.subscribers().map(({ expire }) => expire), [3600, 60]);
  for (
    const params of [
      [],
      {},
      ["E_X", "jsonrpc:h:1", 1, 2],
      { event: "E_X", socket: "jsonrpc:h:1", expires: 1 },
      { event: "E_X", expire: 1 },
      ["E_X", 1],
      ["E_X", "jsonrpc:h:1", 1.5],
      ["E_X", "jsonrpc:h:1", "soon"],
      ["E_X", "jsonrpc:h:1", null],
      ["", "jsonrpc:h:1"],
      ["E_X", ""],
    ] as JsonValue[]
  ) assertEquals(await subscribe(params), INVALID, JSON.stringify(params));
  for (
    const params of [
      ["E_Y", "jsonrpc:h:1"],
      ["E_X", "h:1"],
      ["E_X", "virtual:PARALLEL"],
    ]
  ) assertEquals(await subscribe(params), BAD_VALUE, JSON.stringify(params));
});

Deno.test("event_subscribe asks for each socket whether events may go there", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const asked: string[] = [];
  const allow = ({ host, port }: { host: string; port: number }) => {
    asked.push(`${host}:${port}`);
    return host === "h";
  };
  const subscribe = (socket: string, expire = 60) =>
    ask(events, "event_subscribe", ["E_X", socket, expire], { allow });
  const forbidden = { code: 403, message: "Forbidden" };
  assertEquals(await subscribe("jsonrpc:h:1/m"), "OK");
  assertEquals(await subscribe("jsonrpc:evil:1"), forbidden);
  assertEquals(
    await subscribe("virtual:FAILOVER jsonrpc:h:1 jsonrpc:evil:2"),
    forbidden,
  );
  assertEquals(asked, ["h:1", "evil:1", "h:1", "evil:2"]);
  assertEquals(events.subscribers().length, 1);
  assertEquals(await subscribe("jsonrpc:h:1/m", 0), "OK");
  assertEquals(events.subscribers(), []);
});

Deno.test("raise_event raises, and does not wait for deliveries", async () => {
  const answer = gate();
  const received: unknown[] = [];
  await using server = serveEvents({ port: 0 }, ({ params }) => {
    received.push(params);
    return answer.opened;
  });
  await using events = new EventInterface({
    syncMode: true,
    timeoutMs: 60_000,
    eventParam: "event",
  });
  const raise = (params: JsonValue) => ask(events, "raise_event", params);
  events.publish("E_X");
  assertEquals(await raise(["E_Y"]), {
    code: 404,
    message: "Event not registered",
  });
  assertEquals(await raise(["E_X"]), {
    code: 480,
    message: "Temporarily Unavailable",
  });
  events.subscribe("E_X", server.socket);
  assertEquals(await raise({ event: "E_X" }), "OK");
  assertEquals(await raise(["E_X", [3, "5"]]), "OK");
  assertEquals(await raise({ event: "E_X", params: { ip: "::1" } }), "OK");
  assertEquals(await raise(["E_X", `{"ip":"::2"}`]), "OK");
  const badParams = { code: 400, message: "Bad Params" };
  for (const params of ["ip", "1", 1, true, { event: "taken" }]) {
    assertEquals(await raise(["E_X", params]), badParams);
  }
  assertEquals(await raise([]), INVALID);
  answer.open();
  await events.flush();
  assertEquals(received, [
    { event: "E_X" },
    ["E_X", 3, "5"],
    { event: "E_X", ip: "::1" },
    { event: "E_X", ip: "::2" },
  ]);
});

Deno.test("subscribers_list and events_list tell what there is", async () => {
  await using events = new EventInterface();
  events.publish("E_A");
  events.subscribe("E_B", "jsonrpc:h:1");
  assertEquals(await ask(events, "events_list"), {
    Events: [{ name: "E_A", id: 0 }, { name: "E_B", id: 1 }],
  });
  const b = {
    name: "E_B",
    id: 1,
    Subscribers: [{ socket: "jsonrpc:h:1", expire: "never" }],
  };
  assertEquals(await ask(events, "subscribers_list"), { Events: [b] });
  assertEquals(await ask(events, "subscribers_list", { event: "E_B" }), {
    Event: b,
  });
  assertEquals(await ask(events, "subscribers_list", ["E_A"]), {
    Event: { name: "E_A", id: 0, Subscribers: [] },
  });
  assertEquals(await ask(events, "subscribers_list", ["E_B", "nonsense"]), {
    code: 404,
    message: "Subscriber does not exist",
  });
  assertEquals(
    await ask(events, "subscribers_list", { socket: "jsonrpc:h:1" }),
    INVALID,
  );
  assertEquals(await ask(events, "events_list", ["x"]), INVALID);
});

Deno.test("which tells the commands, for opensips-cli", async () => {
  await using events = new EventInterface();
  assertEquals(await ask(events, "which", {}), [
    "event_subscribe",
    "events_list",
    "subscribers_list",
    "raise_event",
    "which",
  ]);
});

Deno.test("manage() takes batches, notifications and what is no request", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const subscribe = {
    jsonrpc: "2.0",
    method: "event_subscribe",
    params: ["E_X", "jsonrpc:h:1"],
  };
  assertEquals(await manage(events, subscribe), undefined);
  assertEquals(events.subscribers().length, 1);
  assertEquals(
    await manage(events, [
      { jsonrpc: "2.0", method: "events_list", id: "a" },
      subscribe,
      1,
    ]),
    `[{"id":"a","jsonrpc":"2.0","result":{"Events":[{"name":"E_X","id":0}]}},` +
      `{"id":null,"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"it is not an object"}}]`,
  );
});

// Over HTTP.

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
  assertEquals(await post("{"), [
    400,
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"}}`,
  ]);
  assertEquals((await post(""))[0], 400);
  assertEquals((await post(new Uint8Array([0x22, 0xff, 0x22])))[0], 400);
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

Deno.test("manage() refuses a batch of more than 100", async () => {
  await using events = new EventInterface();
  const batch = (length: number) =>
    Array.from({ length }, () => JSON.parse(LIST));
  assertStringIncludes(
    (await manage(events, batch(101)))!,
    "the batch has more than 100 members",
  );
  assertEquals(JSON.parse((await manage(events, batch(100)))!).length, 100);
});
