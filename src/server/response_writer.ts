/**
 * What goes back to a peer.
 *
 * @module
 */

import type { Timeouts, Wait } from "../transport/timeouts.ts";
import type { Gaps } from "./gaps.ts";
import type { Pace } from "./pace.ts";
import type { EventServerStats } from "./reports.ts";

const encoder = new TextEncoder();

/** What a writer needs of its server. */
export interface WriterOptions {
  readonly timeouts: Timeouts;
  readonly gaps: Gaps;
  /** How long the peer may take to read some of what was written. */
  readonly idleTimeoutMs: number;
  readonly stats: EventServerStats;
}

/** What a writer tells its session. */
export interface WriterHooks {
  /** A write has ended. */
  written(): void;
  /** The peer takes no more, or took too long. */
  lost(): void;
}

/**
 * Writes responses: with a gap between them each by a write of its own, else all
 * of one turn together.
 *
 * A write ends as soon as the operating system has taken some bytes, and each has
 * its full time: a peer that reads slowly but steadily is not cut off.
 */
export class ResponseWriter {
  readonly #connection: { write(bytes: Uint8Array): Promise<number> };
  readonly #pace: Pace;
  readonly #options: WriterOptions;
  readonly #hooks: WriterHooks;
  /** Responses that wait, the first at `#next`. */
  #texts: string[] = [];
  #next = 0;
  /** How many characters these have. */
  #length = 0;
  #delimiter = "";
  #hasBegun = false;
  #isClosed = false;
  /** When the last write ended, and when the one under way began. */
  #endedAt = -Infinity;
  #beganAt = Infinity;
  /** Looks whether a write takes too long; it is not begun for each write. */
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

  /** How many characters wait for the peer to read what is before them. */
  get length(): number {
    return this.#length;
  }

  /** Whether anything was ever to be written. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Settles when the write under way has; absent if there is none. */
  get writing(): Promise<void> | undefined {
    return this.#writing;
  }

  /** Takes a response. */
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
   * Writes a space, which is white space before the next response. To a peer that
   * is gone, the second write fails.
   */
  probe(): void {
    if (this.#writing === undefined) this.write(" ");
  }

  /** Ends each response with a line feed, also the last one that went out. */
  endLines(): void {
    if (this.#delimiter !== "") return;
    this.#delimiter = "\n";
    if (this.#hasBegun && this.#texts.length === 0) this.write("");
  }

  /** Writes no more. What waits is dropped. */
  close(): void {
    this.#isClosed = true;
    this.#options.timeouts.end(this.#watch);
    this.#options.stats.dropped += this.#texts.length - this.#next;
    this.#clear();
  }

  async #run(): Promise<void> {
    // What is to be written in one turn goes out as one. Over TLS, where Deno has
    // no TCP_NODELAY, the rest would else wait for up to 40 ms.
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

  /** Gives the peer up if the write under way has had its time. */
  #look(): void {
    const { timeouts, idleTimeoutMs } = this.#options;
    this.#watch = undefined;
    if (this.#isClosed || this.#beganAt === Infinity) return;
    const left = this.#beganAt + idleTimeoutMs - performance.now();
    if (left <= 0) this.#hooks.lost();
    else this.#watch = timeouts.begin(left, () => this.#look());
  }

  /** Takes what goes out by the next write. */
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
