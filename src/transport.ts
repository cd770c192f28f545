/**
 * What the client and the listener need of a network, and how Deno gives it.
 *
 * @module
 */

/**
 * A connection: two web streams of bytes and a way to end both. It is what
 * `Deno.connect` returns, and what the sockets of other runtimes can be made.
 */
export interface Connection {
  /** What the peer sends; its end means that the peer sends no more. */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * What goes to the peer; a write resolves when its bytes are taken. Closing it
   * tells the peer that no more comes, and best leaves `readable` open: then
   * the end of a connection cannot destroy what was sent before it.
   */
  readonly writable: WritableStream<Uint8Array>;
  /** Ends both directions. Closing what has ended must not fail. */
  close(): void | Promise<void>;
}

/** Options of {@linkcode Connect}. */
export interface ConnectOptions {
  /** Aborted when nobody waits for the connection any more. */
  signal: AbortSignal;
}

/**
 * Opens a connection to a host (a name, an IPv4 or an IPv6 address without
 * brackets) and a port. Its rejection becomes the `cause` of a `ConnectError`.
 */
export type Connect = (
  host: string,
  port: number,
  options: ConnectOptions,
) => Promise<Connection>;

/**
 * Opens a TCP connection with `Deno.connect`, and has small messages leave at
 * once (`TCP_NODELAY`). Needs the permission to use the network:
 * `--allow-net=host:port`.
 *
 * @example
 * ```ts
 * import { connectDeno } from "./transport.ts";
 *
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const { port } = listener.addr;
 * const { signal } = new AbortController();
 * const connection = await connectDeno("127.0.0.1", port, { signal });
 * await connection.close();
 * ```
 */
export async function connectDeno(
  host: string,
  port: number,
  options: ConnectOptions,
): Promise<Connection> {
  const { signal } = options;
  const conn = await Deno.connect({ hostname: host, port, signal });
  conn.setNoDelay(true);
  return {
    readable: conn.readable,
    writable: writableOf(conn),
    // The end of `readable`, or a cancel of it, has closed it already.
    close: () => closeQuietly(conn),
  };
}

/** How much is read from a connection at once. */
const READ_BYTES = 64 * 1024;

/**
 * The same for a connection that Deno accepted, with one difference: the end
 * of `readable` leaves `writable` open, so that a peer that sends and then
 * shuts down its side, as `nc -N` does, still gets its answers. (The
 * `readable` of a `Deno.Conn` closes the whole connection at its end.)
 */
export function acceptedConnection(conn: Deno.TcpConn): Connection {
  conn.setNoDelay(true); // answers are small, and waited for
  return {
    readable: new ReadableStream<Uint8Array>({
      async pull(controller) {
        const buffer = new Uint8Array(READ_BYTES);
        const length = await conn.read(buffer);
        if (length === null) controller.close();
        else controller.enqueue(buffer.subarray(0, length));
      },
    }, { highWaterMark: 0 }),
    writable: writableOf(conn),
    close: () => closeQuietly(conn),
  };
}

/** Unlike `conn.writable`, closing it does not close the other direction. */
function writableOf(conn: Deno.TcpConn): WritableStream<Uint8Array> {
  return new WritableStream({
    async write(bytes) {
      while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
    },
    close: () => conn.closeWrite(),
  });
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed, which is all that was asked.
  }
}
