/** The sockets that an argument names. */

import {
  type EventSocket,
  parseSocket,
  parseVirtualSocket,
} from "../../mod.ts";
import { UsageError } from "./arguments.ts";

/**
 * Reads a socket, or all those of a virtual one.
 *
 * @throws {UsageError} if none is given.
 * @throws {SocketSyntaxError} if it is not a socket.
 */
export function toSockets(text: string | undefined): EventSocket[] {
  if (text === undefined) {
    throw new UsageError(
      "no socket is given, expected jsonrpc:host:port[/method]",
    );
  }
  return text.startsWith("virtual:")
    ? [...parseVirtualSocket(text).sockets]
    : [parseSocket(text)];
}
