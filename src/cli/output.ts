/** Text to a standard stream: in order, whole, and safe for a terminal. */

/** What `Output` needs of `Deno.stdout`. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/** How much may wait to be written before `print` asks its caller to wait. */
const MAX_WAITING = 1024 * 1024;

/** How much of an error is printed: a server's message can be of any length. */
const MAX_ERROR_LENGTH = 1000;

/** Lines to a standard stream, gathered while a write is under way. */
export class Output {
  readonly #sink: Sink;
  readonly #onClosed: () => void;
  readonly #color: boolean;
  #waiting = "";
  #writing: Promise<void> | undefined;
  #isClosed = false;
  #failure: unknown;

  /** `onClosed` is called once nothing more can be written. */
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

  /** Prints a JSON value on a line. What a terminal would act upon is escaped. */
  printJson(value: unknown): Promise<void> | undefined {
    return this.print(printable(JSON.stringify(value)));
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
   * Resolves when all that was printed is written, or its reader is gone, which
   * is the reader's right. Rejects if it could not be written, as on a full disk.
   */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
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

/**
 * Prints what there may be any number of, as long as it is read; `tell` is called
 * with how many were left out, once it is read again.
 */
export function whileRead(
  tell: (dropped: number) => void,
): (print: () => Promise<void> | undefined) => void {
  let isBehind = false, dropped = 0;
  return (print) => {
    if (isBehind) return void dropped++;
    const printed = print();
    isBehind = printed !== undefined;
    printed?.then(() => {
      isBehind = false;
      if (dropped > 0) tell(dropped);
      dropped = 0;
    });
  };
}

/** Messages for people. That they cannot be written changes no outcome. */
export const stderr: Output = new class extends Output {
  override flush(): Promise<void> {
    return super.flush().catch(() => {});
  }
}(Deno.stderr);

// deno-lint-ignore no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
const ALL_UNSAFE = new RegExp(UNSAFE, "g");

/**
 * Escapes what a terminal would act upon rather than show. JSON without line
 * breaks stays the same JSON. To look first takes half the time.
 */
export function printable(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(
    ALL_UNSAFE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
