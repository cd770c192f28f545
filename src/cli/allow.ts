/** The places that events may go to. */

import { type EventSocket, parseSocket } from "../../mod.ts";
import { UsageError } from "./arguments.ts";

/**
 * Makes a function that tells whether a socket is at one of these places, each
 * `<host>` or `<host>:<port>`. Without places, all sockets are allowed.
 *
 * @throws {UsageError} if one is neither.
 */
export function toAllow(
  places: readonly string[],
): (socket: EventSocket) => boolean {
  if (places.length === 0) return () => true;
  const allowed = places.map(toPlace);
  return ({ host, port }) =>
    allowed.some((place) =>
      place.host === host && (place.port ?? port) === port
    );
}

interface Place {
  readonly host: string;
  readonly port: number | undefined;
}

function toPlace(text: string): Place {
  const hasPort = /:[0-9]+$/.test(text);
  try {
    const socket = parseSocket(`jsonrpc:${text}${hasPort ? "" : ":1"}`);
    if (socket.method === undefined) {
      return { host: socket.host, port: hasPort ? socket.port : undefined };
    }
  } catch { /* said below */ }
  throw new UsageError(
    `--allow is ${JSON.stringify(text)}, expected <host> or <host>:<port>`,
  );
}
