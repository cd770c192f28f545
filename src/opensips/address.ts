/**
 * The sockets that an OpenSIPS takes as subscribers.
 *
 * @module
 */

import { quote } from "../protocol/errors.ts";
import {
  type EventSocket,
  formatHost,
  parseSocket,
} from "../protocol/socket.ts";

/** A dialect of OpenSIPS. */
export type Dialect = "jsonrpc" | "tcp";

/** The dialects in the order in which they are tried: the newer one first. */
export const DIALECTS: readonly Dialect[] = ["tcp", "jsonrpc"];

/** A socket whose dialect is not settled. */
export interface SubscriberAddress {
  /** `host:port`. */
  readonly address: string;
  /** The dialects in the order in which they are tried. */
  readonly dialects: readonly Dialect[];
}

/**
 * Parses `tcp:host:port`, `jsonrpc:host:port` or `host:port`.
 *
 * @throws {SocketSyntaxError} if `text` is none of them.
 * @throws {RangeError} if it is a socket that OpenSIPS does not take, or does not
 * recognise again.
 */
export function parseAddress(text: string): SubscriberAddress {
  const hasProtocol = /^(jsonrpcs?|tcp):/.test(text);
  const socket = parseSocket(hasProtocol ? text : `tcp:${text}`);
  const problem = problemOf(socket);
  if (problem !== undefined) {
    throw new RangeError(`Cannot subscribe ${quote(text)}: ${problem}`);
  }
  const { protocol, host, port } = socket;
  return {
    address: `${formatHost(host)}:${port}`,
    dialects: protocol === "jsonrpc" ? DIALECTS.toReversed() : DIALECTS,
  };
}

function problemOf(
  { protocol, host, method }: EventSocket,
): string | undefined {
  if (method !== undefined) {
    return "OpenSIPS does not recognise a socket with a method again, so that " +
      "a renewal doubles its events and nothing ends them; without one, the " +
      "method is the event's name";
  }
  if (protocol === "jsonrpcs") return "OpenSIPS sends events without TLS only";
  if (host.includes(":")) return "OpenSIPS takes IPv4 addresses and names only";
  return host === "0.0.0.0"
    ? "0.0.0.0 is no address that OpenSIPS can reach"
    : undefined;
}
