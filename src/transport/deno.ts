/**
 * What the client and the listener need of a network, and how Deno gives it.
 *
 * @module
 */

import type { TlsOptions } from "./tls.ts";

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
  /** For a socket that is to be reached over TLS, how. Absent: plain TCP. */
  tls?: TlsOptions;
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
 * once (`TCP_NODELAY`); with `options.tls`, speaks TLS on it. Needs the
 * permission to use the network: `--allow-net=host:port`.
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
 * await connection.close();
 * ```
 */
export async function connectDeno(
  host: string,
  port: number,
  options: ConnectOptions,
): Promise<Connection> {
  const { signal, tls } = options;
  if (tls !== undefined) return await connectTls(host, port, tls, signal);
  return connectionOf(await Deno.connect({ hostname: host, port, signal }));
}

/**
 * Under TLS 1.3 a server judges the client's certificate, or the lack of one,
 * when for the client the handshake is over. It has this long to refuse it, in
 * milliseconds, beside as long as the handshake took, at most so long: each
 * connection pays for it. If it takes longer, what was written meanwhile is lost.
 */
const REFUSAL_MS = 10, MAX_HANDSHAKE_MS = 200;

async function connectTls(
  host: string,
  port: number,
  tls: TlsOptions,
  signal: AbortSignal,
): Promise<Connection> {
  const conn = await openTls(host, port, tls, signal);
  const close = () => closeQuietly(conn);
  signal.addEventListener("abort", close);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    signal.throwIfAborted();
    const start = performance.now();
    await conn.handshake();
    const room = new Uint8Array(READ_BYTES);
    const length = conn.read(room);
    const patience = new Promise((resolve) => {
      const ms = Math.min(performance.now() - start, MAX_HANDSHAKE_MS);
      timer = setTimeout(resolve, ms + REFUSAL_MS);
    });
    await Promise.race([length, patience]);
    signal.throwIfAborted();
    return connectionOf(conn, { room, length });
  } catch (error) {
    close();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", close);
  }
}

async function openTls(
  host: string,
  port: number,
  { caCerts, cert, key, serverName }: TlsOptions,
  signal: AbortSignal,
): Promise<Deno.TlsConn> {
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
    return await Deno.connectTls({ hostname, port, caCerts, cert, key });
  }
  // Unlike Deno.connectTls, this heeds the signal, sets TCP_NODELAY and takes a
  // name that is not the host's.
  const conn = await Deno.connect({ hostname: host, port, signal });
  try {
    conn.setNoDelay(true);
    return await Deno.startTls(conn, {
      hostname: serverName ?? hostname,
      caCerts,
    });
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

/** How much is read from a connection at once. */
const READ_BYTES = 64 * 1024;
/** With less room than this left, the next read gets new memory. */
const MIN_READ_BYTES = 16 * 1024;

/** Both ways of a connection, as far as they are used here. */
export interface Ends {
  readonly reader: Pick<
    ReadableStreamDefaultReader<Uint8Array>,
    "read" | "cancel"
  >;
  readonly writer: Pick<
    WritableStreamDefaultWriter<Uint8Array>,
    "write" | "close"
  >;
  /** Whether bytes may be changed once the write of them has resolved. */
  readonly letsGo: boolean;
}

/** Those of Deno's connections, without streams. */
const directEnds = new WeakMap<Connection, Ends>();

/**
 * Takes hold of a connection; nobody else may use it then. One that Deno opened
 * is read and written without its streams, which are not even made: to load
 * what makes them takes 4 of the 39 ms of processor time of a `raise`.
 */
export function endsOf(connection: Connection): Ends {
  const ends = directEnds.get(connection);
  if (ends !== undefined) return ends;
  const reader = connection.readable.getReader();
  const writer = connection.writable.getWriter();
  writer.closed.catch(() => {}); // each write tells
  return { reader, writer, letsGo: false }; // a stream may pass them on
}

/** A read that was begun, and where it puts what comes. */
interface Read {
  room: Uint8Array<ArrayBuffer>;
  length: Promise<number | null>;
}

/**
 * The connection of a `Deno.TcpConn` or `Deno.TlsConn`. Unlike that one's own streams, the end of
 * either direction leaves the other open: a peer that sends and then shuts down
 * its side, as `nc -N` does, still gets its answers.
 */
export function connectionOf(
  conn: Deno.TcpConn | Deno.TlsConn,
  begun?: Read,
): Connection {
  // Messages are small, and waited for.
  if ("setNoDelay" in conn) conn.setNoDelay(true);
  // Small reads share memory, of which to get 64 KiB for each takes 3 us.
  let free = begun?.room ?? new Uint8Array(0);
  begun?.length.catch(() => {}); // the first read tells

  async function read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    if (free.length < MIN_READ_BYTES) free = new Uint8Array(READ_BYTES);
    const length = await (begun?.length ?? conn.read(free));
    begun = undefined;
    if (length === null) return { done: true, value: undefined };
    const value = free.subarray(0, length);
    free = free.subarray(length);
    return { done: false, value };
  }

  async function write(bytes: Uint8Array): Promise<void> {
    while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
  }

  let readable: ReadableStream<Uint8Array> | undefined;
  let writable: WritableStream<Uint8Array> | undefined;
  const connection: Connection = {
    get readable() {
      return readable ??= new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { value, done } = await read();
          if (done) controller.close();
          else controller.enqueue(value);
        },
      }, { highWaterMark: 0 });
    },
    get writable() {
      return writable ??= new WritableStream<Uint8Array>({
        write,
        close: () => conn.closeWrite(),
      });
    },
    close: () => closeQuietly(conn),
  };
  directEnds.set(connection, {
    reader: { read, cancel: () => Promise.resolve() }, // close() ends a read
    writer: { write, close: () => conn.closeWrite() },
    letsGo: true,
  });
  return connection;
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed, which is all that was asked.
  }
}
