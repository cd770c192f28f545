/**
 * Listening for connections, on Deno.
 *
 * @module
 */

import { formatAddress } from "../protocol/socket.ts";
import type { Connection } from "./connection.ts";
import {
  type Address,
  denoApi,
  type DenoConn,
  type DenoListener,
} from "./deno_api.ts";
import type { ListenerTlsOptions } from "./tls.ts";

export type { Address } from "./deno_api.ts";

/** A connection that was accepted. */
export interface AcceptedConnection extends Connection {
  close(): void;
}

/** An accepted connection, and the address of its peer. */
export interface Accepted {
  readonly connection: AcceptedConnection;
  readonly peer: Address;
  /** Settles when the TLS handshake ends; absent without TLS. */
  readonly handshake: Promise<unknown> | undefined;
}

/** Accepts connections. */
export interface Listener {
  /** The address at which it listens. */
  readonly addr: Address;
  /**
   * Resolves to the next connection. Rejects if no connection can be accepted, or
   * the listener is closed.
   */
  accept(): Promise<Accepted>;
  /** Stops accepting connections. */
  close(): void;
}

/** Options of {@linkcode listen}. */
export interface ListenOptions extends Address {
  /** The server's certificate and key. Absent: plain TCP. */
  tls?: ListenerTlsOptions | undefined;
}

/**
 * Listens at an address, over TLS if `tls` is given. Connections send small
 * messages at once (`TCP_NODELAY`), and detect after hours that a silent peer is
 * gone (keep-alive).
 *
 * @throws {Error} if the address cannot be used. The error has the class of Deno's
 * error, and names the address.
 * @throws {TypeError} if the runtime is not Deno.
 */
export function listen({ hostname, port, tls }: ListenOptions): Listener {
  const deno = denoApi("serveEvents works on Deno only");
  let listener: DenoListener;
  try {
    listener = tls === undefined
      ? deno.listen({ hostname, port })
      : deno.listenTls({ hostname, port, cert: tls.cert, key: tls.key });
  } catch (error) {
    throw named(error, { hostname, port });
  }
  let isClosed = false;
  return {
    addr: toAddress(listener.addr),
    async accept() {
      for (;;) {
        let conn: DenoConn | undefined;
        try {
          conn = await listener.accept();
          if (isClosed) throw new Error("the listener is closed");
          return toAccepted(conn);
        } catch (error) {
          conn?.close();
          if (!PEER_GONE.includes((error as Error).name)) throw error;
        }
      }
    },
    close() {
      isClosed = true;
      listener.close();
    },
  };
}

/** The names of errors for connections that ended before they were accepted. */
const PEER_GONE: readonly string[] = [
  "NotConnected",
  "ConnectionAborted",
  "ConnectionReset",
];

function toAccepted(conn: DenoConn): Accepted {
  conn.setNoDelay?.(true);
  conn.setKeepAlive?.(true);
  return {
    connection: conn,
    peer: toAddress(conn.remoteAddr),
    handshake: conn.handshake?.(),
  };
}

/** Turns `::ffff:127.0.0.1`, as a listener at `[::]` has it, into `127.0.0.1`. */
function toAddress({ hostname, port }: Address): Address {
  return { hostname: hostname.replace(/^::ffff:(?=[0-9.]+$)/i, ""), port };
}

/** The names of errors that have to do with the address. */
const ABOUT_ADDRESS: readonly string[] = [
  "AddrInUse",
  "AddrNotAvailable",
  "NotCapable",
  "PermissionDenied",
];

/** Returns the error, with the address if it has to do with the address. */
function named(error: unknown, address: Address): unknown {
  const { name, message, constructor } = error as Error;
  if (!ABOUT_ADDRESS.includes(name) && !/lookup/.test(message)) return error;
  return new (constructor as ErrorConstructor)(
    `Cannot listen at ${formatAddress(address)}: ${message}`,
    { cause: error },
  );
}
