/**
 * Several sockets as one, for failover and load balancing:
 * `virtual:POLICY socket socket …`, as in `event_virtual` of OpenSIPS.
 *
 * @module
 */

import { SocketSyntaxError } from "./errors.ts";
import { type EventSocket, formatSocket, parseSocket } from "./socket.ts";

/**
 * How an event is delivered to several sockets. `PARALLEL` sends it to all of
 * them. `FAILOVER` tries one after the other until a delivery succeeds.
 * `ROUND-ROBIN` sends each event to the next socket; a failed delivery is not
 * repeated.
 */
export type Policy = "PARALLEL" | "FAILOVER" | "ROUND-ROBIN";

/** The parts of a virtual socket. */
export interface VirtualSocket {
  /** How events are delivered. */
  policy: Policy;
  /** The sockets; at least one. */
  sockets: EventSocket[];
}

const PREFIX = "virtual:";
const POLICIES = ["PARALLEL", "FAILOVER", "ROUND-ROBIN"];

/** Whether `text` begins like a virtual socket. */
export function isVirtual(text: string): boolean {
  return typeof text === "string" && text.startsWith(PREFIX);
}

/**
 * Parses a virtual socket. Spaces and tabs separate its parts, so the methods of
 * its sockets cannot contain these.
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
 * sockets is wrong. The error says where, and what was expected there.
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

/** Formats a virtual socket; the result parses to the same value. */
export function formatVirtualSocket(
  { policy, sockets }: VirtualSocket,
): string {
  return `${PREFIX}${policy} ${sockets.map(formatSocket).join(" ")}`;
}
