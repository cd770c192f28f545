// Virtual sockets, with servers that fail in all ways.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  ConnectError,
  DeliveryError,
  type DeliveryReport,
  EventInterface,
  type EventInterfaceOptions,
  QueueFullError,
  serveEvents,
  SocketSyntaxError,
} from "../../mod.ts";
import { memoryPair } from "../helpers/memory.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { freePort, gate, type Script, send, serve } from "../helpers/tcp.ts";
import { until } from "../helpers/until.ts";

const PATIENT = { timeoutMs: 60_000, onWarning: () => {} };
const SYNC = { ...PATIENT, syncMode: true };
const gone = () => `jsonrpc:127.0.0.1:${freePort()}`;

Deno.test("a burst larger than the queue puts no server of a FAILOVER to rest", async () => {
  await using one = serveEvents({ port: 0 }, () => "one");
  await using two = serveEvents({ port: 0 }, () => "two");
  for (const maxQueueBytes of [1000, 4000, 20_000]) {
    for (const burst of [3, 30, 100, 600]) {
      await using events = new EventInterface({ ...SYNC, maxQueueBytes });
      events.subscribe("E", `virtual:FAILOVER ${one.socket} ${two.socket}`);
      const raise = () => events.raise("E", { pad: "x".repeat(20) });
      const reports = await Promise.all(Array.from({ length: burst }, raise));
      for (const [{ result, error }] of reports) {
        // Both queues are used, and what neither takes says so.
        assert(result === undefined || result === "one" || result === "two");
        assertEquals(result === undefined, error instanceof QueueFullError);
      }
      const after: unknown[] = [];
      for (let n = 0; n < 3; n++) after.push((await raise())[0].result);
      assertEquals(after, ["one", "one", "one"], `${maxQueueBytes}, ${burst}`);
    }
  }
});

for (const policy of ["PARALLEL", "FAILOVER", "ROUND-ROBIN"]) {
  for (const syncMode of [true, false]) {
    Deno.test(
      `a burst to a virtual socket is bounded: ${policy}, syncMode ${syncMode}`,
      {
        permissions: "none",
      },
      async () => {
        const maxQueueBytes = 100_000;
        const events = new EventInterface({
          ...PATIENT,
          syncMode,
          maxQueueBytes,
          timeoutMs: 50,
          connect: () => new Promise(() => {}),
        });
        events.subscribe("E", `virtual:${policy} jsonrpc:a:1 jsonrpc:b:1`);
        const outcomes = new Set<string>();
        const raised: Promise<readonly DeliveryReport[]>[] = [];
        for (let n = 0; n < 5000; n++) raised.push(events.raise("E", { n }));
        for (const stats of events.stats()) {
          assert(stats.queuedBytes <= maxQueueBytes);
          assert(stats.queuedBytes > maxQueueBytes - 100);
        }
        for (const reports of raised) {
          outcomes.add((await reports)[0].error!.name);
        }
        assert(
          outcomes.has(
            policy === "PARALLEL" ? "DeliveryError" : "QueueFullError",
          ),
        );
        await events.close();
      },
    );
  }
}

Deno.test("PARALLEL says that an event may have arrived when one server has it", async () => {
  await using server = serveEvents({ port: 0 }, () => true);
  await using mute = serve(async (_, reader) => void await reader.all());
  await using events = new EventInterface({ ...SYNC, timeoutMs: 100 });
  const dead = gone();
  const mayHaveArrived = async (...sockets: string[]) => {
    const socket = `virtual:PARALLEL ${sockets.join(" ")}`;
    const { error } = await events.deliver("E", socket);
    assertInstanceOf(error, DeliveryError);
    return error.mayHaveArrived;
  };
  assertEquals(await mayHaveArrived(dead, server.socket), true);
  assertEquals(await mayHaveArrived(server.socket, dead), true);
  assertEquals(await mayHaveArrived(dead, mute.socket), true);
  assertEquals(await mayHaveArrived(dead, gone()), false);
  assertEquals(await mayHaveArrived(dead), false);
});

Deno.test("FAILOVER sends events of one go on to the next server together, in order", async () => {
  const received: number[] = [];
  await using server = serve(async (_, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      received.push(JSON.parse(text).params.n);
    }
  });
  const { connectDeno } = await import("../../mod.ts");
  let connects = 0;
  await using events = new EventInterface({
    ...PATIENT,
    connect: (host, port, options) => {
      connects++;
      return port === 1
        ? Promise.reject(new Error("refused"))
        : connectDeno(host, port, options);
    },
  });
  events.subscribe(
    "E",
    `virtual:FAILOVER jsonrpc:h:1 ${server.socket}/a_longer_method`,
  );
  const COUNT = 5000;
  const raised: Promise<readonly DeliveryReport[]>[] = [];
  for (let n = 0; n < COUNT; n++) raised.push(events.raise("E", { n }));
  for (const reports of raised) {
    const [{ outcome, via }] = await reports;
    assertEquals([outcome, via], ["sent", `${server.socket}/a_longer_method`]);
  }
  await until(() => received.length >= COUNT);
  assertEquals(received, Array.from({ length: COUNT }, (_, n) => n));
  assertEquals([connects, events.stats()[1].written], [2, COUNT]);
});

Deno.test("ROUND-ROBIN takes the next server at each event, also of those raised in one go", async () => {
  const received: number[][] = [[], []];
  const servers = received.map((list) =>
    serve(async (_, reader) => {
      for (let text; (text = await reader.next()) !== undefined;) {
        list.push(JSON.parse(text).params.n);
      }
    })
  );
  await using one = servers[0];
  await using two = servers[1];
  await using events = new EventInterface(PATIENT);
  events.subscribe("E", `virtual:ROUND-ROBIN ${one.socket} ${two.socket}`);
  const raised = Array.from(
    { length: 1001 },
    (_, n) => events.raise("E", { n }),
  );
  for (const [n, reports] of raised.entries()) {
    const [{ via }] = await reports;
    assertEquals(via, n % 2 === 0 ? one.socket : two.socket);
  }
  await until(() => received.flat().length >= 1001);
  assert(received[0].every((n, i) => n === 2 * i));
  assert(received[1].every((n, i) => n === 2 * i + 1));
});

Deno.test("FAILOVER takes a response that came in time, though the timer rings late", async () => {
  // In a process of its own, as this one is to be busy.
  const code = `
    import { serveEvents } from ${
    JSON.stringify(import.meta.resolve("../../mod.ts"))
  };
    const counts = [0, 0];
    const servers = counts.map((_, i) => serveEvents({ port: 0 }, ({ method }) =>
      method === "counts" ? counts : ++counts[i]));
    console.log(servers.map(({ socket }) => socket).join(" "));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--allow-net", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const sockets = new TextDecoder().decode(value).trim();
  const [first, second] = sockets.split(" ");
  {
    await using events = new EventInterface({ ...SYNC, timeoutMs: 200 });
    events.subscribe("E", `virtual:FAILOVER ${sockets}`);
    const deliver = (event: string, socket: string) =>
      events.deliver(event, socket, {}, { timeoutMs: 60_000 });
    // First the connections, which may take their time.
    for (const socket of [first, second]) await deliver("counts", socket);
    for (let n = 0; n < 2; n++) {
      const { written } = events.stats()[0];
      const raised = events.raise("E");
      for (let i = 0; i < 5; i++) await null; // as a rule it is written then
      await until(() => events.stats()[0].written !== written);
      const start = performance.now();
      while (performance.now() - start < 1000);
      const [{ outcome, via }] = await raised;
      assertEquals([outcome, via], ["confirmed", first]);
    }
    const { result } = await deliver("counts", first);
    assertEquals(result, [2, 0], "the second server got none");
  }
  child.kill();
  await reader.cancel();
  await child.status;
});

Deno.test("EventInterface.subscribe() refuses a virtual socket of 20,000 servers, and takes one twice", async () => {
  await using server = serveEvents({ port: 0 }, ({ method }) => method);
  await using events = new EventInterface(SYNC);
  const many = `virtual:PARALLEL${` ${server.socket}`.repeat(20_000)}`;
  assertThrows(
    () => events.subscribe("E", many),
    SocketSyntaxError,
    "at most 100",
  );
  assertEquals([events.events(), events.stats()], [[], []]);
  events.subscribe("E", `virtual:PARALLEL ${server.socket} ${server.socket}`);
  assertEquals((await events.raise("E"))[0].result, ["E", "E"]);
});

Deno.test("FAILOVER to another socket of the same destination waits for no other event", async () => {
  // The failure comes while the destination settles what it has: it takes more.
  await using server = serve(async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      const { id, method } = JSON.parse(text);
      const end = method === "bad"
        ? { error: { code: 1, message: "no" } }
        : { result: method };
      await send(conn, JSON.stringify({ id, ...end }));
    }
  });
  await using events = new EventInterface({ ...SYNC, failoverTimeoutMs: 0 });
  events.subscribe(
    "E",
    `virtual:FAILOVER ${server.socket}/bad ${server.socket}/good`,
  );
  const raised = Array.from({ length: 100 }, () => events.raise("E"));
  for (const reports of raised) assertEquals((await reports)[0].result, "good");
  const dead = gone();
  events.subscribe(
    "F",
    `virtual:FAILOVER ${dead} ${dead}/m ${server.socket}/good`,
  );
  const others = Array.from({ length: 100 }, () => events.raise("F"));
  for (const reports of others) assertEquals((await reports)[0].result, "good");
});

Deno.test("virtual sockets take at most 2 KiB for an event that waits", async () => {
  const code = `
    import { EventInterface } from ${
    JSON.stringify(import.meta.resolve("../../mod.ts"))
  };
    const used = () => (gc(), Deno.memoryUsage().rss);
    const sizes = [];
    for (const [policy, syncMode] of [["FAILOVER", false], ["ROUND-ROBIN", false], ["PARALLEL", false], ["FAILOVER", true]]) {
      const events = new EventInterface({ syncMode, timeoutMs: 600_000, maxQueueBytes: 2 ** 30,
        onWarning() {}, connect: () => new Promise(() => {}) });
      events.subscribe("E", "virtual:" + policy + " jsonrpc:a:1 jsonrpc:b:1");
      const before = used();
      for (let n = 0; n < 100_000; n++) events.raise("E", { ip: "192.168.2.11", n });
      await null;
      sizes.push(Math.round((used() - before) / 100_000));
    }
    console.log(JSON.stringify(sizes));
    Deno.exit();`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--v8-flags=--expose-gc", code],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const sizes: number[] = JSON.parse(decoder.decode(stdout) || "[]");
  assertEquals(sizes.length, 4, decoder.decode(stderr));
  for (const size of sizes) assert(size < 2048, `${sizes}`);
});

/** What a server does with requests, until it is told otherwise. */
type Mood = "confirm" | "error" | "close" | "mute" | "garbage";

Deno.test("FAILOVER delivers each event once to whoever takes it, whatever servers do", async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const any = <T>(list: readonly T[]) =>
    list[Math.floor(random() * list.length)];
  const moods: Mood[] = ["confirm", "confirm", "confirm"];
  /** By server, the numbers of the events that it has confirmed. */
  const confirmed: number[][] = [[], [], []];
  const script = (server: number): Script => async (conn, reader) => {
    for (let text; (text = await reader.next()) !== undefined;) {
      const { id, params: { n } } = JSON.parse(text);
      const mood = moods[server];
      if (mood === "close") return;
      if (mood === "mute") continue;
      if (mood === "confirm") confirmed[server].push(n);
      await send(
        conn,
        mood === "garbage"
          ? "}"
          : mood === "error"
          ? `{"id":${id},"error":{"code":1,"message":"no"}}`
          : `{"id":${id},"result":${server}}`,
      );
    }
  };
  await using one = serve(script(0));
  await using two = serve(script(1));
  await using three = serve(script(2));
  const sockets = [one, two, three].map(({ socket }) => socket);
  const refusing = gone();
  const options: EventInterfaceOptions = {
    ...SYNC,
    timeoutMs: 60,
    maxQueueBytes: 2000,
    failoverTimeoutMs: 20,
  };
  await using events = new EventInterface(options);
  const targets = [sockets, [refusing, ...sockets], [sockets[2], refusing]];
  for (const [i, target] of targets.entries()) {
    events.subscribe(`E_${i}`, `virtual:FAILOVER ${target.join(" ")}`);
  }
  const failed: string[] = [];
  events.addEventListener("failed", ({ detail }) => failed.push(detail.event));
  const ends: {
    n: number;
    target: string[];
    reports: Promise<readonly DeliveryReport[]>;
  }[] = [];
  for (let turn = 0; turn < 60; turn++) {
    if (random() < 0.4) {
      moods[Math.floor(random() * 3)] = any([
        "confirm",
        "confirm",
        "error",
        "close",
        "mute",
        "garbage",
      ]);
    }
    for (let k = Math.floor(random() * (random() < 0.1 ? 80 : 6)); k > 0; k--) {
      const i = Math.floor(random() * targets.length);
      const n = ends.length;
      ends.push({
        n,
        target: targets[i],
        reports: events.raise(`E_${i}`, { n }),
      });
    }
    await new Promise((r) => setTimeout(r, any([0, 0, 1, 5])));
  }
  await events.flush();
  let failures = 0;
  for (const { n, target, reports } of ends) {
    const say = `seed ${seed}, event ${n}`;
    const [{ outcome, via, result, error }] = await reports;
    const takers = [0, 1, 2].filter((server) => confirmed[server].includes(n));
    if (outcome === "confirmed") {
      const server = sockets.indexOf(via!);
      assertEquals(result, server, say);
      assert(takers.includes(server), say);
      assert(target.includes(via!), say);
      continue;
    }
    failures++;
    assertInstanceOf(error, DeliveryError, say);
    const { errors } = error.cause as AggregateError;
    assertEquals(errors.length, target.length, say);
    // Nobody that confirmed it is forgotten: it may have come too late.
    if (!error.mayHaveArrived) assertEquals(takers, [], say);
  }
  assertEquals(failed.length, failures, `seed ${seed}`);
  // Once all are well again, the first server of each gets the next event.
  moods.fill("confirm");
  await new Promise((r) => setTimeout(r, 25));
  for (let k = 0; k < 3; k++) {
    for (const i of targets.keys()) await events.raise(`E_${i}`, { n: -1 });
    await new Promise((r) => setTimeout(r, 25));
  }
  assertEquals(
    (await events.raise("E_0", { n: -1 }))[0].via,
    sockets[0],
    `seed ${seed}`,
  );
  for (const stats of events.stats()) {
    assertEquals([stats.queued, stats.inFlight], [0, 0]);
  }
});

Deno.test("EventInterface.flush() waits for what was raised to subscribers that have gone meanwhile", async () => {
  const held = gate();
  await using slow = serveEvents({ port: 0 }, () => held.opened);
  await using mute = serve(async (_, reader) => void await reader.all());
  await using events = new EventInterface({ ...SYNC, timeoutMs: 5000 });
  const targets = [
    slow.socket,
    `virtual:PARALLEL ${slow.socket}/a ${slow.socket}/b`,
    `virtual:FAILOVER ${mute.socket} ${slow.socket}/c`,
  ];
  for (const target of targets) {
    events.subscribe("E", target, {
      timeoutMs: target.includes("FAILOVER") ? 50 : 5000,
    });
  }
  let isReported = false, isFlushed = false;
  const raised = events.raise("E").then(() => isReported = true);
  const before = events.flush().then(() => isFlushed = true);
  for (const target of targets) events.unsubscribe("E", target);
  const after = events.flush().then(() => assertEquals(isReported, true));
  await new Promise((r) => setTimeout(r, 0));
  assertEquals([isReported, isFlushed], [false, false]);
  held.open();
  await Promise.all([before, after]);
  assertEquals(isReported, true);
  await raised;
});

Deno.test("EventInterface takes two names of one host for two subscribers", {
  permissions: "none",
}, async () => {
  const hosts: string[] = [];
  await using events = new EventInterface({
    ...PATIENT,
    connect: (host) => {
      hosts.push(host);
      const [ours, theirs] = memoryPair();
      theirs.readable.pipeTo(new WritableStream()).catch(() => {});
      return Promise.resolve(ours);
    },
  });
  const sockets = ["localhost", "127.0.0.1", "LOCALHOST"].map((host) =>
    `jsonrpc:${host}:1`
  );
  for (const socket of sockets) events.subscribe("E", socket);
  const reports = await events.raise("E");
  assertEquals(reports.map(({ socket }) => socket), sockets.toReversed());
  assertEquals(hosts.length, 3);
  for (const socket of sockets) events.unsubscribe("E", socket);
});

Deno.test("EventInterface keeps the ids of events, and gives none again", async () => {
  await using events = new EventInterface();
  for (const name of ["A", "B", "C"]) events.publish(name);
  events.unpublish("A");
  const rest = [{ name: "B", id: 1 }, { name: "C", id: 2 }];
  assertEquals(events.events(), rest);
  events.unpublish("D");
  events.publish("A");
  events.publish("B");
  assertEquals(events.events(), [...rest, { name: "A", id: 3 }]);
});

Deno.test("EventInterface reports the error of each of many subscribers of one server", async () => {
  await using events = new EventInterface(PATIENT);
  const socket = gone();
  const methods = Array.from({ length: 50 }, (_, n) => `/m${n}`);
  for (const method of methods) events.subscribe("E", socket + method);
  for (const { socket, error } of await events.raise("E")) {
    assertInstanceOf(error, ConnectError);
    assert(error.message.includes(`to ${socket}:`));
  }
});
