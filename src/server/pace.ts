/**
 * How fast a peer may be sent responses.
 *
 * @module
 */

import type { RequestId } from "../protocol/request.ts";

/** The gap that OpenSIPS needs, in milliseconds. */
const OPENSIPS_GAP_MS = 0.5;

/**
 * The gap between two responses on a connection.
 *
 * OpenSIPS cannot take several responses in one read: 4.0 closes its connection
 * at the sixth, and 3.0 corrupts its memory. Each of its processes counts its ids
 * up by four (`1 << sizeof(unsigned short)` in `stream_send.c` and
 * `jsonrpc_send.c`), and nearly everybody else by one. So the gap is closed as
 * soon as one request has the id after the one before, or an id that is no number.
 */
export class Pace {
  #gapMs: number;
  #isDecided: boolean;
  #lastId: number | undefined;

  /** Constructs a pace with a gap in milliseconds, or one that finds out. */
  constructor(responseGapMs: number | "auto") {
    this.#isDecided = responseGapMs !== "auto";
    this.#gapMs = responseGapMs === "auto" ? OPENSIPS_GAP_MS : responseGapMs;
  }

  /** The gap in milliseconds; 0: none. */
  get gapMs(): number {
    return this.#gapMs;
  }

  /** Whether the peer may be OpenSIPS. */
  get mayBeOpenSips(): boolean {
    return !this.#isDecided;
  }

  /** Takes the id of each request, in their order. */
  take(id: RequestId): void {
    if (this.#isDecided) return;
    if (typeof id !== "number" || id - 1 === this.#lastId) {
      this.#isDecided = true;
      this.#gapMs = 0;
    } else this.#lastId = id;
  }
}
