import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SocketSyntaxError } from "../../src/protocol/errors.ts";
import { formatSocket } from "../../src/protocol/socket.ts";
import {
  formatVirtualSocket,
  isVirtual,
  MAX_SOCKETS,
  parseTarget,
  parseVirtualSocket,
  type Policy,
} from "../../src/protocol/virtual_socket.ts";

const pure = { permissions: "none" } as const;

const GOOD: [text: string, policy: Policy, sockets: string[]][] = [
  ["virtual:PARALLEL jsonrpc:h:1", "PARALLEL", ["jsonrpc:h:1"]],
  ["virtual:FAILOVER jsonrpc:h:1/m tcp:[::1]:2", "FAILOVER", [
    "jsonrpc:h:1/m",
    "tcp:[::1]:2",
  ]],
  [
    "virtual: \tROUND-ROBIN \t jsonrpc:h:1\t\tjsonrpc:h:1  ",
    "ROUND-ROBIN",
    ["jsonrpc:h:1", "jsonrpc:h:1"],
  ],
];

for (const [text, policy, sockets] of GOOD) {
  Deno.test(`parseVirtualSocket() parses ${JSON.stringify(text)}`, pure, () => {
    const virtual = parseVirtualSocket(text);
    assertEquals(virtual.policy, policy);
    assertEquals(virtual.sockets.map(formatSocket), sockets);
    const formatted = formatVirtualSocket(virtual);
    assertEquals(formatted, `virtual:${policy} ${sockets.join(" ")}`);
    assertEquals(parseVirtualSocket(formatted), virtual);
  });
}

const BAD: [text: string, position: number, expected: string][] = [
  ["jsonrpc:h:1", 0, `"virtual:"`],
  ["virtual:", 8, "PARALLEL, FAILOVER or ROUND-ROBIN"],
  ["virtual: ", 8, "PARALLEL, FAILOVER or ROUND-ROBIN"],
  ["virtual:failover jsonrpc:h:1", 8, "PARALLEL, FAILOVER or ROUND-ROBIN"],
  ["virtual: jsonrpc:h:1", 9, "PARALLEL, FAILOVER or ROUND-ROBIN"],
  ["virtual:PARALLEL", 16, "a socket"],
  ["virtual:PARALLEL  ", 18, "a socket"],
  ["virtual:PARALLEL nope:h:1", 17, `"jsonrpc:", "jsonrpcs:" or "tcp:"`],
  ["virtual:PARALLEL jsonrpc:h:1 jsonrpc:h:x", 39, "a port from 1 to 65535"],
  [
    "virtual:PARALLEL virtual:PARALLEL",
    17,
    `"jsonrpc:", "jsonrpcs:" or "tcp:"`,
  ],
  ["virtual:PARALLEL\njsonrpc:h:1", 8, "PARALLEL, FAILOVER or ROUND-ROBIN"],
];

for (const [text, position, expected] of BAD) {
  Deno.test(
    `parseVirtualSocket() refuses ${JSON.stringify(text)}`,
    pure,
    () => {
      const error = assertThrows(
        () => parseVirtualSocket(text),
        SocketSyntaxError,
      );
      assertEquals([error.socket, error.position], [text, position]);
      assertStringIncludes(error.expected, expected);
    },
  );
}

Deno.test("isVirtual() tells by the prefix", pure, () => {
  assertEquals(isVirtual("virtual:x"), true);
  assertEquals(isVirtual("jsonrpc:virtual:1"), false);
});

Deno.test(
  "parseVirtualSocket() takes the same server twice, and refuses it 20,000 times",
  pure,
  () => {
    const many = (n: number) => `virtual:PARALLEL${" jsonrpc:h:1".repeat(n)}`;
    for (const n of [2, 3, MAX_SOCKETS]) {
      assertEquals(parseVirtualSocket(many(n)).sockets.length, n);
    }
    for (const n of [MAX_SOCKETS + 1, 20_000]) {
      const error = assertThrows(
        () => parseVirtualSocket(many(n)),
        SocketSyntaxError,
        "expected at most 100 sockets",
      );
      assertEquals(error.position, many(MAX_SOCKETS).length + 1);
    }
  },
);

Deno.test(
  "parseTarget() takes a socket or a virtual one, and writes it in one way",
  pure,
  () => {
    for (const text of ["jsonrpc:h:1", "tcp:[::1]:2/m"]) {
      const { socket, policy, sockets } = parseTarget(text);
      assertEquals([socket, policy], [text, undefined]);
      assertEquals(sockets.map(formatSocket), [text]);
    }
    assertEquals(parseTarget("jsonrpc:h:1/").socket, "jsonrpc:h:1");
    const { socket, policy, sockets } = parseTarget(
      "virtual: FAILOVER\tjsonrpc:h:1/  jsonrpc:h:2",
    );
    assertEquals(socket, "virtual:FAILOVER jsonrpc:h:1 jsonrpc:h:2");
    assertEquals([policy, sockets.length], ["FAILOVER", 2]);
    for (const text of ["h:1", "virtual:", "virtual:PARALLEL h:1"]) {
      assertThrows(() => parseTarget(text), SocketSyntaxError);
    }
  },
);
