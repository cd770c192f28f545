// Sends each event to all WebSocket clients. One that is 1 MB behind misses it.

import { serveEvents } from "../../mod.ts";

export function eventsToWebSockets(port: number, web: Deno.ServeTcpOptions) {
  const sockets = new Set<WebSocket>();
  Deno.serve(web, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    sockets.add(socket);
    socket.onclose = () => sockets.delete(socket);
    return response;
  });
  return serveEvents({ port }, ({ text }) => {
    for (const to of sockets) {
      if (to.readyState === 1 && to.bufferedAmount < 1e6) to.send(text);
    }
    return true;
  });
}
