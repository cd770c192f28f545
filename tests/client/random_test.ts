// What goes out together, shares a promise, or is answered alike, goes ways of
// its own for speed. Here any mix of events is compared with what each would be
// alone: what buildMessage() makes of it.

import { assert, assertEquals } from "@std/assert";
import {
  buildMessage,
  DeliveryError,
  EventClient,
  EventInterface,
  type EventParams,
  type JsonValue,
  NamedParams,
  parseSocket,
} from "../../mod.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { send, serve } from "../helpers/tcp.ts";
import { until } from "../helpers/until.ts";

const PATIENT = { timeoutMs: 60_000 };

/** Something random of each kind. */
function generators(random: () => number) {
  const any = <T>(list: readonly T[]) =>
    list[Math.floor(random() * list.length)];
  const params = (): EventParams =>
    any<() => EventParams>([
      () => ({}),
      () => ({ ip: "192.168.2.11" }),
      () => ({ ip: "192.168.2.11", port: 5060, up: true, aor: null }),
      () => ({ from: `"Alice" <sip:alice@example.com>`, note: "é漢😀\x01" }),
      () => ({ nested: { list: [1, { deep: "}{" }] } }),
      () => ["one", 2],
      () => new NamedParams([["2", "b"], ["1", "a"], ["1", "c"]]),
      () => ({ long: "x".repeat(random() * 70_000) }),
    ])();
  return { any, params };
}

for (const eventParam of [undefined, "event"]) {
  Deno.test(`EventClient sends any mix of events as it would send each alone, event param ${eventParam}`, async () => {
    const seed = newSeed();
    const random = randomFrom(seed);
    const { any, params } = generators(random);
    const received: string[] = [];
    await using server = serve(async (_, reader) => {
      received.push(...await reader.all());
    });
    const sockets = ["", "/m", "/other"].flatMap((method) =>
      ["jsonrpc", "tcp"].map((protocol) =>
        server.socket.replace("jsonrpc", protocol) + method
      )
    );
    const client = new EventClient(server.socket, {
      ...PATIENT,
      eventParam,
      maxQueueBytes: 1e9,
    });
    const expected: (string | undefined)[] = [];
    const raised: Promise<unknown>[] = [];
    for (let turn = 0; turn < 200; turn++) {
      const aborting = new AbortController();
      const [event, socket] = [any(["E_A", "E_é"]), any(sockets)];
      const isMixed = random() < 0.5;
      for (let n = Math.floor(20 * random()); n > 0; n--) {
        const name = isMixed ? any(["E_A", "E_B", "E_é"]) : event;
        const target = isMixed ? any(sockets) : socket;
        const values = params();
        const signal = random() < 0.1 ? aborting.signal : undefined;
        const parsed = parseSocket(target);
        const text = buildMessage(parsed, name, values, { eventParam });
        expected.push(signal ? undefined : text);
        raised.push(client.raise(name, values, {
          socket: target,
          signal,
          timeoutMs: any([undefined, 60_000, 50_000]),
        }));
      }
      aborting.abort(); // in the turn in which it was raised: it never goes out
      const wait = any([null, "turn", "written", "macrotask"]);
      if (wait === "turn") await null;
      if (wait === "written") await raised.at(-1)?.catch(() => {});
      if (wait === "macrotask") await new Promise((r) => setTimeout(r, 0));
    }
    await client.close();
    const outcomes = await Promise.allSettled(raised);
    await until(() => received.length !== 0);
    assertEquals(
      outcomes.map(({ status }) => status),
      expected.map((text) => text === undefined ? "rejected" : "fulfilled"),
      `seed ${seed}`,
    );
    assertEquals(
      received,
      expected.filter((text) => text !== undefined),
      `seed ${seed}`,
    );
    const { raised: count, written, queued, queuedBytes } = client.stats;
    assertEquals(
      { count, written, queued, queuedBytes },
      {
        count: expected.length,
        written: received.length,
        queued: 0,
        queuedBytes: 0,
      },
      `seed ${seed}`,
    );
  });
}

Deno.test("EventClient takes any mix of replies, in any pieces and any order, for the right requests", async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const { any, params } = generators(random);
  /** What is answered, by the number of the event. */
  const results: JsonValue[] = [];
  await using server = serve(async (conn, reader) => {
    let waiting: string[] = [];
    for (let text; (text = await reader.next()) !== undefined;) {
      const { id, method } = JSON.parse(text);
      const result = results[Number(method)];
      const reply = JSON.stringify(
        random() < 0.9
          ? { jsonrpc: "2.0", result, id }
          : { id, error: null, result },
      );
      waiting.splice(Math.floor(random() * (waiting.length + 1)), 0, reply);
      const isLast = Number(method) === results.length - 1;
      if (random() < 0.9 && !isLast) continue;
      let rest = any(["", " ", "\n"]) + waiting.join(any(["", "\n"]));
      waiting = [];
      while (rest !== "") {
        const length = random() < 0.5 ? rest.length : 1 + random() * 100;
        await send(conn, rest.slice(0, length));
        rest = rest.slice(length);
      }
    }
  });
  await using client = new EventClient(server.socket, {
    ...PATIENT,
    syncMode: true,
    maxQueueBytes: 1e9,
  });
  for (let round = 0; round < 20; round++) {
    const raised: Promise<JsonValue | undefined>[] = [];
    results.length = 0;
    let usual: JsonValue = true;
    for (let n = 0; n < 200; n++) {
      if (random() < 0.05) {
        usual = any([true, 8, "ok", null, "é", [], { id: 1 }]);
      }
      results.push(random() < 0.8 ? usual : n);
    }
    for (const [n] of results.entries()) {
      raised.push(client.raise(String(n), params()));
      if (random() < 0.05) await null;
    }
    assertEquals(await Promise.all(raised), results, `seed ${seed}`);
  }
  assertEquals(client.stats.unmatched, 0);
});

Deno.test("EventInterface tells of each event and subscriber what became of it, whatever went out with it", async () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const { any } = generators(random);
  await using server = serve(async (_, reader) => void await reader.all());
  const dead = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const refusing = `jsonrpc:127.0.0.1:${dead.addr.port}`;
  dead.close();
  await using events = new EventInterface(PATIENT);
  const failed: string[] = [];
  events.addEventListener("failed", ({ detail: { event, report } }) => {
    failed.push(`${event} ${report.socket}`);
  });
  const names = ["E_A", "E_B", "E_C"];
  for (const name of names) {
    for (let n = 0; n < 5; n++) {
      const socket = any([server.socket, refusing]) + any(["", `/m${n}`]);
      events.subscribe(name, socket);
    }
  }
  events.subscribe("E_A", `virtual:FAILOVER ${refusing}/v ${server.socket}`);
  const expected: string[] = [];
  for (let turn = 0; turn < 50; turn++) {
    const raised = Array.from({ length: 20 * random() }, () => {
      const name = any(names);
      return { name, reports: events.raise(name) };
    });
    for (const { name, reports } of raised) {
      const told = await reports;
      assertEquals(
        told.map(({ socket }) => socket),
        events.subscribers(name).map(({ socket }) => socket),
        `seed ${seed}`,
      );
      for (const { socket, outcome, error } of told) {
        const outcomeThen = socket.startsWith(refusing) ? "failed" : "sent";
        assertEquals(outcome, outcomeThen, `seed ${seed}`);
        if (outcome === "sent") continue;
        expected.push(`${name} ${socket}`);
        assert(error instanceof DeliveryError);
        const start = `Cannot deliver "${name}" to ${socket}: cannot connect`;
        assert(
          error.message.startsWith(start),
          `seed ${seed}: ${error.message}`,
        );
      }
    }
  }
  assertEquals(failed.sort(), expected.sort(), `seed ${seed}`);
});
