import type { Socket } from "node:net";

/** Ends a socket of Node; resolves when the server has read everything. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.end();
    socket.resume(); // or it does not see that the server has closed
  });
}
