/**
 * Several sockets as one, for failover and balancing:
 * `virtual:POLICY socket socket …`, as OpenSIPS's `event_virtual` has it.
 *
 * @module
 */

import { SocketSyntaxError } from "./errors.ts";
import { type EventSocket, formatSocket, parseSocket } from "./socket.ts";

/**
 * How an event is delivered to several sockets. `PARALLEL` tells all of them,
 * whatever becomes of one. `FAILOVER` tries them in order until one delivers.
 * `ROUND-ROBIN` takes the next at each event, whether the last one worked or
 * not.
 */
export type Policy = "PARALLEL" | "FAILOVER" | "ROUND-ROBIN";

/** The parts of a virtual socket. */
export interface VirtualSocket {
  /** How events are delivered. */
  policy: Policy;
  /** The sockets, of which there is at least one. */
  sockets: EventSocket[];
}

/**
 * One socket or several, as somebody subscribes them; see
 * {@linkcode parseTarget}.
 */
export interface Target {
  /** The text that all ways to write this target have in common. */
  readonly socket: string;
  /** Of a virtual socket; else it is absent. */
  readonly policy?: Policy;
  /** The sockets, of which there is one unless the target is a virtual socket. */
  readonly sockets: readonly EventSocket[];
}

/**
 * How many sockets a virtual one may have. Each can get a connection, and with
 * `PARALLEL` each gets every event: a short text must not ask for thousands.
 */
export const MAX_SOCKETS: number = 100;

const PREFIX = "virtual:";
const POLICIES = ["PARALLEL", "FAILOVER", "ROUND-ROBIN"];

/** Whether `text` is meant to be a virtual socket. */
export function isVirtual(text: string): boolean {
  return typeof text === "string" && text.startsWith(PREFIX);
}

/**
 * Parses a virtual socket. Between its parts stand any spaces and tabs, so the
 * method of a socket in it cannot contain any.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseVirtualSocket } from "../../mod.ts";
 *
 * const { policy, sockets } = parseVirtualSocket(
 *   "virtual:FAILOVER jsonrpc:10.0.0.1:8080 jsonrpc:10.0.0.2:8080",
 * );
 * assertEquals([policy, sockets.length], ["FAILOVER", 2]);
 * ```
 *
 * @throws {SocketSyntaxError} if `text` is not a virtual socket, one of its
 * sockets is wrong, or there are more than 100 of them; the error says where, and
 * what was expected there.
 */
export function parseVirtualSocket(text: string): VirtualSocket {
  if (!isVirtual(text)) throw new SocketSyntaxError(text, 0, `"${PREFIX}"`);
  const words = text.slice(PREFIX.length).matchAll(/[^ \t]+/g);
  const first = words.next().value;
  if (first === undefined || !POLICIES.includes(first[0])) {
    throw new SocketSyntaxError(
      text,
      PREFIX.length + (first?.index ?? 0),
      POLICIES.join(", ").replace(/, (?=[^,]*$)/, " or "),
    );
  }
  const sockets: EventSocket[] = [];
  for (const { 0: word, index } of words) {
    const start = PREFIX.length + index;
    if (sockets.length === MAX_SOCKETS) {
      throw new SocketSyntaxError(
        text,
        start,
        `at most ${MAX_SOCKETS} sockets, and the end`,
      );
    }
    sockets.push(parseWord(text, word, start));
  }
  if (sockets.length === 0) {
    throw new SocketSyntaxError(text, text.length, "a socket");
  }
  return { policy: first[0] as Policy, sockets };
}

/** Parses a socket that starts somewhere in a text. */
function parseWord(text: string, word: string, start: number): EventSocket {
  try {
    return parseSocket(word);
  } catch (error) {
    if (!(error instanceof SocketSyntaxError)) throw error;
    throw new SocketSyntaxError(text, start + error.position, error.expected);
  }
}

/**
 * Parses a socket or a virtual socket.
 *
 * @throws {SocketSyntaxError} if `text` is neither.
 * @throws {TypeError} if `text` is not a string.
 */
export function parseTarget(text: string): Target {
  if (isVirtual(text)) {
    const virtual = parseVirtualSocket(text);
    return { socket: formatVirtualSocket(virtual), ...virtual };
  }
  const socket = parseSocket(text);
  return { socket: formatSocket(socket), sockets: [socket] };
}

/** Formats a virtual socket, so that it parses to the same value. */
export function formatVirtualSocket(
  { policy, sockets }: VirtualSocket,
): string {
  return `${PREFIX}${policy} ${sockets.map(formatSocket).join(" ")}`;
}
