// The floor: what Deno itself can do with bytes that were built beforehand. Of
// responses only the closing brackets are counted.
//
// Modes of its own: "notify alike" (64 KiB chunks of one and the same message),
// "notify alike 60 KiB" (which a packet of the loopback can carry), "flood"
// (requests are written without waiting for responses).

import type { Shape } from "../shapes.ts";
import { main, type Session, type Task } from "./client.ts";

const CHUNK_BYTES = 64 * 1024, PACKET_BYTES = 60 * 1024;
/** So many requests are built; then they are sent again. */
const MAX_REQUESTS = 100_000;
const CLOSE = 0x7d;

const encoder = new TextEncoder();

function message({ event, params }: Shape, id: number | null, i: number) {
  const body = JSON.stringify(params(i));
  return `{"id":${id},"jsonrpc":"2.0","method":"${event}","params":${body}}`;
}

/** Messages side by side. */
class Messages {
  readonly bytes: Uint8Array;
  /** Where each ends. */
  readonly #ends: number[] = [];

  constructor(texts: Iterable<string>, maxBytes = Infinity) {
    const all: Uint8Array[] = [];
    let length = 0;
    for (const text of texts) {
      const bytes = encoder.encode(text);
      if (length + bytes.length > maxBytes) break;
      this.#ends.push(length += bytes.length);
      all.push(bytes);
    }
    this.bytes = new Uint8Array(length);
    all.forEach((bytes, i) => this.bytes.set(bytes, this.#ends[i - 1] ?? 0));
  }

  get count(): number {
    return this.#ends.length;
  }

  /** Those from one index to another. */
  range(from: number, to: number): Uint8Array {
    return this.bytes.subarray(this.#ends[from - 1] ?? 0, this.#ends[to - 1]);
  }
}

function* notificationTexts({ shape, mode }: Task): Generator<string> {
  for (let i = 0;; i++) {
    yield message(shape, null, mode.startsWith("notify alike") ? 0 : i);
  }
}

function* requestTexts({ shape, count }: Task): Generator<string> {
  const most = Math.min(count, MAX_REQUESTS);
  for (let i = 0; i < most; i++) yield message(shape, i + 1, i);
}

/** Requests on a connection, and their responses. */
class Requests {
  readonly #messages: Messages;
  readonly #conn: Deno.Conn;
  readonly #buffer = new Uint8Array(4 * CHUNK_BYTES);

  constructor(conn: Deno.Conn, messages: Messages) {
    this.#conn = conn;
    this.#messages = messages;
  }

  /** Sends the requests from one number to another. */
  async send(from: number, to: number): Promise<void> {
    const { count } = this.#messages;
    while (from < to) {
      const start = from % count, end = Math.min(count, start + to - from);
      await writeAll(this.#conn, this.#messages.range(start, end));
      from += end - start;
    }
  }

  /** Reads once; returns how many responses ended there. */
  async receive(): Promise<number> {
    const length = await this.#conn.read(this.#buffer);
    if (length === null) throw new Error("the server has ended the connection");
    let responses = 0;
    for (let i = 0; i < length; i++) {
      if (this.#buffer[i] === CLOSE) responses++;
    }
    return responses;
  }

  async pingPong({ count, latencies }: Task): Promise<void> {
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      await this.send(i, i + 1);
      while (await this.receive() === 0);
      if (latencies) latencies[i] = performance.now() - start;
    }
  }

  async pipelined({ count, inFlight }: Task): Promise<void> {
    let sent = 0, confirmed = 0;
    while (confirmed < count) {
      const most = Math.min(confirmed + inFlight, count);
      await this.send(sent, most);
      sent = most;
      confirmed += await this.receive();
    }
  }

  /** What the server can do. */
  async flood({ count }: Task): Promise<void> {
    const { bytes } = this.#messages;
    const few = Math.floor(this.#messages.count * CHUNK_BYTES / bytes.length);
    const write = async () => {
      for (let sent = 0; sent < count; sent += few) {
        await this.send(sent, Math.min(sent + few, count));
      }
    };
    const writing = write();
    for (let left = count; left > 0;) left -= await this.receive();
    await writing;
  }
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
}

await main(async (task): Promise<Session> => {
  const hostname = "127.0.0.1";
  const conn = await Deno.connect({ hostname, port: Number(task.port) });
  conn.setNoDelay(true);
  const chunkBytes = task.mode === "notify alike 60 KiB"
    ? PACKET_BYTES
    : CHUNK_BYTES;
  const messages = task.mode.startsWith("notify")
    ? new Messages(notificationTexts(task), chunkBytes)
    : new Messages(requestTexts(task));
  const requests = new Requests(conn, messages);
  return {
    async notifications({ mode, count }) {
      if (mode === "flood") return await requests.flood(task);
      while (count > 0) {
        const few = Math.min(count, messages.count);
        await writeAll(conn, messages.range(0, few));
        count -= few;
      }
    },
    async requests(task) {
      if (task.inFlight === 1) await requests.pingPong(task);
      else await requests.pipelined(task);
      return 0;
    },
    async close() {
      await conn.closeWrite();
      const buffer = new Uint8Array(1024);
      while (await conn.read(buffer) !== null);
      conn.close();
    },
  };
});
