import { assert, assertEquals } from "@std/assert";
import {
  buildMessage,
  EventClient,
  type EventOf,
  isNamed,
  type JsonObject,
  JsonText,
  type JsonValue,
  NamedParams,
  type ReceivedEvent,
  serveEvents,
} from "../../mod.ts";
import { exchange, listen } from "../helpers/server.ts";

const RAW =
  `{ "2":"b", "1" : 1756800000123456789,"1":[1.0, {}], "é":"\\u00e9" }`;

/** Messages, and what is had of the events as it came. */
const MESSAGES: [
  name: string,
  message: string,
  paramsText: string,
  pairs: [string, JsonValue][],
][] = [
  [
    "named params",
    `{"id":null,"jsonrpc":"2.0","method":"E","params":${RAW}}`,
    RAW,
    [["2", "b"], ["1", 1756800000123456789], ["1", [1, {}]], ["é", "é"]],
  ],
  [
    "unnamed params",
    `{"jsonrpc":"2.0","method":"E","params":[ 1e400, "a"]}`,
    `[ 1e400, "a"]`,
    [],
  ],
  ["no params", `{"jsonrpc":"2.0","method":"E"}`, "{}", []],
  ["null", `{"params":null,"jsonrpc":"2.0","method":"E"}`, "{}", []],
];

for (const [name, message, paramsText, pairs] of MESSAGES) {
  for (const batch of [false, true]) {
    Deno.test(`ReceivedEvent has ${name} as they came${batch ? ", in a batch" : ""}`, async () => {
      const events: ReceivedEvent[] = [];
      await using server = listen((event) => void events.push(event));
      const other = `{"jsonrpc":"2.0","method":"E_OTHER"}`;
      await exchange(server, batch ? `[${other} , ${message}]` : message);
      const event = events.at(-1)!;
      assertEquals(event.text, message);
      assertEquals(event.paramsText, paramsText);
      assertEquals(event.pairs.map(([n, v]) => [n, v]), pairs);
      assertEquals(Object.keys(event), ["method", "params", "id", "peer"]);
    });
  }
}

Deno.test("ReceivedEvent goes on as it came", async () => {
  const texts: string[] = [];
  await using server = listen(({ method, paramsText, pairs }) => {
    for (const params of [new JsonText(paramsText), new NamedParams(pairs)]) {
      texts.push(buildMessage({ protocol: "jsonrpc" }, method, params));
    }
  });
  const head = `{"id":null,"jsonrpc":"2.0","method":"E","params":`;
  await exchange(server, `${head}{"2":"b","1":1756800000123456789}}`);
  assertEquals(texts, [
    `${head}{"2":"b","1":1756800000123456789}}`,
    `${head}{"2":"b","1":1756800000123456800}}`, // parsed, in order
  ]);
});

interface CallEvents {
  E_CALL_START: { callid: string };
  E_CALL_STOP: { callid: string; seconds: number };
  E_LIST: string[];
}

Deno.test("serveEvents() knows the types of params", async () => {
  const seen: string[] = [];
  await using each = serveEvents<CallEvents>({ port: 0 }, {
    E_CALL_START: ({ params }) => void seen.push(params.callid.toUpperCase()),
    // @ts-expect-error: it has no such param
    E_CALL_STOP: ({ params }) => params.caller,
    E_LIST: ({ params, method }) => {
      const name: "E_LIST" = method;
      return params.map((text) => `${name} ${text.length}`);
    },
  });
  await using all = serveEvents<CallEvents>({ port: 0 }, (event) => {
    // @ts-expect-error: not all have it
    event.params.callid;
    if (event.method === "E_CALL_STOP") return event.params.seconds.toFixed();
  });
  await using _typo = serveEvents<CallEvents>({ port: 0 }, {
    // @ts-expect-error: there is no such event
    E_CALL_STRAT: () => {},
  });
  const handler = (event: EventOf<CallEvents>) => event.method;
  await using _named = serveEvents<CallEvents>({ port: 0 }, handler);
  await exchange(
    each,
    `{"jsonrpc":"2.0","method":"E_CALL_START","params":{"callid":"a"}}`,
  );
  assertEquals(seen, ["A"]);
  assert(all.addr.port > 0);
});

Deno.test("serveEvents() takes any event without types", async () => {
  await using server = serveEvents({ port: 0 }, {
    E_X: ({ params }) => isNamed(params) ? params["ip"] : params[0],
    E_Y: async ({ method, params }) => {
      const any: JsonObject | JsonValue[] = params;
      await null;
      return [method, any];
    },
  });
  await using client = new EventClient(server.socket, { syncMode: true });
  assertEquals(await client.raise("E_X", { ip: "::1" }), "::1");
  assertEquals(await client.raise("E_X", [2]), 2);
  assertEquals(await client.raise("E_Y", [2]), ["E_Y", [2]]);
});

Deno.test("isNamed() tells named params from unnamed", () => {
  const params: (JsonObject | JsonValue[])[] = [{}, { a: 1 }, [], [1]];
  assertEquals(params.map(isNamed), [true, true, false, false]);
});
