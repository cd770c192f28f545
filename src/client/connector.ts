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

/** An attempt that is under way. */
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

  /** `connect` opens; one of the others is called with what comes of it. */
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
   * Begins the attempt with this number unless it is under way, and gives up
   * any other; 0: none is wanted.
   */
  want(number: number): void {
    if ((this.#attempt?.number ?? 0) === number) return;
    const { controller } = this.#attempt ?? {};
    this.#attempt = undefined; // first: the abort may run code that comes here
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
      // It may have been given up meanwhile.
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
