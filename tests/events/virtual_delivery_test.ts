import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { JsonText } from "../../src/protocol/json.ts";
import { DeliveryError, QueueFullError } from "../../src/protocol/errors.ts";
import type { Policy } from "../../src/protocol/virtual_socket.ts";
import type { VirtualDelivery } from "../../src/events/virtual_delivery.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";
import { failed, FakeServers, type Fate } from "../helpers/fake_servers.ts";

const pure = { permissions: "none" } as const;
const up = (n: number): Fate => ({ result: `from ${n}` });
const down = (n: number): Fate => failed(`no ${n}`);
const full: Fate = { error: new QueueFullError("full"), isOurs: true };

Deno.test("PARALLEL sends to all, whatever becomes of one", pure, () => {
  const servers = new FakeServers("PARALLEL", [up(0), up(1), up(2)]);
  assertEquals(servers.raise().result, ["from 0", "from 1", "from 2"]);
  assertEquals(servers.raise().via, undefined);
  servers.tried();
  servers.fates[0] = down(0);
  const { state, error } = servers.raise();
  assertEquals(state, "failed");
  assertInstanceOf(error, DeliveryError);
  assertEquals(error.message, "1 of 3 sockets failed: no 0");
  assertEquals(error.mayHaveArrived, true, "two servers have it");
  assertEquals(servers.tried(), [0, 1, 2]);
});

Deno.test("PARALLEL gives results as they came, as one text", pure, () => {
  const texts = ["12345678901234567890", '"a"'].map((text) => ({
    result: new JsonText(text),
  }));
  const { result } = new FakeServers("PARALLEL", texts).raise();
  assertEquals(`${result}`, '[12345678901234567890,"a"]');
});

Deno.test(
  "FAILOVER moves on, and passes over what failed for 30 s",
  pure,
  () => {
    const servers = new FakeServers("FAILOVER", [down(0), up(1), up(2)]);
    const via = () => servers.raise().via;
    assertEquals([via(), servers.tried()], ["jsonrpc:server1:1", [0, 1]]);
    servers.fates[0] = up(0);
    servers.now += 29_999;
    assertEquals([via(), servers.tried()], ["jsonrpc:server1:1", [1]]);
    servers.now += 1;
    assertEquals([via(), servers.tried()], ["jsonrpc:server0:1", [0]]);
  },
);

Deno.test("FAILOVER drops no event because all servers cool down", pure, () => {
  const servers = new FakeServers("FAILOVER", [down(0), down(1)]);
  const { error } = servers.raise();
  assertInstanceOf(error, DeliveryError);
  assertEquals(error.message, "2 of 2 sockets failed: no 0; no 1");
  assertEquals(error.mayHaveArrived, false);
  servers.fates[1] = up(1);
  servers.tried();
  assertEquals([servers.raise().via, servers.tried()], [
    "jsonrpc:server1:1",
    [0, 1],
  ]);
  servers.raise();
  assertEquals(servers.tried(), [1], "it cools down no more, since it worked");
});

Deno.test("FAILOVER takes servers that cool down last", pure, () => {
  const servers = new FakeServers("FAILOVER", [down(0), up(1)]);
  servers.raise();
  servers.fates.splice(0, 2, up(0), down(1));
  servers.tried();
  assertEquals(servers.raise().via, "jsonrpc:server0:1");
  assertEquals(servers.tried(), [1, 0]);
});

Deno.test(
  "FAILOVER keeps a cooldown that began during a slow success",
  pure,
  () => {
    const servers = new FakeServers("FAILOVER", [down(0), up(1)]);
    const slow = servers.recipient.send("1");
    const [held] = servers.waiting.splice(0);
    servers.raise();
    held!.delivery.succeed(servers.now, "late");
    assertEquals([slow.isDelivered, slow.via], [true, "jsonrpc:server0:1"]);
    assertEquals(servers.state.cooldownUntil, [31_000, 0]);
  },
);

Deno.test(
  "FAILOVER goes on from a full queue, and blames no server",
  pure,
  () => {
    const servers = new FakeServers("FAILOVER", [full, up(1)]);
    assertEquals(servers.raise().via, "jsonrpc:server1:1");
    assertEquals(servers.state.cooldownUntil, [0, 0]);
    servers.fates[0] = up(0);
    assertEquals(servers.raise().via, "jsonrpc:server0:1");
    servers.fates.splice(0, 2, full, full);
    const { error } = servers.raise();
    assertInstanceOf(error, QueueFullError);
    assertEquals(error.mayHaveArrived, false);
    assertEquals(servers.state.cooldownUntil, [0, 0]);
  },
);

Deno.test(
  "FAILOVER sees that a cooldown is over when a queue is full",
  pure,
  () => {
    const servers = new FakeServers("FAILOVER", [up(0), down(1), up(2)]);
    servers.fates[0] = full;
    servers.raise(); // 1 fails, 2 has it
    servers.now += 30_000;
    servers.fates[1] = up(1);
    assertEquals(servers.raise().via, "jsonrpc:server1:1");
  },
);

Deno.test(
  "FAILOVER goes to no other server when the caller gives up",
  pure,
  () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const servers = new FakeServers("FAILOVER", [down(0), up(1)], {
      signal: controller.signal,
    });
    const delivery = servers.recipient.send("1");
    controller.abort(reason);
    servers.waiting[0]!.delivery.fail(servers.now, () => reason, true);
    assertEquals([delivery.state, delivery.error], ["failed", reason]);
    assertEquals([servers.tried(), servers.state.cooldownUntil], [[0], [0, 0]]);
  },
);

Deno.test("FAILOVER sends a batch to the next server as a whole", pure, () => {
  const servers = new FakeServers("FAILOVER", [down(0), up(1)], {
    isRequest: false,
  });
  const sent = ["a", "b", "c"].map((params) => servers.recipient.send(params));
  servers.endTurn();
  assert(sent.every((delivery) => delivery === sent[0]));
  assertEquals(sent[0]!.count, 3);
  servers.sent.splice(0);
  servers.answer();
  assertEquals(servers.sent, [{ index: 1, params: ["a", "b", "c"] }]);
  servers.answer();
  assertEquals([sent[0]!.state, servers.underWay.size], ["delivered", 0]);
});

Deno.test("events that are refused in one turn share a delivery", pure, () => {
  for (const policy of ["FAILOVER", "PARALLEL"] as const) {
    const servers = new FakeServers(policy, [full, full], { isRequest: false });
    const sent = [1, 2, 3].map(() => servers.recipient.send("{}"));
    assert(sent.every((delivery) => delivery === sent[0]));
    assertEquals([sent[0]!.count, sent[0]!.state], [3, "failed"]);
  }
});

Deno.test(
  "ROUND-ROBIN alternates within a turn, with a batch for each server",
  pure,
  () => {
    const servers = new FakeServers("ROUND-ROBIN", [up(0), up(1)], {
      isRequest: false,
    });
    const sent = [1, 2, 3, 4, 5].map(() => servers.recipient.send("{}"));
    assertEquals(servers.tried(), [0, 1, 0, 1, 0]);
    assertEquals(new Set(sent).size, 2);
    assertEquals(sent.slice(0, 2).map(({ count }) => count), [3, 2]);
  },
);

Deno.test("ROUND-ROBIN goes on from a dead one", pure, () => {
  const servers = new FakeServers("ROUND-ROBIN", [up(0), down(1)]);
  const ends = Array.from({ length: 4 }, () => {
    const { isDelivered, via, error } = servers.raise();
    return isDelivered ? via : (error as Error).message;
  });
  const live = "jsonrpc:server0:1";
  assertEquals(ends, [live, "no 1", live, "no 1"]);
  assertEquals(servers.tried(), [0, 1, 0, 1]);
});

Deno.test("VirtualDelivery.ms is the time of all attempts", pure, () => {
  const servers = new FakeServers("FAILOVER", [down(0), up(1)]);
  const delivery = servers.recipient.send("{}");
  servers.now += 30;
  servers.answer();
  servers.now += 12;
  servers.answer();
  assertEquals(delivery.ms, 42);
});

// Any servers, any events, in any order: compared with the rules, written down
// once more without states, batches and watchers.

const MODELS: Record<Policy, (fates: Fate[], tried: number[]) => boolean> = {
  PARALLEL: (fates) => fates.every((fate) => "result" in fate),
  FAILOVER: (fates, tried) => "result" in fates[tried.at(-1)!]!,
  "ROUND-ROBIN": (fates, tried) => "result" in fates[tried[0]!]!,
};

for (const policy of ["PARALLEL", "FAILOVER", "ROUND-ROBIN"] as const) {
  for (const isRequest of [true, false]) {
    const kind = isRequest ? "requests" : "notifications";
    Deno.test(
      `${policy} follows its rules with any servers, by ${kind}`,
      pure,
      () => {
        const seed = newSeed();
        const random = randomFrom(seed);
        const any = (n: number) => Math.floor(random() * n);
        for (let round = 0; round < 200; round++) {
          const fates = Array.from(
            { length: 1 + any(5) },
            (_, n) =>
              [up(n), up(n), down(n), failed("late", true), full][any(5)]!,
          );
          const servers = new FakeServers(policy, fates, { isRequest });
          const settledTimes = new Map<VirtualDelivery, number>();
          for (let turn = 0; turn < 10; turn++) {
            const sent = new Set<VirtualDelivery>();
            let events = 0;
            servers.tried();
            for (let n = 1 + any(4); n > 0; n--, events++) {
              const delivery = servers.recipient.send(`${events}`);
              if (!sent.has(delivery)) {
                const settled = () => {
                  const times = settledTimes.get(delivery) ?? 0;
                  settledTimes.set(delivery, times + 1);
                };
                delivery.watch({ settled });
              }
              sent.add(delivery);
            }
            servers.endTurn();
            while (servers.waiting.length > 0) {
              if (random() < 0.5) servers.answer(any(fates.length));
              else servers.answer();
            }
            const say = `seed ${seed}, round ${round}, turn ${turn}`;
            let counted = 0;
            for (const delivery of sent) {
              counted += delivery.count;
              assertEquals(settledTimes.get(delivery), 1, say);
              const { via } = delivery;
              const last = Number(via?.match(/\d/)?.[0]);
              assertEquals(
                delivery.isDelivered,
                MODELS[policy](fates, [last]),
                say,
              );
              if (delivery.isDelivered || policy !== "FAILOVER") continue;
              assert(fates.every((fate) => "error" in fate), say);
            }
            assertEquals([counted, servers.underWay.size], [events, 0], say);
            // Each server is blamed for its own failures, and for no others.
            if (policy === "FAILOVER") {
              for (const [i, until] of servers.state.cooldownUntil.entries()) {
                const fate = fates[i]!;
                if ("result" in fate || fate.isOurs) {
                  assertEquals(until, 0, say);
                }
              }
            } else {
              assert(
                servers.state.cooldownUntil.every((t) => t === 0),
                say,
              );
            }
            servers.now += any(40_000);
          }
        }
      },
    );
  }
}
