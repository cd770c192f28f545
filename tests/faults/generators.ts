/** What the functions under test are given: valid, nearly so, and wrong. */

import { type JsonValue, NamedParams } from "../../mod.ts";

/** Numbers from 0 up to 1. */
export type Random = () => number;

/** An integer from 0 up to `end`. */
export function below(random: Random, end: number): number {
  return Math.floor(random() * end);
}

/** One of several. */
export function oneOf<T>(random: Random, items: readonly T[]): T {
  return items[below(random, items.length)];
}

/** So many as `make` makes, up to `most`. */
export function someOf<T>(random: Random, most: number, make: () => T): T[] {
  return Array.from({ length: below(random, most + 1) }, make);
}

const TEXTS = ["", "a", "é", "漢", "😀", "\ud800", "\udc00", "\0", "\x7f", "\n"]
  .concat(['"', "\\", "/", "}", "{", "]", "[", ":", ",", " ", "\u2028", "id"])
  .concat(["sip:alice@example.com", "192.168.2.11", "x".repeat(80)]);
const NUMBERS = [0, -0, 1, -1, 0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308]
  .concat([2 ** 31 - 1, 2 ** 31, 2 ** 53, -(2 ** 53), 123456789.123]);
const NAMES = ["a", "b", "id", "", "0", "10", "-1", "__proto__", "constructor"]
  .concat(["toString", "toJSON", "é", '"', "\\", "event", "result", "error"]);

/** Text in which all that is special comes often. */
export function text(random: Random): string {
  return someOf(random, 4, () => oneOf(random, TEXTS)).join("");
}

/** A JSON value. */
export function value(random: Random, depth = 3): JsonValue {
  switch (below(random, depth > 0 ? 7 : 5)) {
    case 0:
    case 1:
      return text(random);
    case 2:
      return oneOf(random, NUMBERS);
    case 3:
      return below(random, 1e6);
    case 4:
      return oneOf(random, [null, true, false]);
    case 5:
      return someOf(random, 4, () => value(random, depth - 1));
    default:
      return object(random, depth);
  }
}

/** A JSON object, `__proto__` among its names. */
export function object(
  random: Random,
  depth = 3,
): { [name: string]: JsonValue } {
  return Object.fromEntries(
    someOf(random, 4, () => [name(random), value(random, depth - 1)]),
  );
}

/**
 * A name. None has a backslash: where V8 15.0 expects such a name, as one came
 * there before, its JSON.parse takes another for it.
 */
function name(random: Random): string {
  const name = random() < 0.8 ? oneOf(random, NAMES) : text(random);
  return name.replaceAll("\\", "/");
}

/** Params of each make, with what JSON they are. */
export function params(
  random: Random,
): { params: unknown; kind: "named" | "unnamed"; members: string[] } {
  const member = ([name, value]: [string, JsonValue]) =>
    `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  switch (below(random, 3)) {
    case 0: {
      const params = object(random);
      const members = Object.entries(params).map(member);
      return { params, kind: "named", members };
    }
    case 1: {
      const params = someOf(random, 4, () => value(random));
      const members = params.map((value) => JSON.stringify(value));
      return { params, kind: "unnamed", members };
    }
    default: {
      const pairs = someOf(
        random,
        4,
        (): [string, JsonValue] => [name(random), value(random)],
      );
      const params = new NamedParams(pairs);
      return { params, kind: "named", members: pairs.map(member) };
    }
  }
}

/** What JSON cannot carry. */
export function notJson(random: Random): unknown {
  return oneOf(random, [
    undefined,
    NaN,
    Infinity,
    -Infinity,
    1n,
    Symbol("s"),
    () => 1,
    new Date(0),
    new Map(),
    new Uint8Array(2),
    /x/,
  ]);
}

/** Params with one thing in them that JSON cannot carry, and where it is. */
export function badParams(
  random: Random,
): { params: unknown; path: string } {
  let bad = notJson(random), path = "";
  for (let depth = below(random, 4); depth >= 0; depth--) {
    if (random() < 0.5) {
      const before = someOf(random, 3, () => value(random, 1));
      path = `[${before.length}]${path}`;
      bad = [...before, bad, ...someOf(random, 3, () => value(random, 1))];
    } else {
      const name = oneOf(random, ["bad", "wrong", "e_1", "$"]);
      path = `.${name}${path}`;
      const entries = someOf(random, 3, () => ["n" + below(random, 9), 1]);
      bad = { ...Object.fromEntries(entries), [name]: bad };
    }
  }
  return { params: bad, path: `params${path}` };
}

const HOSTS = [
  "127.0.0.1",
  "localhost",
  "example.com",
  "a",
  "-",
  "_x",
  "bücher",
]
  .concat([
    "xn--bcher-kva",
    "漢字",
    "h".repeat(253),
    "h".repeat(254),
    "",
    "a b",
  ])
  .concat(["[::1]", "[::]", "[1:2:3:4:5:6:7:8]", "[fe80::1%eth0]", "::1", "[]"])
  .concat(["[::ffff:1.2.3.4]", "[::1", "::1]", "[1::2::3]", "[g::]", "[::1]x"])
  .concat(["[1:2:3:4:5:6:7]", "[12345::]", "[::1%]", "[fe80::1%e/0]", "a\0b"]);
const PORTS = [
  "1",
  "8080",
  "65535",
  "0",
  "65536",
  "080",
  "",
  "-1",
  "1e3",
  "99999",
]
  .concat(["8080 ", "８０", "123456", "+1", "0x10"]);
const METHODS = [
  "",
  "",
  "/",
  "/block_ip",
  "/a/b",
  "//",
  "/:1",
  "/é",
  "/a b\n",
  "?",
];

/** A socket, or nearly one. */
export function socketText(random: Random): string {
  const host = random() < 0.3
    ? `[${
      Array.from(
        { length: 1 + below(random, 9) },
        () => random() < 0.25 ? "" : below(random, 70000).toString(16),
      ).join(":")
    }]`
    : oneOf(random, HOSTS);
  const scheme = oneOf(
    random,
    ["jsonrpc:", "jsonrpc:", "tcp:", "tcp:", "TCP:"]
      .concat(["", "jsonrpc", "udp:", " tcp:"]).slice(
        0,
        random() < 0.9 ? 4 : 9,
      ),
  );
  const port = random() < 0.5
    ? String(below(random, 70000))
    : oneOf(random, PORTS);
  const whole = `${scheme}${host}:${port}${oneOf(random, METHODS)}`;
  if (random() < 0.9) return whole;
  const at = below(random, whole.length); // a slip of the keyboard
  return whole.slice(0, at) + oneOf(random, ["", ":", "/", "[", "]", "0"]) +
    whole.slice(at + 1);
}

/** A reply to one of `ids`, or what a server might send in place of one. */
export function reply(random: Random, ids: readonly number[]): JsonValue {
  if (random() < 0.1) return value(random, 1);
  const reply: { [name: string]: JsonValue } = {};
  const members: [number, string, () => JsonValue][] = [
    [0.7, "jsonrpc", () => "2.0"],
    [0.9, "id", () => id(random, ids)],
    [0.7, "result", () => value(random, 2)],
    [0.3, "error", () => error(random)],
    [0.1, "method", () => text(random)],
    [0.1, "more", () => value(random, 1)],
  ];
  if (random() < 0.5) members.reverse();
  for (const [chance, name, make] of members) {
    if (random() < chance) reply[name] = make();
  }
  return reply;
}

function id(random: Random, ids: readonly number[]): JsonValue {
  const one = oneOf(random, ids);
  if (random() < 0.6) return one;
  return oneOf<JsonValue>(random, [
    ...[`${one}`, -one, one + 0.5, one * 2 ** 31, one + 1, null, true, [one]],
    ...[{ id: one }, 0, "", 1e300],
  ]);
}

function error(random: Random): JsonValue {
  if (random() < 0.3) {
    return oneOf<JsonValue>(random, [null, null, false, "no", []]);
  }
  return {
    ...(random() < 0.8 && { code: random() < 0.8 ? -32000 : text(random) }),
    ...(random() < 0.8 && { message: random() < 0.8 ? text(random) : 1 }),
    ...(random() < 0.3 && { data: value(random, 1) }),
  };
}

/** JSON texts as a server may write them, in a row. */
export function texts(random: Random): string {
  const space = () => oneOf(random, ["", "", "", " ", "\r\n", "\t\t"]);
  return someOf(random, 5, () => {
    const json = JSON.stringify(value(random, 2), null, oneOf(random, [0, 1]));
    const between = /^[{["]/.test(json) ? space() : " "; // numbers need one
    return json + between + space();
  }).join("");
}

/** Bytes of which one or more were changed, taken out or put in. */
export function harmed(random: Random, bytes: Uint8Array): Uint8Array {
  const all = [...bytes];
  for (let n = below(random, 3); n >= 0; n--) {
    const at = below(random, all.length + 1);
    const byte = random() < 0.5
      ? below(random, 256)
      : oneOf(random, '{}[]",:\\ 1-tfn'.split("")).charCodeAt(0);
    oneOf(random, [
      () => all[at] = byte,
      () => all.splice(at, 1 + below(random, 4)),
      () => all.splice(at, 0, byte),
      () => all.splice(at),
    ])();
  }
  return Uint8Array.from(all);
}
