/** TCP servers that do what a test tells them, and readers of their own. */

import { type AddressInfo, createServer } from "node:net";

/** Texts as a plain reader finds them: independent of `JsonStream`. */
export class TextReader {
  readonly #conn: Deno.Conn;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** What was read and is not a whole text yet. */
  get rest(): string {
    return this.#text;
  }

  /** The next JSON text, or undefined at the end. */
  async next(): Promise<string | undefined> {
    for (let end = 0;;) {
      end = this.#text.indexOf("}", end) + 1;
      if (end === 0) {
        end = this.#text.length;
        if (!await this.#read()) return undefined;
        continue;
      }
      const candidate = this.#text.slice(0, end);
      if (isJson(candidate)) {
        this.#text = this.#text.slice(end);
        return candidate;
      }
    }
  }

  /** The next message, parsed. */
  // deno-lint-ignore no-explicit-any
  async message(): Promise<any> {
    const text = await this.next();
    if (text === undefined) {
      throw new Error(`The peer ended after ${this.#text}`);
    }
    return JSON.parse(text);
  }

  /** All texts until the end. */
  async all(): Promise<string[]> {
    const texts: string[] = [];
    for (let text; (text = await this.next()) !== undefined;) texts.push(text);
    return texts;
  }

  async #read(): Promise<boolean> {
    const buffer = new Uint8Array(65536);
    const length = await this.#conn.read(buffer);
    if (length === null) return false;
    this.#text += this.#decoder.decode(buffer.subarray(0, length), {
      stream: true,
    });
    return true;
  }
}

/** Whether a text is one JSON text. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Sends text whole. */
export async function send(conn: Deno.Conn, text: string): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
}

/** What a server does with its n-th connection, counted from 0. */
export type Script = (
  conn: Deno.TcpConn,
  reader: TextReader,
  n: number,
) => Promise<void> | void;

/** A server on a free port of 127.0.0.1. */
export interface Server extends AsyncDisposable {
  port: number;
  /** The socket by which it is reached. */
  socket: string;
  /** How many connections it has accepted. */
  readonly accepted: number;
  /** Stops accepting; connections stay. */
  stopListening(): void;
}

/**
 * Runs `script` for each connection, and closes that when the script ends. The
 * server ends, at the end of the test's scope, by closing all that is open; an
 * error of a script is thrown then, if it is not that.
 */
export function serve(script: Script, port = 0): Server {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const open = new Set<Deno.TcpConn>();
  const scripts: Promise<void>[] = [];
  const failures: unknown[] = [];
  let accepted = 0;
  let isListening = true, isEnding = false;

  async function run(conn: Deno.TcpConn, n: number): Promise<void> {
    open.add(conn);
    try {
      await script(conn, new TextReader(conn), n);
    } catch (error) {
      if (!isEnding && !isConnectionError(error)) failures.push(error);
    } finally {
      open.delete(conn);
      closeQuietly(conn);
    }
  }
  const accepting = (async () => {
    while (isListening) {
      try {
        scripts.push(run(await listener.accept(), accepted++));
      } catch { /* the listener is closed, or a peer was gone already */ }
    }
  })();
  function stopListening(): void {
    isListening = false;
    closeQuietly(listener);
  }

  return {
    port: listener.addr.port,
    socket: `jsonrpc:127.0.0.1:${listener.addr.port}`,
    get accepted() {
      return accepted;
    },
    stopListening,
    async [Symbol.asyncDispose]() {
      isEnding = true;
      stopListening();
      for (const conn of open) closeQuietly(conn);
      await accepting;
      await Promise.all(scripts);
      if (failures.length > 0) throw failures[0];
    },
  };
}

/**
 * A server that resets each connection at the first bytes, once it has sent
 * `before`. Deno's own API cannot send a reset; its `node:net` can.
 */
export async function serveResets(before = ""): Promise<
  AsyncDisposable & { socket: string }
> {
  const server = createServer((conn) => {
    conn.once("data", () => conn.write(before, () => conn.resetAndDestroy()));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    socket: `jsonrpc:127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((done) => server.close(() => done())),
  };
}

/** Whether this machine has IPv6, which in containers there may not be. */
export const hasIpv6: boolean = (() => {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false; // or no permission to listen: such tests need none
  }
})();

/** The name of a test that needs IPv6, and whether it is ignored. */
export function needsIpv6(name: string): { name: string; ignore: boolean } {
  return hasIpv6
    ? { name, ignore: false }
    : { name: `${name} (skipped: there is no IPv6)`, ignore: true };
}

/** A port on which nothing listens. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function isConnectionError(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
}

function closeQuietly(closer: { close(): void }): void {
  try {
    closer.close();
  } catch { /* it is closed */ }
}

/** A promise to be resolved by hand: something a test waits for. */
export function gate(): { open: () => void; opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}
