import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SocketSyntaxError } from "../../src/protocol/errors.ts";
import { formatSocket } from "../../src/protocol/socket.ts";
import {
  formatVirtualSocket,
  isVirtual,
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
