/**
 * A connection over a socket of Node.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Connection } from "./connection.ts";

/** How many bytes wait for a read, at least, before the peer has to wait. */
const MAX_WAITING_BYTES = 64 * 1024;

/**
 * What comes after the bytes that wait:
 *
 *     more    more bytes, or one of the others
 *     end     nothing: the peer sends no more, or the connection was closed
 *     error   an error: the connection was lost
 */
type Then = "more" | "end" | "error";

/** See the module. Bytes that came before the connection was lost can be read. */
export class NodeConnection implements Connection {
  readonly #socket: Socket;
  #chunks: Uint8Array[] = [];
  #waitingBytes = 0;
  #then: Then = "more";
  #error: unknown;
  /** Resolves when bytes or an end have come; there is one while one waits. */
  #arrival: PromiseWithResolvers<void> | undefined;

  /** Takes hold of a socket: nobody else may read or write it. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => this.#take(bytes));
    socket.on("end", () => this.#end("end"));
    socket.on("error", (error) => this.#end("error", error));
    socket.on("close", () => this.#end("end"));
  }

  /**
   * Resolves when bytes or the end can be read; rejects when the connection was
   * lost.
   */
  async arrived(): Promise<void> {
    while (this.#waitingBytes === 0 && this.#then === "more") {
      this.#arrival ??= Promise.withResolvers();
      await this.#arrival.promise;
    }
    if (this.hasEnded && this.#then === "error") throw this.#error;
  }

  /** Whether nothing more can be read. */
  get hasEnded(): boolean {
    return this.#waitingBytes === 0 && this.#then !== "more";
  }

  /** See {@linkcode Connection.read}. */
  async read(buffer: Uint8Array): Promise<number | null> {
    await this.arrived();
    if (this.#waitingBytes === 0) return null;
    let length = 0, taken = 0;
    for (const chunk of this.#chunks) {
      const part = chunk.subarray(0, buffer.length - length);
      buffer.set(part, length);
      length += part.length;
      if (part.length < chunk.length) {
        this.#chunks[taken] = chunk.subarray(part.length);
        break;
      }
      taken++;
    }
    this.#chunks.splice(0, taken);
    this.#waitingBytes -= length;
    const isShort = this.#waitingBytes < MAX_WAITING_BYTES;
    if (isShort && this.#socket.isPaused()) this.#socket.resume();
    return length;
  }

  /** See {@linkcode Connection.write}; it is all that the system has taken. */
  async write(bytes: Uint8Array): Promise<number> {
    await this.#done((done) => this.#socket.write(bytes, done));
    return bytes.length;
  }

  /** See {@linkcode Connection.closeWrite}. */
  closeWrite(): Promise<void> {
    return this.#done((done) => this.#socket.end(done));
  }

  /** See {@linkcode Connection.close}. */
  close(): void {
    this.#socket.destroy();
    this.#end("end");
  }

  #take(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= MAX_WAITING_BYTES) this.#socket.pause();
    this.#wake();
  }

  #end(then: Then, error?: unknown): void {
    if (this.#then === "error") return;
    if (this.#then === "end" && then === "end") return;
    this.#then = then;
    this.#error = error;
    this.#wake();
  }

  #wake(): void {
    this.#arrival?.resolve();
    this.#arrival = undefined;
  }

  /** Resolves when Node says that it is done; a lost connection says why. */
  #done(begin: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) =>
      begin((error) => error ? reject(this.#error ?? error) : resolve())
    );
  }
}
