import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  ConnectError,
  type DeliveryInfo,
  EventInterface,
  type EventInterfaceOptions,
  JsonText,
  QueueFullError,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import { freePort, send, serve } from "../helpers/tcp.ts";

const PATIENT = { timeoutMs: 60_000 };
const gone = () => `jsonrpc:127.0.0.1:${freePort()}`;

/** An interface, and what its hook was told. */
function watched(options: EventInterfaceOptions) {
  const told: DeliveryInfo[] = [];
  const events = new EventInterface({
    ...PATIENT,
    ...options,
    onDelivery: (delivery) => told.push(delivery),
  });
  return { events, told };
}

/** Without the times, once they are seen to be in order. */
function plain(
  { queuedAt, writtenAt, settledAt, error, ...info }: DeliveryInfo,
) {
  const now = performance.now();
  assert(queuedAt > 0 && queuedAt <= (writtenAt ?? queuedAt));
  assert((writtenAt ?? queuedAt) <= settledAt && settledAt <= now);
  const isWritten = writtenAt !== undefined;
  return { ...info, isWritten, ...error && { error: error.name } };
}

Deno.test("onDelivery is told of a request, with its times", async () => {
  await using server = serveEvents({ port: 0 }, ({ method }) => {
    if (method === "E_B") throw new ServerError(1, "no");
    return true;
  });
  const { events, told } = watched({ syncMode: true });
  events.subscribe("E_A", `${server.socket}/m`);
  events.subscribe("E_B", server.socket);
  await events.raise("E_A");
  await events.raise("E_B");
  await events.close();
  const destination = server.socket.replace("jsonrpc:", "");
  const both = { destination, count: 1, isRequest: true, isWritten: true };
  assertEquals(told.map(plain), [
    {
      ...both,
      event: "E_A",
      socket: `${server.socket}/m`,
      outcome: "confirmed",
    },
    {
      ...both,
      event: "E_B",
      socket: server.socket,
      outcome: "failed",
      error: "ServerError",
    },
  ]);
});

Deno.test("onDelivery is told of notifications that were raised in one go by one call", async () => {
  await using server = serve(async (_, reader) => void await reader.all());
  const { events, told } = watched({});
  events.subscribe("E_A", server.socket);
  events.subscribe("E_B", server.socket);
  for (let n = 0; n < 10; n++) {
    events.raise("E_A");
    events.raise("E_B");
  }
  await events.close();
  assertEquals(told.map(plain), [{
    event: "E_A",
    socket: server.socket,
    destination: server.socket.replace("jsonrpc:", ""),
    count: 20,
    isRequest: false,
    isWritten: true,
    outcome: "sent",
  }]);
});

Deno.test("onDelivery is told of each server that a FAILOVER tries", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  const { events, told } = watched({ syncMode: true });
  const first = gone();
  const socket = `virtual:FAILOVER ${first} ${server.socket}`;
  const { outcome } = await events.deliver("E_A", socket);
  await events.close();
  assertEquals(outcome, "confirmed");
  assertEquals(told.map(({ socket, outcome }) => [socket, outcome]), [
    [first, "failed"],
    [server.socket, "confirmed"],
  ]);
  assertInstanceOf(told[0]!.error, ConnectError);
});

Deno.test("onDelivery is told of what is refused", async () => {
  const { events, told } = watched({ maxQueueBytes: 1 });
  events.subscribe("E_A", "jsonrpc:h:1");
  events.subscribe("E_B", "jsonrpc:h:1");
  for (let n = 0; n < 5; n++) {
    events.raise("E_A");
    events.raise("E_B");
  }
  await events.close();
  const [info, ...others] = told;
  assertEquals([info!.count, info!.outcome, others], [10, "failed", []]);
  assertInstanceOf(info!.error, QueueFullError);
  plain(info!);
});

Deno.test("onDelivery that throws stops nothing, and its error is seen", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  const seen: string[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    seen.push(event.message);
  };
  globalThis.addEventListener("error", onError);
  const events = new EventInterface({
    ...PATIENT,
    syncMode: true,
    onDelivery: () => {
      throw new Error("boo");
    },
  });
  events.subscribe("E_A", server.socket);
  for (let n = 0; n < 2; n++) {
    assertEquals((await events.raise("E_A"))[0]!.outcome, "confirmed");
  }
  await events.close();
  globalThis.removeEventListener("error", onError);
  assertEquals(seen, ["Uncaught Error: boo", "Uncaught Error: boo"]);
});

Deno.test("rawResult gives results as they came", async () => {
  const result = '{"n":12345678901234567890,"n":1.0}';
  await using server = serve(async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      await send(conn, `{"id":${JSON.parse(text).id},"result":${result}}`);
    }
  });
  await using events = new EventInterface({
    ...PATIENT,
    syncMode: true,
    rawResult: true,
  });
  const sockets = [
    server.socket,
    `virtual:FAILOVER ${server.socket}`,
    `virtual:PARALLEL ${server.socket} ${server.socket}/m`,
  ];
  for (const socket of sockets) events.subscribe("E_A", socket);
  const reports = await events.raise("E_A");
  assert(reports.every(({ result }) => result instanceof JsonText));
  assertEquals(reports.map(({ result }) => `${result}`), [
    `[${result},${result}]`,
    result,
    result,
  ]);
});
