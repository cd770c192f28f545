/**
 * The rules of virtual sockets: which server an event goes to, which one cools
 * down, and the error of several failures.
 *
 * @module
 */

import { DELIVERED, type Delivery, FAILED } from "../client/delivery.ts";
import {
  brief,
  DeliveryError,
  QueueFullError,
  ServerError,
} from "../protocol/errors.ts";
import type { Policy } from "../protocol/virtual_socket.ts";

/** The state of the servers of one virtual socket. */
export interface VirtualState {
  /** Until when each is to be passed over, in milliseconds on the clock. */
  readonly cooldownUntil: number[];
  /** Whether any has failed so far; else no clock is needed. */
  hasFailed: boolean;
  /** The one that got the last event; -1 before the first. */
  last: number;
}

/** An attempt to deliver an event, or a batch of them, to one server. */
export interface Attempt {
  /** Which of the sockets it is. */
  readonly index: number;
  readonly delivery: Delivery;
  /** The server's {@linkcode VirtualState.cooldownUntil} at that time. */
  readonly cooldownUntil: number;
}

/** The state of a virtual socket of `count` sockets that had no event yet. */
export function newVirtualState(count: number): VirtualState {
  return { cooldownUntil: Array(count).fill(0), hasFailed: false, last: -1 };
}

/**
 * Chooses the server that an event goes to next, or `undefined` if none is left;
 * `attempts` have failed to deliver this event. A server that cools
 * down is taken only when all others have been tried: an event is never dropped
 * because all cool down.
 */
export function chooseSocket(
  policy: Exclude<Policy, "PARALLEL">,
  { cooldownUntil, last }: Pick<VirtualState, "cooldownUntil" | "last">,
  attempts: readonly Pick<Attempt, "index">[],
  now: number,
): number | undefined {
  if (policy === "ROUND-ROBIN") {
    return attempts.length === 0
      ? (last + 1) % cooldownUntil.length
      : undefined;
  }
  let coolingDown: number | undefined;
  for (let i = 0; i < cooldownUntil.length; i++) {
    if (attempts.length > 0 && attempts.some(({ index }) => index === i)) {
      continue;
    }
    if (cooldownUntil[i]! <= now) return i;
    coolingDown ??= i;
  }
  return coolingDown;
}

/**
 * Notes the outcome of an attempt that is settled. A server that failed cools
 * down, unless the failure is our own doing. One that worked need not, unless it
 * failed another event meanwhile.
 */
export function noteOutcome(
  state: VirtualState,
  { index, delivery, cooldownUntil: before }: Attempt,
  failoverTimeoutMs: number,
): void {
  const { cooldownUntil } = state;
  if (delivery.state === DELIVERED) {
    if (cooldownUntil[index] === before) cooldownUntil[index] = 0;
  } else if (!delivery.isOurs) {
    cooldownUntil[index] = delivery.settledAt + failoverTimeoutMs;
    state.hasFailed = true;
  }
}

/** Options of {@linkcode failureOf}. */
export interface FailureOptions {
  /** How many sockets the virtual socket has. */
  sockets: number;
  /** Makes the error of an attempt that failed. */
  errorOf: (attempt: Attempt) => unknown;
}

/**
 * The error of an event of which some attempts failed: that of the only one, or
 * a `DeliveryError` of which the cause is an `AggregateError`. The event may have
 * arrived if any server has it, or may have it.
 */
export function failureOf(
  attempts: readonly Attempt[],
  { sockets, errorOf }: FailureOptions,
): unknown {
  const errors = attempts
    .filter(({ delivery }) => delivery.state === FAILED)
    .map(errorOf);
  if (errors.length === 1 && attempts.length === 1) return errors[0];
  const messages = errors.map((error) =>
    error instanceof ServerError
      ? `the server responded with error ${error.code}: ${brief(error.message)}`
      : error instanceof Error
      ? error.message
      : String(error)
  );
  const areAllFull = errors.length === attempts.length &&
    errors.every((error) => error instanceof QueueFullError);
  const Failure = areAllFull ? QueueFullError : DeliveryError;
  return new Failure(
    `${errors.length} of ${sockets} sockets failed: ${messages.join("; ")}`,
    {
      cause: new AggregateError(errors),
      mayHaveArrived: errors.length < attempts.length ||
        // A signal may have aborted it when it was written already.
        errors.some((error) =>
          !(error instanceof DeliveryError) || error.mayHaveArrived
        ),
    },
  );
}
