/**
 * An open connection, and what is under way on it.
 *
 * @module
 */

import type { Delivery } from "./delivery.ts";
import type { DeliveryError } from "../protocol/errors.ts";
import type { JsonStream } from "../protocol/json_stream.ts";
import { Timer } from "../transport/timer.ts";
import { type Connection, type Ends, endsOf } from "../transport/deno.ts";

/**
 * How long the server may take to end a connection after we did, or to let go
 * of what it replied before a write failed, in milliseconds. To close at once
 * could reset the connection, and destroy what the server has not yet read.
 */
export const LINGER_MS = 1000;

/** See the module. */
export class Link {
  readonly reader: Ends["reader"];
  readonly writer: Ends["writer"];
  readonly letsGo: Ends["letsGo"];
  /** The deliveries of the write under way. */
  batch: Delivery[] = [];
  batchBytes = 0;
  /** Why nothing more can be written, once that is so. */
  loss: DeliveryError | undefined;
  /** Whether we are ending it ourselves. */
  isEnding = false;
  /** Resolves when it is closed. */
  readonly closed: Promise<void>;
  readonly #connection: Connection;
  readonly #close: () => void;
  #timer: Timer | undefined;

  /** Without it, what the server sends is thrown away. */
  readonly replies: JsonStream | undefined;

  constructor(connection: Connection, replies?: JsonStream) {
    this.replies = replies;
    ({ promise: this.closed, resolve: this.#close } = Promise.withResolvers<
      void
    >());
    this.#connection = connection;
    const ends = endsOf(connection);
    this.reader = ends.reader;
    this.writer = ends.writer;
    this.letsGo = ends.letsGo;
  }

  /**
   * Tells the server that no more comes, and goes on reading until it ends the
   * connection too, but not for long; then `drop` is called.
   */
  end(drop: () => void): void {
    this.isEnding = true;
    this.dropAfter(LINGER_MS, drop);
    this.writer.close().catch(() => {}); // #read sees what is wrong
  }

  dropAfter(ms: number, drop: () => void): void {
    if (this.#timer !== undefined) return;
    this.#timer = new Timer(drop);
    this.#timer.set(performance.now() + ms);
  }

  /** Closes it. The pending read goes first, so that the peer sees an end. */
  close(): void {
    this.#timer?.clear();
    this.reader.cancel().catch(() => {});
    closeQuietly(this.#connection);
    this.#close();
  }
}

/** Closes a connection that may be of any make. */
export async function closeQuietly(connection: Connection): Promise<void> {
  try {
    await connection.close();
  } catch { /* it is gone, which is all that was asked */ }
}
