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
 * @throws {SocketSyntaxError} if `text` is not a virtual socket, or one of its
 * sockets is wrong; the error says where, and what was expected there.
 */
export function parseVirtualSocket(text: string): VirtualSocket {
  if (!isVirtual(text)) throw new SocketSyntaxError(text, 0, `"${PREFIX}"`);
  const [first, ...rest] = text.slice(PREFIX.length).matchAll(/[^ \t]+/g);
  if (first === undefined || !POLICIES.includes(first[0])) {
    throw new SocketSyntaxError(
      text,
      PREFIX.length + (first?.index ?? 0),
      POLICIES.join(", ").replace(/, (?=[^,]*$)/, " or "),
    );
  }
  if (rest.length === 0) {
    throw new SocketSyntaxError(text, text.length, "a socket");
  }
  const sockets = rest.map((word) => {
    try {
      return parseSocket(word[0]);
    } catch (error) {
      if (!(error instanceof SocketSyntaxError)) throw error;
      const position = PREFIX.length + word.index + error.position;
      throw new SocketSyntaxError(text, position, error.expected);
    }
  });
  return { policy: first[0] as Policy, sockets };
}

/** Formats a virtual socket, so that it parses to the same value. */
export function formatVirtualSocket(
  { policy, sockets }: VirtualSocket,
): string {
  return `${PREFIX}${policy} ${sockets.map(formatSocket).join(" ")}`;
}
