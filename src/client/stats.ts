/**
 * Counters of a client.
 *
 * @module
 */

/** Why events failed, and how many of each. */
export interface FailedCounts {
  /** No connection could be opened. */
  connect: number;
  /** The connection, or the client, was closed. */
  closed: number;
  /** The time-out was over. */
  timeout: number;
  /** The queue was full. */
  queueFull: number;
  /** The server responded with an error. */
  server: number;
  /** The server did not speak JSON-RPC 2.0. */
  protocol: number;
  /** The caller's signal was aborted. */
  aborted: number;
}

/** Counters that only go up. */
export interface Counters {
  /** Events given to `raise`, wrong ones not counted. */
  raised: number;
  /** Messages whose bytes the operating system has taken. */
  written: number;
  /** Their bytes. */
  bytes: number;
  /** Requests that the server answered with a result. */
  confirmed: number;
  /** Events that rejected, by cause. */
  failed: FailedCounts;
  /** Responses that settled nothing, and were ignored. */
  unmatched: number;
  /** Connections that were opened. */
  connects: number;
}

/** Counters of an {@linkcode EventClient}, from its start. */
export interface EventClientStats extends Counters {
  /** Events that wait to be written, now. */
  queued: number;
  /** The text that waits to be written, in UTF-16 code units, now. */
  queuedBytes: number;
  /** Requests that wait for their response, now. */
  inFlight: number;
}

/** Counters that have counted nothing. */
export function newCounters(): Counters {
  return {
    raised: 0,
    written: 0,
    bytes: 0,
    confirmed: 0,
    failed: {
      connect: 0,
      closed: 0,
      timeout: 0,
      queueFull: 0,
      server: 0,
      protocol: 0,
      aborted: 0,
    },
    unmatched: 0,
    connects: 0,
  };
}
