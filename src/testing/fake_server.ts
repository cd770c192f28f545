/**
 * A server that does what servers should not, for the tests of whoever raises
 * events.
 *
 * @module
 */

import { MAX_TIMEOUT_MS } from "../protocol/checks.ts";
import { JsonStream } from "../protocol/json_stream.ts";
import type { Address } from "../transport/listen.ts";
import type { ReceivedEvent } from "../server/event.ts";
import { formatSocket } from "../protocol/socket.ts";

/** What a fake server does with a message. All that is absent is not done. */
export interface FakeResponse {
  /** The result of the response. */
  readonly result?: unknown;
  /** The error of the response, instead of a result. */
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: unknown;
  } | undefined;
  /** Bytes to send instead of a response, such as `"HTTP/1.1 400"`. */
  readonly text?: string | undefined;
  /** How long to wait before, in milliseconds; `Infinity`: no response. */
  readonly afterMs?: number | undefined;
  /**
   * Closes the connection: before the response, in the middle of it, or after it.
   */
  readonly close?: "before" | "middle" | "after" | undefined;
}

/** A message that a fake server took. */
export interface FakeRequest {
  /** Its method. */
  readonly method: string;
  /** Its params. */
  readonly params: unknown;
  /** Its id; null for a notification. */
  readonly id: ReceivedEvent["id"];
  /** Which connection it came by, counted from 0. */
  readonly connection: number;
}

/**
 * What a fake server does: the same always, one thing after another (the last one
 * again and again), or what a function says of a message and its number, counted
 * from 0.
 */
export type FakeBehavior =
  | FakeResponse
  | readonly FakeResponse[]
  | ((request: FakeRequest, index: number) => FakeResponse);

/** Options of {@linkcode fakeServer}. */
export interface FakeServerOptions {
  /**
   * The address to listen at.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /**
   * The port to listen at; 0 picks a free one.
   *
   * @default {0}
   */
  port?: number | undefined;
}

/** A running fake server. */
export interface FakeServer extends AsyncDisposable {
  /** Where it listens. */
  readonly addr: Address;
  /** The socket by which it is reached, such as `jsonrpc:127.0.0.1:40112`. */
  readonly socket: string;
  /** The messages that it took, in their order. */
  readonly requests: readonly FakeRequest[];
  /** How many connections it has accepted. */
  readonly connections: number;
  /** Closes all connections, and lets new ones be opened. */
  closeConnections(): void;
  /** Stops at once. Calling it again is fine. */
  shutdown(): Promise<void>;
}

/** What is used of a connection of Deno. */
interface Conn {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** What is used of Deno. */
interface Runtime {
  listen(options: { hostname: string; port: number }): {
    readonly addr: Address;
    accept(): Promise<Conn>;
    close(): void;
  };
}

/** What is read of a message. */
type Message = Partial<Omit<FakeRequest, "connection">>;

const READ_BYTES = 16 * 1024;
const encoder = new TextEncoder();

/**
 * Starts a server that responds as it is told: late, with errors, not at all, with
 * what is no JSON, or closing in the middle. It listens when it returns.
 *
 * Notifications get no response; what closes a connection closes it for them too.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { ConnectionClosedError, EventClient } from "../../mod.ts";
 * import { fakeServer } from "./mod.ts";
 *
 * await using server = fakeServer([
 *   { result: true, afterMs: 5 },
 *   { result: true, close: "middle" },
 *   { error: { code: 500, message: "Sorry" } },
 * ]);
 * await using client = new EventClient(server.socket, { syncMode: true });
 * assertEquals(await client.raise("E_X"), true);
 * await assertRejects(() => client.raise("E_X"), ConnectionClosedError);
 * await assertRejects(() => client.raise("E_X"), Error, "Sorry");
 * assertEquals(server.connections, 2);
 * ```
 *
 * @throws {TypeError} if there is nothing to do in a list.
 */
export function fakeServer(
  behavior: FakeBehavior,
  options: FakeServerOptions = {},
): FakeServer {
  const { hostname = "127.0.0.1", port = 0 } = options;
  const respond = toFunction(behavior);
  const { Deno: deno } = globalThis as unknown as { Deno: Runtime };
  const listener = deno.listen({ hostname, port });
  const { addr } = listener;
  const requests: FakeRequest[] = [];
  const open = new Set<FakeConnection>();
  let connections = 0;
  let stopping: Promise<void> | undefined;

  async function accept(): Promise<void> {
    const running: Promise<void>[] = [];
    for (;;) {
      let conn: Conn;
      try {
        conn = await listener.accept();
      } catch {
        break; // it was stopped
      }
      const number = connections++;
      const connection = new FakeConnection(conn, (message) => {
        const request = { ...message, connection: number };
        requests.push(request);
        return respond(request, requests.length - 1);
      });
      open.add(connection);
      running.push(connection.run().finally(() => open.delete(connection)));
    }
    await Promise.all(running);
  }

  function closeConnections(): void {
    for (const connection of open) connection.close();
  }

  const accepting = accept();
  function shutdown(): Promise<void> {
    return stopping ??= (async () => {
      listener.close();
      closeConnections();
      await accepting;
    })();
  }

  return {
    addr: { hostname: addr.hostname, port: addr.port },
    socket: formatSocket({
      protocol: "jsonrpc",
      host: addr.hostname,
      port: addr.port,
    }),
    requests,
    get connections() {
      return connections;
    },
    closeConnections,
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}

function toFunction(
  behavior: FakeBehavior,
): (request: FakeRequest, index: number) => FakeResponse {
  if (typeof behavior === "function") return behavior;
  const list: readonly FakeResponse[] = Array.isArray(behavior)
    ? behavior
    : [behavior];
  if (list.length === 0) {
    throw new TypeError(
      "Cannot start a fake server: its list of responses is empty",
    );
  }
  return (_, index) => list[Math.min(index, list.length - 1)]!;
}

/** A connection of the server: open or closed. */
class FakeConnection {
  readonly #conn: Conn;
  readonly #respond: (
    message: Omit<FakeRequest, "connection">,
  ) => FakeResponse;
  readonly #timers = new Map<ReturnType<typeof setTimeout>, () => void>();
  #isOpen = true;
  /** Responses go out one after another. */
  #writing: Promise<void> = Promise.resolve();

  constructor(
    conn: Conn,
    respond: (message: Omit<FakeRequest, "connection">) => FakeResponse,
  ) {
    this.#conn = conn;
    this.#respond = respond;
  }

  /** Serves until either end closes. Never rejects. */
  async run(): Promise<void> {
    const messages = new JsonStream();
    const buffer = new Uint8Array(READ_BYTES);
    const responses: Promise<void>[] = [];
    try {
      for (;;) {
        const length = await this.#conn.read(buffer);
        if (length === null) break;
        messages.push(buffer.slice(0, length));
        let text: string | undefined;
        while ((text = messages.next()) !== undefined) {
          responses.push(...this.#take(JSON.parse(text)));
        }
      }
    } catch { /* it is closed, or what came is no JSON */ }
    await Promise.all(responses);
    this.close();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const [timer, resolve] of this.#timers) {
      clearTimeout(timer);
      resolve();
    }
    this.#timers.clear();
    this.#conn.close();
  }

  #take(value: unknown): Promise<void>[] {
    const members: unknown[] = Array.isArray(value) ? value : [value];
    return members.map((member) => {
      const { method = "", params = {}, id = null } = member as Message;
      return this.#carryOut(id, this.#respond({ method, params, id }));
    });
  }

  async #carryOut(
    id: FakeRequest["id"],
    response: FakeResponse,
  ): Promise<void> {
    const { afterMs = 0, close } = response;
    if (afterMs > 0) await this.#wait(afterMs);
    if (!this.#isOpen) return;
    if (close === "before") return this.close();
    const text = textOf(id, response);
    const end = close === "middle" ? Math.ceil(text.length / 2) : text.length;
    await this.#write(encoder.encode(text.slice(0, end)));
    if (close !== undefined) this.close();
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      // The longest that a timer can be set to: 24 days.
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, Math.min(ms, MAX_TIMEOUT_MS));
      this.#timers.set(timer, resolve);
    });
  }

  #write(bytes: Uint8Array): Promise<void> {
    return this.#writing = this.#writing.then(async () => {
      try {
        while (bytes.length > 0) {
          bytes = bytes.subarray(await this.#conn.write(bytes));
        }
      } catch {
        this.close(); // the peer is gone
      }
    });
  }
}

/** The bytes to send, as text; none for a notification. */
function textOf(
  id: FakeRequest["id"],
  { result = null, error, text }: FakeResponse,
): string {
  if (text !== undefined) return text;
  if (id === null) return "";
  const outcome = error === undefined ? { result } : { error };
  return JSON.stringify({ id, jsonrpc: "2.0", ...outcome });
}
