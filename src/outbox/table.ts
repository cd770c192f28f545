/**
 * What the stores of this machine have in common is in {@linkcode LocalStore};
 * where the rows are, is a table.
 *
 * @module
 */

import type { Row } from "./row.ts";
import type { EventFilter, KeptSubscription, Refusal } from "./store.ts";

/** What is to happen to a row. */
export type Change =
  | { kind: "done"; row: Row }
  | { kind: "aside"; row: Row; refusal: Refusal }
  | { kind: "postponed"; row: Row };

/** How much there is for one target. */
export interface Count {
  kept: number;
  setAside: number;
  bytes: number;
}

/** A text that is remembered for a time. */
export interface NotedText {
  name: string;
  text: string;
  until: number;
}

/** What is kept beside the events. */
export interface Notes {
  subscriptions(now: number): KeptSubscription[];
  subscribe(subscription: KeptSubscription): void;
  unsubscribe(event: string, socket: string): void;
  recall(name: string, now: number): string | undefined;
  remember(
    texts: readonly NotedText[],
    now: number,
  ): void;
}

/**
 * Rows, and all else that is kept. Every method does its work at once and
 * wholly, or throws and does nothing.
 */
export interface Table {
  readonly notes: Notes;
  /** Whether somebody else has changed something since the last call. */
  hasChanged(): boolean;
  /** Claims the right to append and to deliver; throws if another process has it. */
  claim(): void;
  /**
   * Stores rows after all others and gives them their places, safe from a power
   * cut. Returns those that are stored; the rest was known.
   */
  append(rows: readonly Row[]): readonly Row[];
  /** Changes rows; a power cut may undo it. Returns whether all were there. */
  change(changes: readonly Change[]): boolean;
  /** The rows of a target after `seq` that wait, in order. */
  read(target: string, after: number, max: number): Row[];
  /** All rows after `seq` that a filter matches, set aside or not, in order. */
  list(filter: EventFilter, after: number, max: number): Row[];
  retry(filter: EventFilter, now: number): number;
  drop(filter: EventFilter): number;
  /** Counts all there is; that may take long. */
  counts(): Map<string, Count>;
  close(): void;
}
