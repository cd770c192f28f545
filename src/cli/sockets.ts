/** The sockets that an argument names. */

import type { EventSocket } from "../../mod.ts";
import { parseTarget } from "../protocol/virtual_socket.ts";
import { UsageError } from "./arguments.ts";

/**
 * Reads a socket, or all those of a virtual one.
 *
 * @throws {UsageError} if none is given.
 * @throws {SocketSyntaxError} if it is not a socket.
 */
export function toSockets(text: string | undefined): readonly EventSocket[] {
  if (text === undefined) {
    throw new UsageError(
      "no socket is given, expected jsonrpc:host:port[/method]",
    );
  }
  return parseTarget(text).sockets;
}
