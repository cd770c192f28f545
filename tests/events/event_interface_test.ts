import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ConnectError,
  type DeliveryReport,
  DeliveryTimeoutError,
  EventInterface,
  type EventInterfaceOptions,
  NamedParams,
  ParamsError,
  serveEvents,
  ServerError,
  SocketSyntaxError,
} from "../../mod.ts";
import { FakeTime } from "../helpers/fake_time.ts";
import { memoryPair } from "../helpers/memory.ts";
import { freePort, gate, type Script, send, serve } from "../helpers/tcp.ts";
import { until } from "../helpers/until.ts";

const PATIENT = { timeoutMs: 60_000 };
const SYNC = { ...PATIENT, syncMode: true };

/** A server that keeps the methods it was called with, and answers with them. */
function record() {
  const methods: string[] = [];
  const server = serveEvents({ port: 0 }, ({ method }) => {
    methods.push(method);
    return method;
  });
  return Object.assign(server, { methods });
}

/** A report without what differs from run to run. */
function plain({ ms, ...report }: DeliveryReport) {
  assert(ms >= 0);
  return report;
}

const gone = () => `jsonrpc:127.0.0.1:${freePort()}`;

/** Answers each request with its method, after `ms` milliseconds. */
function answering(ms: number): Script {
  return async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      const { id, method } = JSON.parse(text);
      await new Promise((resolve) => setTimeout(resolve, ms));
      await send(conn, JSON.stringify({ id, jsonrpc: "2.0", result: method }));
    }
  };
}

/** Answers nothing. */
const silent: Script = async (_, reader) => void await reader.all();

// Events and subscribers.

Deno.test("EventInterface lists events in the order of publication", async () => {
  await using events = new EventInterface();
  events.publish("E_B");
  events.subscribe("E_A", "jsonrpc:h:1");
  events.publish("E_B");
  assertEquals(events.events(), [
    { name: "E_B", id: 0 },
    { name: "E_A", id: 1 },
  ]);
  assertEquals(events.isPublished("E_A"), true);
  assertEquals(events.isPublished("E_C"), false);
});

Deno.test("EventInterface lists subscribers, the newest first", async () => {
  await using events = new EventInterface();
  events.subscribe("E_A", "jsonrpc:h:1");
  const before = Date.now();
  events.subscribe("E_A", "jsonrpc:h:2/m", { expire: 100 });
  const after = Date.now();
  events.subscribe("E_B", "tcp:h:1");
  const { expiresAt } = events.subscriber("E_A", "jsonrpc:h:2/m")!;
  assert(expiresAt! >= before + 100_000 && expiresAt! <= after + 100_000);
  const a = [
    { event: "E_A", socket: "jsonrpc:h:2/m", expire: 100, expiresAt },
    { event: "E_A", socket: "jsonrpc:h:1", expire: undefined },
  ];
  assertEquals(events.subscribers("E_A"), a);
  assertEquals(events.subscribers(), [
    ...a,
    { event: "E_B", socket: "tcp:h:1", expire: undefined },
  ]);
  assertEquals(events.subscribers("E_C"), []);
});

Deno.test("EventInterface.subscribe() renews the same socket, and no other", async () => {
  await using events = new EventInterface();
  events.subscribe("E_A", "jsonrpc:h:1/m", { expire: 10 });
  events.subscribe("E_A", "jsonrpc:h:1", { expire: 10 });
  events.subscribe("E_A", "jsonrpc:h:1/", { expire: 20 });
  events.subscribe("E_A", "virtual:PARALLEL jsonrpc:h:1  jsonrpc:h:2");
  events.subscribe("E_A", "virtual: PARALLEL\tjsonrpc:h:1 jsonrpc:h:2");
  assertEquals(
    events.subscribers("E_A").map(({ socket, expire }) => [socket, expire]),
    [
      ["virtual:PARALLEL jsonrpc:h:1 jsonrpc:h:2", undefined],
      ["jsonrpc:h:1", 20],
      ["jsonrpc:h:1/m", 10],
    ],
  );
});

Deno.test("EventInterface.unsubscribe() ends a subscription", async () => {
  await using events = new EventInterface();
  events.subscribe("E_A", "jsonrpc:h:1/m");
  assertEquals(events.unsubscribe("E_A", "jsonrpc:h:1"), false);
  assertEquals(events.unsubscribe("E_B", "jsonrpc:h:1/m"), false);
  assertEquals(events.unsubscribe("E_A", "jsonrpc:h:1/m"), true);
  assertEquals(events.unsubscribe("E_A", "jsonrpc:h:1/m"), false);
  assertEquals(events.subscribers(), []);
  assertEquals(events.isPublished("E_A"), true);
});

Deno.test("EventInterface refuses what is wrong, and changes nothing", async () => {
  await using events = new EventInterface();
  const subscribe = (socket: string, options = {}) => () =>
    events.subscribe("E_A", socket, options);
  assertThrows(subscribe("h:1"), SocketSyntaxError);
  assertThrows(subscribe("virtual:PARALLEL h:1"), SocketSyntaxError);
  for (const expire of [0, -1, NaN, Infinity]) {
    assertThrows(
      subscribe("jsonrpc:h:1", { expire }),
      RangeError,
      `expire ${expire}`,
    );
  }
  assertThrows(
    subscribe("jsonrpc:h:1", { timeoutMs: 0 }),
    RangeError,
    "timeoutMs 0",
  );
  assertThrows(
    () => events.subscribe("", "jsonrpc:h:1"),
    TypeError,
    "a non-empty string",
  );
  assertThrows(() => events.publish(""), TypeError, "a non-empty string");
  assertEquals([events.events(), events.stats()], [[], []]);
  const make = (options: EventInterfaceOptions) => () =>
    new EventInterface(options);
  assertThrows(make({ timeoutMs: 0 }), RangeError, "timeoutMs 0");
  assertThrows(make({ eventParam: "" }), TypeError, `eventParam ""`);
  assertThrows(make({ failoverTimeoutMs: -1 }), RangeError, "-1");
});

// Raising.

Deno.test("EventInterface.raise() tells every subscriber, and reports of each", async () => {
  await using one = record();
  await using two = record();
  await using events = new EventInterface(SYNC);
  const nobody = gone();
  events.subscribe("E_A", one.socket);
  events.subscribe("E_A", `${two.socket}/m`);
  events.subscribe("E_A", nobody);
  events.subscribe("E_B", one.socket);
  const [failed, ...reports] = (await events.raise("E_A", { a: 1 })).map(plain);
  assertEquals(reports, [
    { socket: `${two.socket}/m`, outcome: "confirmed", result: "m" },
    { socket: one.socket, outcome: "confirmed", result: "E_A" },
  ]);
  assertEquals([failed.socket, failed.outcome], [nobody, "failed"]);
  assertInstanceOf(failed.error, ConnectError);
  assertEquals(await events.raise("E_C"), []);
  assertEquals([one.methods, two.methods], [["E_A"], ["m"]]);
});

Deno.test("EventInterface.raise() rejects for wrong params only, even with no subscriber", async () => {
  await using events = new EventInterface({ eventParam: "event" });
  await assertRejects(
    () => events.raise("E_A", { a: 1n as unknown }),
    ParamsError,
  );
  await assertRejects(
    () => events.raise("E_A", new NamedParams([["event", 1]])),
    ParamsError,
    "params.event",
  );
  await assertRejects(() => events.raise(""), TypeError);
});

Deno.test("EventInterface.raise() formats params once for all subscribers", async () => {
  let reads = 0;
  const params = {
    get a() {
      return ++reads;
    },
  };
  await using events = new EventInterface({
    connect: () => Promise.resolve(memoryPair()[0]),
  });
  for (let n = 1; n <= 1000; n++) {
    const protocol = n % 2 ? "jsonrpc" : "tcp";
    events.subscribe("E_A", `${protocol}:h:${n}${n % 3 ? "/m" : ""}`);
  }
  events.raise("E_A", params);
  assertEquals(reads, 2, "by the check, and by JSON.stringify");
  assertEquals(events.stats().length, 1000);
  for (const { socket } of events.subscribers()) {
    events.unsubscribe("E_A", socket);
  }
});

Deno.test("EventInterface.raise() tells nobody when params turn out to be wrong", async () => {
  await using server = record();
  await using events = new EventInterface(SYNC);
  events.subscribe("E_A", server.socket);
  events.subscribe("E_A", `${server.socket}/m`);
  const params = {
    a: 1,
    get b() {
      throw new Error("no more");
    },
  };
  await assertRejects(() => events.raise("E_A", params), ParamsError);
  await events.raise("E_A");
  assertEquals(server.methods.length, 2, "those of the second event");
});

Deno.test("EventInterface has subscribers of one host and port share a connection", async () => {
  await using server = record();
  await using events = new EventInterface(PATIENT);
  events.subscribe("E_A", server.socket);
  events.subscribe("E_A", `${server.socket}/m`);
  events.subscribe("E_B", server.socket.replace("jsonrpc", "tcp"));
  events.subscribe(
    "E_B",
    `virtual:PARALLEL ${server.socket}/x ${server.socket}/y`,
  );
  await events.raise("E_A");
  await events.raise("E_B");
  const [stats, ...others] = events.stats();
  assertEquals(others, []);
  assertEquals(stats.destination, server.socket.replace("jsonrpc:", ""));
  assertEquals([stats.connects, stats.written, stats.syncMode], [1, 5, false]);
});

Deno.test("EventInterface closes a connection when its last subscriber has gone, after what is queued", async () => {
  const ended = Promise.withResolvers<string[]>();
  const held = gate();
  await using server = serve(async (_, reader) => {
    await held.opened;
    ended.resolve(await reader.all());
  });
  await using events = new EventInterface(PATIENT);
  events.subscribe("E_A", server.socket);
  events.subscribe("E_B", server.socket);
  const filling = "x".repeat(5_000_000);
  events.raise("E_A", [1, filling]);
  events.raise("E_A", [2, filling]);
  events.unsubscribe("E_A", server.socket);
  assertEquals(events.stats().length, 1);
  events.unsubscribe("E_B", server.socket);
  assertEquals(events.subscribers(), []);
  held.open();
  const texts = await ended.promise;
  assertEquals(texts.map((text) => JSON.parse(text).params[0]), [1, 2]);
  assertEquals(events.stats(), []);
});

Deno.test("EventInterface takes syncMode and timeoutMs of one subscription", async () => {
  await using silent = serve(async (_, reader) => void await reader.all());
  await using server = record();
  await using events = new EventInterface(PATIENT);
  events.subscribe("E_A", silent.socket, { syncMode: true, timeoutMs: 30 });
  events.subscribe("E_A", server.socket, { syncMode: true });
  events.subscribe("E_A", `${server.socket}/m`);
  const [notified, confirmed, late] = await events.raise("E_A");
  assertEquals(plain(notified), {
    socket: `${server.socket}/m`,
    outcome: "sent",
  });
  assertEquals(confirmed.result, "E_A");
  assertInstanceOf(late.error, DeliveryTimeoutError);
  assertStringIncludes(late.error.message, "no response within 30 ms");
  assertEquals(
    events.stats().map(({ syncMode, connects }) => [syncMode, connects]),
    [[true, 1], [true, 1], [false, 1]],
  );
});

Deno.test("EventInterface.subscribe() renews the options too", async () => {
  await using server = record();
  await using events = new EventInterface(PATIENT);
  events.subscribe("E_A", server.socket);
  await events.raise("E_A");
  events.subscribe("E_A", server.socket, { syncMode: true });
  const [{ result }] = await events.raise("E_A");
  assertEquals(result, "E_A");
  assertEquals(events.stats().map(({ syncMode }) => syncMode), [true]);
});

Deno.test("EventInterface.raise() waits for no dead destination to tell another", async () => {
  await using server = record();
  await using events = new EventInterface({
    ...SYNC,
    connect: (host, port, options) =>
      port === 1
        ? new Promise(() => {}) // like a host that is down
        : connectTo(host, port, options),
  });
  const { connectDeno: connectTo } = await import("../../mod.ts");
  events.subscribe("E_A", server.socket);
  events.subscribe("E_A", "jsonrpc:dead:1", { timeoutMs: 200 });
  const raised = events.raise("E_A");
  await until(() => server.methods.length >= 1);
  const [dead, alive] = await raised;
  assertEquals([dead.outcome, alive.outcome], ["failed", "confirmed"]);
  assert(alive.ms < dead.ms);
});

Deno.test("EventInterface.raise() that is not awaited harms nobody", async () => {
  const events = new EventInterface();
  events.subscribe("E_A", gone());
  events.raise("E_A");
  events.raise("E_A", { a: 1n as unknown });
  await events.close();
});

// Expiry.

/** An interface over connections in memory, and what arrived there. */
function inMemory(options: EventInterfaceOptions = {}) {
  const arrived: string[] = [];
  let open = 0;
  const events = new EventInterface({
    ...options,
    connect: (host) => {
      const [ours, theirs] = memoryPair();
      open++;
      theirs.readable.pipeTo(
        new WritableStream({ write: () => void arrived.push(host) }),
      ).finally(() => open--).catch(() => {});
      return Promise.resolve(ours);
    },
  });
  return { events, arrived, open: () => open };
}

Deno.test(
  "EventInterface ends a subscription at the millisecond, and its connection",
  {
    permissions: "none",
  },
  async () => {
    using time = new FakeTime();
    const { events, arrived, open } = inMemory();
    events.subscribe("E_A", "jsonrpc:a:1", { expire: 10 });
    events.subscribe("E_A", "jsonrpc:b:1");
    events.subscribe("E_A", "jsonrpc:c:1", { expire: 0.5 });
    assertEquals(time.timers, 1);
    events.raise("E_A");
    await time.tick(499);
    assertEquals(arrived.splice(0), ["c", "b", "a"]);
    assertEquals([events.subscribers().length, open()], [3, 3]);
    await time.tick(1);
    assertEquals([events.subscribers().length, open()], [2, 2]);
    await time.tick(9499);
    events.raise("E_A");
    await time.tick(0);
    assertEquals(arrived.splice(0), ["b", "a"]);
    await time.tick(1);
    events.raise("E_A");
    await time.tick(0);
    assertEquals(arrived.splice(0), ["b"]);
    assertEquals(events.subscribers().map(({ socket }) => socket), [
      "jsonrpc:b:1",
    ]);
    assertEquals(open(), 1);
    await events.close();
    await time.tick(0);
    assertEquals([open(), time.timers], [0, 0]);
  },
);

Deno.test("EventInterface expires a subscription though the timer is late", {
  permissions: "none",
}, async () => {
  using _time = new FakeTime();
  const { events } = inMemory();
  events.subscribe("E_A", "jsonrpc:a:1", { expire: 10 });
  const { now } = performance;
  performance.now = () => now() + 10_000; // as when the process was suspended
  assertEquals(events.subscribers(), []);
  assertEquals(await events.raise("E_A"), []);
  await events.close();
});

Deno.test("EventInterface renews before the end, and can do so for hours", {
  permissions: "none",
}, async () => {
  using time = new FakeTime();
  const { events } = inMemory();
  events.subscribe("E_A", "jsonrpc:a:1", { expire: 10 });
  await time.tick(9999);
  events.subscribe("E_A", "jsonrpc:a:1", { expire: 7200 });
  await time.tick(7_199_999);
  assertEquals(events.subscribers().length, 1);
  await time.tick(1);
  assertEquals(events.subscribers().length, 0);
  events.subscribe("E_A", "jsonrpc:a:1", { expire: 10 });
  events.subscribe("E_A", "jsonrpc:a:1");
  await time.tick(100_000);
  assertEquals(events.subscribers().length, 1);
  await events.close();
});

// Virtual sockets.

/** Ways in which a server fails to confirm an event. */
const FAILURES: [name: string, script: Script | "refused" | "unresolved"][] = [
  ["refuses connections", "refused"],
  ["has no address", "unresolved"],
  ["does not answer", async (_, reader) => void await reader.all()],
  ["closes before the answer", async (_, reader) => {
    await reader.message();
  }],
  ["answers with an error", async (conn, reader) => {
    const { id } = await reader.message();
    await send(conn, `{"id":${id},"error":{"code":1,"message":"no"}}`);
    await reader.all();
  }],
];

for (const [name, script] of FAILURES) {
  Deno.test(`FAILOVER moves on when a server ${name}`, async () => {
    await using failing = serve(typeof script === "string" ? () => {} : script);
    await using server = record();
    await using events = new EventInterface({ ...SYNC, timeoutMs: 300 });
    const first = script === "refused"
      ? gone()
      : script === "unresolved"
      ? `jsonrpc:${"a".repeat(64)}.invalid:1`
      : failing.socket;
    events.subscribe("E_A", `virtual:FAILOVER ${first} ${server.socket}/m`);
    for (let n = 0; n < 2; n++) {
      const [report] = await events.raise("E_A", { n });
      assertEquals(
        [report.outcome, report.via, report.result],
        ["confirmed", `${server.socket}/m`, "m"],
      );
    }
    assertEquals(server.methods, ["m", "m"]);
    const tried = events.stats()[0];
    assertEquals(tried.raised, 1, "the second event passed it over");
  });
}

Deno.test("FAILOVER goes back to the first server after its rest", async () => {
  const port = freePort();
  await using second = record();
  await using events = new EventInterface({ ...SYNC, failoverTimeoutMs: 0 });
  events.subscribe(
    "E_A",
    `virtual:FAILOVER jsonrpc:127.0.0.1:${port} ${second.socket}`,
  );
  assertEquals((await events.raise("E_A"))[0].via, second.socket);
  await using first = serveEvents({ port }, () => "back");
  const [report] = await events.raise("E_A");
  assertEquals([report.via, report.result], [first.socket, "back"]);
});

Deno.test("FAILOVER reports all that failed", async () => {
  await using events = new EventInterface(SYNC);
  events.subscribe("E_A", `virtual:FAILOVER ${gone()} ${gone()}`);
  const [{ outcome, error }] = await events.raise("E_A");
  assertEquals(outcome, "failed");
  assertStringIncludes(error!.message, "2 of 2 sockets failed: Cannot deliver");
});

Deno.test("FAILOVER warns that it does not see all without sync mode", async () => {
  const warnings: string[] = [];
  await using events = new EventInterface({
    onWarning: (message) => warnings.push(message),
  });
  events.subscribe("E_A", "virtual:FAILOVER jsonrpc:h:1 jsonrpc:h:2");
  events.subscribe("E_B", "virtual:FAILOVER jsonrpc:h:1", { syncMode: true });
  events.subscribe("E_C", "virtual:PARALLEL jsonrpc:h:1");
  assertEquals(warnings, [
    "virtual:FAILOVER jsonrpc:h:1 jsonrpc:h:2 without sync mode: FAILOVER will not see that a server does not respond, or responds with an error",
  ]);
});

Deno.test("PARALLEL tells all though the first fails", async () => {
  await using one = record();
  await using two = record();
  await using events = new EventInterface(SYNC);
  events.subscribe(
    "E_A",
    `virtual:PARALLEL ${gone()} ${one.socket} ${two.socket}`,
  );
  events.subscribe("E_B", `virtual:PARALLEL ${one.socket} ${two.socket}`);
  const [failed] = await events.raise("E_A");
  assertStringIncludes(failed.error!.message, "1 of 3 sockets failed: Cannot");
  const { errors: [error] } = failed.error!.cause as AggregateError;
  assertInstanceOf(error, ConnectError);
  const [report] = await events.raise("E_B");
  assertEquals([report.result, report.via], [["E_B", "E_B"], undefined]);
  assertEquals([one.methods, two.methods], [["E_A", "E_B"], ["E_A", "E_B"]]);
});

Deno.test("ROUND-ROBIN takes servers in turn, and does not stick to a dead one", async () => {
  await using one = record();
  await using two = record();
  await using events = new EventInterface(SYNC);
  events.subscribe(
    "E_A",
    `virtual:ROUND-ROBIN ${one.socket} ${gone()} ${two.socket}`,
  );
  const outcomes: boolean[] = [];
  for (let n = 0; n < 6; n++) {
    outcomes.push((await events.raise("E_A"))[0].outcome === "confirmed");
  }
  assertEquals(outcomes, [true, false, true, true, false, true]);
  assertEquals([one.methods.length, two.methods.length], [2, 2]);
});

Deno.test("a virtual socket that is renewed goes on where it was", async () => {
  await using one = record();
  await using two = record();
  await using events = new EventInterface(SYNC);
  const socket = `virtual:ROUND-ROBIN ${one.socket} ${two.socket}`;
  events.subscribe("E_A", socket);
  await events.raise("E_A");
  events.subscribe("E_A", socket, { expire: 100 });
  assertEquals((await events.raise("E_A"))[0].via, two.socket);
});

Deno.test("FAILOVER takes params as they were when it was raised", async () => {
  await using events = new EventInterface(SYNC);
  let received: unknown;
  await using server = serveEvents({ port: 0 }, ({ params }) => {
    received = params;
  });
  events.subscribe("E_A", `virtual:FAILOVER ${gone()} ${server.socket}/m`);
  const params = { ip: "before" };
  const raised = events.raise("E_A", params);
  params.ip = "after";
  await raised;
  assertEquals(received, { ip: "before" });
});

// What can be listened to.

Deno.test("EventInterface tells what happens at its destinations", async () => {
  const told: string[] = [];
  await using server = serve(async (conn, reader) => {
    const { id } = await reader.message();
    await send(conn, `{"id":0,"result":1}{"id":${id},"result":1}`);
  });
  const destination = server.socket.replace("jsonrpc:", "");
  const events = new EventInterface(SYNC);
  const closed = gate();
  events.addEventListener("connect", ({ detail }) => {
    told.push(`connect ${detail.destination}`);
  });
  events.addEventListener("unmatched", ({ detail }) => {
    told.push(`unmatched ${detail.destination} ${detail.reason}`);
  });
  events.addEventListener("disconnect", ({ detail }) => {
    told.push(`disconnect ${detail.destination} ${detail.error?.message}`);
    closed.open();
  });
  events.subscribe("E_A", server.socket);
  await events.raise("E_A");
  await closed.opened;
  assertEquals(told, [
    `connect ${destination}`,
    `unmatched ${destination} no request in flight has the id 0`,
    `disconnect ${destination} the server closed the connection`,
  ]);
  await events.close();
});

Deno.test("EventInterface tells of each delivery that failed", async () => {
  await using server = serveEvents({ port: 0 }, () => {
    throw new ServerError(1, "no");
  });
  await using events = new EventInterface(SYNC);
  const told: unknown[] = [];
  events.addEventListener("failed", ({ detail }) => told.push(detail));
  events.subscribe("E_A", server.socket);
  const [report] = await events.raise("E_A");
  assertInstanceOf(report.error, ServerError);
  assertEquals(told, [{ event: "E_A", report }]);
});

Deno.test("EventInterface ends events that are raised by the handler of their own failure", async () => {
  const events = new EventInterface();
  const raised: [string, Promise<readonly DeliveryReport[]>][] = [];
  const raise = (event: string) => raised.push([event, events.raise(event)]);
  events.addEventListener("failed", ({ detail: { event } }) => {
    // To each other, and to themselves: without end, were they let go on.
    raise(event === "E_A" ? "E_B" : "E_A");
    raise(event);
  });
  for (let n = 0; n < 3; n++) {
    events.subscribe("E_A", gone());
    events.subscribe("E_B", gone());
  }
  raise("E_A");
  const refused: string[] = [];
  for (let i = 0; i < raised.length; i++) { // it grows
    await raised[i][1].catch((error) => {
      assertInstanceOf(error, RangeError);
      refused.push(error.message);
    });
  }
  // Three failures of A raise B and A; nine of B raise A and B.
  assertEquals([raised.length, refused.length], [1 + 3 * 2 + 9 * 2, 3 + 9 * 2]);
  assertEquals(
    refused[0],
    `Cannot raise "E_A": a listener of its own failure raises it`,
  );
  assertEquals((await events.raise("E_C")).length, 0);
  await events.close();
});

Deno.test("EventInterface closes a destination though a delivery to another is under way", async () => {
  const answer = gate();
  await using slow = serveEvents({ port: 0 }, () => answer.opened);
  await using quick = record();
  const closed = gate();
  const events = new EventInterface(SYNC);
  events.addEventListener("disconnect", () => closed.open());
  events.subscribe("E_SLOW", slow.socket);
  events.subscribe("E_A", quick.socket);
  const raised = events.raise("E_SLOW");
  await events.raise("E_A");
  events.unsubscribe("E_A", quick.socket);
  assertEquals(events.stats().length, 1);
  await closed.opened;
  answer.open();
  await raised;
  await events.close();
});

Deno.test("EventInterface keeps a destination that is subscribed anew while a delivery is under way", async () => {
  const answer = gate(), asked = gate();
  await using server = serveEvents({ port: 0 }, ({ method }) => {
    asked.open();
    return method === "E_A" ? answer.opened : method;
  });
  await using events = new EventInterface(SYNC);
  let connects = 0;
  events.addEventListener("connect", () => connects++);
  events.subscribe("E_A", server.socket);
  const raised = events.raise("E_A");
  await asked.opened;
  events.unsubscribe("E_A", server.socket);
  events.subscribe("E_B", server.socket);
  assertEquals((await events.raise("E_B"))[0].result, "E_B");
  answer.open();
  await raised;
  assertEquals([connects, events.stats().length], [1, 1]);
});

Deno.test("virtual sockets that are the same share what became of them", async () => {
  await using one = record();
  await using two = record();
  await using events = new EventInterface(SYNC);
  const socket = `virtual:ROUND-ROBIN ${one.socket} ${two.socket}`;
  for (const event of ["E_A", "E_B", "E_C", "E_D"]) {
    events.subscribe(event, socket);
    await events.raise(event);
  }
  assertEquals([one.methods, two.methods], [["E_A", "E_C"], ["E_B", "E_D"]]);
});

Deno.test("EventInterface.subscribe() stands though onWarning throws, and warns once", async () => {
  let warnings = 0;
  await using events = new EventInterface({
    onWarning: () => {
      warnings++;
      throw new Error("boo");
    },
  });
  for (let n = 0; n < 3; n++) {
    events.subscribe("E_A", "virtual:FAILOVER jsonrpc:h:1 jsonrpc:h:2");
  }
  assertEquals([warnings, events.subscribers().length], [1, 1]);
});

Deno.test(
  "EventInterface expires many subscriptions of different lengths in order",
  {
    permissions: "none",
  },
  async () => {
    using time = new FakeTime();
    const { events } = inMemory();
    for (let n = 100; n >= 1; n--) {
      events.subscribe("E_A", `jsonrpc:h:${n}`, { expire: n });
    }
    for (let n = 100; n >= 1; n--) {
      assertEquals([events.subscribers().length, time.timers], [n, 1]);
      await time.tick(1000);
    }
    assertEquals([events.subscribers().length, time.timers], [0, 0]);
    await events.close();
  },
);

// Closing.

Deno.test("EventInterface.close() delivers what was raised, and takes nothing more", async () => {
  await using server = record();
  const events = new EventInterface(SYNC);
  events.subscribe("E_A", `virtual:FAILOVER ${gone()} ${server.socket}`);
  const raised = events.raise("E_A");
  await Promise.all([events.close(), events.close()]);
  assertEquals((await raised)[0].outcome, "confirmed");
  assertThrows(
    () => events.subscribe("E_A", server.socket),
    TypeError,
    "is closed",
  );
  assertEquals(events.subscribers(), []);
  assertEquals(await events.raise("E_A"), []);
});

Deno.test("EventInterface.flush() waits for all deliveries", async () => {
  const answer = gate(), asked = gate();
  await using server = serveEvents({ port: 0 }, () => {
    asked.open();
    return answer.opened;
  });
  await using events = new EventInterface(SYNC);
  await events.flush();
  events.subscribe("E_A", server.socket);
  events.raise("E_A");
  let isFlushed = false;
  const flushed = events.flush().then(() => isFlushed = true);
  await asked.opened;
  assertEquals([isFlushed, events.stats()[0].confirmed], [false, 0]);
  answer.open();
  await flushed;
  assertEquals(events.stats()[0].confirmed, 1);
});

Deno.test("EventInterface lets a delivery end that was under way when its subscriber left", async () => {
  const answer = gate(), asked = gate();
  await using server = serveEvents({ port: 0 }, () => {
    asked.open();
    return answer.opened.then(() => "done");
  });
  await using events = new EventInterface(SYNC);
  events.subscribe("E_A", server.socket);
  const raised = events.raise("E_A");
  await asked.opened;
  events.unsubscribe("E_A", server.socket);
  answer.open();
  const [{ result, error }] = await raised;
  assertEquals([result, error], ["done", undefined]);
});

Deno.test("EventInterface.close() waits for what is raised while it closes", async () => {
  const first = gate(), second = gate();
  let answered = 0;
  await using server = serve(async (conn, reader) => {
    for (const held of [first, second]) {
      const { id } = await reader.message();
      await held.opened;
      await send(conn, `{"id":${id},"result":true}`);
      answered++;
    }
    await reader.all();
  });
  const events = new EventInterface(SYNC);
  let disconnects = 0;
  events.addEventListener("disconnect", () => disconnects++);
  events.subscribe("E_A", server.socket);
  events.raise("E_A");
  const closing = events.close();
  const late = events.raise("E_A");
  first.open();
  await until(() => answered !== 0);
  second.open();
  await closing;
  assertEquals([(await late)[0].outcome, disconnects], ["confirmed", 1]);
});

Deno.test("EventInterface keeps apart a destination that goes and one that comes", async () => {
  await using server = serve(async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      await send(conn, `{"id":${JSON.parse(text).id},"result":true}`);
    }
  });
  await using events = new EventInterface(SYNC);
  for (let n = 0; n < 20; n++) {
    events.subscribe("E_A", server.socket);
    const raised = events.raise("E_A");
    events.unsubscribe("E_A", server.socket); // it goes when that is done
    if (n % 2) await raised;
    events.subscribe("E_A", server.socket);
    events.unsubscribe("E_A", server.socket);
    events.subscribe("E_A", server.socket);
    assertEquals((await raised)[0].outcome, "confirmed");
    assertEquals(events.stats().length, 1);
    events.unsubscribe("E_A", server.socket);
  }
});

Deno.test("EventInterface.unpublish() forgets an event and ends its subscriptions", async () => {
  await using server = record();
  await using events = new EventInterface(SYNC);
  events.subscribe("E_A", server.socket);
  events.subscribe("E_B", server.socket);
  const raised = events.raise("E_A");
  assertEquals(events.unpublish("E_A"), true);
  assertEquals(events.unpublish("E_A"), false);
  assertEquals((await raised)[0].outcome, "confirmed");
  assertEquals(events.events(), [{ name: "E_B", id: 1 }]);
  assertEquals(events.subscribers().map(({ event }) => event), ["E_B"]);
  assertEquals(await events.raise("E_A"), []);
  events.subscribe("E_A", server.socket);
  assertEquals((await events.raise("E_A"))[0].outcome, "confirmed");
});

Deno.test("EventInterface.close() waits for a failover that goes on", async () => {
  await using first = serve(silent);
  await using second = serve(answering(100));
  const events = new EventInterface({ syncMode: true, timeoutMs: 500 });
  events.subscribe("E", `virtual:FAILOVER ${first.socket} ${second.socket}`);
  let isReported = false;
  const raised = events.raise("E").then((reports) => {
    isReported = true;
    return reports;
  });
  await events.close();
  assertEquals([isReported, events.stats()], [true, []]);
  assertEquals((await raised)[0].via, second.socket);
});

Deno.test("EventInterface keeps no results", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-config",
      "--v8-flags=--expose-gc",
      `import { EventInterface, serveEvents } from ${
        JSON.stringify(import.meta.resolve("../../mod.ts"))
      };
       const server = serveEvents({ port: 0 }, () => "x".repeat(500_000));
       const events = new EventInterface({ syncMode: true });
       const used = () => (gc(), Deno.memoryUsage().heapUsed);
       const before = used();
       for (let n = 0; n < 50; n++) {
         const policy = ["FAILOVER", "ROUND-ROBIN", "PARALLEL"][n % 3];
         const target = "virtual:" + policy + " " + server.socket;
         events.subscribe("E_" + n, n % 2 ? target : server.socket);
         await events.raise("E_" + n);
         await events.deliver("E_" + n, target);
       }
       console.log(Math.round((used() - before) / 1e6) < 5);
       await events.close();
       await server.shutdown();`,
    ],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assertEquals(
    [code, decoder.decode(stdout)],
    [0, "true\n"],
    decoder.decode(stderr),
  );
});

Deno.test("EventInterface.flush() waits for a failover that goes on", async () => {
  await using first = serve(silent);
  await using second = serve(answering(100));
  await using events = new EventInterface({ syncMode: true, timeoutMs: 500 });
  events.subscribe("E", `virtual:FAILOVER ${first.socket} ${second.socket}`);
  let isReported = false;
  events.raise("E").then(() => isReported = true);
  await events.flush();
  assertEquals(isReported, true);
});

Deno.test("EventInterface.close() waits for a failover that began while it closes", async () => {
  await using slow = serve(answering(100));
  await using first = serve(silent);
  await using second = serve(answering(0));
  const events = new EventInterface({ syncMode: true, timeoutMs: 500 });
  let disconnects = 0;
  events.addEventListener("disconnect", () => disconnects++);
  const socket = `virtual:FAILOVER ${first.socket} ${second.socket}`;
  events.subscribe("E", slow.socket);
  events.subscribe("F", socket);
  const raised = events.raise("E");
  const closing = events.close();
  const late = raised.then(() => events.raise("F"));
  await closing;
  assertEquals([events.stats(), disconnects], [[], 3]);
  const [report] = await late;
  assertEquals([report.socket, report.outcome], [socket, "confirmed"]);
});

Deno.test("EventInterface lets a failover end whose subscriber has left", async () => {
  await using first = serve(silent);
  await using second = serve(answering(0));
  await using events = new EventInterface({ syncMode: true, timeoutMs: 500 });
  const socket = `virtual:FAILOVER ${first.socket} ${second.socket}`;
  events.subscribe("E", socket);
  const raised = events.raise("E");
  events.unsubscribe("E", socket);
  assertEquals((await raised)[0].via, second.socket);
});

Deno.test("EventInterface tells of each failure of events that were raised in one go", async () => {
  await using events = new EventInterface(PATIENT);
  const socket = gone();
  const told: string[] = [];
  events.addEventListener("failed", ({ detail: { event, report } }) => {
    told.push(`${event} ${report.socket}`);
  });
  // They share a delivery, which each of the subscribers has to be told of.
  const sockets = ["/a", "/b", "/c"].map((method) => socket + method);
  for (const subscriber of sockets) events.subscribe("E", subscriber);
  const raised = [1, 2, 3].map(() => events.raise("E"));
  for (const reports of raised) {
    assertEquals(
      (await reports).map(({ socket, error }) => {
        assertStringIncludes(`${error}`, `"E" to ${socket}: cannot connect`);
        return socket;
      }),
      sockets.toReversed(),
    );
  }
  assertEquals(
    told.sort(),
    sockets.flatMap((s) => [`E ${s}`, `E ${s}`, `E ${s}`]),
  );
});

Deno.test("EventInterface reports to those who subscribe when an event is raised", async () => {
  await using server = serve(silent);
  await using events = new EventInterface(PATIENT);
  const [a, b] = [`${server.socket}/a`, `${server.socket}/b`];
  events.subscribe("E", a);
  const raised = [events.raise("E")];
  events.subscribe("E", b);
  raised.push(events.raise("E"));
  events.unsubscribe("E", a);
  raised.push(events.raise("E"));
  const told = await Promise.all(raised);
  assertEquals(
    told.map((reports) => reports.map(({ socket }) => socket)),
    [[a], [b, a], [b]],
  );
});
