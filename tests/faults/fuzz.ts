/**
 * The pure functions against plain ones that do the same: those are slow, take
 * all at once, and are written from the rules and not from the code.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { isIPv6 } from "node:net";
import {
  buildMessage,
  correlate,
  type EventParams,
  formatSocket,
  JsonStream,
  type JsonValue,
  ParamsError,
  parseSocket,
  readMessage,
  SocketSyntaxError,
} from "../../mod.ts";
import { cutAtRandom, randomFrom } from "../helpers/random.ts";
import {
  badParams,
  below,
  harmed,
  oneOf,
  params,
  type Random,
  reply,
  socketText,
  text,
  texts,
} from "./generators.ts";

/** A check of one case, drawn by chance. */
export interface Fuzz {
  name: string;
  check: (random: Random) => void;
}

/** Checks so many cases. A failure names the seed of its case. */
export function fuzz({ name, check }: Fuzz, seed: number, count: number): void {
  for (let n = 0; n < count; n++) {
    try {
      check(randomFrom(seed + n));
    } catch (cause) {
      const { message } = cause as Error;
      throw new Error(`${name}, seed ${seed + n}: ${message}`, { cause });
    }
  }
}

export const FUZZ: Fuzz[] = [
  { name: "sockets", check: checkSocket },
  { name: "params", check: checkParams },
  { name: "params that are none", check: checkBadParams },
  { name: "replies", check: checkReply },
  { name: "the splitter", check: checkSplitter },
];

// Sockets.

/** Host, port and method, by the grammar in one expression. */
function plainSocket(text: string): ReturnType<typeof parseSocket> | undefined {
  const match =
    /^(jsonrpc|tcp):(?:\[([^\]/]*)\]|([\p{L}\p{M}\p{N}._-]{1,253})):([1-9][0-9]{0,4})(?:\/(.*))?$/su
      .exec(text);
  if (match === null) return undefined;
  const [, protocol, address, name, port, method] = match;
  if (
    address !== undefined &&
    !(isIPv6(address) && /^[^%]*(%[\w.~-]{1,64})?$/.test(address))
  ) return undefined;
  if (Number(port) > 65535) return undefined;
  return {
    protocol: protocol as "jsonrpc" | "tcp",
    host: address ?? name,
    port: Number(port),
    ...(method && { method }),
  };
}

function checkSocket(random: Random): void {
  const text = socketText(random);
  const expected = plainSocket(text);
  if (expected === undefined) {
    const error = assertThrows(
      () => parseSocket(text),
      SocketSyntaxError,
      undefined,
      text,
    );
    assert(error.position >= 0 && error.position <= text.length, text);
    return;
  }
  const socket = parseSocket(text);
  assertEquals(socket, expected, text);
  const formatted = formatSocket(socket);
  assertEquals(parseSocket(formatted), socket, text);
  assertEquals(formatted, text.replace(/^([^/]*)\/$/, "$1"));
}

// Messages.

function checkParams(random: Random): void {
  const protocol = oneOf(random, ["jsonrpc", "tcp"] as const);
  const method = random() < 0.3 ? text(random) : undefined;
  const event = text(random) || "E_X";
  const id = random() < 0.5 ? 1 + below(random, 0x7fffffff) : undefined;
  const eventParam = random() < 0.3 ? "event" : undefined;
  const { params: given, kind, members } = params(random);
  const build = () =>
    buildMessage({ protocol, method }, event, given as EventParams, {
      id,
      eventParam,
    });
  if (
    kind === "named" && eventParam !== undefined &&
    members.some((member) => member.startsWith('"event":'))
  ) {
    const { path } = assertThrows(build, ParamsError);
    return assertEquals(path, "params.event");
  }

  const name = JSON.stringify(event);
  const isArray = kind === "unnamed" && members.length > 0;
  if (eventParam !== undefined) {
    members.unshift(isArray ? name : `"event":${name}`);
  }
  const start = id === undefined && protocol === "tcp"
    ? "{"
    : `{"id":${id ?? null},`;
  const all = isArray ? `[${members}]` : `{${members}}`;
  const isLeftOut = protocol === "tcp" &&
    members.length === (eventParam === undefined ? 0 : 1);
  const expected = `${start}"jsonrpc":"2.0","method":${
    JSON.stringify(method || event)
  }${isLeftOut ? "" : `,"params":${all}`}}`;
  const message = build();
  // Half a character comes out as U+FFFD, or escaped: never as bytes of its own.
  assertEquals(message, expected);

  const read = readMessage(JSON.parse(message));
  assert(read.kind !== "invalid");
  assertEquals(read.kind, id === undefined ? "notification" : "request");
  if (read.kind === "request") assertEquals(read.id, id);
  assertEquals(read.method, method || event);
  assertEquals(
    JSON.stringify(read.params),
    JSON.stringify(isLeftOut ? {} : JSON.parse(all)),
  );
}

function checkBadParams(random: Random): void {
  const { params, path } = badParams(random);
  const error = assertThrows(
    () =>
      buildMessage({ protocol: "jsonrpc" }, "E_X", params as EventParams, {
        eventParam: random() < 0.5 ? "event" : undefined,
      }),
    ParamsError,
  );
  assertEquals(error.path, path);
}

// Replies.

/** The rules for replies, as a list. */
function plainOutcome(reply: JsonValue, inFlight: Map<number, string>): string {
  if (!isObject(reply) || "method" in reply) return "unmatched";
  const { id, result, error } = reply;
  const hasError = "error" in reply && error !== null;
  if (hasError && (id === null || !("id" in reply))) {
    return isObject(error) && error.code === -32700
      ? "unreadable"
      : "unmatched";
  }
  const isDigits = typeof id === "string" && /^\d{1,10}$/.test(id);
  const request = inFlight.get(isDigits ? Number(id) : id as number);
  if (request === undefined) return "unmatched";
  if (hasError) {
    const isError = typeof error === "string" || typeof error === "object";
    return `${isError ? "refused" : "broken"} ${request}`;
  }
  return "result" in reply
    ? `confirmed ${request} ${JSON.stringify(result)}`
    : `broken ${request}`;
}

function isObject(value: JsonValue): value is { [name: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function outcomeOf(reply: JsonValue, inFlight: Map<number, string>): string {
  const outcome = correlate(reply, inFlight);
  switch (outcome.kind) {
    case "unmatched":
    case "unreadable":
      return outcome.kind;
    case "confirmed": {
      const { kind, request, result } = outcome;
      return `${kind} ${request} ${JSON.stringify(result)}`;
    }
    default:
      return `${outcome.kind} ${outcome.request}`;
  }
}

function requests(random: Random): Map<number, string> {
  const ids = [1, 2, 1 + below(random, 0x7fffffff), 0x7fffffff];
  return new Map(ids.map((id) => [id, `request ${id}`]));
}

function checkReply(random: Random): void {
  const inFlight = requests(random);
  // As it is read: by way of JSON, with `__proto__` as a name.
  const text = JSON.stringify(reply(random, [...inFlight.keys()]));
  assertEquals(
    outcomeOf(JSON.parse(text), inFlight),
    plainOutcome(JSON.parse(text), inFlight),
    text,
  );
}

// The splitter.

/** Texts, and then the class of the error if there is one. */
type Split = string[];

/** Splits what is there as a whole, a token at a time. */
function plainSplit(bytes: Uint8Array, max: number): Split {
  // A character for each byte, so that expressions can be used.
  const all = Array.from(bytes, (b) => String.fromCharCode(b)).join("");
  const texts: Split = [];
  const take = (pattern: RegExp, at: number) => {
    pattern.lastIndex = at;
    return pattern.exec(all)?.[0];
  };
  const STRING = /"(?:[^"\\]|\\[^])*"/y;
  const decode = (start: number, end: number) =>
    new TextDecoder("utf-8", { ignoreBOM: true })
      .decode(bytes.subarray(start, end));
  for (let at = 0;;) {
    at += take(/(?:[ \t\n\r]|\xef\xbb\xbf)*/y, at)!.length;
    if (at === all.length) return texts;
    const start = at;
    const scalar = take(/[-0-9tfn][-+.0-9Eaeflnrstu]*/y, at) ??
      take(STRING, at);
    if (scalar !== undefined) {
      at += scalar.length;
    } else if (/["[{]/.test(all[at])) {
      for (let depth = 0; at < all.length;) {
        const token = take(STRING, at) ?? (all[at] === '"' ? "" : all[at]);
        if (token === "") at = Infinity;
        else at += token.length;
        if (token === "{" || token === "[") depth++;
        if (depth > 1000) return [...texts, "RangeError"];
        if ((token === "}" || token === "]") && --depth === 0) break;
        if (at >= all.length) at = Infinity;
      }
      if (at === Infinity) { // it is not whole
        const isTooLarge = decode(start, all.length).length > max;
        return [...texts, isTooLarge ? "RangeError" : "SyntaxError"];
      }
    } else {
      return [...texts, "SyntaxError"];
    }
    const found = decode(start, at);
    if (new TextEncoder().encode(found).length > max) {
      return [...texts, "RangeError"];
    }
    texts.push(found);
  }
}

function split(pieces: Iterable<Uint8Array>, max: number): Split {
  const stream = new JsonStream({ maxMessageBytes: max });
  const texts: Split = [];
  const takeAll = () => {
    for (let text; (text = stream.next()) !== undefined;) texts.push(text);
  };
  try {
    for (const piece of pieces) {
      stream.push(piece);
      takeAll();
    }
    stream.end();
    takeAll();
  } catch (error) {
    texts.push((error as Error).constructor.name);
  }
  return texts;
}

function* single(bytes: Uint8Array): Generator<Uint8Array> {
  for (const byte of bytes) yield Uint8Array.of(byte);
}

function bytesOf(random: Random): Uint8Array {
  const bytes = new TextEncoder().encode(texts(random));
  return random() < 0.4 ? harmed(random, bytes) : bytes;
}

function checkSplitter(random: Random): void {
  const bytes = bytesOf(random);
  const max = random() < 0.2 ? 1 + below(random, 40) : 1024 * 1024;
  const expected = plainSplit(bytes, max);
  const shown = () => JSON.stringify(new TextDecoder().decode(bytes));
  const same = (actual: Split, how: string) => {
    if (actual.join("\n") === expected.join("\n")) return;
    assertEquals(actual, expected, `${shown()} ${how}, at most ${max}`);
  };
  same(split([bytes], max), "whole");
  same(split(single(bytes), max), "byte by byte");
  same(split(cutAtRandom(bytes, random), max), "cut at random");
}
