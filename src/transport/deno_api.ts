/**
 * The types of Deno's network API, as far as this project uses it. They are
 * declared here so that other runtimes can check and load the project, and no
 * exported type depends on Deno's own types.
 *
 * @module
 */

import { closeQuietly, type Connection } from "./connection.ts";
import type { ListenerTlsOptions } from "./tls.ts";

/** A host and a port, as Deno names them. */
export interface Address {
  /** An IPv4 address, or an IPv6 address without brackets. */
  hostname: string;
  /** The port, from 1 to 65535. */
  port: number;
}

/** A `Deno.TcpConn` or `Deno.TlsConn`. */
export interface DenoConn extends Connection {
  close(): void;
  readonly remoteAddr: Address;
  /** Only without TLS. */
  setNoDelay?(noDelay: boolean): void;
  /** Only without TLS. */
  setKeepAlive?(keepAlive: boolean): void;
  /** Only over TLS. */
  handshake?(): Promise<unknown>;
}

/** A `Deno.TcpListener` or `Deno.TlsListener`. */
export interface DenoListener {
  readonly addr: Address;
  accept(): Promise<DenoConn>;
  close(): void;
}

/** See the module. */
export interface DenoApi {
  connect(options: Address & { signal: AbortSignal }): Promise<DenoConn>;
  connectTls(
    options:
      & Address
      & Partial<ListenerTlsOptions>
      & { caCerts?: string[] | undefined },
  ): Promise<DenoConn>;
  startTls(
    conn: DenoConn,
    options: { hostname: string; caCerts?: string[] | undefined },
  ): Promise<DenoConn>;
  listen(options: Address): DenoListener;
  listenTls(options: Address & ListenerTlsOptions): DenoListener;
}

/**
 * Returns the global `Deno`.
 *
 * @throws {TypeError} if the runtime is not Deno. The message ends with `instead`,
 * which says what to do.
 */
export function denoApi(instead: string): DenoApi {
  const { Deno } = globalThis as { Deno?: DenoApi };
  if (Deno === undefined) {
    throw new TypeError(`Cannot find Deno in this runtime: ${instead}`);
  }
  return Deno;
}

/** Opens a connection without TLS, with `TCP_NODELAY` and keep-alive. */
export async function connectTcp(
  deno: DenoApi,
  hostname: string,
  port: number,
  signal: AbortSignal,
): Promise<DenoConn> {
  const conn = await deno.connect({ hostname, port, signal });
  try {
    conn.setNoDelay!(true);
    conn.setKeepAlive!(true);
    return conn;
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}
