import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type EventServer,
  type EventServerEventMap,
  type ReceivedEvent,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import { Reports } from "../../src/server/reports.ts";
import { connect, exchange, listen, request } from "../helpers/server.ts";
import { FakeTime } from "../helpers/fake_time.ts";
import { until } from "../helpers/until.ts";

/** What a server has dispatched. */
function dispatched(server: EventServer) {
  const seen: {
    [K in keyof EventServerEventMap]: EventServerEventMap[K]["detail"][];
  } = {
    connect: [],
    disconnect: [],
    unhandled: [],
    error: [],
    invalid: [],
    warning: [],
  };
  server.addEventListener("connect", ({ detail }) => seen.connect.push(detail));
  server.addEventListener(
    "disconnect",
    ({ detail }) => seen.disconnect.push(detail),
  );
  server.addEventListener(
    "unhandled",
    ({ detail }) => seen.unhandled.push(detail),
  );
  server.addEventListener("error", ({ detail }) => seen.error.push(detail));
  server.addEventListener("invalid", ({ detail }) => seen.invalid.push(detail));
  server.addEventListener("warning", ({ detail }) => seen.warning.push(detail));
  return seen;
}

const shown = ({ method, params, id, peer }: ReceivedEvent) => {
  assertEquals(peer.hostname, "127.0.0.1");
  assert(peer.port > 0);
  return { method, params, id };
};

Deno.test("EventServer tells of events that no handler takes, and warns once for each method", async () => {
  const warnings: string[] = [];
  await using server = listen({ E_CALL_START: () => true }, {
    onWarning: (message) => warnings.push(message),
  });
  const seen = dispatched(server);
  await exchange(
    server,
    request(null, "E_CALL_STRAT", { callid: "a" }) +
      request(null, "E_CALL_STRAT", { callid: "b" }) +
      request(null, "E_CALL_START") + request(7, "E_OTHER", [1]) +
      `[${request(null, "E_LATE")}]`,
  );
  assertEquals(seen.unhandled.map(({ event }) => shown(event)), [
    { method: "E_CALL_STRAT", params: { callid: "a" }, id: null },
    { method: "E_CALL_STRAT", params: { callid: "b" }, id: null },
    { method: "E_OTHER", params: [1], id: 7 },
    { method: "E_LATE", params: {}, id: null },
  ]);
  // Who sent a request is told by the response.
  assertEquals(warnings.map((w) => w.replace(/:\d+$/, "")), [
    `Notifications for "E_CALL_STRAT" have no handler and are dropped, the first from 127.0.0.1`,
    `Notifications for "E_LATE" have no handler and are dropped, the first from 127.0.0.1`,
  ]);
  assertEquals(seen.warning.map(({ message }) => message), warnings);
  const { unhandled, notifications, requests, errors } = server.stats;
  assertEquals([unhandled, notifications, requests, errors], [4, 4, 1, 1]);
});

Deno.test("EventServer tells of errors, with the event", async () => {
  const boo = new Error("boo"), no = new ServerError(404, "No such user");
  const errors: [unknown, string | undefined][] = [];
  const warnings: string[] = [];
  await using server = listen({
    E_BOO: () => Promise.reject(boo),
    E_NO: () => {
      throw no;
    },
  }, {
    onError: (error, event) => errors.push([error, event?.method]),
    onWarning: (message) => warnings.push(message),
  });
  const seen = dispatched(server);
  await exchange(
    server,
    request(1, "E_NO") + request(null, "E_NO", { a: 1 }) + request(2, "E_BOO") +
      request(null, "E_BOO", [2]),
  );
  await until(() => seen.error.length >= 3);
  assertEquals(
    seen.error.map(({ error, event }) => [error, shown(event!)]),
    [
      [no, { method: "E_NO", params: { a: 1 }, id: null }],
      [boo, { method: "E_BOO", params: {}, id: 2 }],
      [boo, { method: "E_BOO", params: [2], id: null }],
    ],
  );
  assertEquals(errors, [[boo, "E_BOO"], [boo, "E_BOO"]]);
  assertEquals(warnings.length, 1);
  assertStringIncludes(
    warnings[0]!,
    `The handler of "E_NO" refused a notification from 127.0.0.1:`,
  );
  assertStringIncludes(warnings[0]!, `has no response: 404 "No such user"`);
  assertEquals([server.stats.failed, server.stats.errors], [2, 2]);
});

Deno.test("EventServer tells what is invalid, with what came", async () => {
  await using server = listen(() => true, { onWarning: () => {} });
  const seen = dispatched(server);
  const noVersion = `{"id":1,"method":"E_X","params":[1]}`;
  await exchange(server, noVersion + `[ 1 , {"jsonrpc":"2.0"}]` + "oops");
  assertEquals(seen.invalid.map(({ peer: _, ...detail }) => detail), [
    {
      reason: 'its "jsonrpc" is not "2.0"',
      text: noVersion,
      method: "E_X",
      params: [1],
    },
    {
      reason: "it is not an object",
      text: "1",
      method: undefined,
      params: undefined,
    },
    {
      reason: 'its "method" is not a string',
      text: `{"jsonrpc":"2.0"}`,
      method: undefined,
      params: undefined,
    },
    {
      reason: 'Cannot read JSON: no text begins with "o"',
      text: undefined,
      method: undefined,
      params: undefined,
    },
  ]);
  assertEquals(server.stats.invalid, 4);
});

Deno.test("EventServer warns on the console of what is invalid, and fills no log", async () => {
  const { warn } = console;
  const printed: unknown[][] = [];
  console.warn = (...args) => printed.push(args);
  try {
    using time = new FakeTime();
    const server = serveEvents({ port: 0, responseGapMs: 0 }, () => true);
    using peer = await connect(server);
    await time.tick(0);
    await peer.send("1 2 3 ");
    for (let n = 0; n < 3; n++) await peer.reader.message();
    await time.tick(1000);
    assertEquals(printed.length, 2); // though nothing else comes
    await peer.send("4 ");
    await time.tick(1);
    await peer.reader.message();
    assertEquals(printed.length, 2);
    const from = `127.0.0.1:${(peer.conn.localAddr as Deno.NetAddr).port}`;
    const stopped = server.shutdown();
    await time.tick(10_000);
    await stopped;
    assertEquals(printed, [
      [`Refused from ${from}: it is not an object`],
      [`Refused from ${from}: it is not an object (and 1 more before)`],
      [`Refused from ${from}: it is not an object`],
    ]);
  } finally {
    console.warn = warn;
  }
});

Deno.test("EventServer warns once of a response that is too long for OpenSIPS", async () => {
  for (
    const [text, warns] of [
      ["x".repeat(7900), false],
      ["x".repeat(8001), true],
      ["é".repeat(3990), true], // by its bytes
      ["é".repeat(3900), false],
    ] as const
  ) {
    const warnings: string[] = [];
    await using server = listen(() => text, {
      onWarning: (message) => warnings.push(message),
    });
    await exchange(server, request(4) + request(8));
    assertEquals(warnings.length, warns ? 1 : 0);
    if (warns) {
      assertStringIncludes(warnings[0]!, "OpenSIPS fails on more than 8000");
    }
  }
  const warnings: string[] = [];
  await using server = listen(({ id }) => "x".repeat(id === 3 ? 9000 : 1), {
    onWarning: (message) => warnings.push(message),
  });
  await exchange(server, request(1) + request(2) + request(3)); // not OpenSIPS
  assertEquals(warnings, []);
});

Deno.test("EventServer.stats counts", async () => {
  await using server = listen({ E_X: () => true }, { onWarning: () => {} });
  const sent = request(1, "E_X") + request(2, "E_Y") + request(null, "E_X") +
    request(null, "E_\xe9") + "1 ";
  const came = await exchange(server, sent);
  await until(() => server.stats.open === 0);
  const length = (text: string) => new TextEncoder().encode(text).length;
  assertEquals(server.stats, {
    accepted: 1,
    refused: 0,
    open: 0,
    notifications: 2,
    requests: 2,
    underWay: 0,
    responses: 3,
    errors: 2,
    dropped: 0,
    failed: 0,
    invalid: 1,
    unhandled: 2,
    replaced: 0,
    bytesReceived: length(sent),
    bytesSent: length(came),
  });
  const { stats } = server;
  await exchange(server, "2");
  assertEquals(stats.accepted, 1); // a snapshot
});

Deno.test("EventServer.removeEventListener() listens no more", async () => {
  await using server = listen({}, { onWarning: () => {} });
  let unhandled = 0;
  const listener = ({ detail }: EventServerEventMap["unhandled"]) => {
    assertEquals(detail.event.method, "m");
    unhandled++;
  };
  server.addEventListener("unhandled", listener);
  await exchange(server, request(null));
  server.removeEventListener("unhandled", listener);
  await exchange(server, request(null));
  assertEquals([unhandled, server.stats.unhandled], [1, 2]);
});

Deno.test("Reports warns of 100 methods without a handler, and no more", () => {
  let warnings = 0;
  const reports = new Reports({ onWarning: () => warnings++ });
  const peer = { hostname: "::1", port: 1 };
  for (let n = 0; n < 1000; n++) {
    const event = { method: `E_${n}`, id: null, peer } as ReceivedEvent;
    reports.unhandled(event);
  }
  assertEquals([warnings, reports.stats.unhandled], [100, 1000]);
});

Deno.test("EventServer tells of connections that are opened and closed, not of refused ones", async () => {
  await using server = listen(() => true, {
    maxConnections: 1,
    onInvalid: () => {},
  });
  const seen = dispatched(server);
  using first = await connect(server);
  await first.send(request(1, "E_X"));
  await first.reader.next();
  await exchange(server, request(2, "E_X")); // one too many
  assertEquals(seen.connect.map(({ peer }) => peer.hostname), ["127.0.0.1"]);
  assertEquals(seen.disconnect, []);
  const over = new Promise((resolve) =>
    server.addEventListener("disconnect", resolve)
  );
  first.conn.close();
  await over;
  assertEquals(seen.disconnect, seen.connect);
});
