import { assertEquals } from "@std/assert";
import { readMessage } from "../../src/protocol/request.ts";
import { parseSocket } from "../../src/protocol/socket.ts";
import recorded from "../data/opensips-wire.json" with { type: "json" };

const pure = { permissions: "none" } as const;

for (const [i, r] of recorded.entries()) {
  const name = `#${i} ${r.opensips}, ${r.case}`;
  Deno.test(`readMessage() reads what OpenSIPS wrote: ${name}`, pure, () => {
    const { method = r.event } = parseSocket(r.socket);
    const params = JSON.parse(r.text).params ?? {};
    assertEquals(
      readMessage(JSON.parse(r.text), r.text),
      r.id === null ? { kind: "notification", method, params } : {
        kind: "request",
        id: r.id,
        idText: String(r.id),
        method,
        params,
      },
    );
  });
}

const INVALID: [name: string, value: unknown, id: unknown, reason: string][] = [
  ["a scalar", 1, null, "not an object"],
  ["null", null, null, "not an object"],
  ["an array", [], null, "not an object"],
  ["no jsonrpc", { id: 1, method: "m" }, 1, `"jsonrpc"`],
  ["jsonrpc 1.0", { id: 1, jsonrpc: "1.0", method: "m" }, 1, `"jsonrpc"`],
  ["jsonrpc as a number", { id: 1, jsonrpc: 2, method: "m" }, 1, `"jsonrpc"`],
  ["no method", { id: "x", jsonrpc: "2.0" }, "x", `"method"`],
  [
    "a method that is no string",
    { id: 1, jsonrpc: "2.0", method: 1 },
    1,
    `"method"`,
  ],
  [
    "params that are a scalar",
    { id: 1, jsonrpc: "2.0", method: "m", params: "p" },
    1,
    `"params"`,
  ],
  [
    "an id that is an object",
    { id: {}, jsonrpc: "2.0", method: "m" },
    null,
    "its id",
  ],
  [
    "an id that is true",
    { id: true, jsonrpc: "2.0", method: "m" },
    null,
    "its id",
  ],
  [
    "an id out of range",
    JSON.parse(`{"id":1e999,"jsonrpc":"2.0","method":"m"}`),
    null,
    "its id",
  ],
  ["a response", { id: 1, jsonrpc: "2.0", result: 1 }, 1, `"method"`],
];

for (const [name, value, id, reason] of INVALID) {
  Deno.test(`readMessage() finds ${name} invalid`, pure, () => {
    const message = readMessage(value);
    assertEquals(message.kind, "invalid");
    if (message.kind !== "invalid") return;
    assertEquals(message.idText, JSON.stringify(id));
    assertEquals(message.reason.includes(reason), true, message.reason);
  });
}

Deno.test(
  "readMessage() takes ids of every kind that JSON-RPC 2.0 has",
  pure,
  () => {
    const read = (id: unknown) =>
      readMessage({ id, jsonrpc: "2.0", method: "m" });
    for (const id of ["", "x", 0, -1, 1.5, 2 ** 53 - 1]) {
      assertEquals(read(id), {
        kind: "request",
        id,
        idText: JSON.stringify(id),
        method: "m",
        params: {},
      });
    }
    const notification = {
      kind: "notification",
      method: "m",
      params: {},
    } as const;
    assertEquals(read(null), notification);
    assertEquals(readMessage({ jsonrpc: "2.0", method: "m" }), notification);
  },
);

Deno.test("readMessage() keeps every digit of an id in its text", pure, () => {
  for (
    const [idText, id] of [
      ["8674665223082153551", 8674665223082153551n],
      ["-9223372036854775808", -9223372036854775808n],
      ["18446744073709551615", 18446744073709551615n],
      ["1e30", 1e30],
      ["0.1234567890123456789", 0.12345678901234568],
    ] as const
  ) {
    const text = `{"jsonrpc":"2.0","id": ${idText} ,"method":"m"}`;
    const message = readMessage(JSON.parse(text), text);
    assertEquals(message, {
      kind: "request",
      id,
      idText,
      method: "m",
      params: {},
    });
  }
});

Deno.test("readMessage() takes params that are null for none", pure, () => {
  assertEquals(
    readMessage({ id: "x", jsonrpc: "2.0", method: "m", params: null }),
    { kind: "request", id: "x", idText: '"x"', method: "m", params: {} },
  );
});
