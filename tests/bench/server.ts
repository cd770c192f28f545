// The server of all clients, in a process of its own. It must not be what is
// measured: it looks at the first message of a connection only, and from then
// on knows where ids are, as all others are laid out alike.
//
//     deno run -A tests/bench/server.ts [--ports=<n>] [--spin] [--mute]
//         [--die-after-requests=<n>] [--die-after-bytes=<n>]
//
// It prints {"ports":[…]} first. For each line on standard input it prints what
// it received since the line before, on connections that have ended.

import type { Received } from "./processes.ts";

/** How much is read at once. */
const READ_BYTES = 256 * 1024;
/** The shortest request is longer; so many replies fit the buffer of replies. */
const MIN_REQUEST_BYTES = 64;
const COMMA = 0x2c, CLOSE = 0x7d;

const encoder = new TextEncoder();
const received: Received = { messages: 0, requests: 0, oddBytes: 0 };

function flag(name: string, absent: number): number {
  const text = Deno.args.find((arg) => arg.startsWith(`--${name}=`));
  return text === undefined ? absent : Number(text.split("=")[1]);
}
const ports = flag("ports", 1);
const dieAfterRequests = flag("die-after-requests", Infinity);
const dieAfterBytes = flag("die-after-bytes", Infinity);
/** How many connections there are, for the thread that spins to see. */
const connections = new Int32Array(new SharedArrayBuffer(4));

/** How the messages of a connection are laid out. */
interface Layout {
  /** The bytes of a whole message: of the first one. */
  length: number;
  /** Of a request: the bytes before its id, and those after it. */
  id?: { before: number; after: number };
  /** Whether messages begin with a `Content-Length`. */
  hasHeader: boolean;
  /** What follows each message. */
  delimiter: string;
}

/** Reads the layout off the first message; `undefined`: it is not whole yet. */
function layoutOf(bytes: Uint8Array): Layout | undefined {
  const text = new TextDecoder().decode(bytes);
  let end = text.indexOf("{");
  if (end === -1) return;
  let depth = 0; // the event's strings have no brackets in them
  do {
    if (text[end] === "{") depth++;
    else if (text[end] === "}") depth--;
    else if (text[end] === undefined) return;
    end++;
  } while (depth > 0);
  const delimiter = text[end] === "\n" ? "\n" : "";
  const layout: Layout = {
    length: end + delimiter.length,
    hasHeader: text.startsWith("Content-Length"),
    delimiter,
  };
  const id = /"id":(?!null)([^,}]+)/.exec(text.slice(0, end));
  if (id === null) return layout;
  const before = id.index + '"id":'.length;
  const after = layout.length - before - id[1].length;
  return { ...layout, id: { before, after } };
}

/** Replies side by side, in which nothing but the id is to be filled in. */
class Replies {
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Where the id is in each. */
  readonly idAt: number;

  readonly idLength: number;

  constructor({ hasHeader, delimiter }: Layout, idLength: number) {
    this.idLength = idLength;
    const head = '{"jsonrpc":"2.0","result":true,"id":';
    const body = `${head}${"0".repeat(idLength)}}`;
    const header = hasHeader ? `Content-Length: ${body.length}\r\n\r\n` : "";
    const reply = encoder.encode(header + body + delimiter);
    this.length = reply.length;
    this.idAt = header.length + head.length;
    const count = Math.ceil(READ_BYTES / MIN_REQUEST_BYTES);
    this.bytes = new Uint8Array(count * this.length);
    for (let i = 0; i < count; i++) this.bytes.set(reply, i * this.length);
  }
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
}

/** Answers whole requests; returns how many bytes those were. */
async function answer(
  conn: Deno.Conn,
  layout: Layout,
  replies: Map<number, Replies>,
  bytes: Uint8Array,
): Promise<number> {
  const { before, after } = layout.id!;
  let read = 0, filled = 0;
  let current: Replies | undefined;
  while (received.requests < dieAfterRequests) {
    const idStart = read + before;
    let idEnd = idStart;
    while (
      idEnd < bytes.length && bytes[idEnd] !== COMMA && bytes[idEnd] !== CLOSE
    ) idEnd++;
    if (idEnd + after > bytes.length) break;
    const idLength = idEnd - idStart;
    if (current?.idLength !== idLength) { // rarely: an id has one digit more
      if (current !== undefined) {
        await writeAll(conn, current.bytes.subarray(0, filled));
      }
      filled = 0;
      current = replies.get(idLength);
      if (current === undefined) {
        replies.set(idLength, current = new Replies(layout, idLength));
      }
    }
    const idAt = filled + current.idAt;
    for (let i = 0; i < idLength; i++) {
      current.bytes[idAt + i] = bytes[idStart + i];
    }
    filled += current.length;
    read = idEnd + after;
    received.requests++;
  }
  if (current !== undefined) {
    await writeAll(conn, current.bytes.subarray(0, filled));
  }
  if (received.requests >= dieAfterRequests) Deno.exit();
  return read;
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  if (Deno.args.includes("--mute")) return;
  const buffer = new Uint8Array(READ_BYTES);
  const replies = new Map<number, Replies>();
  let layout: Layout | undefined;
  let kept = 0, total = 0;
  for (;;) {
    const length = await conn.read(buffer.subarray(kept));
    if (length === null) break;
    total += length;
    if (total >= dieAfterBytes) Deno.exit();
    if (layout !== undefined && layout.id === undefined) continue;
    let bytes = buffer.subarray(0, kept + length);
    layout ??= layoutOf(bytes);
    if (layout?.id !== undefined) {
      bytes = bytes.subarray(await answer(conn, layout, replies, bytes));
    }
    if (layout === undefined || layout.id !== undefined) {
      buffer.copyWithin(0, bytes.byteOffset, bytes.byteOffset + bytes.length);
      kept = bytes.length;
    } else {
      kept = 0;
    }
  }
  if (layout === undefined) {
    received.oddBytes += total;
  } else if (layout.id === undefined) {
    received.messages += Math.floor(total / layout.length);
    received.oddBytes += total % layout.length;
  }
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
  { length: ports },
  () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
);
for (const listener of listeners) accept(listener);
if (Deno.args.includes("--spin")) {
  const url = new URL("./spinner.ts", import.meta.url);
  new Worker(url, { type: "module" }).postMessage(connections);
}
console.log(
  JSON.stringify({ ports: listeners.map(({ addr }) => addr.port) }),
);
const decoder = new TextDecoder();
for await (const chunk of Deno.stdin.readable) {
  if (!decoder.decode(chunk, { stream: true }).includes("\n")) continue;
  console.log(JSON.stringify(received));
  Object.assign(received, { messages: 0, requests: 0, oddBytes: 0 });
}
Deno.exit(); // the parent has ended
