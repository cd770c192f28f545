/**
 * What an outbox needs of the place where it keeps events. A store is a file
 * of this machine, or a server that many machines share.
 *
 * @module
 */

/** An event that is to be kept for one target. */
export interface NewEvent {
  /** The socket that the event goes to, plain or virtual. */
  readonly target: string;
  /** The event's name. */
  readonly event: string;
  /** Its params as JSON text: an object or an array. */
  readonly params: string;
  /** By what a store, and a receiver, know the event again. */
  readonly key: string;
  /**
   * Whether the caller gave the key. A key that was drawn has never been there
   * before, and need not be looked up.
   */
  readonly isKeyGiven: boolean;
  /** When it was raised, in milliseconds since 1970. */
  readonly raisedAt: number;
}

/** Why an event was set aside. */
export interface Refusal {
  /** The code of the server's error; absent when it was not the server's. */
  readonly code?: number | undefined;
  /** What was so. */
  readonly message: string;
}

/** An event that is kept for one target. */
export interface KeptEvent {
  /** What the store calls it. No two events of a store have the same. */
  readonly id: string;
  /** The socket that the event goes to, plain or virtual. */
  readonly target: string;
  /** The event's name. */
  readonly event: string;
  /** Its params as JSON text, as they were given. */
  readonly params: string;
  /** By what a store, and a receiver, know the event again. */
  readonly key: string;
  /** When it was raised, in milliseconds since 1970. */
  readonly raisedAt: number;
  /** Since when its age counts: when it was raised, or last retried by hand. */
  readonly since: number;
  /** How many deliveries failed so far. */
  readonly attempts: number;
  /** What the last attempt failed with, if it is known. */
  readonly lastError?: string | undefined;
  /** Why it is set aside, if it is; then it is not delivered. */
  readonly refusal?: Refusal | undefined;
}

/**
 * What became of an event that was to be kept: it is stored; it was stored
 * before, by the same key for the same target; or that target has as much as it
 * may have.
 */
export type Appended = "stored" | "known" | "full";

/** Which events are meant: those that all of it is true of. */
export interface EventFilter {
  /** One of these ids. */
  ids?: readonly string[] | undefined;
  /** This target. */
  target?: string | undefined;
  /** This name. */
  event?: string | undefined;
  /** This key. */
  key?: string | undefined;
  /** Raised before this time, in milliseconds since 1970. */
  raisedBefore?: number | undefined;
  /** Set aside or not. Absent: both. */
  isSetAside?: boolean | undefined;
}

/** What is kept for one target. */
export interface TargetStats {
  /** The socket, plain or virtual. */
  target: string;
  /** How many events wait to be delivered. */
  kept: number;
  /** How many events are set aside. */
  setAside: number;
  /** How much both take, in bytes. */
  bytes: number;
  /** When the first of those that wait was raised, in milliseconds since 1970. */
  oldest?: number | undefined;
  /** How often the first of those that wait was tried in vain. */
  attempts: number;
}

/** A subscription that is kept. */
export interface KeptSubscription {
  /** The event's name. */
  event: string;
  /** The subscriber's socket, plain or virtual. */
  socket: string;
  /** When it ends, in milliseconds since 1970. Absent: never. */
  expiresAt?: number | undefined;
}

/** What a receiver remembers of the events that it has handled. */
export interface KeyMemory {
  /** Resolves to what was remembered for this name, unless that is forgotten. */
  recall(name: string): Promise<string | undefined>;
  /**
   * Remembers a text for this name, at least until `until` (milliseconds since
   * 1970). Resolves when it is safe.
   */
  remember(name: string, text: string, until: number): Promise<void>;
}

/** Options of {@linkcode EventStore.deliver}. */
export interface DeliverOptions {
  /**
   * How many events of one target may be out at once: taken and neither done
   * nor set aside, those that are postponed among them. With 1 the order of a
   * target is kept, whatever fails.
   */
  window: number;
  /**
   * Called when a target has events that wait: at the start for each, then
   * whenever one comes for a target for which {@linkcode Deliverer.take} has
   * resolved to none. Called more often, it does no harm.
   */
  onTarget: (target: string) => void;
  /**
   * Called when another process has kept, renewed or removed a subscription. A
   * store that one process uses never calls it.
   */
  onSubscription?:
    | ((subscription: KeptSubscription, isKept: boolean) => void)
    | undefined;
}

/**
 * One who delivers. Events of a target are given in the order in which they
 * were appended.
 */
export interface Deliverer {
  /**
   * Takes the next events of a target, at most `max`. Waits while all that the
   * target has is out or postponed; resolves to none when nothing is kept for
   * it, or `signal` is aborted. One at a time may wait for one target.
   */
  take(
    target: string,
    max: number,
    signal: AbortSignal,
  ): Promise<readonly KeptEvent[]>;
  /**
   * Removes an event that was delivered. Resolves when it is removed; until
   * then a crash may repeat it, and it counts as out.
   */
  done(event: KeptEvent): Promise<void>;
  /** Sets an event aside. Resolves when it is. */
  setAside(event: KeptEvent, refusal: Refusal): Promise<void>;
  /**
   * Gives an event back after an attempt that failed: it is to be given again
   * in `delayMs` milliseconds, or earlier when somebody else delivers.
   */
  postpone(event: KeptEvent, delayMs: number, error: string): Promise<void>;
  /** Stops: gives back all that is out, and lets somebody else deliver. */
  close(): Promise<void>;
}

/**
 * A place where events are kept. {@linkcode openSqlite} opens one in a file,
 * {@linkcode memoryStore} makes one for tests; whoever has a server for it
 * writes another.
 *
 * All that returns a promise rejects with a {@linkcode StoreError} when the
 * store cannot do it.
 */
export interface EventStore extends KeyMemory, AsyncDisposable {
  /**
   * Keeps events, one for each target of an event. Resolves when all of them
   * are safe, to what became of each. Rejects when none is kept.
   */
  append(events: readonly NewEvent[]): Promise<readonly Appended[]>;
  /**
   * Begins to deliver. A store that only one process may deliver from rejects
   * with a {@linkcode StoreError} that names the process that does.
   */
  deliver(options: DeliverOptions): Promise<Deliverer>;
  /** Lists events in the order in which they were appended. */
  list(filter?: EventFilter): AsyncIterable<KeptEvent>;
  /**
   * Has events that are set aside delivered again, in their old place where the
   * store can do that. Resolves to how many.
   */
  retry(filter?: EventFilter): Promise<number>;
  /**
   * Removes events. One that is on its way at this moment may still arrive.
   * Resolves to how many.
   */
  drop(filter?: EventFilter): Promise<number>;
  /** What is kept for each target that has anything. */
  stats(): Promise<TargetStats[]>;
  /** The subscriptions that are kept and have not ended. */
  subscriptions(): Promise<KeptSubscription[]>;
  /** Keeps a subscription, or renews it. */
  subscribe(subscription: KeptSubscription): Promise<void>;
  /** Removes a subscription. */
  unsubscribe(event: string, socket: string): Promise<void>;
  /** Closes the store, and what it opened. Closing twice is fine. */
  close(): Promise<void>;
}
