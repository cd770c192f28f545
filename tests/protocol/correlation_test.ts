import { assert, assertEquals } from "@std/assert";
import { correlate, nextId } from "../../src/protocol/correlation.ts";
import type { JsonValue } from "../../src/protocol/message.ts";

const pure = { permissions: "none" } as const;

const IN_FLIGHT: ReadonlyMap<number, string> = new Map([[7, "E_X"], [
  8,
  "E_Y",
]]);

/** What a reply comes to, with errors as plain values. */
function outcomeOf(reply: unknown): Record<string, unknown> {
  const outcome = correlate(reply as JsonValue, IN_FLIGHT);
  if (!("error" in outcome)) return outcome;
  const { code, message, data } = outcome.error;
  return { ...outcome, error: { code, message, data } };
}

const matched = { id: 7, request: "E_X" };

const SETTLING: [name: string, reply: unknown, outcome: unknown][] = [
  ["a result", { id: 7, jsonrpc: "2.0", result: 8 }, {
    kind: "confirmed",
    ...matched,
    result: 8,
  }],
  ["a result without jsonrpc", { id: 7, result: [1] }, {
    kind: "confirmed",
    ...matched,
    result: [1],
  }],
  ["a null result", { id: 7, result: null }, {
    kind: "confirmed",
    ...matched,
    result: null,
  }],
  ["a result beside a null error", { id: 7, result: 8, error: null }, {
    kind: "confirmed",
    ...matched,
    result: 8,
  }],
  ["an error", {
    id: 7,
    error: { code: -32601, message: "Method not found", data: { m: 1 } },
  }, {
    kind: "refused",
    ...matched,
    error: { code: -32601, message: "Method not found", data: { m: 1 } },
  }],
  ["an error beside a result", {
    id: 7,
    result: 8,
    error: { code: 1, message: "x" },
  }, {
    kind: "refused",
    ...matched,
    error: { code: 1, message: "x", data: undefined },
  }],
  ["an error without code and message", { id: 7, error: {} }, {
    kind: "refused",
    ...matched,
    error: { code: 0, message: "", data: undefined },
  }],
  ["an error whose code is text", { id: 7, error: { code: "1", message: 2 } }, {
    kind: "refused",
    ...matched,
    error: { code: 0, message: "", data: undefined },
  }],
  ["neither", { id: 7, jsonrpc: "2.0" }, {
    kind: "broken",
    ...matched,
    reason: "it has neither a result nor an error",
  }],
  ["a null error alone", { id: 7, error: null }, {
    kind: "broken",
    ...matched,
    reason: "it has neither a result nor an error",
  }],
  ["an error that is text", { id: 7, result: 8, error: "no" }, {
    kind: "broken",
    ...matched,
    reason: "its error is not an object",
  }],
  ["an error that is an array", { id: 7, error: [] }, {
    kind: "broken",
    ...matched,
    reason: "its error is not an object",
  }],
  ["a null id and an error", {
    id: null,
    error: { code: -32700, message: "Parse error" },
  }, {
    kind: "unreadable",
    error: { code: -32700, message: "Parse error", data: undefined },
  }],
  ["no id and an error", { error: { code: -32700, message: "Parse error" } }, {
    kind: "unreadable",
    error: { code: -32700, message: "Parse error", data: undefined },
  }],
];

for (const [name, reply, outcome] of SETTLING) {
  Deno.test(`correlate() understands ${name}`, pure, () => {
    assertEquals(outcomeOf(reply), outcome as Record<string, unknown>);
  });
}

const UNMATCHED: [name: string, reply: unknown, reason: string][] = [
  ["an id that is not in flight", { id: 9, result: 1 }, "the id 9"],
  [
    "an error to such an id",
    { id: 9, error: { code: 1, message: "" } },
    "the id 9",
  ],
  ["an id as text", { id: "7", result: 1 }, `the id "7"`],
  ["an id as a fraction", { id: 7.5, result: 1 }, "the id 7.5"],
  ["an id of another sign", { id: -7, result: 1 }, "the id -7"],
  ["an id in an array", { id: [7], result: 1 }, "the id (no scalar)"],
  ["a null id and a result", { id: null, result: 1 }, "the id null"],
  ["no id", { result: 1 }, "the id (absent)"],
  ["an empty object", {}, "the id (absent)"],
  ["a long id", { id: "x".repeat(1e6), result: 1 }, "xxx…"],
  [
    "a request",
    { id: 7, jsonrpc: "2.0", method: "m", params: {} },
    "a request or a notification",
  ],
  [
    "a notification",
    { jsonrpc: "2.0", method: "m" },
    "a request or a notification",
  ],
  [
    "a notification of OpenSIPS",
    { id: null, jsonrpc: "2.0", method: "m" },
    "a request or a notification",
  ],
  ["a scalar", 7, "not an object"],
  ["null", null, "not an object"],
  ["an array in a batch", [{ id: 7, result: 1 }], "not an object"],
  [
    "__proto__ members",
    JSON.parse(`{"__proto__":{"id":7,"result":1}}`),
    "(absent)",
  ],
];

for (const [name, reply, reason] of UNMATCHED) {
  Deno.test(`correlate() ignores ${name}`, pure, () => {
    const outcome = correlate(reply as JsonValue, IN_FLIGHT);
    assert(outcome.kind === "unmatched", outcome.kind);
    assertEquals(outcome.reason.includes(reason), true, outcome.reason);
    assert(outcome.reason.length < 200);
  });
}

Deno.test(
  "correlate() ignores an id that is nested deeper than the stack",
  pure,
  () => {
    let id: JsonValue = 1;
    for (let i = 0; i < 100_000; i++) id = { id };
    assertEquals(correlate({ id, result: 1 }, IN_FLIGHT).kind, "unmatched");
  },
);

Deno.test("correlate() changes nothing", pure, () => {
  const inFlight = new Map([[7, "E_X"]]);
  const reply = Object.freeze({ id: 7, result: 1 });
  correlate(reply, inFlight);
  correlate(reply, inFlight);
  assertEquals([...inFlight], [[7, "E_X"]]);
});

Deno.test("nextId() counts up, wraps, and passes ids in flight", pure, () => {
  const ids = (...ids: number[]) => new Map(ids.map((id) => [id, 0]));
  assertEquals(nextId(1, ids()), 2);
  assertEquals(nextId(2147483646, ids()), 2147483647);
  assertEquals(nextId(2147483647, ids()), 1);
  assertEquals(nextId(2147483646, ids(2147483647, 1, 2)), 3);
  assertEquals(nextId(5, ids(6, 7, 9)), 8);
});
