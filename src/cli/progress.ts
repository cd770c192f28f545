/** How far `pump` is, on a terminal. */

import type { Output } from "./output.ts";

const PROGRESS_MS = 500;
const DEFAULT_COLUMNS = 80;

/** Shows a status until it is stopped; none if the output is not a terminal. */
export class Progress {
  readonly #output: Output;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(output: Output, statusOf: () => string) {
    this.#output = output;
    this.#timer = setInterval(() => {
      output.showStatus(statusOf().slice(0, width()));
    }, PROGRESS_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#output.showStatus("");
  }
}

/** How many characters a line of the terminal holds: a longer one cannot be cleared. */
function width(): number {
  try {
    const { columns } = Deno.consoleSize();
    if (columns > 0) return columns - 1;
  } catch { /* neither standard input nor output is a terminal */ }
  return DEFAULT_COLUMNS - 1;
}
