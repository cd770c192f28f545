/**
 * Reports of events and of deliveries.
 *
 * @module
 */

import { DELIVERED, type Delivery } from "../client/delivery.ts";
import type { JsonText, JsonValue } from "../protocol/json.ts";
import { formatSocket } from "../protocol/socket.ts";

/** The outcome of an event at one subscriber. */
export interface DeliveryReport {
  /** The subscriber's socket. */
  readonly socket: string;
  /**
   * `confirmed`: in sync mode, the server responded with a result. `sent`:
   * without sync mode, the operating system has taken the message, and nobody
   * knows more. `failed`: neither.
   */
  readonly outcome: "sent" | "confirmed" | "failed";
  /** Of a virtual socket, the one that took the event; `PARALLEL` has none. */
  readonly via?: string;
  /** The server's result, if it is confirmed; of `PARALLEL`, all of them. */
  readonly result?: JsonValue | JsonText;
  /**
   * Why it failed: the error that `EventClient.raise` rejects with. If several
   * servers of a virtual socket failed, or others have the event, it is a
   * `DeliveryError` (a `QueueFullError` if all queues were full) whose `cause` is
   * an `AggregateError`.
   */
  readonly error?: Error;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/**
 * A delivery to a destination. Notifications that were raised in one go share
 * one, and each server that a virtual socket tries has one of its own. Times are
 * in milliseconds on the clock of `performance.now()`.
 */
export interface DeliveryInfo {
  /** The name of the event: of the first, if there are several. */
  readonly event: string;
  /** The socket that it went to, never a virtual one: of the first event. */
  readonly socket: string;
  /** `host:port`; an IPv6 host stands in brackets. */
  readonly destination: string;
  /** How many events it is. */
  readonly count: number;
  /** Whether it is a request, which the server confirms. */
  readonly isRequest: boolean;
  /** See {@linkcode DeliveryReport.outcome}. */
  readonly outcome: DeliveryReport["outcome"];
  /** Why it failed. */
  readonly error?: Error;
  /** The end of the turn of the event loop in which it was raised. */
  readonly queuedAt: number;
  /** When the operating system had taken it; absent, if it did not. */
  readonly writtenAt?: number;
  /** When it was confirmed, sent, or failed. */
  readonly settledAt: number;
}

/** Describes a delivery that is settled. */
export function infoOf(
  delivery: Delivery,
  destination: string,
  isRequest: boolean,
): DeliveryInfo {
  const { head, options, count, writtenAt } = delivery;
  const { protocol, method } = head;
  const { host, port } = options.target;
  const isDelivered = delivery.state === DELIVERED;
  // A delivery that is refused at once has no times of its own.
  const settledAt = delivery.settledAt || delivery.queuedAt;
  return {
    event: head.event,
    socket: formatSocket({ protocol, host, port, ...method && { method } }),
    destination,
    count,
    isRequest,
    outcome: outcomeOf(isDelivered, isRequest),
    ...!isDelivered && { error: toError(delivery.error) },
    queuedAt: Math.min(delivery.queuedAt, settledAt),
    ...writtenAt > 0 && { writtenAt },
    settledAt,
  };
}

/** How a delivery has ended. */
export function outcomeOf(
  isDelivered: boolean,
  isRequest: boolean,
): DeliveryReport["outcome"] {
  return !isDelivered ? "failed" : isRequest ? "confirmed" : "sent";
}

/** The error of a delivery: the reason of a signal may be any value. */
export function toError(error: unknown): Error {
  if (error instanceof Error) return error;
  return new Error(`Cannot deliver: ${String(error)}`, { cause: error });
}
