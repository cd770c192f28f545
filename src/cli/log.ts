/** A log on a standard stream, which may stop taking lines and take them again. */

import type { Sink } from "./output.ts";

/** How much of the log may wait to be written, in characters. */
const MAX_WAITING = 1024 * 1024;
/** After how many milliseconds a log that could not be written is tried again. */
const RETRY_MS = 1000;

/** What the owner of a log is asked and told. */
export interface LogHooks {
  /** Makes the line that tells how many lines could not be written. */
  formatLost(count: number): string;
  /** Called when the log cannot be written any more. */
  onFailure(error: Error): void;
}

/** A line that waits, and how many lines are lost if it is. */
interface Line {
  readonly text: string;
  readonly weight: number;
}

/**
 * Lines that are written when the stream takes them. Those that it does not take
 * are counted, and the log tells how many when it can be written again.
 *
 *     idle -> writing -> idle | failed
 *     failed -> retrying (after a time) -> idle | failed
 */
export class Log {
  readonly #sink: Pick<Sink, "write">;
  readonly #hooks: LogHooks;
  readonly #retryMs: number;
  #state: "idle" | "writing" | "failed" | "retrying" = "idle";
  #waiting: Line[] = [];
  #length = 0;
  /** The rest of a line of which a part is written, so that lines stay whole. */
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #lost = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    sink: Pick<Sink, "write">,
    hooks: LogHooks,
    retryMs: number = RETRY_MS,
  ) {
    this.#sink = sink;
    this.#hooks = hooks;
    this.#retryMs = retryMs;
  }

  /** How many lines are lost and not reported in the log yet. */
  get lost(): number {
    return this.#lost;
  }

  /** Adds a line. */
  print(text: string): void {
    if (this.#state === "failed" || this.#length > MAX_WAITING) {
      this.#lost++;
      return;
    }
    this.#waiting.push({ text: `${text}\n`, weight: 1 });
    this.#length += text.length;
    if (this.#state === "idle") this.#begin("writing");
  }

  /** Resolves when each line is written or counted as lost. */
  flush(): Promise<void> {
    return this.#writing;
  }

  #begin(state: "writing" | "retrying"): void {
    this.#state = state;
    this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    await null; // so that all that is printed now is written at once
    while (this.#waiting.length + this.#lost + this.#rest.length > 0) {
      const lines = this.#takeWaiting();
      try {
        await this.#writeLines(lines);
      } catch (error) {
        return this.#fail(error as Error, [...lines, ...this.#takeWaiting()]);
      }
    }
    this.#state = "idle";
  }

  /** Takes all that waits; first comes how many lines are lost. */
  #takeWaiting(): Line[] {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#length = 0;
    if (this.#lost > 0) {
      const text = `${this.#hooks.formatLost(this.#lost)}\n`;
      lines.unshift({ text, weight: this.#lost });
      this.#lost = 0;
    }
    return lines;
  }

  /** Writes lines. Those that are begun when it fails are taken out of the list. */
  async #writeLines(lines: Line[]): Promise<void> {
    const encoder = new TextEncoder();
    const text = encoder.encode(lines.map(({ text }) => text).join(""));
    let bytes = new Uint8Array(this.#rest.length + text.length);
    bytes.set(this.#rest);
    bytes.set(text, this.#rest.length);
    /** How many bytes are left of the line that is being written. */
    let left = this.#rest.length;
    try {
      while (bytes.length > 0) {
        const written = await this.#sink.write(bytes);
        bytes = bytes.subarray(written);
        left -= written;
      }
      this.#rest = bytes;
    } catch (error) {
      while (left < 0) left += encoder.encode(lines.shift()!.text).length;
      this.#rest = bytes.slice(0, left);
      throw error;
    }
  }

  #fail(error: Error, lines: readonly Line[]): void {
    for (const { weight } of lines) this.#lost += weight;
    const isNew = this.#state === "writing";
    this.#state = "failed";
    if (isNew) this.#hooks.onFailure(error);
    setTimeout(() => this.#begin("retrying"), this.#retryMs);
  }
}
