/**
 * The gap between the responses to a peer.
 *
 * @module
 */

import type { RequestId } from "../protocol/request.ts";

/** The gap that OpenSIPS needs, in milliseconds. */
const OPENSIPS_GAP_MS = 0.5;

/**
 * The gap between two responses on a connection.
 *
 * OpenSIPS fails when it reads several responses at once: 4.0 closes its connection
 * at the sixth, and 3.0 corrupts its memory. The ids of successive requests of
 * OpenSIPS differ by four (`1 << sizeof(unsigned short)` in `stream_send.c` and
 * `jsonrpc_send.c`), those of nearly all other clients by one. So there is no gap
 * once two successive ids differ by one, or an id is not a number.
 */
export class Pace {
  #gapMs: number;
  #isDecided: boolean;
  #lastId: number | undefined;

  /** Constructs a pace with a fixed gap in milliseconds, or `"auto"`. */
  constructor(responseGapMs: number | "auto") {
    this.#isDecided = responseGapMs !== "auto";
    this.#gapMs = responseGapMs === "auto" ? OPENSIPS_GAP_MS : responseGapMs;
  }

  /** The gap in milliseconds; 0 if there is none. */
  get gapMs(): number {
    return this.#gapMs;
  }

  /** Whether the peer may be OpenSIPS. */
  get mayBeOpenSips(): boolean {
    return !this.#isDecided;
  }

  /** Call it with the id of each request, in order. */
  take(id: RequestId): void {
    if (this.#isDecided) return;
    if (typeof id !== "number" || id - 1 === this.#lastId) {
      this.#isDecided = true;
      this.#gapMs = 0;
    } else this.#lastId = id;
  }
}
