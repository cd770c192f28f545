/**
 * A TCP proxy on loopback that does harm by a plan. It is made of `node:net`,
 * as Deno's own API cannot reset a connection.
 */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** From the client to the server, or back. */
export type Direction = "there" | "back";
/** How a connection is cut: by an orderly end, or by a reset. */
export type CutBy = "FIN" | "RST";

/** What is done to one connection. */
export interface Plan {
  /** Cuts it, to both sides, once so many bytes went in a direction. */
  cut?: {
    direction: Direction;
    after: number;
    by: CutBy;
    /** What the cut waits for, given what went in that direction. */
    until?: (passed: Uint8Array) => Promise<unknown> | void;
  };
  /** Holds back what follows after so many bytes of a direction. */
  stall?: {
    direction: Direction;
    after: number;
    /** Called when the stall begins; it lasts until the promise resolves. */
    until: () => Promise<unknown>;
  };
  /** How many bytes go on at once, at most. */
  pieceBytes?: number;
  /** How long each piece is held back, in milliseconds. */
  delayMs?: () => number;
}

/** A running proxy. At the end of its scope all is closed, whatever is open. */
export interface Proxy extends AsyncDisposable {
  /** The socket by which the server is reached through it. */
  socket: string;
  port: number;
  /** How many connections it has accepted. */
  readonly accepted: number;
  /** Resolves when each of its connections is closed, on both sides. */
  idle(): Promise<void>;
}

/** Stands before the server at `port`; `planOf` is asked for each connection. */
export async function standBefore(
  port: number,
  planOf: (n: number) => Plan,
): Promise<Proxy> {
  const open = new Set<Socket>();
  const closed: Promise<void>[] = [];
  let accepted = 0;

  function keep(socket: Socket): Socket {
    open.add(socket);
    closed.push(
      new Promise((resolve) =>
        socket.once("close", () => {
          open.delete(socket);
          resolve();
        })
      ),
    );
    socket.on("error", () => {}); // it is closed then, and that is noticed
    return socket.setNoDelay(true);
  }

  const listener = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
    (client) => {
      keep(client);
      const plan = planOf(accepted++);
      const server = keep(
        connect({ host: "127.0.0.1", port, allowHalfOpen: true }),
      );
      // The server may be gone; then so is the connection, to the client too.
      server.once("error", () => client.resetAndDestroy());
      server.once("connect", () => new Passage(client, server, plan));
    },
  );
  await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
  const address = listener.address() as AddressInfo;
  return {
    port: address.port,
    socket: `jsonrpc:127.0.0.1:${address.port}`,
    get accepted() {
      return accepted;
    },
    async idle() {
      await Promise.all(closed);
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => listener.close(resolve));
      for (const socket of open) socket.destroy();
      await Promise.all(closed);
      await ended;
    },
  };
}

/** One connection through the proxy. */
class Passage {
  readonly #plan: Plan;
  readonly #sides: Record<Direction, [from: Socket, to: Socket]>;
  #isCut = false;

  constructor(client: Socket, server: Socket, plan: Plan) {
    this.#plan = plan;
    this.#sides = { there: [client, server], back: [server, client] };
    for (const direction of ["there", "back"] as const) {
      this.#pass(direction).catch(() => {
        this.#cut("RST");
        this.#sides[direction][0].resume(); // its end is still to be seen
      });
    }
  }

  /** Passes on what comes in a direction, and in the end that it ended. */
  async #pass(direction: Direction): Promise<void> {
    const { pieceBytes = Infinity, delayMs } = this.#plan;
    const cut = this.#plan.cut?.direction === direction
      ? this.#plan.cut
      : undefined;
    const stall = this.#plan.stall?.direction === direction
      ? this.#plan.stall
      : undefined;
    const [from, to] = this.#sides[direction];
    const passed: Uint8Array[] = [];
    let count = 0;

    const harm = async () => {
      if (stall?.after === count) await stall.until();
      if (cut?.after !== count) return;
      await cut.until?.(concat(passed));
      this.#cut(cut.by);
    };
    await harm();
    for await (const chunk of from.iterator({ destroyOnReturn: false })) {
      for (let rest: Uint8Array = chunk; rest.length > 0;) {
        const length = Math.min(
          rest.length,
          pieceBytes,
          ...[cut, stall].map((at) =>
            at !== undefined && at.after > count ? at.after - count : Infinity
          ),
        );
        const piece = rest.subarray(0, length);
        rest = rest.subarray(length);
        if (delayMs !== undefined) await pause(delayMs());
        if (this.#isCut) break;
        await write(to, piece);
        count += length;
        if (cut !== undefined) passed.push(piece);
        await harm();
      }
      if (this.#isCut) break;
    }
    if (this.#isCut) from.resume(); // what still comes is of no use
    else to.end();
  }

  #cut(by: CutBy): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const [socket] of Object.values(this.#sides)) {
      if (by === "FIN") socket.end();
      else socket.resetAndDestroy();
    }
  }
}

function write(to: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) =>
    to.write(bytes, (error) => error ? reject(error) : resolve())
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function concat(pieces: Uint8Array[]): Uint8Array {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}
