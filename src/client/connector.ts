/**
 * Attempts to open a connection, one at a time.
 *
 * @module
 */

import {
  closeQuietly,
  type Connect,
  type Connection,
  toConnection,
} from "../transport/connection.ts";

/** An attempt to connect that is under way. */
interface Attempt {
  readonly number: number;
  readonly controller: AbortController;
}

/** See the module. */
export class Connector {
  readonly #connect: (signal: AbortSignal) => ReturnType<Connect>;
  readonly #opened: (connection: Connection) => void;
  readonly #failed: (cause: unknown) => void;
  #attempt: Attempt | undefined;

  /**
   * `connect` opens a connection. `opened` or `failed` is called with the result;
   * neither is called if the attempt was given up.
   */
  constructor(
    connect: (signal: AbortSignal) => ReturnType<Connect>,
    opened: (connection: Connection) => void,
    failed: (cause: unknown) => void,
  ) {
    this.#connect = connect;
    this.#opened = opened;
    this.#failed = failed;
  }

  /**
   * Starts attempt `number` unless it is already under way, and aborts any other
   * attempt. 0 only aborts.
   */
  want(number: number): void {
    if ((this.#attempt?.number ?? 0) === number) return;
    const { controller } = this.#attempt ?? {};
    this.#attempt = undefined; // first: the abort may run code that calls this
    controller?.abort();
    if (number > 0 && this.#attempt === undefined) this.#begin(number);
  }

  async #begin(number: number): Promise<void> {
    const controller = new AbortController();
    const attempt = this.#attempt = { number, controller };
    let opened: Awaited<ReturnType<Connect>> | undefined;
    let connection: Connection;
    try {
      opened = await this.#connect(controller.signal);
      // The attempt may have been given up meanwhile.
      if (this.#attempt !== attempt) return void closeQuietly(opened);
      connection = toConnection(opened);
    } catch (cause) {
      if (opened !== undefined) closeQuietly(opened);
      if (this.#attempt !== attempt) return;
      this.#attempt = undefined;
      return this.#failed(cause);
    }
    this.#attempt = undefined;
    this.#opened(connection);
  }
}
