/**
 * Listening for connections, as Deno gives it.
 *
 * What is used of Deno is declared here, so that no type of Deno can be reached
 * from what the project exports.
 *
 * @module
 */

import type { ListenerTlsOptions } from "./tls.ts";

/** A host and a port, as Deno names them. */
export interface Address {
  /** An IPv4 address, or an IPv6 address without brackets. */
  hostname: string;
  /** 1 to 65535. */
  port: number;
}

/** A connection that was accepted. */
export interface AcceptedConnection {
  /** Reads into `buffer`, and resolves to the number of bytes; null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some of `bytes`, and resolves to their number. */
  write(bytes: Uint8Array): Promise<number>;
  /** Tells the peer that no more comes; reading goes on. */
  closeWrite(): Promise<void>;
  /** Ends both directions. */
  close(): void;
}

/** A connection, and who opened it. */
export interface Accepted {
  readonly connection: AcceptedConnection;
  readonly peer: Address;
  /** Settles when the TLS handshake has; absent without TLS. */
  readonly handshake: Promise<unknown> | undefined;
}

/** What accepts connections. */
export interface Listener {
  /** Where it listens. */
  readonly addr: Address;
  /** Resolves to the next connection. Rejects when none can be, or none any more. */
  accept(): Promise<Accepted>;
  /** Accepts no more. */
  close(): void;
}

/** Where to listen. */
export interface ListenOptions extends Address {
  /** Absent: plain TCP. */
  tls?: ListenerTlsOptions | undefined;
}

interface DenoConn extends AcceptedConnection {
  readonly remoteAddr: Address;
  /** Not over TLS. */
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean): void;
  /** Over TLS only. */
  handshake?(): Promise<unknown>;
}

interface DenoListener {
  readonly addr: Address;
  accept(): Promise<DenoConn>;
  close(): void;
}

interface DenoNamespace {
  listen(options: Address): DenoListener;
  listenTls(options: Address & ListenerTlsOptions): DenoListener;
}

/**
 * Listens at an address, over TLS if asked to. Connections send small messages
 * at once (`TCP_NODELAY`), and notice after hours that a silent peer is gone.
 *
 * @throws {Error} if the address cannot be used; the error has the class that
 * Deno gave it, and names the address.
 */
export function listen({ hostname, port, tls }: ListenOptions): Listener {
  const { Deno } = globalThis as unknown as { Deno: DenoNamespace };
  let listener: DenoListener;
  try {
    listener = tls === undefined
      ? Deno.listen({ hostname, port })
      : Deno.listenTls({ hostname, port, cert: tls.cert, key: tls.key });
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
          if (isClosed) throw new Error("The listener is closed");
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

/** Formats a host and a port: `127.0.0.1:8080`, `[::1]:8080`. */
export function formatAddress({ hostname, port }: Address): string {
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

/** The names of errors of connections that ended before they were accepted. */
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

/** An IPv4 peer at a listener on `[::]` has an address that IPv6 maps. */
function toAddress({ hostname, port }: Address): Address {
  return { hostname: hostname.replace(/^::ffff:(?=[0-9.]+$)/i, ""), port };
}

/** The names of errors that are about the address. */
const ABOUT_ADDRESS: readonly string[] = [
  "AddrInUse",
  "AddrNotAvailable",
  "NotCapable",
  "PermissionDenied",
];

/** An error of listening, which names the address if it is about that. */
function named(error: unknown, address: Address): unknown {
  const { name, message, constructor } = error as Error;
  if (!ABOUT_ADDRESS.includes(name) && !/lookup/.test(message)) return error;
  return new (constructor as ErrorConstructor)(
    `Cannot listen at ${formatAddress(address)}: ${message}`,
    { cause: error },
  );
}
