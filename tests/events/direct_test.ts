import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import {
  ConnectError,
  ConnectionClosedError,
  EventInterface,
  ParamsError,
  serveEvents,
  SocketSyntaxError,
} from "../../mod.ts";
import { FakeTime } from "../helpers/fake_time.ts";
import { memoryPair } from "../helpers/memory.ts";
import { freePort, gate, serve } from "../helpers/tcp.ts";
import { until } from "../helpers/until.ts";

const PATIENT = { timeoutMs: 60_000 };
const SYNC = { ...PATIENT, syncMode: true };
const gone = () => `jsonrpc:127.0.0.1:${freePort()}`;

Deno.test("EventInterface.deliver() reaches a socket that is not subscribed", async () => {
  const methods: string[] = [];
  await using server = serveEvents({ port: 0 }, ({ method, params }) => {
    methods.push(method);
    return params;
  });
  await using events = new EventInterface(PATIENT);
  const socket = `${server.socket}/m`;
  const { ms, ...confirmed } = await events.deliver("E_A", socket, { a: 1 }, {
    syncMode: true,
  });
  assert(ms >= 0);
  assertEquals(confirmed, {
    socket,
    outcome: "confirmed",
    result: { a: 1 },
  });
  const { outcome, result } = await events.deliver("E_A", server.socket);
  assertEquals([outcome, result], ["sent", undefined]);
  assertEquals([events.events(), events.subscribers()], [[], []]);
  await until(() => methods.length >= 2);
  assertEquals(methods, ["m", "E_A"]);
});

Deno.test("EventInterface.deliver() reports what failed, and rejects only for misuse", async () => {
  await using events = new EventInterface(SYNC);
  let failures = 0;
  events.addEventListener("failed", () => failures++);
  const socket = gone();
  const { outcome, error } = await events.deliver("E_A", socket);
  assertEquals(outcome, "failed");
  assertInstanceOf(error, ConnectError);
  assertEquals(failures, 0, "whoever asked has the report");
  await assertRejects(() => events.deliver("E_A", "h:1"), SocketSyntaxError);
  await assertRejects(() => events.deliver("", socket), TypeError);
  const params = { n: 1n } as unknown as { n: number };
  await assertRejects(() => events.deliver("E_A", socket, params), ParamsError);
  for (const options of [{ timeoutMs: 0 }, { timeoutMs: NaN }]) {
    await assertRejects(
      () => events.deliver("E_A", socket, {}, options),
      RangeError,
    );
  }
  const wrong = { syncMode: 1 as unknown as boolean };
  await assertRejects(
    () => events.deliver("E_A", socket, {}, wrong),
    TypeError,
  );
  events.deliver("E_A", "h:1"); // not awaited, it ends nothing
});

Deno.test("EventInterface.deliver() opens one connection for a stream of deliveries", async () => {
  await using server = serveEvents({ port: 0 }, ({ method }) => method);
  await using events = new EventInterface(SYNC);
  for (let n = 0; n < 20; n++) {
    const { result } = await events.deliver(`E_${n}`, `${server.socket}/${n}`);
    assertEquals(result, `${n}`);
    await new Promise((r) => setTimeout(r, 0)); // longer than a turn
  }
  assertEquals(events.stats().map(({ connects }) => connects), [1]);
});

Deno.test("EventInterface.deliver() goes on where a virtual socket was", async () => {
  await using one = serveEvents({ port: 0 }, () => 1);
  await using two = serveEvents({ port: 0 }, () => 2);
  await using events = new EventInterface(SYNC);
  const turns = `virtual:ROUND-ROBIN ${one.socket} ${two.socket}`;
  const results: unknown[] = [];
  for (let n = 0; n < 4; n++) {
    results.push((await events.deliver("E_A", turns)).result);
  }
  assertEquals(results, [1, 2, 1, 2]);
  const dead = gone();
  const failover = `virtual:FAILOVER ${dead} ${two.socket}`;
  for (let n = 0; n < 3; n++) {
    assertEquals((await events.deliver("E_A", failover)).via, two.socket);
  }
  const tried = events.stats().find(({ destination }) =>
    dead.endsWith(destination)
  );
  assertEquals(tried!.raised, 1, "the others passed it over");
});

Deno.test("EventInterface.deliver() takes a signal, at any server of a FAILOVER", async () => {
  const asked = gate();
  await using first = serve(async (_, reader) => {
    await reader.message();
    asked.open();
    await reader.all();
  });
  let seconds = 0;
  await using second = serveEvents({ port: 0 }, () => seconds++);
  await using events = new EventInterface(SYNC);
  const controller = new AbortController();
  const { signal } = controller;
  const socket = `virtual:FAILOVER ${gone()} ${first.socket} ${second.socket}`;
  const delivered = events.deliver("E_A", socket, {}, { signal });
  await asked.opened;
  controller.abort(new Error("enough"));
  const { outcome, error } = await delivered;
  assertEquals([outcome, error!.message, seconds], ["failed", "enough", 0]);
  const again = await events.deliver("E_A", socket, {}, { signal });
  assertEquals(again.error!.message, "enough");
  const other = new AbortController();
  other.abort("a reason of any type");
  const odd = await events.deliver("E_A", first.socket, {}, other);
  assertEquals(odd.error!.cause, "a reason of any type");
  // Our own doing is no fault of a server: the first one is tried anew.
  await events.deliver("E_A", socket, {}, { timeoutMs: 50 });
  const tried = events.stats().find(({ destination }) =>
    first.socket.endsWith(destination)
  );
  assertEquals(tried!.failed.timeout, 1);
});

Deno.test("EventInterface.deliver() is refused once the interface is closed", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  const events = new EventInterface(SYNC);
  const before = events.deliver("E_A", server.socket);
  const closing = events.close();
  const { outcome, error } = await events.deliver("E_A", server.socket);
  assertEquals(outcome, "failed");
  assertInstanceOf(error, ConnectionClosedError);
  assertEquals(error.mayHaveArrived, false);
  assertEquals((await before).outcome, "confirmed");
  await closing;
  assertEquals(events.stats(), []);
});

Deno.test("EventInterface.deliver() shares destinations with subscribers", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  await using events = new EventInterface(SYNC);
  events.subscribe("E_A", server.socket);
  await events.raise("E_A");
  await events.deliver("E_A", server.socket);
  events.unsubscribe("E_A", server.socket);
  await events.deliver("E_A", server.socket);
  assertEquals(events.stats().map(({ connects }) => connects), [1]);
});

Deno.test(
  "EventInterface.deliver() keeps a destination for a minute, or while it is used",
  {
    permissions: "none",
  },
  async () => {
    using time = new FakeTime();
    let opened = 0, open = 0;
    const events = new EventInterface({
      connect: () => {
        const [ours, theirs] = memoryPair();
        opened++;
        open++;
        theirs.readable.pipeTo(new WritableStream()).finally(() => open--)
          .catch(() => {});
        return Promise.resolve(ours);
      },
    });
    for (let n = 0; n < 5; n++) {
      events.deliver("E_A", "jsonrpc:h:1");
      await time.tick(59_999);
      assertEquals([opened, open, events.stats().length], [1, 1, 1]);
    }
    await time.tick(1);
    assertEquals([opened, open, events.stats().length], [1, 0, 0]);
    // What takes longer than a minute is waited for.
    const slow = events.deliver("E_A", "jsonrpc:h:1", {}, {
      syncMode: true,
      timeoutMs: 100_000,
    });
    await time.tick(99_999);
    assertEquals([opened, open], [2, 1]);
    await time.tick(1);
    assertEquals((await slow).error!.name, "DeliveryTimeoutError");
    await time.tick(0);
    assertEquals(open, 0);
    await events.close();
    assertEquals(time.timers, 0);
  },
);
