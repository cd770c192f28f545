// What OpenSIPS 3.0 and 4.0 responded, and what we respond to the same requests.
// Where they differ from each other, 4.0's response is ours.

import { assert, assertEquals } from "@std/assert";
import { EventInterface } from "../../mod.ts";
import { manage, manageOverHttp } from "../../src/opensips/mod.ts";
import recorded3 from "../data/opensips-mi.json" with { type: "json" };
import recorded4 from "../data/opensips-mi-4.0.json" with { type: "json" };
import { memberText } from "../../src/protocol/json_members.ts";
import { FakeTime } from "../helpers/fake_time.ts";
import { TextReader } from "../helpers/tcp.ts";
import {
  assertAgrees,
  type Exchange,
  exchangesOf,
  masked,
  type Outcome,
  type Subscriber,
  toRequest,
} from "./recorded.ts";

const OK = { result: "OK" };
const NOT_FOUND = { error: { code: -32601, message: "Method not found" } };
const PARSE_ERROR = {
  id: null,
  error: { code: -32700, message: "Parse error" },
};

/** Where ours differs from 4.0's by intent: the outcome, or a status of HTTP. */
const DIFFERENT: [
  notes: string[],
  ours: Partial<Outcome> | number,
  why: string,
][] = [
  [
    ["list of the subscriber with a method"],
    {
      result: {
        Event: {
          name: "E_X",
          id: "(id)",
          Subscriber: {
            socket: "tcp:127.0.0.1:18080/block_ip",
            expire: 60,
            ttl: "(seconds)",
          },
        },
      },
    },
    "we recognise a socket with a method",
  ],
  [
    ["socket 'tcp:no-such-host.invalid:8080'"],
    OK,
    "a name may begin to resolve later; who raises an event is told",
  ],
  [["socket 'tcp:[::1]:8080'"], OK, "we speak IPv6"],
  [
    ["socket 'virtual:PARALLEL'"],
    { error: { code: 400, message: "Bad parameter value" } },
    "without a socket it would get nothing",
  ],
  [
    ["raise_event named", "raise_event json text of an array"],
    OK,
    "params are taken as an object and as an array, and as the text of either",
  ],
  [
    ["id fraction"],
    { id: 1.5, result: bothEvents() },
    "an id goes back as it came",
  ],
  [
    ["id huge"],
    { id: 12345678901234, result: bothEvents() },
    "an id goes back as it came",
  ],
  [["params null"], { result: bothEvents() }, "they count as absent"],
  [["no id: a notification"], 204, "it is carried out, and nobody waits"],
  [["empty body"], PARSE_ERROR, "nobody waits for ever"],
  [["json and more"], PARSE_ERROR, "what is half wrong is not half done"],
  [
    ["other content type", "no content type"],
    415,
    "a browser sends these for any web page; the connection stays",
  ],
  [["with an Origin"], 403, "it comes from a web page"],
  [["GET", "PUT"], 405, "there is one way to ask"],
  [
    ["path /", "path /other"],
    { result: bothEvents() },
    "whoever mounts it decides the path",
  ],
  [
    ["which"],
    {
      result: [
        "event_subscribe",
        "events_list",
        "subscribers_list",
        "raise_event",
        "which",
        "evi:subscribe",
        "evi:list",
        "evi:subscribers",
        "evi:raise",
        "core:which",
      ],
    },
    "we have the commands of events, by their old and their new names",
  ],
  [
    ["help event_subscribe", "uptime", "version", "ps"],
    NOT_FOUND,
    "they are about the rest of OpenSIPS",
  ],
];

function bothEvents(): unknown {
  const [x, y] = ["E_X", "E_Y"].map((name) => ({ name, id: "(id)" }));
  return { Events: [x, y] };
}

/** A batch is compared by hand. */
const BATCH = "batch";

/** Subscribers that they have and we do not. */
function isAlsoOurs({ socket, expire }: Subscriber): boolean {
  return expire !== 0 && // ended ones stay in their list for a while
    !socket.includes("/") && // doubled, and never ended
    socket !== "virtual:PARALLEL ";
}

/** Subscribers that we have and they do not. */
function isAlsoTheirs({ socket }: Subscriber): boolean {
  return !/\/|\[::1\]|\.invalid/.test(socket);
}

for (const version of ["4.0.1", "3.0.5"] as const) {
  Deno.test(`manageOverHttp() responds as OpenSIPS 4.0 to all that ${version} was asked`, async () => {
    using time = new FakeTime();
    await using events = new EventInterface({ onWarning: () => {} });
    events.publish("E_X");
    events.publish("E_Y");
    const handle = manageOverHttp(events);
    const scheme = version === "4.0.1" ? "tcp:" : "jsonrpc:";
    const expected = exchangesOf("4.0.1", "commands");
    const asked = exchangesOf(version, "commands");
    assertEquals(asked.length, 129);
    let at = 0;
    for (const [i, exchange] of asked.entries()) {
      const { note, body } = expected[i];
      await time.tick(1000 * (exchange.at - at));
      at = exchange.at;
      const response = await handle(toRequest(exchange));
      const text = (await response.text()).replaceAll(scheme, "tcp:");
      const different = DIFFERENT.find(([notes]) => notes.includes(note));
      if (typeof different?.[1] === "number") {
        assertEquals(response.status, different[1], note);
        continue;
      }
      assertEquals(response.status, 200, note);
      if (note === BATCH) {
        assertEquals(JSON.parse(text).length, 2);
        continue;
      }
      const isList = note.startsWith("list: ");
      const ours = masked(text, isList ? isAlsoTheirs : undefined);
      assertAgrees(
        ours,
        different === undefined
          ? masked(body, isList ? isAlsoOurs : undefined)
          : { id: 1, ...different[1] },
        `${note}: ${text}`,
      );
    }
  });

  Deno.test(`manageOverHttp() keeps subscriptions as long as OpenSIPS ${version}`, async () => {
    using time = new FakeTime();
    await using events = new EventInterface();
    events.publish("E_X");
    events.publish("E_Y");
    const handle = manageOverHttp(events);
    const flow = exchangesOf(version, "flow");
    let at = 0;
    for (const exchange of flow) {
      if (exchange.note === "flow: after restart") break; // ours was not
      await time.tick(1000 * (exchange.at - at));
      at = exchange.at;
      const response = await handle(toRequest(exchange));
      const ours = await response.text();
      assertAgrees(
        masked(version === "4.0.1" ? ours : ours.replace(/,"ttl":\d+/, "")),
        masked(exchange.body),
        exchange.note,
      );
    }
    assertEquals(events.subscribers(), [], "with a method, it is ended too");
  });
}

/** Texts of params that went out otherwise from 4.0, or were refused. */
const OTHERWISE_TEXTS: [text: string, why: string][] = [
  [`{"a":1.5}`, "numbers stay as they came"],
  [`{"a":4294967296}`, "numbers stay as they came"],
  [`{"a":-4294967296}`, "numbers stay as they came"],
  [`{"a":true,"b":false,"c":null}`, "so do other values"],
  [`{"a":[1,"x"],"b":{"c":1}}`, "so do other values"],
  [`["a"]`, "unnamed params are a list"],
];

/** The same for params that are no text. */
const OTHERWISE: [params: string, why: string][] = [
  [`["a", "b"]`, "unnamed params are a list"],
  [`[1, 2]`, "unnamed params are a list"],
  [`[1.5]`, "unnamed params are a list"],
  [`[""]`, "unnamed params are a list"],
  [`["a", 1, null, true]`, "unnamed params are of any type"],
  [`[["x"]]`, "unnamed params are of any type"],
  [`[{"a": 1}]`, "unnamed params are of any type"],
  [`{"a": 1}`, "an object is taken as it is, not only as its text"],
  [`{}`, "an object is taken as it is, not only as its text"],
];

/** Texts of params that we refuse, and 4.0 takes. */
const REFUSED: [text: string, why: string][] = [
  [`{"a":1} x`, "what is half wrong is not half done"],
];

Deno.test("manageOverHttp() puts on the wire what OpenSIPS 4.0 does", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using events = new EventInterface();
  events.subscribe("E_Z", `tcp:127.0.0.1:${listener.addr.port}`);
  const handle = manageOverHttp(events);
  const read = listener.accept().then((conn) => ({
    reader: new TextReader(conn),
    [Symbol.dispose]: () => conn.close(),
  }));
  const raises = exchangesOf("4.0.1", "raise");
  assertEquals(raises.length, 34);
  for (const exchange of raises) {
    const response: Outcome = await (await handle(toRequest(exchange))).json();
    const wire = response.error !== undefined
      ? ""
      : await (await read).reader.next();
    const { text, isText } = paramsSent(exchange);
    const otherwise = isText ? OTHERWISE_TEXTS : OTHERWISE;
    if (otherwise.some(([params]) => params === text)) {
      assert(wire !== toText(exchange.wire!), `${text} needs no exception`);
      const params = text === "{}" ? "" : `,"params":${text}`;
      assertEquals(wire, `{"jsonrpc":"2.0","method":"E_Z"${params}}`);
    } else if (REFUSED.some(([params]) => params === text)) {
      assertEquals(response.error?.code, 400, text);
    } else {
      assertEquals(wire, toText(exchange.wire!), text);
    }
  }
  (await read)[Symbol.dispose]();
});

/** The params of the event as they stand in the request, or in a text there. */
function paramsSent(
  { request: { body } }: Exchange,
): { text: string | undefined; isText: boolean } {
  const text = memberText(memberText(body!, "params")!, "params");
  const isText = text !== undefined && text.startsWith('"');
  return { text: isText ? JSON.parse(text) : text, isText };
}

/** The wire was recorded byte by byte. */
function toText(wire: string): string {
  return new TextDecoder().decode(
    Uint8Array.from(wire, (c) => c.charCodeAt(0)),
  );
}

Deno.test("manage() responds as OpenSIPS 3.0 over datagrams", async () => {
  await using events = new EventInterface();
  for (const event of recorded3.before.published) events.publish(event);
  for (const { event, socket, expire } of recorded3.before.subscribed) {
    events.subscribe(
      event,
      socket,
      typeof expire === "number" ? { expire } : {},
    );
  }
  for (const [request, response] of recorded3.exchange) {
    const text = await manage(events, JSON.stringify(request));
    assertAgrees(
      masked(text!.replaceAll(/,"ttl":\d+/g, "")), // which came later
      masked(JSON.stringify(response)),
      JSON.stringify(request),
    );
  }
});

Deno.test("manage() responds as OpenSIPS 4.0 over datagrams", async () => {
  await using events = new EventInterface({ eventParam: "opensips_event" });
  events.publish("E_CORE_THRESHOLD");
  for (const event of recorded4.before.published) events.publish(event);
  events.subscribe("E_X", "tcp:127.0.0.1:18980"); // where nobody listens
  for (const [request, response] of recorded4.exchange as unknown[][]) {
    const { method, params } = request as {
      method: string;
      params?: { params?: unknown };
    };
    if (method === "which") continue; // see the list above
    const ours = masked((await manage(events, JSON.stringify(request)))!);
    const theirs = masked(
      JSON.stringify(response),
      ({ ttl }) => ttl !== "expired",
    );
    const isTaken = ours.result === "OK" && theirs.error?.code === 400;
    if (isTaken && /raise/.test(method)) {
      // By intent: an object itself, and any value in an array.
      const [, given] = Array.isArray(params) ? params : [0, params?.params];
      assert(typeof given === "object", JSON.stringify(request));
      continue;
    }
    assertAgrees(ours, theirs, JSON.stringify(request));
  }
});
