/** Servers for events, and raw peers of theirs. */

import {
  type EventHandler,
  type EventServer,
  serveEvents,
  type ServeEventsOptions,
} from "../../mod.ts";
import { send, TextReader } from "./tcp.ts";

/** A server on a free port; what its handlers throw is kept. */
export function listen(
  handler: EventHandler | Record<string, EventHandler>,
  options: ServeEventsOptions = {},
): EventServer & { errors: unknown[] } {
  const errors: unknown[] = [];
  const server = serveEvents({
    port: 0,
    onError: (error) => errors.push(error),
    ...options,
  }, handler);
  return Object.assign(server, { errors });
}

/** A raw connection to a server. */
export async function connect({ addr }: EventServer) {
  const conn = await Deno.connect({
    hostname: addr.hostname,
    port: addr.port,
  });
  return {
    conn,
    reader: new TextReader(conn),
    send: (text: string) => send(conn, text),
    [Symbol.dispose]() {
      try {
        conn.close();
      } catch { /* it is closed */ }
    },
  };
}

/** What a server answers, until it closes, to one who sends and ends. */
export async function exchange(
  server: EventServer,
  text: string,
): Promise<string> {
  const { addr: { hostname, port } } = server;
  const conn = await Deno.connect({ hostname, port });
  await send(conn, text);
  await conn.closeWrite();
  return await new Response(conn.readable).text();
}

/** A request as text. */
export const request = (id: unknown, method = "m", params: unknown = {}) =>
  JSON.stringify({ id, jsonrpc: "2.0", method, params });
