import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SocketSyntaxError } from "../../src/protocol/errors.ts";
import {
  type EventSocket,
  formatSocket,
  parseSocket,
} from "../../src/protocol/socket.ts";
import { isLoopback } from "../../src/protocol/socket.ts";

const pure = { permissions: "none" } as const;

const longHost = "a".repeat(253);
const longMethod = "m".repeat(65536);

const GOOD: [string, EventSocket][] = [
  ["jsonrpc:127.0.0.1:8080", {
    protocol: "jsonrpc",
    host: "127.0.0.1",
    port: 8080,
  }],
  ["tcp:127.0.0.1:8080", { protocol: "tcp", host: "127.0.0.1", port: 8080 }],
  ["jsonrpcs:as.example.com:443/m", {
    protocol: "jsonrpcs",
    host: "as.example.com",
    port: 443,
    method: "m",
  }],
  ["jsonrpc:as.example.com:1", {
    protocol: "jsonrpc",
    host: "as.example.com",
    port: 1,
  }],
  ["jsonrpc:möbel.example:80", {
    protocol: "jsonrpc",
    host: "möbel.example",
    port: 80,
  }],
  ["jsonrpc:app_server:65535/block_ip", {
    protocol: "jsonrpc",
    host: "app_server",
    port: 65535,
    method: "block_ip",
  }],
  ["jsonrpc:h:80/ns/v1/block", {
    protocol: "jsonrpc",
    host: "h",
    port: 80,
    method: "ns/v1/block",
  }],
  ["jsonrpc:h:80//", {
    protocol: "jsonrpc",
    host: "h",
    port: 80,
    method: "/",
  }],
  ["jsonrpc:h:80/a:b:c", {
    protocol: "jsonrpc",
    host: "h",
    port: 80,
    method: "a:b:c",
  }],
  ["jsonrpc:h:80/block ip", {
    protocol: "jsonrpc",
    host: "h",
    port: 80,
    method: "block ip",
  }],
  ["jsonrpc:h:80/méthode\n", {
    protocol: "jsonrpc",
    host: "h",
    port: 80,
    method: "méthode\n",
  }],
  ["jsonrpc:h:80/[::1]:90", {
    protocol: "jsonrpc",
    host: "h",
    port: 80,
    method: "[::1]:90",
  }],
  ["jsonrpc:[::1]:8080", { protocol: "jsonrpc", host: "::1", port: 8080 }],
  ["tcp:[2001:DB8::192.0.2.1]:8080/m", {
    protocol: "tcp",
    host: "2001:DB8::192.0.2.1",
    port: 8080,
    method: "m",
  }],
  ["jsonrpc:[fe80::1%eth0]:8080", {
    protocol: "jsonrpc",
    host: "fe80::1%eth0",
    port: 8080,
  }],
  [`jsonrpc:${longHost}:80`, { protocol: "jsonrpc", host: longHost, port: 80 }],
  [`jsonrpc:h:80/${longMethod}`, {
    protocol: "jsonrpc",
    host: "h",
    port: 80,
    method: longMethod,
  }],
];

const PORT = "a port from 1 to 65535";
const BAD: [socket: string, position: number, expected: string][] = [
  ["", 0, `"jsonrpc:", "jsonrpcs:" or "tcp:"`],
  ["127.0.0.1:8080", 0, `"jsonrpc:", "jsonrpcs:" or "tcp:"`],
  ["http://127.0.0.1:8080", 0, `"jsonrpc:", "jsonrpcs:" or "tcp:"`],
  ["JSONRPC:127.0.0.1:8080", 0, `"jsonrpc:", "jsonrpcs:" or "tcp:"`],
  [" jsonrpc:127.0.0.1:8080", 0, `"jsonrpc:", "jsonrpcs:" or "tcp:"`],
  ["jsonrpc", 0, `"jsonrpc:", "jsonrpcs:" or "tcp:"`],
  ["jsonrpcss:h:80", 0, `"jsonrpc:", "jsonrpcs:" or "tcp:"`],
  ["jsonrpc:", 8, "a host"],
  ["jsonrpcs:", 9, "a host"],
  ["jsonrpc::8080", 8, "a host"],
  ["jsonrpc:/m", 8, "a host"],
  ["jsonrpc://127.0.0.1:8080", 8, "a host"],
  ["jsonrpc:a b:8080", 9, "a host"],
  ["jsonrpc:user@host:8080", 12, "a host"],
  ["jsonrpc:h\0:8080", 9, "a host"],
  [`jsonrpc:${longHost}a:80`, 261, "a host of at most 253 characters"],
  ["jsonrpc:h\u200b:80", 9, "a host"],
  ["jsonrpc:h\u202e:80", 9, "a host"],
  ["jsonrpc:h\ud800:80", 9, "a host"],
  ["jsonrpc:127.0.0.1", 17, `":" and a port`],
  ["jsonrpc:127.0.0.1/m", 17, `":" and a port`],
  ["jsonrpc:h:", 10, PORT],
  ["jsonrpc:h:/m", 10, PORT],
  ["jsonrpc:h:0", 10, PORT],
  ["jsonrpc:h:65536", 10, PORT],
  ["jsonrpc:h:99999999999999999999", 10, PORT],
  ["jsonrpc:h:08080", 10, PORT],
  ["jsonrpc:h: 80", 10, PORT],
  ["jsonrpc:h:80 ", 10, PORT],
  ["jsonrpc:h:80x", 10, PORT],
  ["jsonrpc:h:+80", 10, PORT],
  ["jsonrpc:h:-80", 10, PORT],
  ["jsonrpc:h:8e3", 10, PORT],
  ["jsonrpc:h:0x50", 10, PORT],
  ["jsonrpc:h:٨٠", 10, PORT],
  ["jsonrpc:::1:8080", 8, "an IPv6 address stands in brackets"],
  ["jsonrpc:fe80::1:8080/m", 8, "an IPv6 address stands in brackets"],
  ["jsonrpc:[::1:8080", 17, `"]" after the IPv6 address`],
  ["jsonrpc:[::1/m]:8080", 12, `"]" after the IPv6 address`],
  ["jsonrpc:[]:8080", 9, "an IPv6 address"],
  ["jsonrpc:[127.0.0.1]:8080", 9, "an IPv6 address"],
  ["jsonrpc:[::g]:8080", 9, "an IPv6 address"],
  ["jsonrpc:[:::]:8080", 9, "an IPv6 address"],
  ["jsonrpc:[::1]", 13, `":" and a port`],
  ["jsonrpc:[::1]8080", 13, `":" and a port`],
  ["jsonrpc:[fe80::1%]:8080", 16, `"%" and a zone`],
  ["jsonrpc:[fe80::1%a b]:8080", 16, `"%" and a zone`],
];

for (const [text, socket] of GOOD) {
  const name = text.slice(0, 60);
  Deno.test(`parseSocket() parses ${name}`, pure, () => {
    assertEquals(parseSocket(text), socket);
  });
  Deno.test(`formatSocket() gives back ${name}`, pure, () => {
    assertEquals(formatSocket(socket), text);
    assertEquals(parseSocket(formatSocket(parseSocket(text))), socket);
  });
}

for (const [text, position, expected] of BAD) {
  Deno.test(
    `parseSocket() refuses ${JSON.stringify(text.slice(0, 60))}`,
    pure,
    () => {
      const error = assertThrows(() => parseSocket(text), SocketSyntaxError);
      assertEquals(error.socket, text);
      assertEquals(error.position, position);
      assertStringIncludes(error.expected, expected);
      assertStringIncludes(error.message, expected);
      assertStringIncludes(error.message, `at position ${position}`);
    },
  );
}

Deno.test("parseSocket() says what it found", pure, () => {
  assertThrows(
    () => parseSocket("jsonrpc:127.0.0.1:80x"),
    SocketSyntaxError,
    `Cannot parse socket "jsonrpc:127.0.0.1:80x": expected a port from 1 to 65535 in decimal digits, with no leading zero, at position 18, found "80x"`,
  );
  assertThrows(
    () => parseSocket("jsonrpc:127.0.0.1"),
    SocketSyntaxError,
    "found the end",
  );
});

Deno.test(
  "parseSocket() lets no control character into its error",
  pure,
  () => {
    const error = assertThrows(
      () => parseSocket("\x1b[31m\u009b\u202e\n"),
      SocketSyntaxError,
    );
    // deno-lint-ignore no-control-regex
    assertEquals(/[\x00-\x1f\x7f-\x9f\u202e]/.test(error.message), false);
  },
);

Deno.test("parseSocket() refuses what is not a string", pure, () => {
  assertThrows(
    () => parseSocket(8080 as unknown as string),
    TypeError,
    "of type number: expected a string",
  );
});

Deno.test("parseSocket() treats an empty method as none", pure, () => {
  assertEquals("method" in parseSocket("jsonrpc:h:80/"), false);
  assertEquals(formatSocket(parseSocket("jsonrpc:h:80/")), "jsonrpc:h:80");
});

Deno.test("isLoopback() tells this machine from others", () => {
  const own = ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST", "::1"];
  for (const host of [...own, "[::1]", "::ffff:127.0.0.1"]) {
    assertEquals(isLoopback(host), true, host);
  }
  const others = ["0.0.0.0", "::", "::2", "10.0.0.7", "128.0.0.1", "local", ""];
  for (const host of [...others, "127.example", "127.0.0.1.x", "localhost.x"]) {
    assertEquals(isLoopback(host), false, host);
  }
});
