/**
 * Connections in Cloudflare Workers, by `cloudflare:sockets`:
 * {@linkcode connectWorkers} is the `connect` of a client there.
 *
 * @module
 */

import {
  closeQuietly,
  type Connection,
  type ConnectOptions,
  fromStreams,
  type StreamPair,
} from "./connection.ts";

export type { Connection, ConnectOptions } from "./connection.ts";
export type { TlsOptions } from "./tls.ts";

/** The part of `cloudflare:sockets` that is used here. */
interface Sockets {
  connect(
    address: { hostname: string; port: number },
    options: { allowHalfOpen: boolean; secureTransport: "off" | "on" },
  ): StreamPair & { readonly opened: Promise<unknown> };
}

/** Not written where it is imported: other runtimes would look for it. */
const MODULE: string = "cloudflare:sockets";

/**
 * Opens a TCP connection with the Sockets API of Cloudflare Workers; with
 * `options.tls`, a TLS connection. A Worker can be told neither which authorities
 * to trust, nor another name, nor a client certificate.
 *
 * In a Worker a connection belongs to the request in which it was opened: make
 * the client in the handler of a request, and close it there.
 *
 * It rejects with the error of the API, or with the reason of the signal; with
 * `tls.caCerts`, `tls.cert`, `tls.key` or `tls.serverName` with a TypeError.
 *
 * @example
 * ```ts
 * import { EventClient } from "../../mod.ts";
 * import { connectWorkers } from "./workers.ts";
 *
 * export const worker = {
 *   async fetch(): Promise<Response> {
 *     const client = new EventClient("jsonrpc:192.0.2.1:8080", {
 *       connect: connectWorkers,
 *     });
 *     await client.raise("E_PIKE_BLOCKED", { ip: "192.168.2.11" });
 *     await client.close();
 *     return new Response("raised");
 *   },
 * };
 * ```
 */
export async function connectWorkers(
  host: string,
  port: number,
  options: ConnectOptions,
): Promise<Connection> {
  const { signal, tls } = options;
  for (const [name, value] of Object.entries(tls ?? {})) {
    if (value === undefined || value.length === 0) continue;
    throw new TypeError(
      `Cannot use tls.${name} in a Worker: its TLS cannot be told that`,
    );
  }
  const { connect }: Sockets = await import(MODULE);
  signal.throwIfAborted();
  const socket = connect({ hostname: host, port }, {
    allowHalfOpen: true,
    secureTransport: tls === undefined ? "off" : "on",
  });
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    await Promise.race([socket.opened, aborted]);
    return fromStreams(socket);
  } catch (error) {
    closeQuietly(socket);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
