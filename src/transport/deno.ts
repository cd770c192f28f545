/**
 * Connections on Deno.
 *
 * @module
 */

import type { Connection, ConnectOptions } from "./connection.ts";
import { connectTcp, denoApi } from "./deno_api.ts";
import { connectTls } from "./tls_connect.ts";

/**
 * Opens a TCP connection with `Deno.connect`, or a TLS connection if `options.tls`
 * is given. Small messages are sent at once (`TCP_NODELAY`), and the operating
 * system detects that a silent peer is gone (keep-alive). Needs the permission
 * `--allow-net=host:port`.
 *
 * With a client certificate it uses `Deno.connectTls`, which has limits:
 * `tls.serverName` is refused, small messages may wait for up to 40 ms, and an
 * aborted attempt goes on in the background.
 *
 * It rejects with the error of Deno, or with the reason of the signal; with a
 * TypeError if the runtime is not Deno, or Deno cannot use the options of `tls`
 * together.
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
  return await connectTcp(deno, host, port, signal);
}
