/**
 * A connection: what the client and the server need of a network.
 *
 * @module
 */

import type { TlsOptions } from "./tls.ts";

/** A connection, as `Deno.connect` returns it. Other runtimes can make one. */
export interface Connection {
  /**
   * Reads bytes that the peer sent into a buffer; resolves to how many, or to
   * `null` when the peer sends no more.
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes bytes; resolves to how many the operating system has taken, which
   * may be fewer than there are.
   */
  write(bytes: Uint8Array): Promise<number>;
  /**
   * Tells the peer that no more comes, and leaves the other direction open: then
   * the end of a connection cannot destroy what was sent before it.
   */
  closeWrite(): Promise<void>;
  /** Ends both directions; a pending read ends. */
  close(): void | Promise<void>;
}

/**
 * A pair of web streams with a way to end both, as the Sockets API of other
 * runtimes gives: see {@linkcode fromStreams}.
 */
export interface StreamPair {
  /** The bytes that the peer sends. It ends when the peer sends no more. */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * Takes the bytes for the peer. Closing it tells the peer that no more comes,
   * and best leaves `readable` open.
   */
  readonly writable: WritableStream<Uint8Array>;
  /** Ends both directions. Closing again must not fail. */
  close(): void | Promise<void>;
}

/** Options of {@linkcode Connect}. */
export interface ConnectOptions {
  /** Aborted when the connection is not wanted any more. */
  signal: AbortSignal;
  /** How to speak TLS, for a socket that is reached over it. Absent: plain TCP. */
  tls?: TlsOptions | undefined;
}

/**
 * Opens a connection to a host (a name, an IPv4 or an IPv6 address without
 * brackets) and a port. Its rejection becomes the `cause` of a `ConnectError`.
 */
export type Connect = (
  host: string,
  port: number,
  options: ConnectOptions,
) => Promise<Connection | StreamPair>;

/** Makes a connection of what a {@linkcode Connect} resolved to. */
export function toConnection(opened: Connection | StreamPair): Connection {
  // Deno's own connections have streams too, but closing their `writable` breaks
  // a pending read.
  return "read" in opened ? opened : fromStreams(opened);
}

/**
 * Makes a connection of a pair of web streams. It takes hold of both: nobody
 * else may read or write them.
 *
 * @throws {TypeError} if one of the streams is locked.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fromStreams } from "../../mod.ts";
 *
 * const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
 * const connection = fromStreams({ readable, writable, close() {} });
 * connection.write(new TextEncoder().encode("hello"));
 * const buffer = new Uint8Array(3);
 * assertEquals(await connection.read(buffer), 3); // the rest comes later
 * assertEquals(new TextDecoder().decode(buffer), "hel");
 * ```
 */
export function fromStreams(pair: StreamPair): Connection {
  const reader = pair.readable.getReader();
  const writer = pair.writable.getWriter();
  writer.closed.catch(() => {}); // each write tells
  let rest: Uint8Array = new Uint8Array(0);
  return {
    async read(buffer) {
      while (rest.length === 0) {
        const { value, done } = await reader.read();
        if (done) return null;
        rest = value;
      }
      const length = Math.min(rest.length, buffer.length);
      buffer.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      return length;
    },
    async write(bytes) {
      await writer.write(bytes);
      return bytes.length;
    },
    closeWrite: () => writer.close(),
    close() {
      reader.cancel().catch(() => {}); // first, so that the peer sees an end
      return pair.close();
    },
  };
}

/** Closes a connection of any make, which may have ended. */
export async function closeQuietly(
  connection: { close(): void | Promise<void> },
): Promise<void> {
  try {
    await connection.close();
  } catch { /* it is gone, and nothing else was asked */ }
}
