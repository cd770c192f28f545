/** Text to a standard stream: in order, whole, and safe for a terminal. */

import { printable, printableJson } from "../protocol/printable.ts";

/** What `Output` needs of `Deno.stdout`. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/** How much may wait to be written before `print` asks its caller to wait. */
const MAX_WAITING = 1024 * 1024;

/** How much of an error is printed: a server's message can be of any length. */
const MAX_ERROR_LENGTH = 1000;

/** How many columns a terminal has that does not tell. */
const DEFAULT_COLUMNS = 80;

/** How many characters a line of the terminal holds. */
export function terminalColumns(): number {
  try {
    const { columns } = Deno.consoleSize();
    if (columns > 0) return columns;
  } catch { /* there is no terminal */ }
  return DEFAULT_COLUMNS;
}

/** Goes back to the start of a terminal's line, and clears the line. */
const CLEAR_LINE = "\r\x1b[K";

/** Lines to a standard stream, gathered while a write is under way. */
export class Output {
  readonly #sink: Sink;
  readonly #onClosed: () => void;
  readonly #color: boolean;
  #waiting = "";
  /** What stands below all lines, on a terminal; see `showStatus`. */
  #status = "";
  #writing: Promise<void> | undefined;
  #isClosed = false;
  #failure: unknown;

  /** `onClosed` is called when nothing more can be written. */
  constructor(
    sink: Sink,
    onClosed: () => void = () => {},
    noColor: boolean = Deno.noColor,
  ) {
    this.#sink = sink;
    this.#onClosed = onClosed;
    this.#color = !noColor && sink.isTerminal();
  }

  /**
   * Prints a line. It returns a promise to wait for when the reader is slow,
   * and otherwise nothing.
   */
  print(line: string): Promise<void> | undefined {
    return this.#status === ""
      ? this.#add(`${line}\n`)
      : this.#add(`${CLEAR_LINE}${line}\n${this.#status}`);
  }

  /** Prints a JSON text on a line. What a terminal would act upon is escaped. */
  printJson(json: string): Promise<void> | undefined {
    return this.print(printableJson(json));
  }

  /** Prints an error. */
  fail(message: string): Promise<void> | undefined {
    const label = this.#color ? "\x1b[1;31merror:\x1b[0m" : "error:";
    const short = message.length > MAX_ERROR_LENGTH
      ? `${message.slice(0, MAX_ERROR_LENGTH)}…`
      : message;
    return this.print(`${label} ${printable(short)}`);
  }

  /**
   * Shows a status below the lines of a terminal, in place of the one before. It
   * stays below what is printed next; an empty one takes it away.
   */
  showStatus(status: string): void {
    if (this.#status === "" && status === "") return;
    this.#status = status;
    this.#add(CLEAR_LINE + status);
  }

  /**
   * Resolves when all that was printed is written, or its reader is gone, which
   * is the reader's right. Rejects if it could not be written, as on a full disk.
   */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #add(text: string): Promise<void> | undefined {
    if (this.#isClosed) return;
    this.#waiting += text;
    this.#writing ??= this.#write();
    return this.#waiting.length > MAX_WAITING ? this.#writing : undefined;
  }

  async #write(): Promise<void> {
    await null; // so that all that is printed now is written at once
    try {
      while (this.#waiting !== "") {
        const text = this.#waiting;
        this.#waiting = "";
        await this.#writeAll(text);
      }
    } catch (error) {
      this.#isClosed = true;
      this.#waiting = "";
      if (!(error instanceof Deno.errors.BrokenPipe)) {
        const { message } = error as Error;
        this.#failure = new Error(`cannot write the output: ${message}`);
      }
      this.#onClosed();
    }
    this.#writing = undefined;
  }

  async #writeAll(text: string): Promise<void> {
    let bytes = new TextEncoder().encode(text);
    while (bytes.length > 0) {
      bytes = bytes.subarray(await this.#sink.write(bytes));
    }
  }
}

/** Messages for people. That they cannot be written changes no outcome. */
export const stderr: Output = new class extends Output {
  override flush(): Promise<void> {
    return super.flush().catch(() => {});
  }
}(Deno.stderr);
