/**
 * Sends a state to those who look at it, as server-sent events.
 *
 * @module
 */

import { formatMessage } from "./event_stream.ts";

/** How often the state is looked at. */
const PERIOD_MS = 1000;
/** After how many periods without a change a sign of life goes out. */
const ALIVE_PERIODS = 15;

const encoder = new TextEncoder();

interface Viewer {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** What it was sent last. */
  text: string;
  idlePeriods: number;
}

/** Sends a state to any number of viewers, whenever it has changed. */
export class StateStreams {
  readonly #state: () => Promise<unknown>;
  readonly #viewers = new Set<Viewer>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Constructs it; `state` is called once a second while somebody looks. */
  constructor(state: () => Promise<unknown>) {
    this.#state = state;
  }

  /** Opens a stream for one more viewer. */
  open(): ReadableStream<Uint8Array> {
    let viewer: Viewer | undefined;
    return new ReadableStream({
      start: (controller) => {
        viewer = { controller, text: "", idlePeriods: 0 };
        this.#viewers.add(viewer);
        // By this the page knows how far its clock is off.
        const hello = formatMessage("hello", { time: Date.now() });
        controller.enqueue(encoder.encode(hello));
        this.refresh();
      },
      cancel: () => {
        if (viewer !== undefined) this.#viewers.delete(viewer);
        if (this.#viewers.size === 0) this.close();
      },
    }, { highWaterMark: 2 });
  }

  /** Sends the state now. */
  refresh(): void {
    clearTimeout(this.#timer);
    if (this.#viewers.size > 0) {
      this.#timer = setTimeout(() => this.#send(), 0);
    }
  }

  /** Ends all streams. */
  close(): void {
    clearTimeout(this.#timer);
    for (const { controller } of this.#viewers) {
      try {
        controller.close();
      } catch { /* the peer was faster */ }
    }
    this.#viewers.clear();
  }

  async #send(): Promise<void> {
    let text: string;
    try {
      text = formatMessage("state", await this.#state());
    } catch (error) {
      text = formatMessage("problem", (error as Error).message);
    }
    for (const viewer of this.#viewers) this.#sendTo(viewer, text);
    clearTimeout(this.#timer);
    if (this.#viewers.size > 0) {
      this.#timer = setTimeout(() => this.#send(), PERIOD_MS);
    }
  }

  #sendTo(viewer: Viewer, text: string): void {
    if ((viewer.controller.desiredSize ?? 0) <= 0) return; // it is too slow
    if (viewer.text !== text) {
      viewer.text = text;
      viewer.idlePeriods = 0;
      viewer.controller.enqueue(encoder.encode(text));
    } else if (++viewer.idlePeriods >= ALIVE_PERIODS) {
      viewer.idlePeriods = 0;
      viewer.controller.enqueue(encoder.encode(": \n\n"));
    }
  }
}
