/** How far `pump` is, on a terminal. */

import { type Output, terminalColumns } from "./output.ts";

const PROGRESS_MS = 500;

/** Shows a status until it is stopped; none if the output is not a terminal. */
export class Progress {
  readonly #output: Output;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(output: Output, statusOf: () => string) {
    this.#output = output;
    this.#timer = setInterval(() => {
      // A longer line of a terminal cannot be cleared.
      output.showStatus(statusOf().slice(0, terminalColumns() - 1));
    }, PROGRESS_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#output.showStatus("");
  }
}
