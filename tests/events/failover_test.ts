import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  type Attempt,
  chooseSocket,
  failureOf,
  newVirtualState,
  noteOutcome,
} from "../../src/events/failover.ts";
import {
  type DeliveryError,
  QueueFullError,
  ServerError,
} from "../../src/protocol/errors.ts";
import { attempt, failed, type Fate } from "../helpers/fake_servers.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "chooseSocket() takes the next in turn for ROUND-ROBIN, even one that failed",
  pure,
  () => {
    const state = { cooldownUntil: [0, 100, 0], last: -1 };
    const turns = Array.from({ length: 7 }, () => {
      const index = chooseSocket("ROUND-ROBIN", state, [], 50)!;
      state.last = index;
      return index;
    });
    assertEquals(turns, [0, 1, 2, 0, 1, 2, 0]);
    const next = chooseSocket("ROUND-ROBIN", state, [{ index: 0 }], 50);
    assertEquals(next, undefined);
  },
);

Deno.test(
  "chooseSocket() passes over servers that cool down for FAILOVER, until none is left",
  pure,
  () => {
    const choose = (cooldownUntil: number[], tried: number[], now: number) =>
      chooseSocket(
        "FAILOVER",
        { cooldownUntil, last: 2 },
        tried.map((index) => ({ index })),
        now,
      );
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

Deno.test("noteOutcome() has a server cool down that failed", pure, () => {
  const state = newVirtualState(2);
  noteOutcome(state, attempt(1, failed("no"), 50), 30_000);
  assertEquals(state.cooldownUntil, [0, 30_050]);
  assertEquals(state.hasFailed, true);
});

Deno.test("noteOutcome() blames no server for our own doing", pure, () => {
  const state = newVirtualState(1);
  const fate = { error: new QueueFullError("full"), isOurs: true };
  noteOutcome(state, attempt(0, fate, 50), 30_000);
  assertEquals([state.cooldownUntil, state.hasFailed], [[0], false]);
});

Deno.test(
  "noteOutcome() ends the cooldown of a server that works, unless that began meanwhile",
  pure,
  () => {
    const state = newVirtualState(1);
    const before: Attempt = attempt(0, { result: 1 });
    state.cooldownUntil[0] = 100;
    noteOutcome(state, { ...before, cooldownUntil: 0 }, 30_000);
    assertEquals(state.cooldownUntil, [100]);
    noteOutcome(state, { ...before, cooldownUntil: 100 }, 30_000);
    assertEquals(state.cooldownUntil, [0]);
  },
);

/** The error that `failureOf` makes of attempts that ended so. */
function failure(...fates: Fate[]): DeliveryError {
  const attempts = fates.map((fate, index) => attempt(index, fate));
  const errorOf = ({ index }: Attempt) =>
    (fates[index] as { error: Error }).error;
  return failureOf(attempts, {
    sockets: fates.length,
    errorOf,
  }) as DeliveryError;
}

Deno.test("failureOf() gives the error of the only attempt", pure, () => {
  const fate = failed("no") as { error: Error };
  assertEquals(failure(fate), fate.error as DeliveryError);
});

Deno.test("failureOf() joins the errors of several", pure, () => {
  const error = failure(failed("no 0"), failed("no 1"));
  assertEquals(error.message, "2 of 2 sockets failed: no 0; no 1");
  assertEquals([error.name, error.mayHaveArrived], ["DeliveryError", false]);
  assertInstanceOf(error.cause, AggregateError);
  assertEquals(error.cause.errors.length, 2);
});

const ARRIVALS: [name: string, fates: Fate[], mayHaveArrived: boolean][] = [
  ["none has it", [failed("a"), failed("b")], false],
  ["the first may have it", [failed("a", true), failed("b")], true],
  ["the last may have it", [failed("a"), failed("b", true)], true],
  ["one has it", [{ result: undefined }, failed("b")], true],
  [
    "one has it, and two do not",
    [failed("a"), { result: 1 }, failed("b")],
    true,
  ],
  ["nobody knows, as it was aborted", [failed("a"), {
    error: new DOMException("", "AbortError"),
    isOurs: true,
  }], true],
];

for (const [name, fates, mayHaveArrived] of ARRIVALS) {
  Deno.test(
    `failureOf() says that the event may have arrived: ${mayHaveArrived}, when ${name}`,
    pure,
    () => assertEquals(failure(...fates).mayHaveArrived, mayHaveArrived),
  );
}

Deno.test(
  "failureOf() makes a QueueFullError when all queues are full",
  pure,
  () => {
    const full = { error: new QueueFullError("full"), isOurs: true };
    assertInstanceOf(failure(full, full), QueueFullError);
    assert(!(failure(full, failed("no")) instanceof QueueFullError));
    assert(!(failure(full, { result: 1 }) instanceof QueueFullError));
  },
);

Deno.test("failureOf() tells the servers' own errors", pure, () => {
  const error = failure(
    { error: new ServerError(400, "no") },
    { error: new ServerError(401, "no") },
  );
  assertEquals(
    error.message,
    "2 of 2 sockets failed: the server responded with error 400: no; the server responded with error 401: no",
  );
});

Deno.test("failureOf() cuts errors that the servers made long", pure, () => {
  const long = { error: new ServerError(1, "x".repeat(500_000)) };
  assert(failure(long, long).message.length < 1200);
});
