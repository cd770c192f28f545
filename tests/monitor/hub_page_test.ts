import { assert, assertEquals } from "@std/assert";
import { ConnectError, EventInterface } from "../../mod.ts";
import { manageOverHttp } from "../../src/opensips/mod.ts";
import {
  DeliveryTally,
  type HubPageOptions,
  type OutboxView,
  pageForHub,
} from "../../src/monitor/mod.ts";
import { delivery } from "../helpers/deliveries.ts";

const ORIGIN = "http://127.0.0.1:8888";

/** The first state that a viewer gets. */
async function stateOf(
  events: EventInterface,
  tally: DeliveryTally,
  options: HubPageOptions = {},
) {
  const stop = new AbortController();
  const handler = pageForHub(events, tally, {
    ...options,
    signal: stop.signal,
  });
  const { body } = await handler(new Request(`${ORIGIN}/state`));
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!/event: (state|problem)\ndata: .*\n\n/.test(text)) {
    text += (await reader.read()).value;
  }
  stop.abort();
  while (!(await reader.read()).done);
  return JSON.parse(/event: (?:state|problem)\ndata: (.*)\n\n/.exec(text)![1]!);
}

Deno.test("pageForHub() shows events, subscribers, destinations and failures", async () => {
  await using events = new EventInterface({ syncMode: true });
  const tally = new DeliveryTally();
  events.publish("E_ALONE");
  events.subscribe("E_X", "jsonrpc:10.0.0.7:8080", { expire: 60 });
  events.subscribe("E_X", "jsonrpc:10.0.0.8:8080/m");
  const error = new ConnectError("connection refused");
  tally.onDelivery(delivery({ event: "E_X", count: 4 }));
  tally.onDelivery(delivery({
    event: "E_X",
    outcome: "failed",
    error,
    destination: "10.0.0.8:8080",
    socket: "jsonrpc:10.0.0.8:8080/m",
  }));
  const state = await stateOf(events, tally);
  assertEquals(state.events, [
    { name: "E_ALONE", id: 0, subscribers: 0, deliveries: 0 },
    { name: "E_X", id: 1, subscribers: 2, deliveries: 5 },
  ]);
  assertEquals(
    state.subscribers.map((row: Record<string, unknown>) => [
      row["event"],
      row["socket"],
      row["expire"],
    ]),
    [
      ["E_X", "jsonrpc:10.0.0.8:8080/m", undefined],
      ["E_X", "jsonrpc:10.0.0.7:8080", 60],
    ],
  );
  const [forEver, forMinute] = state.subscribers;
  assertEquals(forEver.expiresAt, undefined);
  const left = forMinute.expiresAt - Date.now();
  assert(left > 0 && left <= 60_000, `${left}`);
  const [up, down] = state.destinations;
  assertEquals([up.destination, up.state, up.delivered, up.failed], [
    "10.0.0.7:8080",
    "up",
    4,
    0,
  ]);
  assertEquals([down.destination, down.state, down.failed], [
    "10.0.0.8:8080",
    "down",
    1,
  ]);
  assertEquals(down.lastFailure.error, "connection refused");
  assertEquals(state.failures.length, 1);
  assertEquals(state.outbox, undefined);
});

Deno.test("pageForHub() shows some of very many subscribers, and how many there are", async () => {
  await using events = new EventInterface();
  for (let i = 1; i <= 1500; i++) {
    events.subscribe("E_X", `jsonrpc:10.0.0.7:${i}`);
  }
  const state = await stateOf(events, new DeliveryTally());
  assertEquals(state.subscribers.length, 1000);
  assertEquals(state.totals, {
    events: 1,
    subscribers: 1500,
    destinations: 1500,
  });
});

function newOutbox() {
  const done: unknown[] = [];
  const outbox: OutboxView = {
    stats: () => ({ waiting: 1, setAside: 2 }),
    setAside: () =>
      Promise.resolve([
        {
          id: 7,
          event: "E_X",
          socket: "jsonrpc:h:1",
          error: "404 no",
          time: 5,
        },
      ]),
    retry: (id) => {
      if (id === "gone") throw new Error("it is not there");
      done.push(["retry", id]);
    },
    drop: (id) => Promise.resolve(done.push(["drop", id])),
  };
  return { outbox, done };
}

Deno.test("pageForHub() shows the outbox, and retries and drops what is set aside", async () => {
  await using events = new EventInterface();
  const { outbox, done } = newOutbox();
  const state = await stateOf(events, new DeliveryTally(), { outbox });
  assertEquals(state.outbox.waiting, 1);
  assertEquals(state.outbox.events[0].id, 7);
  const handler = pageForHub(events, new DeliveryTally(), { outbox });
  const post = async (path: string, body: string) => {
    const response = await handler(
      new Request(`${ORIGIN}${path}`, {
        method: "POST",
        body,
        headers: { origin: ORIGIN, host: "127.0.0.1:8888" },
      }),
    );
    return [response.status, await response.text()];
  };
  assertEquals(await post("/outbox/retry", '{"id":7}'), [204, ""]);
  assertEquals(await post("/outbox/drop", '{"id":"a"}'), [204, ""]);
  assertEquals(done, [["retry", 7], ["drop", "a"]]);
  assertEquals(await post("/outbox/retry", '{"id":"gone"}'), [
    409,
    "Cannot retry gone: it is not there\n",
  ]);
  for (
    const body of [
      "",
      "7",
      '{"id":null}',
      "null",
      `{"id":"${"x".repeat(2000)}"}`,
    ]
  ) {
    assertEquals((await post("/outbox/retry", body))[0], 400, body);
  }
});

Deno.test("pageForHub() without an outbox says that there is none", async () => {
  await using events = new EventInterface();
  const handler = pageForHub(events, new DeliveryTally());
  const request = new Request(`${ORIGIN}/outbox/retry`, {
    method: "POST",
    body: '{"id":1}',
  });
  assertEquals((await handler(request)).status, 404);
});

Deno.test("pageForHub() guards the management that it falls back to", async () => {
  await using events = new EventInterface();
  events.publish("E_X");
  const token = "0123456789abcdef";
  const handler = pageForHub(events, new DeliveryTally(), {
    token,
    fallback: manageOverHttp(events),
  });
  const manage = (headers: Record<string, string>) =>
    handler(
      new Request("http://hub.example:8888/mi", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: '{"jsonrpc":"2.0","id":1,"method":"events_list"}',
      }),
      { remoteAddr: { hostname: "10.0.0.7" } },
    );
  assertEquals((await manage({})).status, 403);
  const response = await manage({ authorization: `Bearer ${token}` });
  assert((await response.text()).includes("E_X"));
});

Deno.test("pageForHub() tells its viewers when the state cannot be had", async () => {
  await using events = new EventInterface();
  const outbox: OutboxView = {
    ...newOutbox().outbox,
    stats: () => Promise.reject(new Error("the disk is gone")),
  };
  const problem = await stateOf(events, new DeliveryTally(), { outbox });
  assertEquals(problem, "the disk is gone");
});
