/**
 * The events that an Event Interface dispatches.
 *
 * @module
 */

import type { EventClientEventMap } from "../client/event_client.ts";
import type { DeliveryReport } from "./report.ts";

/** The detail of an event at a destination. */
export type AtDestination<T = unknown> = T & {
  /** `host:port`; an IPv6 host stands in brackets. */
  destination: string;
};

/** The events of an {@linkcode EventInterface}, for `addEventListener`. */
export interface EventInterfaceEventMap {
  /** An event that was raised was not delivered to a subscriber. */
  failed: CustomEvent<{ event: string; report: DeliveryReport }>;
  /** A connection was opened. */
  connect: CustomEvent<AtDestination>;
  /** A connection ended. */
  disconnect: CustomEvent<
    AtDestination<EventClientEventMap["disconnect"]["detail"]>
  >;
  /** A response settled nothing and is ignored. */
  unmatched: CustomEvent<
    AtDestination<EventClientEventMap["unmatched"]["detail"]>
  >;
  /** So many events were refused in one turn, as the queue is full. */
  full: CustomEvent<AtDestination<EventClientEventMap["full"]["detail"]>>;
}
