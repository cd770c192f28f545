/**
 * What is known of a delivery when it is over.
 *
 * @module
 */

import type { DeliveryInfo } from "../events/report.ts";
import {
  ConnectError,
  ConnectionClosedError,
  DeliveryError,
  DeliveryTimeoutError,
  ProtocolError,
  QueueFullError,
  ServerError,
} from "../protocol/errors.ts";

export type { DeliveryInfo };

/** Is called with each delivery that is over. It must not throw. */
export type DeliveryHook = (delivery: DeliveryInfo) => void;

/** Why a delivery failed, in one word. */
export type FailureCause =
  | "connect"
  | "closed"
  | "timeout"
  | "queue_full"
  | "server"
  | "protocol"
  | "aborted"
  | "several";

/** The cause of a failure: `several` if a virtual socket had more than one. */
export function causeOf(error: unknown): FailureCause {
  if (error instanceof ConnectError) return "connect";
  if (error instanceof ConnectionClosedError) return "closed";
  if (error instanceof DeliveryTimeoutError) return "timeout";
  if (error instanceof QueueFullError) return "queue_full";
  if (error instanceof ServerError) return "server";
  if (error instanceof ProtocolError) return "protocol";
  if (error instanceof DeliveryError && error.cause instanceof AggregateError) {
    const [first, ...others] = new Set(error.cause.errors.map(causeOf));
    return first !== undefined && others.length === 0 ? first : "several";
  }
  return "aborted";
}

/**
 * Makes one hook of several; those that are `undefined` are left out. Without
 * any it returns `undefined`, so that nothing is called.
 */
export function joinHooks(
  ...hooks: (DeliveryHook | undefined)[]
): DeliveryHook | undefined {
  const all = hooks.filter((hook) => hook !== undefined);
  if (all.length < 2) return all[0];
  return (delivery) => {
    for (const hook of all) hook(delivery);
  };
}
