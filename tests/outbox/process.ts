/** A program of these tests, as a process of its own. */

import { linesOf } from "../bench/processes.ts";

/** A process, and what it has printed. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly lines: string[] = [];
  /** Resolves when its output has ended. */
  readonly ended: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #hasEnded = false;

  /** Starts a program of this folder; `before` are a command and its arguments. */
  constructor(file: string, args: string[], before: string[] = []) {
    const path = decodeURIComponent(new URL(file, import.meta.url).pathname);
    const [command, ...rest] = [
      ...before,
      Deno.execPath(),
      ...["run", "--quiet", "--no-prompt", "--allow-all", path],
      ...args,
    ];
    this.#child = new Deno.Command(command, {
      args: rest,
      stdin: "null",
      stdout: "piped",
    }).spawn();
    this.ended = this.#read();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when `found` is true of what was printed; rejects at the end. */
  async until(found: (lines: string[]) => boolean): Promise<void> {
    while (!found(this.lines)) {
      if (this.#hasEnded) {
        throw new Error(`It ended, having printed:\n${this.lines.join("\n")}`);
      }
      await this.#changed.promise;
    }
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Kills it, and waits until it is gone and all it printed is read. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch { /* it has ended */ }
    await this.#child.status;
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #read(): Promise<void> {
    for await (const line of linesOf(this.#child.stdout)) {
      this.lines.push(line);
      this.#tell();
    }
    this.#hasEnded = true;
    this.#tell();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** Runs a command to its end; returns whether it succeeded, and what it printed. */
export async function succeeds(
  command: string,
  ...args: string[]
): Promise<{ success: boolean; text: string }> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    return { success: false, text: String(error) };
  }
}
