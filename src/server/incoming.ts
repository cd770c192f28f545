/**
 * Reading messages from a connection.
 *
 * @module
 */

import type { JsonValue } from "../protocol/json.ts";
import type { AcceptedConnection } from "../transport/listen.ts";
import type { MessageReader } from "./message_reader.ts";
import type { EventServerStats } from "./reports.ts";

/** The calls that {@linkcode Incoming} makes to its session. */
export interface IncomingHooks {
  /** Returns whether messages are wanted; if not, received bytes are discarded. */
  isServing(): boolean;
  /** Returns whether another message may be handled now. */
  hasRoom(): boolean;
  /** A message was received. */
  received(message: JsonValue, text: string): void;
  /** All received messages were handled; the beginning of one may be left. */
  paused(): void;
  /** The received bytes are not JSON. */
  failed(reason: string): void;
}

/** The buffer's size at first and at most. It is small for peers that send little. */
const MIN_BYTES = 2 * 1024, MAX_BYTES = 64 * 1024;

/** Reads the messages of a peer. */
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

  /** Continues if it waits for room. */
  goOn(): void {
    this.#goOn?.();
  }

  /** Passes messages on; returns false if the others must wait for room. */
  #take(): boolean {
    const reader = this.#reader, hooks = this.#hooks;
    while (hooks.isServing()) {
      let text: string | undefined, message: JsonValue;
      try {
        text = reader.next();
        if (text === undefined) break;
        message = JSON.parse(text);
      } catch (error) {
        hooks.failed((error as Error).message);
        break;
      }
      hooks.received(message, text);
      if (!hooks.hasRoom()) return false;
    }
    return true;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => this.#goOn = resolve);
  }
}
