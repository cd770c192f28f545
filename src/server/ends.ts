/**
 * Both ways of an accepted connection.
 *
 * @module
 */

/** A connection as two web streams. */
export interface Streams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  close(): void | Promise<void>;
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
const directEnds = new WeakMap<Streams, Ends>();

/**
 * Takes hold of a connection; nobody else may use it then. One that Deno opened
 * is read and written without its streams, which are not even made: to load
 * what makes them takes 4 of the 39 ms of processor time of a `raise`.
 */
export function endsOf(connection: Streams): Ends {
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
): Streams {
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
  const connection: Streams = {
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
