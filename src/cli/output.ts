/** Text to a standard stream: in order, whole, and safe for a terminal. */

/** What `Output` needs of `Deno.stdout`. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/** How much may wait to be written before `print` asks its caller to wait. */
const MAX_WAITING = 1024 * 1024;

/** Lines to a standard stream, gathered while a write is under way. */
export class Output {
  readonly #sink: Sink;
  readonly #onClosed: () => void;
  readonly #color: boolean;
  #waiting = "";
  #writing: Promise<void> | undefined;
  #isClosed = false;

  /** `onClosed` is called once the reader of the stream is gone. */
  constructor(
    sink: Sink,
    onClosed: () => void = () => {},
    noColor = Deno.noColor,
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
    if (this.#isClosed) return;
    this.#waiting += line + "\n";
    this.#writing ??= this.#write();
    return this.#waiting.length > MAX_WAITING ? this.#writing : undefined;
  }

  /** Prints an error. */
  fail(message: string): Promise<void> | undefined {
    const label = this.#color ? "\x1b[1;31merror:\x1b[0m" : "error:";
    return this.print(`${label} ${printable(message)}`);
  }

  /** Resolves when all that was printed is written, or the reader is gone. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    await null; // so that all that is printed now is written at once
    try {
      while (this.#waiting !== "") {
        let bytes = new TextEncoder().encode(this.#waiting);
        this.#waiting = "";
        while (bytes.length > 0) {
          bytes = bytes.subarray(await this.#sink.write(bytes));
        }
      }
    } catch {
      this.#isClosed = true;
      this.#waiting = "";
      this.#onClosed();
    }
    this.#writing = undefined;
  }
}

/** Messages for people. */
export const stderr: Output = new Output(Deno.stderr);

/** Escapes what a terminal would act upon rather than show. */
export function printable(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
