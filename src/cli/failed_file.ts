/** The file of the lines that failed. */

import { UsageError } from "./arguments.ts";
import { LineError } from "./lines.ts";

const NEWLINE = 0x0a;

/** What is used of `node:fs`: Deno's own files cannot be compared by descriptor. */
interface NodeFs {
  openSync(path: string, flags: "a"): number;
  writeSync(descriptor: number, bytes: Uint8Array): number;
  fstatSync(descriptor: number): { dev: number; ino: number };
  closeSync(descriptor: number): void;
}

/** Lines are added to the end of the file; it is made if it is not there. */
export class FailedFile {
  readonly #fs: NodeFs;
  readonly #file: number;
  readonly #onError: (error: Error) => void;
  /** Whether the last line is written in part, as on a full disk. */
  #isMidLine = false;

  /**
   * Opens the file. `onError` is called with each failure to write.
   *
   * @throws {UsageError} if it cannot be opened, or is the standard input.
   */
  constructor(path: string, onError: (error: Error) => void) {
    this.#fs = nodeFs();
    this.#onError = onError;
    try {
      this.#file = this.#fs.openSync(path, "a");
    } catch (error) {
      throw new UsageError(
        `cannot write --failed: ${
          error instanceof Deno.errors.NotCapable
            ? `there is no permission, run it with --allow-write=${path}`
            : (error as Error).message
        }`,
      );
    }
    // To add to what is being read would have no end.
    if (this.#isStandardInput()) {
      this.close();
      throw new UsageError(
        `--failed is ${
          JSON.stringify(path)
        }, which is the standard input, expected another file`,
      );
    }
  }

  /** Adds lines as they came. One that was too long to be kept is left out. */
  write(lines: readonly (string | LineError)[]): void {
    const encoder = new TextEncoder();
    try {
      for (const line of lines) {
        const bytes = line instanceof LineError
          ? line.bytes
          : encoder.encode(line);
        if (bytes !== undefined) this.#writeLine(bytes);
      }
    } catch (error) {
      this.#onError(error as Error);
    }
  }

  close(): void {
    this.#fs.closeSync(this.#file);
  }

  #writeLine(line: Uint8Array): void {
    if (this.#isMidLine) this.#writeAll(Uint8Array.of(NEWLINE));
    this.#isMidLine = true;
    const bytes = new Uint8Array(line.length + 1);
    bytes.set(line);
    bytes[line.length] = NEWLINE;
    this.#writeAll(bytes);
    this.#isMidLine = false;
  }

  #writeAll(bytes: Uint8Array): void {
    while (bytes.length > 0) {
      bytes = bytes.subarray(this.#fs.writeSync(this.#file, bytes));
    }
  }

  #isStandardInput(): boolean {
    if (Deno.build.os === "windows") return false; // files have no numbers there
    const { dev, ino } = this.#fs.fstatSync(this.#file);
    try {
      const input = this.#fs.fstatSync(0);
      return input.dev === dev && input.ino === ino;
    } catch {
      return false; // it is closed
    }
  }
}

function nodeFs(): NodeFs {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: "node:fs"): NodeFs };
  };
  return process.getBuiltinModule("node:fs");
}
