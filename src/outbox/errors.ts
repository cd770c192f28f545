/**
 * What can go wrong with keeping events.
 *
 * @module
 */

import { QueueFullError } from "../protocol/errors.ts";

/**
 * Why a store cannot do what was asked:
 *
 * - `"full"`: the disk is full;
 * - `"damaged"`: the file is damaged;
 * - `"busy"`: another process has it;
 * - `"closed"`: the store or the outbox was closed;
 * - `"failed"`: anything else; see `cause`.
 */
export type StoreFailure = "full" | "damaged" | "busy" | "closed" | "failed";

/** Options of {@linkcode StoreError}. */
export interface StoreErrorOptions extends ErrorOptions {
  /** See {@linkcode StoreError.pid}. */
  pid?: number | undefined;
}

/** A store that cannot keep an event, or cannot be opened. */
export class StoreError extends Error {
  /** The name of the class. */
  override name = "StoreError";
  /** What is so. */
  readonly reason: StoreFailure;
  /** If the store is busy: the process that delivers from it, when known. */
  readonly pid: number | undefined;

  /** Constructs an error. */
  constructor(
    reason: StoreFailure,
    message: string,
    options: StoreErrorOptions = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.pid = options.pid;
  }
}

/**
 * An event that could not be kept for some of its targets, since as much as may
 * be kept for them is kept already. For all other targets it is safe. To raise
 * it again by the same `key` stores it for those only that it is missing for.
 */
export class OutboxFullError extends QueueFullError {
  /** The name of the class. */
  override name = "OutboxFullError";
  /** The event's key: the given one, or the one that was drawn. */
  readonly key: string;
  /** The targets for which the event is not kept. */
  readonly targets: readonly string[];

  /** Constructs an error; `isKept` says whether other targets will get it. */
  constructor(
    message: string,
    key: string,
    targets: readonly string[],
    isKept: boolean,
  ) {
    super(message, { mayHaveArrived: isKept });
    this.key = key;
    this.targets = targets;
  }
}
