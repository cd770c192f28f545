/**
 * To which sockets of a virtual socket an event goes, and in which order.
 *
 * @module
 */

import { brief, DeliveryError, ServerError } from "../protocol/errors.ts";
import type { Result } from "../client/delivery.ts";
import type { JsonValue } from "../protocol/json.ts";
import type { Policy } from "../protocol/virtual_socket.ts";

/** What became of the sockets of one virtual socket so far. */
export interface VirtualState {
  /** Until when each is to be passed over, on the caller's clock. */
  restingUntil: number[];
  /** The one that had the last event; -1 before the first. */
  last: number;
}

/** The state of a virtual socket of `count` sockets that had no event yet. */
export function newVirtualState(count: number): VirtualState {
  return { restingUntil: Array(count).fill(0), last: -1 };
}

/**
 * Which socket an event goes to next, or `undefined` if there is none left.
 * `tried` are those that failed to deliver this event. A resting socket is
 * taken only when all others have been tried: an event is never dropped because
 * all are resting.
 */
export function chooseSocket(
  policy: Exclude<Policy, "PARALLEL">,
  { restingUntil, last }: VirtualState,
  tried: readonly number[],
  now: number,
): number | undefined {
  const count = restingUntil.length;
  if (policy === "ROUND-ROBIN") {
    return tried.length === 0 ? (last + 1) % count : undefined;
  }
  const left = [...restingUntil.keys()].filter((i) => !tried.includes(i));
  return left.find((i) => restingUntil[i] <= now) ?? left[0];
}

/** What {@linkcode deliverVirtual} needs besides. */
export interface DeliverVirtualOptions {
  /** How long a socket that failed is passed over, in the clock's units. */
  restFor: number;
  /** The clock. */
  now: () => number;
}

/** What came of an event that was delivered. */
export interface VirtualResult {
  /** The result; of `PARALLEL`, those of all sockets in order. */
  result: Result;
  /** The socket that delivered it; of `PARALLEL` there is none. */
  via?: number;
}

/**
 * Delivers an event by a policy. `send` delivers to one socket, and `state` is
 * brought up to date. Rejects with what `send` rejected with, or if that was
 * more than one thing, with a `DeliveryError` of which the cause is an
 * `AggregateError`.
 */
export async function deliverVirtual(
  policy: Policy,
  state: VirtualState,
  send: (index: number) => Promise<Result>,
  { restFor, now }: DeliverVirtualOptions,
): Promise<VirtualResult> {
  const count = state.restingUntil.length;
  if (policy === "PARALLEL") return await deliverToAll(count, send);
  const tried: number[] = [];
  const errors: unknown[] = [];
  for (;;) {
    const index = chooseSocket(policy, state, tried, now());
    if (index === undefined) throw failureOf(errors, count);
    state.last = index;
    const restingUntil = state.restingUntil[index];
    try {
      const result = await send(index);
      // Unless it failed another event meanwhile, it need not rest.
      if (state.restingUntil[index] === restingUntil) {
        state.restingUntil[index] = 0;
      }
      return { result, via: index };
    } catch (error) {
      state.restingUntil[index] = now() + restFor;
      tried.push(index);
      errors.push(error);
    }
  }
}

async function deliverToAll(
  count: number,
  send: (index: number) => Promise<Result>,
): Promise<VirtualResult> {
  const settled = await Promise.allSettled(
    Array.from({ length: count }, (_, index) => send(index)),
  );
  const errors = settled.flatMap((s) =>
    s.status === "rejected" ? [s.reason] : []
  );
  if (errors.length > 0) throw failureOf(errors, count);
  const results = settled.map((s) =>
    s.status === "fulfilled" ? (s.value ?? null) as JsonValue : null
  );
  return { result: results };
}

function failureOf(errors: unknown[], count: number): unknown {
  if (count === 1 || errors.length === 1) return errors[0];
  const messages = errors.map((error) =>
    error instanceof ServerError
      ? `the server answered with error ${error.code}: ${brief(error.message)}`
      : (error as Error).message
  );
  return new DeliveryError(
    `${errors.length} of ${count} sockets failed: ${messages.join("; ")}`,
    {
      cause: new AggregateError(errors),
      mayHaveArrived: errors.some((error) =>
        error instanceof DeliveryError && error.mayHaveArrived
      ),
    },
  );
}
