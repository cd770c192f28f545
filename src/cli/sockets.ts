/** The sockets that an argument names. */

import {
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
