/**
 * Reading from a connection.
 *
 * @module
 */

import type { JsonValue } from "../protocol/json.ts";
import type { AcceptedConnection } from "../transport/listen.ts";
import type { MessageReader } from "./message_reader.ts";
import type { EventServerStats } from "./reports.ts";

/** What reading asks its session, and tells it. */
export interface IncomingHooks {
  /** Whether messages are wanted; else what comes is thrown away. */
  isServing(): boolean;
  /** Whether one more message may be handled. */
  hasRoom(): boolean;
  /** A message has come. */
  came(message: JsonValue, text: string): void;
  /** All messages that came have been handled; another may have begun. */
  paused(): void;
  /** What came is not JSON. */
  broke(reason: string): void;
}

/** How much is read at once, at first and at most: silent peers cost little. */
const MIN_BYTES = 2 * 1024, MAX_BYTES = 64 * 1024;

/** What comes from a peer. */
export class Incoming {
  readonly #connection: AcceptedConnection;
  readonly #reader: MessageReader;
  readonly #stats: EventServerStats;
  readonly #hooks: IncomingHooks;
  #goOn: (() => void) | undefined;

  constructor(
    connection: AcceptedConnection,
    reader: MessageReader,
    stats: EventServerStats,
    hooks: IncomingHooks,
  ) {
    this.#connection = connection;
    this.#reader = reader;
    this.#stats = stats;
    this.#hooks = hooks;
  }

  /**
   * Reads until the peer has ended its side. Rejects when the connection is lost
   * or closed.
   */
  async read(): Promise<void> {
    let buffer = new Uint8Array(MIN_BYTES);
    for (;;) {
      const length = await this.#connection.read(buffer);
      if (length === null) break;
      this.#stats.bytesReceived += length;
      if (!this.#hooks.isServing()) continue;
      this.#stats.replaced += this.#reader.push(buffer.subarray(0, length));
      while (!this.#take()) await this.#room();
      this.#hooks.paused();
      if (length === buffer.length && length < MAX_BYTES) {
        buffer = new Uint8Array(MAX_BYTES);
      }
    }
    if (!this.#hooks.isServing()) return;
    this.#stats.replaced += this.#reader.end();
    while (!this.#take()) await this.#room();
  }

  /** Goes on if it waits for room. */
  goOn(): void {
    this.#goOn?.();
  }

  /** Hands on the messages that came; false if the rest has to wait for room. */
  #take(): boolean {
    const reader = this.#reader, hooks = this.#hooks;
    while (hooks.isServing()) {
      let text: string | undefined, message: JsonValue;
      try {
        text = reader.next();
        if (text === undefined) break;
        message = JSON.parse(text);
      } catch (error) {
        hooks.broke((error as Error).message);
        break;
      }
      hooks.came(message, text);
      if (!hooks.hasRoom()) return false;
    }
    return true;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => this.#goOn = resolve);
  }
}
