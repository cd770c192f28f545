/**
 * What the page and the metrics need of an outbox.
 *
 * @module
 */

/** How an outbox stands. */
export interface OutboxState {
  /** How many events wait to be delivered. */
  readonly waiting: number;
  /** How many events are set aside. */
  readonly setAside: number;
  /** How long the oldest event has waited, in milliseconds. */
  readonly oldestMs?: number | undefined;
  /** How many bytes its events take, without the overhead of the store. */
  readonly bytes?: number | undefined;
  /** Why it takes no events, if it takes none. */
  readonly problem?: string | undefined;
}

/** An event that is set aside, because its server refused it. */
export interface SetAsideEvent {
  /** By what it is retried or dropped. */
  readonly id: string | number;
  /** The event's name. */
  readonly event: string;
  /** The subscriber's socket. */
  readonly socket: string;
  /** The params, as JSON text. */
  readonly params?: string | undefined;
  /** Why it is set aside. */
  readonly error: string;
  /** Since when, in milliseconds since the epoch. */
  readonly time: number;
  /** How many times it was tried. */
  readonly attempts?: number | undefined;
}

/** An outbox, as far as it is looked at. */
export interface OutboxView {
  /** How it stands. */
  stats(): OutboxState | Promise<OutboxState>;
  /** The events that are set aside, the oldest first. */
  setAside(): readonly SetAsideEvent[] | Promise<readonly SetAsideEvent[]>;
  /** Tries one of them again. */
  retry(id: string | number): unknown;
  /** Forgets one of them. */
  drop(id: string | number): unknown;
}
