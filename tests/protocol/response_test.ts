import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { ParamsError, ServerError } from "../../src/protocol/errors.ts";
import {
  correlate,
  formatError,
  formatResult,
} from "../../src/protocol/response.ts";
import type { JsonValue } from "../../src/protocol/json.ts";

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
  ["an error that is a text", { id: 7, result: null, error: "no such host" }, {
    kind: "refused",
    ...matched,
    error: { code: 0, message: "no such host", data: "no such host" },
  }],
  ["an error that is a list", { id: 7, error: [20, "Not supported.", null] }, {
    kind: "refused",
    ...matched,
    error: {
      code: 20,
      message: "Not supported.",
      data: [20, "Not supported.", null],
    },
  }],
  ["an error that is a list without a text", { id: 7, error: [{ a: 1 }] }, {
    kind: "refused",
    ...matched,
    error: { code: 0, message: `[{"a":1}]`, data: [{ a: 1 }] },
  }],
  ["an error that is a number", { id: 7, error: 5 }, {
    kind: "broken",
    ...matched,
    reason: "its error is not an object, a string or an array",
  }],
  ["an id that is the digits as a text", { id: "7", result: 8 }, {
    kind: "confirmed",
    ...matched,
    result: 8,
  }],
  [
    "such an id beside an error",
    { id: "8", error: { code: 1, message: "x" } },
    {
      kind: "refused",
      id: 8,
      request: "E_Y",
      error: { code: 1, message: "x", data: undefined },
    },
  ],
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
  ["an id as a text that is no number", { id: "7x", result: 1 }, `the id "7x"`],
  ["an id as an empty text", { id: "", result: 1 }, `the id ""`],
  ["an id as a text with a sign", { id: "+7", result: 1 }, `the id "+7"`],
  [
    "an error without an id, with several in flight",
    { id: null, error: { code: -32602, message: "Invalid params" } },
    "2 requests are in flight",
  ],
  ["such an error that is a text", { error: "no" }, "2 requests are in flight"],
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

Deno.test(
  "correlate() gives an error without an id to the only request in flight",
  pure,
  () => {
    for (const error of [{ code: -32602, message: "x" }, "x", [1, "x"]]) {
      for (const id of [null, undefined]) {
        const response: JsonValue = id === undefined
          ? { error }
          : { id, error };
        const alone = correlate(response, new Map([[9, "E_X"]]));
        assert(alone.kind === "refused", alone.kind);
        assertEquals([alone.id, alone.request], [9, "E_X"]);
        assertEquals(alone.error.message, "x");
        assertEquals(correlate(response, new Map()).kind, "unmatched");
      }
    }
  },
);

Deno.test("formatResult() and formatError() write responses", pure, () => {
  assertEquals(
    formatResult("1", true),
    `{"id":1,"jsonrpc":"2.0","result":true}`,
  );
  assertEquals(
    formatResult(`"x\\""`, { a: [null] }),
    `{"id":"x\\"","jsonrpc":"2.0","result":{"a":[null]}}`,
  );
  assertEquals(
    formatError("null", new ServerError(-32700, "Parse error")),
    `{"id":null,"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"}}`,
  );
  assertEquals(
    formatError("1", new ServerError(404, `"`, { a: null })),
    `{"id":1,"jsonrpc":"2.0","error":{"code":404,"message":"\\"","data":{"a":null}}}`,
  );
});

Deno.test("formatResult() refuses what JSON cannot carry", pure, () => {
  const error = assertThrows(() => formatResult("1", { a: 1n }), ParamsError);
  assertInstanceOf(error, TypeError);
  assertEquals(error.path, "result.a");
});

Deno.test("formatError() writes JSON whatever the message is", pure, () => {
  const error = new ServerError(1, "x");
  (error as { message: unknown }).message = undefined;
  JSON.parse(formatError("1", error));
});
