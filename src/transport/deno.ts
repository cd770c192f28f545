/**
 * Connections by Deno's own network API.
 *
 * @module
 */

import type { Connection, ConnectOptions } from "./connection.ts";
import { denoApi } from "./deno_api.ts";
import { connectTls } from "./tls_connect.ts";

/**
 * Opens a TCP connection with `Deno.connect`. Small messages leave at once
 * (`TCP_NODELAY`), and the system finds out that a silent peer is gone
 * (keep-alive). With `options.tls` it speaks TLS. Needs the permission to use the
 * network: `--allow-net=host:port`.
 *
 * With a client certificate it is `Deno.connectTls` that connects, which can do
 * less: `tls.serverName` is refused, small messages may wait for up to 40 ms,
 * and connecting goes on in the background when the signal is aborted.
 *
 * @example
 * ```ts
 * import { connectDeno } from "../../mod.ts";
 *
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const { port } = listener.addr;
 * const { signal } = new AbortController();
 * const connection = await connectDeno("127.0.0.1", port, { signal });
 * connection.close();
 * ```
 */
export async function connectDeno(
  host: string,
  port: number,
  options: ConnectOptions,
): Promise<Connection> {
  const deno = denoApi("the option connect can open connections another way");
  const { signal, tls } = options;
  if (tls !== undefined) return await connectTls(deno, host, port, tls, signal);
  const conn = await deno.connect({ hostname: host, port, signal });
  conn.setNoDelay!(true);
  conn.setKeepAlive!(true);
  return conn;
}
