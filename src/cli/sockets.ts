/** The sockets that an argument names. */

import {
  type EventParams,
  type EventSocket,
  parseSocket,
  parseVirtualSocket,
} from "../../mod.ts";

/** A socket, or all those of a virtual one. */
export function toSockets(text: string): EventSocket[] {
  return text.startsWith("virtual:")
    ? parseVirtualSocket(text).sockets
    : [parseSocket(text)];
}

/** What to warn of when params do not go out to one of the sockets. */
export function warningOf(
  sockets: readonly EventSocket[],
  params: EventParams | undefined,
): string | undefined {
  const isDropped = Array.isArray(params) && params.length > 0 &&
    sockets.some(({ protocol }) => protocol === "tcp");
  if (!isDropped) return undefined;
  return 'to a "tcp:" socket, params without names do not go out (as in OpenSIPS 3.1 and later)';
}
