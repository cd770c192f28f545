/**
 * The part of Deno's network API that is used here, by types of our own: this
 * module is checked and loaded where there is no Deno.
 *
 * @module
 */

import type { Connection } from "./connection.ts";

/** A `Deno.TcpConn` or `Deno.TlsConn`. */
export interface DenoConn extends Connection {
  close(): void;
  readonly remoteAddr: { hostname: string; port: number };
  setNoDelay?(noDelay: boolean): void;
  setKeepAlive?(keepAlive: boolean): void;
  handshake?(): Promise<unknown>;
}

/** A `Deno.TcpListener` or `Deno.TlsListener`. */
export interface DenoListener {
  readonly addr: { hostname: string; port: number };
  accept(): Promise<DenoConn>;
  close(): void;
}

/** A host and a port, as Deno names them. */
interface Target {
  hostname: string;
  port: number;
}

/** A certificate and its key, in PEM. */
interface Certified {
  cert: string;
  key: string;
}

/** See the module. */
export interface DenoApi {
  connect(options: Target & { signal: AbortSignal }): Promise<DenoConn>;
  connectTls(
    options: Target & Partial<Certified> & { caCerts?: string[] | undefined },
  ): Promise<DenoConn>;
  startTls(
    conn: DenoConn,
    options: { hostname: string; caCerts?: string[] | undefined },
  ): Promise<DenoConn>;
  listen(options: Target): DenoListener;
  listenTls(options: Target & Certified): DenoListener;
}

/**
 * Returns Deno's API.
 *
 * @throws {TypeError} if this is another runtime; `instead` says what to use
 * there.
 */
export function denoApi(instead: string): DenoApi {
  const { Deno } = globalThis as { Deno?: DenoApi };
  if (Deno === undefined) {
    throw new TypeError(`Cannot find Deno in this runtime: ${instead}`);
  }
  return Deno;
}
