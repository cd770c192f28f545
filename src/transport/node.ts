/**
 * Connections on Node and on Bun, by `node:net` and `node:tls`:
 * {@linkcode connectNode} is the `connect` of a client there.
 *
 * @module
 */

import { connect, isIP, type Socket } from "node:net";
import * as nodeTls from "node:tls";
import type { Connection, ConnectOptions } from "./connection.ts";
import { NodeConnection } from "./node_connection.ts";
import type { TlsOptions } from "./tls.ts";
import { waitForRefusal } from "./tls_refusal.ts";

export type { Connection, ConnectOptions } from "./connection.ts";
export type { TlsOptions } from "./tls.ts";

/**
 * Opens a TCP connection with `node:net`. Small messages leave at once
 * (`TCP_NODELAY`), and the system finds out that a silent peer is gone
 * (keep-alive). With `options.tls` it speaks TLS, with `node:tls`; then
 * `tls.serverName` and a client certificate go together.
 *
 * An attempt ends when the signal is aborted; later the signal has no effect.
 * Deno has `node:net` too, but there `connectDeno` is faster.
 *
 * It rejects with the error of `node:net` or `node:tls`, or with the reason of
 * the signal.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient, serveEvents } from "../../mod.ts";
 * import { connectNode } from "./node.ts";
 *
 * await using server = serveEvents({ port: 0 }, ({ params }) => params);
 * const client = new EventClient(server.socket, {
 *   connect: connectNode,
 *   syncMode: true,
 * });
 * assertEquals(await client.raise("E_X", { n: 1 }), { n: 1 });
 * await client.close();
 * ```
 */
export async function connectNode(
  host: string,
  port: number,
  options: ConnectOptions,
): Promise<Connection> {
  const { signal, tls } = options;
  signal.throwIfAborted();
  const start = performance.now();
  const socket = open(host, port, tls);
  const connection = new NodeConnection(socket);
  const abort = () => socket.destroy();
  signal.addEventListener("abort", abort);
  try {
    await opened(socket, tls === undefined ? "connect" : "secureConnect");
    if (tls !== undefined) {
      await waitForRefusal(connection.arrived(), performance.now() - start);
      if (connection.hasEnded) {
        throw new Error("peer closed connection after TLS handshake");
      }
    }
    signal.throwIfAborted();
    return connection;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function open(host: string, port: number, tls?: TlsOptions): Socket {
  // Half open: the peer's end leaves our side open, and ours the peer's.
  const socket = { host, port, noDelay: true, allowHalfOpen: true };
  const options = { ...socket, keepAlive: true };
  if (tls === undefined) return connect(options);
  const { caCerts = [], cert, key, serverName } = tls;
  const name = serverName ?? host.replace(/%.*/s, ""); // without an IPv6 zone
  return nodeTls.connect({
    ...options,
    // Node trusts these in place of its own.
    ...caCerts.length > 0 && {
      ca: [...nodeTls.getCACertificates("default"), ...caCerts],
    },
    ...cert !== undefined && { cert },
    ...key !== undefined && { key },
    servername: isIP(name) === 0 ? name : "", // names only (RFC 6066)
    checkServerIdentity: (_, peer) => nodeTls.checkServerIdentity(name, peer),
  });
}

/** Resolves when a socket is open; rejects when it cannot be opened. */
function opened(
  socket: Socket,
  event: "connect" | "secureConnect",
): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once("error", reject);
    socket.once(
      "close",
      () => reject(new Error("the connection was closed before it was open")),
    );
  });
}
