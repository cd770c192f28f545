/**
 * Writing responses to a connection.
 *
 * @module
 */

import type { Timeouts, Wait } from "../transport/timeouts.ts";
import type { Gaps } from "./gaps.ts";
import type { Pace } from "./pace.ts";
import type { EventServerStats } from "./reports.ts";

const encoder = new TextEncoder();

/** Options of {@linkcode ResponseWriter}. */
export interface WriterOptions {
  readonly timeouts: Timeouts;
  readonly gaps: Gaps;
  /** How long one write may take, in milliseconds. */
  readonly idleTimeoutMs: number;
  readonly stats: EventServerStats;
}

/** The calls that {@linkcode ResponseWriter} makes to its session. */
export interface WriterHooks {
  /** All responses were written, or a write has failed. */
  written(): void;
  /** A write has failed, or took too long. */
  lost(): void;
}

/**
 * Writes responses: one at a time if there is a gap between them, else all
 * responses of a turn together.
 *
 * A write ends when the operating system has taken some bytes, and the time limit
 * is for one write. So a peer that reads slowly but steadily keeps its connection.
 */
export class ResponseWriter {
  readonly #connection: { write(bytes: Uint8Array): Promise<number> };
  readonly #pace: Pace;
  readonly #options: WriterOptions;
  readonly #hooks: WriterHooks;
  /** Responses; those from the index `#next` on wait to be written. */
  #texts: string[] = [];
  #next = 0;
  /** The number of characters that wait. */
  #length = 0;
  #delimiter = "";
  #hasBegun = false;
  #isClosed = false;
  /** When the last write ended, and when the write under way began. */
  #endedAt = -Infinity;
  #beganAt = Infinity;
  /** The time-out of writes. One may last for many writes, as `#look` renews it. */
  #watch: Wait | undefined;
  #writing: Promise<void> | undefined;

  constructor(
    connection: { write(bytes: Uint8Array): Promise<number> },
    pace: Pace,
    options: WriterOptions,
    hooks: WriterHooks,
  ) {
    this.#connection = connection;
    this.#pace = pace;
    this.#options = options;
    this.#hooks = hooks;
  }

  /** How many characters wait to be written. */
  get length(): number {
    return this.#length;
  }

  /** Whether `write` was ever called. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Resolves when no write is under way; undefined if none is. */
  get writing(): Promise<void> | undefined {
    return this.#writing;
  }

  /** Writes a response, or drops it if the writer is closed. */
  write(text: string): void {
    if (this.#isClosed) {
      this.#options.stats.dropped++;
      return;
    }
    this.#hasBegun = true;
    this.#texts.push(text);
    this.#length += text.length;
    this.#writing ??= this.#run();
  }

  /**
   * Writes a space, unless a write is under way. JSON allows it before the next
   * response. If the peer is gone, the second such write fails.
   */
  probe(): void {
    if (this.#writing === undefined) this.write(" ");
  }

  /** Ends each response with a line feed, also the last one that was written. */
  endLines(): void {
    if (this.#delimiter !== "") return;
    this.#delimiter = "\n";
    if (this.#hasBegun && this.#texts.length === 0) this.write("");
  }

  /** Closes the writer. Responses that wait are dropped. */
  close(): void {
    this.#isClosed = true;
    this.#options.timeouts.end(this.#watch);
    this.#options.stats.dropped += this.#texts.length - this.#next;
    this.#clear();
  }

  async #run(): Promise<void> {
    // Wait for all responses of this turn, and write them together. Over TLS, Deno
    // has no TCP_NODELAY, so the second of two writes would be delayed.
    await null;
    try {
      while (this.#texts.length > 0) {
        const { gapMs } = this.#pace;
        if (gapMs > 0) await this.#options.gaps.until(this.#endedAt + gapMs);
        let bytes = encoder.encode(this.#take());
        while (bytes.length > 0) {
          this.#begin();
          const length = await this.#connection.write(bytes);
          this.#options.stats.bytesSent += length;
          bytes = bytes.subarray(length);
        }
        this.#beganAt = Infinity;
        if (gapMs > 0) this.#endedAt = performance.now();
      }
    } catch {
      this.#hooks.lost();
    }
    this.#beganAt = Infinity;
    this.#writing = undefined;
    this.#hooks.written();
  }

  #begin(): void {
    const { timeouts, idleTimeoutMs } = this.#options;
    this.#beganAt = performance.now();
    this.#watch ??= timeouts.begin(idleTimeoutMs, () => this.#look());
  }

  /** Gives up if the write under way has taken too long, else looks again later. */
  #look(): void {
    const { timeouts, idleTimeoutMs } = this.#options;
    this.#watch = undefined;
    if (this.#isClosed || this.#beganAt === Infinity) return;
    const left = this.#beganAt + idleTimeoutMs - performance.now();
    if (left <= 0) this.#hooks.lost();
    else this.#watch = timeouts.begin(left, () => this.#look());
  }

  /** Returns the text for the next write. */
  #take(): string {
    const texts = this.#texts, delimiter = this.#delimiter;
    if (this.#pace.gapMs > 0 && this.#next < texts.length - 1) {
      const text = texts[this.#next++]!;
      this.#length -= text.length;
      return text + delimiter;
    }
    const rest = this.#next === 0 ? texts : texts.slice(this.#next);
    this.#clear();
    return rest.length === 0 ? "" : rest.join(delimiter) + delimiter;
  }

  #clear(): void {
    this.#texts = [];
    this.#next = this.#length = 0;
  }
}
