/**
 * What an outbox tells of itself.
 *
 * @module
 */

import type { TargetStats } from "./store.ts";

/** What an outbox has done, and what it keeps. */
export interface OutboxStats {
  /** Rows that were stored: one for each target of an event. */
  stored: number;
  /** Rows that were known by their key, and not stored again. */
  known: number;
  /** Rows that were not stored, since their target has as much as it may. */
  full: number;
  /** Rows that were delivered and confirmed. */
  delivered: number;
  /** Deliveries that failed. */
  failed: number;
  /** Events that wait to be delivered, now. */
  kept: number;
  /** Events that are set aside, now. */
  setAside: number;
  /** How much both take, in bytes. */
  bytes: number;
  /** When the oldest that waits was raised, in milliseconds since 1970. */
  oldest?: number | undefined;
  /** The same for each target that has anything. */
  targets: TargetStats[];
}

/** What is counted from the start of an outbox. */
export type Counters = Pick<
  OutboxStats,
  "stored" | "known" | "full" | "delivered" | "failed"
>;

/** Counters of an outbox that has done nothing. */
export function newCounters(): Counters {
  return { stored: 0, known: 0, full: 0, delivered: 0, failed: 0 };
}

/** What is kept for all targets together. */
export function sumOf(
  targets: TargetStats[],
): Omit<OutboxStats, keyof Counters> {
  const sum = { kept: 0, setAside: 0, bytes: 0 };
  const times: number[] = [];
  for (const { kept, setAside, bytes, oldest } of targets) {
    sum.kept += kept;
    sum.setAside += setAside;
    sum.bytes += bytes;
    if (oldest !== undefined) times.push(oldest);
  }
  const oldest = times.length === 0 ? undefined : Math.min(...times);
  return { ...sum, oldest, targets };
}
