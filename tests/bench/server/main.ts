// The server of all clients, in a process of its own.
//
//     deno run -A tests/bench/server/main.ts [--ports=<n>] [--pieces=<n>]
//         [--spin] [--mute] [--alike] [--die-after-requests=<n>]
//         [--die-after-bytes=<n>]
//
// --pieces: the responses to what one read brought go out in so many writes, cut
//   anywhere; else in one.
// --spin: a thread keeps the processors awake while there are connections.
// --mute: it does not read.
// --alike: all notifications of a connection have the length of its first one.
//   For bytes that come faster than they can be looked at.
//
// It counts what it received on connections that have ended; see parent.ts.

import { Messages } from "./messages.ts";
import { flag, reportToParent } from "./parent.ts";
import { MAX_ADDED_BYTES, Responses } from "./responses.ts";

/** How much is read at once. */
const READ_BYTES = 256 * 1024;

const received = { messages: 0, requests: 0, oddBytes: 0 };
const pieces = flag("pieces", 1);
const dieAfterRequests = flag("die-after-requests", Infinity);
const dieAfterBytes = flag("die-after-bytes", Infinity);
const isMute = Deno.args.includes("--mute");
const areAlike = Deno.args.includes("--alike");
/** How many connections there are, for the thread that spins to see. */
const connections = new Int32Array(new SharedArrayBuffer(4));

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
}

async function writePieces(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  const length = Math.ceil(bytes.length / pieces);
  for (let i = 0; i < bytes.length; i += length) {
    await writeAll(conn, bytes.subarray(i, i + length));
  }
}

/** What the server knows of one connection. */
class Session {
  readonly #conn: Deno.TcpConn;
  readonly #messages = new Messages(READ_BYTES);
  /** `undefined`: notifications come, which are only counted. */
  #responses: Responses | undefined;
  /** The length of the first message; 0 until it is there. */
  #firstLength = 0;
  #out = new Uint8Array();

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  async run(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    let kept = 0, total = 0;
    for (;;) {
      const length = await this.#conn.read(buffer.subarray(kept));
      if (length === null) break;
      total += length;
      if (total >= dieAfterBytes) Deno.exit();
      if (areAlike && this.#firstLength > 0) continue;
      const bytes = buffer.subarray(0, kept + length);
      const taken = await this.#take(bytes);
      buffer.copyWithin(0, taken, bytes.length);
      kept = bytes.length - taken;
    }
    if (areAlike) {
      received.messages += Math.floor(total / this.#firstLength);
      kept = total % this.#firstLength;
    }
    received.oddBytes += kept;
  }

  /** Takes whole messages; returns how many bytes those are. */
  async #take(bytes: Uint8Array): Promise<number> {
    const count = this.#messages.find(bytes), { ends } = this.#messages;
    if (count === 0) return 0;
    if (this.#firstLength === 0) {
      this.#firstLength = ends[0];
      const first = bytes.subarray(0, ends[0]);
      this.#responses = Responses.of(first, this.#messages.hasLines);
    }
    if (this.#responses !== undefined) {
      await this.#respond(this.#responses, bytes, count);
    } else if (!areAlike) {
      received.messages += count;
    }
    return ends[count - 1];
  }

  async #respond(
    responses: Responses,
    bytes: Uint8Array,
    count: number,
  ): Promise<void> {
    const { ends } = this.#messages;
    const mostBytes = bytes.length + count * MAX_ADDED_BYTES;
    if (this.#out.length < mostBytes) this.#out = new Uint8Array(mostBytes);
    responses.begin(this.#out);
    let from = 0;
    for (let i = 0; i < count && received.requests < dieAfterRequests; i++) {
      responses.add(bytes, from, ends[i]);
      from = ends[i];
      received.requests++;
    }
    await writePieces(this.#conn, responses.bytes);
    if (received.requests >= dieAfterRequests) Deno.exit();
  }
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  if (isMute) return;
  await new Session(conn).run();
  conn.close(); // tells the client that everything was read
}

async function accept(listener: Deno.TcpListener): Promise<void> {
  for await (const conn of listener) {
    Atomics.add(connections, 0, 1);
    Atomics.notify(connections, 0);
    serve(conn).catch((error) => {
      // Clients end connections as they like; that tells of no loss.
      if (!(error instanceof Deno.errors.ConnectionReset)) console.error(error);
    }).finally(() => Atomics.sub(connections, 0, 1));
  }
}

const listeners = Array.from(
  { length: flag("ports", 1) },
  () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
);
for (const listener of listeners) accept(listener);
if (Deno.args.includes("--spin")) {
  const url = new URL("./spinner.ts", import.meta.url);
  new Worker(url, { type: "module" }).postMessage(connections);
}
await reportToParent(listeners.map(({ addr }) => addr.port), received);
