/** A server that does all that servers do. */

import { JsonStream } from "../../mod.ts";

/** What a server got, and from which run of the raiser. */
export interface Arrival {
  n: number;
  run: number;
}

/**
 * How long its clients wait for a response. Not long: they are to give up before
 * they are killed.
 */
export const TIMEOUT_MS = 60;

const encoder = new TextEncoder();

/**
 * A server that confirms most requests; others it answers late, twice, with an
 * error, or not at all, with or without the connection's end; and now and then
 * it is gone for a while.
 */
export class MadServer implements AsyncDisposable {
  readonly arrivals: Arrival[] = [];
  /** The numbers of those that were answered, by a result or an error. */
  readonly answered = new Set<number>();
  /** Those that were confirmed at once, and by nothing else. */
  readonly confirmed: Arrival[] = [];
  readonly port: number;
  run = 0;
  isMad = true;
  readonly #below: (end: number) => number;
  #listener: Deno.Listener;
  readonly #conns = new Set<Deno.Conn>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isClosed = false;
  #isUp = true;

  constructor(below: (end: number) => number) {
    this.#below = below;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#accept();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#die();
    return Promise.resolve();
  }

  #after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  async #accept(): Promise<void> {
    try {
      for await (const conn of this.#listener) {
        this.#conns.add(conn);
        this.#serve(conn, this.run).catch(() => {}).finally(() =>
          this.#end(conn)
        );
      }
    } catch { /* it is gone */ }
  }

  async #serve(conn: Deno.Conn, run: number): Promise<void> {
    const stream = new JsonStream();
    const room = new Uint8Array(65536);
    for (;;) {
      const length = await conn.read(room);
      if (length === null) return;
      stream.push(room.slice(0, length));
      for (let text; (text = stream.next()) !== undefined;) {
        const { id, params } = JSON.parse(text);
        const arrival = { n: params.n, run };
        this.arrivals.push(arrival);
        this.#respond(conn, id, arrival);
      }
    }
  }

  #respond(conn: Deno.Conn, id: number, arrival: Arrival): void {
    const result = JSON.stringify({ jsonrpc: "2.0", id, result: true });
    const send = (text: string) => {
      this.answered.add(arrival.n);
      conn.write(encoder.encode(text)).catch(() => {});
    };
    switch (this.isMad ? this.#below(60) : 59) {
      case 0: // late
        return this.#after(TIMEOUT_MS + 20, () => send(result));
      case 1: // twice
        return send(result + result);
      case 2: { // an error
        const error = { code: -32050, message: "no" };
        return send(JSON.stringify({ jsonrpc: "2.0", id, error }));
      }
      case 3: // not at all
        return;
      case 4: // nor any other of the connection
        return this.#end(conn);
      case 5: // and gone for a while
        this.#die();
        return this.#after(this.#below(60), () => this.#comeBack());
      default:
        this.confirmed.push(arrival);
        return send(result);
    }
  }

  #comeBack(): void {
    if (this.#isClosed || this.#isUp) return;
    try {
      this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
    } catch { // somebody else has the port for a moment
      return this.#after(20, () => this.#comeBack());
    }
    this.#isUp = true;
    this.#accept();
  }

  #die(): void {
    if (this.#isUp) this.#listener.close();
    this.#isUp = false;
    for (const conn of this.#conns) this.#end(conn);
  }

  #end(conn: Deno.Conn): void {
    if (!this.#conns.delete(conn)) return;
    try {
      conn.close();
    } catch { /* it has ended */ }
  }
}
