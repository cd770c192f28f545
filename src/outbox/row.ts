/**
 * A kept event as the stores of this machine hold it.
 *
 * @module
 */

import type { KeptEvent, NewEvent, Refusal } from "./store.ts";

/** A kept event, and what only the store needs of it. */
export interface Row extends KeptEvent {
  /** Its place in the order of all. */
  id: string;
  seq: number;
  /** How much it takes, in bytes; about. */
  bytes: number;
  isKeyGiven: boolean;
  since: number;
  attempts: number;
  lastError: string | undefined;
  refusal: Refusal | undefined;
}

/** What an event takes beside its texts: numbers, an entry of an index. */
const ROW_BYTES = 64;

/** Makes a row of an event; its place is given when it is stored. */
export function rowOf(event: NewEvent): Row {
  const { target, params, key, isKeyGiven, raisedAt } = event;
  return {
    id: "",
    seq: 0,
    target,
    event: event.event,
    params,
    key,
    isKeyGiven,
    raisedAt,
    since: raisedAt,
    attempts: 0,
    lastError: undefined,
    refusal: undefined,
    bytes: ROW_BYTES + event.event.length + params.length + key.length,
  };
}

/** Of FNV-1a, with 32 bits; any odd number loses nothing. */
const PRIME = 0x01000193;

/**
 * Returns a checksum of what must not change in a row, a 32-bit integer: FNV-1a
 * of the characters. One character that differs always makes another one.
 */
export function checksumOf(row: Row): number {
  const { seq, raisedAt, target, event, key, params } = row;
  let sum = hashNumber(raisedAt, hashNumber(seq, 0x811c9dc5 | 0));
  sum = hash(target, sum);
  sum = hash(event, sum);
  sum = hash(key, sum);
  return hash(params, sum);
}

/** Goes on with a checksum of a whole number, which may have 53 bits. */
function hashNumber(value: number, sum: number): number {
  sum = Math.imul(sum ^ value, PRIME); // the lower 32
  return Math.imul(sum ^ value / 2 ** 32, PRIME);
}

/** Goes on with a checksum, two characters at a time. */
export function hash(text: string, sum: number): number {
  const { length } = text;
  sum = Math.imul(sum ^ length, PRIME); // keeps neighbours apart
  let i = 0;
  for (; i < length - 1; i += 2) {
    const pair = text.charCodeAt(i) | text.charCodeAt(i + 1) << 16;
    sum = Math.imul(sum ^ pair, PRIME);
  }
  return i < length ? Math.imul(sum ^ text.charCodeAt(i), PRIME) : sum;
}
