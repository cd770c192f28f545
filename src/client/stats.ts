/**
 * Counters of a client.
 *
 * @module
 */

/** How many events failed, by cause. */
export interface FailedCounts {
  /** No connection could be opened. */
  connect: number;
  /** The connection, or the client, was closed. */
  closed: number;
  /** The delivery timed out. */
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
  /** Events given to `raise`; not counted if `raise` threw an error. */
  raised: number;
  /** Messages that the operating system has taken in full. */
  written: number;
  /** The bytes of these messages. */
  bytes: number;
  /** Requests whose response has a result. */
  confirmed: number;
  /** Events that failed, by cause. */
  failed: FailedCounts;
  /** Responses that belong to no request, and were ignored. */
  unmatched: number;
  /** Connections that were opened. */
  connects: number;
}

/** Counters of an {@linkcode EventClient}, from its start. */
export interface EventClientStats extends Counters {
  /** Events that wait to be written now. */
  queued: number;
  /** The text that waits to be written now, in UTF-16 code units. */
  queuedBytes: number;
  /** Requests that wait for their responses now. */
  inFlight: number;
}

/** Makes counters that are all 0. */
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
