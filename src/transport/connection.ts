/**
 * Connections, and the functions that open them.
 *
 * @module
 */

import type { TlsOptions } from "./tls.ts";

/**
 * How long to wait for the peer to close after we have ended our side, in
 * milliseconds. Closing at once, while the peer still sends, would reset the
 * connection, and what the peer has not read would be lost.
 */
export const LINGER_MS = 1000;

/** A connection, such as `Deno.connect` opens. */
export interface Connection {
  /**
   * Reads bytes into a buffer; resolves to the number of bytes, or to `null` when
   * the peer has ended its side.
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes bytes; resolves to the number of bytes that the operating system has
   * taken. They may be fewer than given.
   */
  write(bytes: Uint8Array): Promise<number>;
  /**
   * Ends our side, so that the peer reads an end. The peer's side stays open:
   * closing both sides at once could destroy bytes that the peer has not yet read.
   */
  closeWrite(): Promise<void>;
  /** Ends both sides; a pending read ends. */
  close(): void | Promise<void>;
}

/**
 * A pair of web streams with a method that closes both, as the Sockets API of
 * other runtimes has it: see {@linkcode fromStreams}.
 */
export interface StreamPair {
  /** The bytes that the peer sends. The stream ends when the peer ends its side. */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * Takes the bytes for the peer. Closing the stream ends our side, and should
   * leave `readable` open.
   */
  readonly writable: WritableStream<Uint8Array>;
  /** Ends both sides. Closing again must not fail. */
  close(): void | Promise<void>;
}

/** Options of {@linkcode Connect}. */
export interface ConnectOptions {
  /** Aborted when the connection is no longer wanted. */
  signal: AbortSignal;
  /** The TLS options, for a socket over TLS. Absent: plain TCP. */
  tls?: TlsOptions | undefined;
}

/**
 * Opens a connection to a host (a name, an IPv4 address, or an IPv6 address without
 * brackets) and a port. If it rejects, its error becomes the `cause` of a
 * `ConnectError`.
 */
export type Connect = (
  host: string,
  port: number,
  options: ConnectOptions,
) => Promise<Connection | StreamPair>;

/** Makes a connection of the result of a {@linkcode Connect}. */
export function toConnection(opened: Connection | StreamPair): Connection {
  // Connections of Deno have streams too, but closing their `writable` breaks a
  // pending read.
  return "read" in opened ? opened : fromStreams(opened);
}

/**
 * Makes a connection of a pair of web streams. It locks both streams, so that no
 * other code can read or write them.
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
  writer.closed.catch(() => {}); // each write rejects too
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
      reader.cancel().catch(() => {}); // first, so that the peer reads an end
      return pair.close();
    },
  };
}

/** Closes a connection, and ignores errors: it may be closed already. */
export async function closeQuietly(
  connection: { close(): void | Promise<void> },
): Promise<void> {
  try {
    await connection.close();
  } catch { /* it is closed */ }
}
