import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  EventInterface,
  type JsonValue,
  ParamsError,
  serveEvents,
  type Subscriber,
} from "../../mod.ts";
import { manage, type ManageOptions } from "../../src/opensips/mod.ts";
import { memoryStore, Outbox } from "../../src/outbox/mod.ts";
import { settled } from "../helpers/fake_time.ts";
import { gate, TextReader } from "../helpers/tcp.ts";

/** What a command responds: its result or its error, without the seconds left. */
async function ask(
  events: EventInterface,
  method: string,
  params?: JsonValue,
  options?: ManageOptions,
): Promise<unknown> {
  const text = await manage(events, {
    jsonrpc: "2.0",
    method,
    id: 1,
    ...params !== undefined && { params },
  }, options);
  const { id, jsonrpc, ...response } = JSON.parse(
    text!.replaceAll(/,"ttl":\d+/g, ""),
  );
  assertEquals([id, jsonrpc], [1, "2.0"]);
  return response.result ?? response.error;
}

const invalid = (data: string) => ({
  code: -32602,
  message: "Invalid params",
  data,
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
  const number = "Too few or too many parameters: " +
    "expected event and socket, or event, socket and expire";
  const names = "expected event and socket, or event, socket and expire";
  const wrong: [JsonValue, string][] = [
    [[], number],
    [{}, number],
    [["E_X", "jsonrpc:h:1", 1, 2], number],
    [
      { event: "E_X", socket: "jsonrpc:h:1", expires: 1 },
      `Named parameters do not match: "expires" is not one of them, ${names}`,
    ],
    [{ event: "E_X", expire: 1 }, `Named parameters do not match: ${names}`],
    [["E_X", "jsonrpc:h:1", "soon"], "Bad type for parameter 'expire'"],
    [["E_X", "jsonrpc:h:1", null], "Bad type for parameter 'expire'"],
    [["E_X", "jsonrpc:h:1", [60]], "Bad type for parameter 'expire'"],
    [["E_X", "jsonrpc:h:1", -0.5], "Negative expire value"],
    [["", "jsonrpc:h:1"], "Bad type for parameter 'event'"],
    [[true, "jsonrpc:h:1"], "Bad type for parameter 'event'"],
    [["E_X", ""], "Bad type for parameter 'socket'"],
    [["E_X", {}], "Bad type for parameter 'socket'"],
  ];
  for (const [params, data] of wrong) {
    assertEquals(
      await subscribe(params),
      invalid(data),
      JSON.stringify(params),
    );
  }
  const bad: [JsonValue, string][] = [
    [["E_Y", "jsonrpc:h:1"], `the event "E_Y" is not published`],
    [["E_X", 1], "Cannot parse socket"],
    [["E_X", "h:1"], "Cannot parse socket"],
    [["E_X", "virtual:PARALLEL"], "Cannot parse socket"],
    [
      ["E_X", `virtual:PARALLEL${" jsonrpc:h:1".repeat(20_000)}`],
      "expected at most 100 sockets",
    ],
  ];
  for (const [params, data] of bad) {
    const { code, message, data: said } = await subscribe(params) as {
      code: number;
      message: string;
      data: string;
    };
    assertEquals([code, message], [400, "Bad parameter value"]);
    assertStringIncludes(said, data);
  }
  assertEquals(events.subscribers().length, 2);
});

Deno.test("event_subscribe keeps a subscription at least as long as was asked", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const asked: [expire: JsonValue, kept: number | undefined][] = [
    ["60", 60],
    [1.5, 2],
    [0.2, 1],
    [1e300, 2147483647],
    ["0", undefined],
  ];
  for (const [expire, kept] of asked) {
    await ask(events, "event_subscribe", ["E_X", "jsonrpc:h:1", expire]);
    assertEquals(events.subscribers()[0]?.expire, kept, `${expire}`);
  }
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
  for (
    const params of ["ip", "1", '"{}"', "", 1, true, null, { event: "taken" }]
  ) {
    const { code, message, data } = await raise(["E_X", params]) as {
      code: number;
      message: string;
      data: string;
    };
    assertEquals([code, message], [400, "Bad Params"], JSON.stringify(params));
    assert(data.length > 0);
  }
  assertEquals(
    await raise([]),
    invalid(
      "Too few or too many parameters: expected event, or event and params",
    ),
  );
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
  assertEquals(await ask(events, "subscribers_list", ["E_A"]), { Event: {} });
  assertEquals(await ask(events, "subscribers_list", ["E_B", "nonsense"]), {
    code: 404,
    message: "Subscriber does not exist",
  });
  assertEquals(
    await ask(events, "subscribers_list", { socket: "jsonrpc:h:1" }),
    invalid(
      "Named parameters do not match: expected none, event, or event and socket",
    ),
  );
  assertEquals(
    await ask(events, "events_list", ["x"]),
    invalid("Too few or too many parameters: expected none"),
  );
});

Deno.test("which tells the commands, and the params of each", async () => {
  await using events = new EventInterface();
  const commands = await ask(events, "which") as string[];
  assertEquals(commands, await ask(events, "core:which", []));
  const forms: Record<string, string[][]> = {
    event_subscribe: [["event", "socket"], ["event", "socket", "expire"]],
    events_list: [[]],
    subscribers_list: [[], ["event"], ["event", "socket"]],
    raise_event: [["event"], ["event", "params"]],
    which: [[], ["command"]],
  };
  const newNames: Record<string, string> = {
    "evi:subscribe": "event_subscribe",
    "evi:list": "events_list",
    "evi:subscribers": "subscribers_list",
    "evi:raise": "raise_event",
    "core:which": "which",
  };
  assertEquals(commands, [...Object.keys(forms), ...Object.keys(newNames)]);
  for (const command of commands) {
    assertEquals(
      await ask(events, "which", { command }),
      forms[newNames[command] ?? command],
      command,
    );
  }
  assertEquals(await ask(events, "which", ["uptime"]), {
    code: 404,
    message: "unknown MI command",
  });
});

Deno.test("manage() gives an id back as it came", async () => {
  await using events = new EventInterface();
  for (
    const id of [
      "1",
      "0",
      "-7",
      "1.5",
      "1e2",
      "8674665223082153551",
      "12345678901234567890123",
      `"abc"`,
      `"\\u00e9"`,
      "null",
    ]
  ) {
    for (
      const text of [
        `{"jsonrpc":"2.0","id":${id},"method":"events_list"}`,
        ` { "id" : ${id} , "method":"no_such", "jsonrpc":"2.0" } `,
      ]
    ) {
      const response = await manage(events, text);
      const sent = Number(id) === 100 ? "100" : id === `"\\u00e9"` ? `"é"` : id;
      assertStringIncludes(response!, `{"id":${sent},"jsonrpc"`);
    }
  }
});

Deno.test("manage() puts params of raise_event on the wire as they came", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using events = new EventInterface();
  events.subscribe("E_X", `tcp:127.0.0.1:${listener.addr.port}`);
  const sent = [
    `{"start":1756800000123456789}`,
    `{"contact":"sip:a@h1","contact":"sip:a@h2"}`,
    `{"b":1,"10":2,"2":3}`,
    `{ "a" : [ 1.0 , 1e400 ] , "\\u0061":"\\u00e9\\/" }`,
    `[12345678901234567890, {"z":1,"z":2}]`,
  ];
  let conn: Deno.Conn | undefined;
  let reader: TextReader | undefined;
  for (const params of sent) {
    // As an object or an array, and as its text, which opensips-cli sends.
    for (const form of [params, JSON.stringify(params)]) {
      const text = `{"jsonrpc":"2.0","id":1,"method":"raise_event",` +
        `"params":{"event":"E_X","params":${form}}}`;
      assertStringIncludes((await manage(events, text))!, "OK");
      conn ??= await listener.accept();
      reader ??= new TextReader(conn);
      assertEquals(
        await reader.next(),
        `{"jsonrpc":"2.0","method":"E_X","params":${params}}`,
      );
    }
  }
  conn!.close();
});

Deno.test("event_subscribe allows a socket only if `allow` says true, soon or late", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const subscribe = (allow: unknown) =>
    ask(events, "event_subscribe", ["E_X", "jsonrpc:h:1"], {
      allow,
    } as ManageOptions);
  const forbidden = { code: 403, message: "Forbidden" };
  for (const no of [false, undefined, null, 1, "yes", {}]) {
    assertEquals(await subscribe(() => no), forbidden);
    assertEquals(await subscribe(() => Promise.resolve(no)), forbidden);
  }
  assertEquals(events.subscribers(), []);
  assertEquals(await subscribe(() => Promise.resolve(true)), "OK");
});

Deno.test("event_subscribe subscribes nothing when `allow` fails, or the event is taken back meanwhile", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const subscribe = (allow: ManageOptions["allow"]) =>
    ask(events, "event_subscribe", ["E_X", "jsonrpc:h:1"], { allow });
  const { error } = console;
  const printed: unknown[] = [];
  console.error = (value) => printed.push(value);
  try {
    const failing = subscribe(() => Promise.reject(new Error("no database")));
    assertEquals(await failing, { code: -32603, message: "Internal error" });
  } finally {
    console.error = error;
  }
  assertStringIncludes(String(printed[0]), "no database");
  const late = gate();
  const response = subscribe(() => late.opened.then(() => true));
  events.unpublish("E_X");
  late.open();
  assertEquals((await response as { code: number }).code, 400);
  assertEquals(events.events(), []);
});

Deno.test("manage() carries out the commands of a batch one after the other", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const list = { jsonrpc: "2.0", id: 1, method: "subscribers_list" };
  const subscribe = {
    jsonrpc: "2.0",
    id: 2,
    method: "event_subscribe",
    params: ["E_X", "jsonrpc:h:1"],
  };
  const allow = () => settled().then(() => true);
  const text = await manage(events, [list, subscribe, list], { allow });
  assertEquals(
    JSON.parse(text!).map(({ result }: { result: { Events?: unknown[] } }) =>
      result.Events?.length
    ),
    [0, undefined, 1],
  );
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
      { ...subscribe, id: null },
    ]),
    `[{"id":"a","jsonrpc":"2.0","result":{"Events":[{"name":"E_X","id":0}]}},` +
      `{"id":null,"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"it is not an object"}},` +
      `{"id":null,"jsonrpc":"2.0","result":"OK"}]`,
  );
});

Deno.test("manage() refuses a batch of more than 100", async () => {
  await using events = new EventInterface();
  const batch = (length: number) =>
    Array.from(
      { length },
      () => ({ jsonrpc: "2.0", method: "events_list", id: "7" }),
    );
  assertStringIncludes(
    (await manage(events, batch(101)))!,
    "the batch has more than 100 members",
  );
  assertEquals(JSON.parse((await manage(events, batch(100)))!).length, 100);
});

Deno.test("subscribers_list tells the seconds that are left, and what has expired", async () => {
  let left = 0;
  class Dated extends EventInterface {
    override subscribers(event?: string): Subscriber[] {
      const expiresAt = Date.now() + left;
      return super.subscribers(event).map((s) => ({ ...s, expiresAt }));
    }
  }
  await using events = new Dated();
  events.subscribe("E_X", "jsonrpc:h:1", { expire: 60 });
  const list = `{"jsonrpc":"2.0","id":1,"method":"evi:subscribers"}`;
  for (
    const [ms, ttl] of [[59_900, 60], [5_500, 6], [0, "expired"], [
      -9,
      "expired",
    ]] as const
  ) {
    left = ms;
    const { result } = JSON.parse((await manage(events, list))!);
    assertEquals(result.Events[0].Subscribers[0].ttl, ttl);
  }
});

Deno.test("raise_event raises by `raise`, and responds when that has resolved", async () => {
  await using events = new EventInterface();
  events.subscribe("E_X", "jsonrpc:127.0.0.1:9");
  const kept = gate();
  const raised: unknown[] = [];
  const raise = async (event: string, params: { text: string }) => {
    raised.push([event, params.text]);
    await kept.opened;
    if (params.text === "[]") throw new ParamsError("params", "no");
  };
  let responded = false;
  const first = ask(events, "raise_event", ["E_X", { a: 1 }], { raise })
    .finally(() => responded = true);
  await settled();
  assertEquals([raised, responded], [[["E_X", '{"a":1}']], false]);
  kept.open();
  assertEquals(await first, "OK");
  const { code } = await ask(events, "evi:raise", ["E_X", []], {
    raise,
  }) as { code: number };
  assertEquals(code, 400);
});

Deno.test("manage() keeps what is raised and who subscribed in an outbox", async () => {
  const received: unknown[] = [];
  await using server = serveEvents(
    { port: 0 },
    ({ params }) => void received.push(params),
  );
  const { socket } = server;
  await using store = memoryStore();
  {
    await using events = new EventInterface();
    await using outbox = new Outbox(store, events);
    events.publish("E_X");
    events.publish("E_Y");
    for (
      const [event, expire] of [["E_X", 60], ["E_Y", 60], ["E_Y", 0]] as const
    ) {
      assertEquals(
        await ask(events, "event_subscribe", { event, socket, expire }, {
          outbox,
        }),
        "OK",
      );
    }
  }
  await using events = new EventInterface();
  await using outbox = new Outbox(store, events);
  await outbox.ready;
  // Those that are kept are there again, in whole seconds.
  assertEquals(await ask(events, "subscribers_list"), {
    Events: [{ name: "E_X", id: 0, Subscribers: [{ socket, expire: 60 }] }],
  });
  const raise = (params: JsonValue) =>
    ask(events, "raise_event", { event: "E_X", params }, { outbox });
  assertEquals(await raise({ n: 1 }), "OK");
  await outbox.flush();
  assertEquals(received, [{ n: 1 }]);
});

Deno.test("raise_event is answered when an outbox has kept the event", async () => {
  await using events = new EventInterface();
  events.subscribe("E_X", "jsonrpc:127.0.0.1:1");
  const kept = Promise.withResolvers<unknown>();
  const outbox = {
    raise: () => kept.promise,
    subscribe: () => Promise.reject(new Error("the disk is full")),
    unsubscribe: () => Promise.resolve(),
  };
  let isAnswered = false;
  const answer = ask(events, "raise_event", ["E_X"], { outbox });
  answer.then(() => isAnswered = true);
  await settled();
  assertEquals(isAnswered, false);
  kept.resolve("key");
  assertEquals(await answer, "OK");
  // What cannot be kept is told.
  assertEquals(
    await ask(events, "event_subscribe", ["E_X", "jsonrpc:127.0.0.1:2"], {
      outbox,
    }),
    { code: 500, message: "Server Internal Error", data: "the disk is full" },
  );
});
