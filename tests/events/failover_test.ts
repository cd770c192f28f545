import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  ConnectError,
  DeliveryError,
  DeliveryTimeoutError,
  ServerError,
} from "../../src/protocol/errors.ts";
import {
  chooseSocket,
  deliverVirtual,
  newVirtualState,
} from "../../src/events/failover.ts";
import type { JsonValue } from "../../src/protocol/json.ts";
import type { Policy } from "../../src/protocol/virtual_socket.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "chooseSocket() takes the next in turn for ROUND-ROBIN, even one that failed",
  pure,
  () => {
    const state = { restingUntil: [0, 100, 0], last: -1 };
    const turns = Array.from({ length: 7 }, () => {
      const index = chooseSocket("ROUND-ROBIN", state, [], 50)!;
      state.last = index;
      return index;
    });
    assertEquals(turns, [0, 1, 2, 0, 1, 2, 0]);
    assertEquals(chooseSocket("ROUND-ROBIN", state, [0], 50), undefined);
  },
);

Deno.test(
  "chooseSocket() passes over resting sockets for FAILOVER, until none is left",
  pure,
  () => {
    const choose = (restingUntil: number[], tried: number[], now: number) =>
      chooseSocket("FAILOVER", { restingUntil, last: 2 }, tried, now);
    assertEquals(choose([0, 0, 0], [], 50), 0);
    assertEquals(choose([0, 0, 0], [0], 50), 1);
    assertEquals(choose([100, 0, 0], [], 99), 1);
    assertEquals(choose([100, 0, 0], [], 100), 0);
    assertEquals(choose([100, 0, 0], [1, 2], 50), 0);
    assertEquals(choose([100, 100, 100], [], 50), 0);
    assertEquals(choose([100, 100, 100], [0], 50), 1);
    assertEquals(choose([0, 0, 0], [0, 1, 2], 50), undefined);
  },
);

/** Servers that work or not, a clock, and which of them were asked. */
function servers(policy: Policy, up: boolean[]) {
  const state = newVirtualState(up.length);
  let now = 0;
  const asked: number[] = [];
  return {
    up,
    asked,
    pass: (ms: number) => now += ms,
    deliver: () => {
      asked.length = 0;
      return deliverVirtual(policy, state, (index) => {
        asked.push(index);
        return up[index]
          ? Promise.resolve<JsonValue>(`from ${index}`)
          : Promise.reject(new ConnectError(`no ${index}`));
      }, { restFor: 30_000, now: () => now });
    },
  };
}

Deno.test(
  "deliverVirtual() PARALLEL tells all, whatever becomes of one",
  pure,
  async () => {
    const { up, asked, deliver } = servers("PARALLEL", [true, true, true]);
    assertEquals(await deliver(), { result: ["from 0", "from 1", "from 2"] });
    up[0] = false;
    await assertRejects(deliver, ConnectError, "no 0");
    assertEquals(asked, [0, 1, 2]);
    up[1] = false;
    const error = await assertRejects(deliver, DeliveryError);
    assertEquals(error.message, "2 of 3 sockets failed: no 0; no 1");
    assertInstanceOf(error.cause, AggregateError);
    assertEquals(asked, [0, 1, 2]);
  },
);

Deno.test(
  "deliverVirtual() FAILOVER moves on, and rests what failed for 30 s",
  pure,
  async () => {
    const { up, asked, pass, deliver } = servers("FAILOVER", [
      false,
      true,
      true,
    ]);
    assertEquals(await deliver(), { result: "from 1", via: 1 });
    assertEquals(asked, [0, 1]);
    up[0] = true;
    pass(29_999);
    assertEquals(await deliver(), { result: "from 1", via: 1 });
    assertEquals(asked, [1]);
    pass(1);
    assertEquals(await deliver(), { result: "from 0", via: 0 });
    assertEquals(asked, [0]);
  },
);

Deno.test(
  "deliverVirtual() FAILOVER drops no event because all are resting",
  pure,
  async () => {
    const { up, asked, deliver } = servers("FAILOVER", [false, false]);
    const error = await assertRejects(deliver, DeliveryError);
    assertEquals(error.message, "2 of 2 sockets failed: no 0; no 1");
    assertEquals(error.mayHaveArrived, false);
    up[1] = true;
    assertEquals(await deliver(), { result: "from 1", via: 1 });
    assertEquals(asked, [0, 1]);
    assertEquals(await deliver(), { result: "from 1", via: 1 });
    assertEquals(asked, [1], "it rests no more, since it worked");
  },
);

Deno.test(
  "deliverVirtual() FAILOVER takes resting sockets last",
  pure,
  async () => {
    const { up, asked, deliver } = servers("FAILOVER", [false, true]);
    await deliver();
    up[0] = true;
    up[1] = false;
    assertEquals(await deliver(), { result: "from 0", via: 0 });
    assertEquals(asked, [1, 0]);
  },
);

Deno.test(
  "deliverVirtual() ROUND-ROBIN goes on from a dead one",
  pure,
  async () => {
    const { asked, deliver } = servers("ROUND-ROBIN", [true, false]);
    const vias: (number | undefined | string)[] = [];
    for (let n = 0; n < 4; n++) {
      vias.push(
        await deliver().then(({ via }) => via, ({ message }) => message),
      );
      assertEquals(asked.length, 1);
    }
    assertEquals(vias, [0, "no 1", 0, "no 1"]);
  },
);

Deno.test(
  "deliverVirtual() tells that an event may have arrived somewhere",
  pure,
  async () => {
    const errors = [
      new DeliveryTimeoutError("late", { mayHaveArrived: true }),
      new ConnectError("no"),
    ];
    const error = await assertRejects(
      () =>
        deliverVirtual(
          "FAILOVER",
          newVirtualState(2),
          (index) => Promise.reject(errors[index]),
          { restFor: 1, now: () => 0 },
        ),
      DeliveryError,
    );
    assertEquals(error.mayHaveArrived, true);
  },
);

Deno.test(
  "deliverVirtual() FAILOVER keeps a rest that began during a slow success",
  pure,
  async () => {
    const state = newVirtualState(2);
    const slow = Promise.withResolvers<JsonValue>();
    const first: Promise<JsonValue>[] = [
      slow.promise,
      Promise.reject(new ConnectError("no")),
    ];
    const deliver = () =>
      deliverVirtual(
        "FAILOVER",
        state,
        (index) => index === 0 ? first.shift()! : Promise.resolve("second"),
        { restFor: 30_000, now: () => 0 },
      );
    const one = deliver();
    assertEquals((await deliver()).via, 1);
    slow.resolve("late");
    assertEquals((await one).via, 0);
    assertEquals(state.restingUntil, [30_000, 0]);
  },
);

Deno.test("deliverVirtual() tells the servers' own errors", pure, async () => {
  const error = await assertRejects(
    () =>
      deliverVirtual(
        "PARALLEL",
        newVirtualState(2),
        (index) => Promise.reject(new ServerError(400 + index, "no")),
        { restFor: 1, now: () => 0 },
      ),
    DeliveryError,
  );
  assertEquals(
    error.message,
    "2 of 2 sockets failed: the server answered with error 400: no; the server answered with error 401: no",
  );
});

Deno.test(
  "deliverVirtual() cuts errors that the servers made long",
  pure,
  async () => {
    const error = await assertRejects(
      () =>
        deliverVirtual(
          "PARALLEL",
          newVirtualState(2),
          () => Promise.reject(new ServerError(1, "x".repeat(500_000))),
          { restFor: 1, now: () => 0 },
        ),
      DeliveryError,
    );
    assertEquals(error.message.length < 1200, true);
  },
);
