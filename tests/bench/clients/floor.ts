// The floor: what Deno itself can do with bytes that were built beforehand.
// Notifications in chunks of 64 KiB, or of 60 KiB, which one packet of the
// loopback can carry; requests in a bare ping-pong or pipelined,
// whose replies are counted by their bytes, and not read.

import { main, type Session, type Task } from "./client.ts";

const CHUNK_BYTES = 64 * 1024;
const NOTIFICATION =
  '{"id":null,"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}';
const REQUEST = NOTIFICATION.replace("null", "1234567890");
const REPLY_BYTES = '{"jsonrpc":"2.0","result":true,"id":1234567890}'.length;

const encoder = new TextEncoder();

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
}

/** As many as fit a chunk, so that no message is cut. */
const PER_CHUNK = Math.floor(CHUNK_BYTES / NOTIFICATION.length);
/** As many as one packet of the loopback carries, with room to spare. */
const PER_PACKET = Math.floor(60 * 1024 / NOTIFICATION.length);

async function notifications(
  conn: Deno.Conn,
  { count }: Task,
  perChunk: number,
): Promise<void> {
  const chunk = encoder.encode(NOTIFICATION.repeat(perChunk));
  for (; count >= perChunk; count -= perChunk) await writeAll(conn, chunk);
  await writeAll(conn, chunk.subarray(0, count * NOTIFICATION.length));
}

async function pingPong(
  conn: Deno.Conn,
  { count, latencies }: Task,
): Promise<number> {
  const request = encoder.encode(REQUEST);
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await conn.write(request);
    await conn.read(buffer);
    if (latencies) latencies[i] = performance.now() - start;
  }
  return 0;
}

async function pipelined(
  conn: Deno.Conn,
  { count, inFlight }: Task,
): Promise<number> {
  const requests = encoder.encode(REQUEST.repeat(inFlight));
  const buffer = new Uint8Array(Math.max(CHUNK_BYTES, inFlight * REPLY_BYTES));
  const total = count * REPLY_BYTES;
  let toSend = Math.min(inFlight, count), sent = 0, confirmed = 0, read = 0;
  while (read < total) {
    if (toSend > 0) {
      sent += toSend;
      await writeAll(conn, requests.subarray(0, toSend * REQUEST.length));
    }
    const length = await conn.read(buffer);
    if (length === null) throw new Error("the server has ended the connection");
    read += length;
    const now = Math.floor(read / REPLY_BYTES);
    toSend = Math.min(now - confirmed, count - sent);
    confirmed = now;
  }
  return 0;
}

/** Writes without waiting for replies: what the server can do. */
async function flood(conn: Deno.Conn, task: Task): Promise<void> {
  const requests = encoder.encode(REQUEST.repeat(PER_CHUNK));
  async function write(): Promise<void> {
    for (let { count } = task; count > 0; count -= PER_CHUNK) {
      const length = Math.min(count, PER_CHUNK) * REQUEST.length;
      await writeAll(conn, requests.subarray(0, length));
    }
  }
  const writing = write();
  const buffer = new Uint8Array(4 * CHUNK_BYTES);
  for (let left = task.count * REPLY_BYTES; left > 0;) {
    const length = await conn.read(buffer);
    if (length === null) throw new Error("the server has ended the connection");
    left -= length;
  }
  await writing;
}

await main(async (port, mode): Promise<Session> => {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  return {
    notification: () => writeAll(conn, encoder.encode(NOTIFICATION)),
    notifications: (task) =>
      mode === "flood" ? flood(conn, task) : notifications(
        conn,
        task,
        mode === "notify 60 KiB" ? PER_PACKET : PER_CHUNK,
      ),
    requests: (task) =>
      task.inFlight === 1 ? pingPong(conn, task) : pipelined(conn, task),
    async close() {
      await conn.closeWrite();
      const buffer = new Uint8Array(1024);
      while (await conn.read(buffer) !== null);
      conn.close();
    },
  };
});
