/**
 * Opens connections over TLS, as far as Deno can.
 *
 * @module
 */

import { closeQuietly, type Connection } from "./connection.ts";
import type { DenoApi, DenoConn } from "./deno_api.ts";
import type { TlsOptions } from "./tls.ts";
import { waitForRefusal } from "./tls_refusal.ts";

/** How much the read may take that waits for a refusal. */
const FIRST_READ_BYTES = 16 * 1024;

/** See {@linkcode connectDeno}. */
export async function connectTls(
  deno: DenoApi,
  host: string,
  port: number,
  tls: TlsOptions,
  signal: AbortSignal,
): Promise<Connection> {
  const conn = await open(deno, host, port, tls, signal);
  const close = () => void closeQuietly(conn);
  signal.addEventListener("abort", close);
  try {
    signal.throwIfAborted();
    const start = performance.now();
    await conn.handshake!();
    const begun = beginRead(conn);
    await waitForRefusal(begun.length, performance.now() - start);
    signal.throwIfAborted();
    return afterRead(conn, begun);
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

async function open(
  deno: DenoApi,
  host: string,
  port: number,
  { caCerts = [], cert, key, serverName }: TlsOptions,
  signal: AbortSignal,
): Promise<DenoConn> {
  const hostname = host.replace(/%.*/s, ""); // without an IPv6 zone
  if (cert !== undefined) {
    if (hostname !== host) {
      throw new TypeError(
        "Deno cannot use an IPv6 address with a zone together with tls.cert",
      );
    }
    if (serverName !== undefined && serverName !== host) {
      throw new TypeError(
        "Deno cannot use tls.serverName together with tls.cert; the socket's host can be the name",
      );
    }
    return await deno.connectTls({ hostname, port, caCerts, cert, key: key! });
  }
  // Unlike Deno.connectTls, this heeds the signal, sets TCP_NODELAY and takes a
  // name that is not the host's.
  const conn = await deno.connect({ hostname: host, port, signal });
  try {
    conn.setNoDelay!(true);
    conn.setKeepAlive!(true);
    return await deno.startTls(conn, {
      hostname: serverName ?? hostname,
      caCerts,
    });
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

/** A read that was begun, and where it puts what comes. */
interface Begun {
  readonly buffer: Uint8Array;
  readonly length: Promise<number | null>;
}

function beginRead(conn: DenoConn): Begun {
  const buffer = new Uint8Array(FIRST_READ_BYTES);
  const length = conn.read(buffer);
  length.catch(() => {}); // the first read tells
  return { buffer, length };
}

/** The connection, of which one read was begun. */
function afterRead(conn: DenoConn, begun: Begun): Connection {
  let first: Begun | undefined = begun;
  let rest = new Uint8Array(0);
  return {
    async read(buffer) {
      if (first !== undefined) {
        const length = await first.length;
        const { buffer: read } = first;
        first = undefined;
        if (length === null) return null;
        rest = read.slice(0, length);
      }
      if (rest.length === 0) return await conn.read(buffer);
      const length = Math.min(rest.length, buffer.length);
      buffer.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      return length;
    },
    write: (bytes) => conn.write(bytes),
    closeWrite: () => conn.closeWrite(),
    close: () => conn.close(),
  };
}
