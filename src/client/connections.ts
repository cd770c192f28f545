/**
 * The connections of one destination: which of them takes messages, when a new
 * one is opened, and how each ends.
 *
 * @module
 */

import { LINGER_MS } from "../transport/connection.ts";
import type { DeliveryError } from "../protocol/errors.ts";
import { Conversation } from "./conversation.ts";
import type { ClientSettings } from "./options.ts";

/**
 * | state | meaning | next |
 * |---|---|---|
 * | `idle` | no connection takes messages, and none is wanted or allowed | `connecting` |
 * | `connecting` | an attempt to connect is under way | `open`; it fails or times out, or the client is closed: `idle` |
 * | `open` | the current connection takes messages | it stops taking messages: `idle`, or `connecting` if messages wait |
 *
 * A connection is not allowed when 64 are open or ending, or `maxInFlight`
 * requests are in flight. A connection stops taking messages when it has reached
 * `maxRequestsPerConnection`, a write on it failed, it seems dead, was idle for
 * `maxIdleMs`, or is closed.
 */
export type ConnectionsState = "idle" | "connecting" | "open";

/** How many connections of one destination may be open or ending. */
const MAX_CONVERSATIONS = 64;

/** The calls that {@linkcode Connections} makes to its destination. */
export interface ConnectionsHooks {
  /** Returns whether a message waits that an open connection could take now. */
  hasWork(): boolean;
  /** The state of the connections has changed. */
  changed(): void;
  /** A connection was opened. */
  opened(): void;
  /** A connection was closed; `error` is the reason, or undefined if we ended it. */
  closed(error: DeliveryError | undefined): void;
}

/** See the module. It does no I/O and reads no clock. */
export class Connections {
  state: ConnectionsState = "idle";
  /** The conversation on the connection that takes messages. */
  current: Conversation | undefined;
  readonly #all: Set<Conversation> = new Set();
  readonly #settings: ClientSettings;
  readonly #hooks: ConnectionsHooks;
  /** When the attempt under way times out. */
  #connectBy = Infinity;
  #attempt = 0;

  constructor(settings: ClientSettings, hooks: ConnectionsHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
  }

  /** The number of the wanted connect attempt, or 0 if none is wanted. */
  get wantedAttempt(): number {
    return this.state === "connecting" ? this.#attempt : 0;
  }

  /** The next point in time at which `expire` is to be called, or `Infinity`. */
  get nextDeadline(): number {
    let next = this.#connectBy;
    for (const conversation of this.#all) {
      next = Math.min(next, conversation.closeBy, this.#idleEnd(conversation));
    }
    return next;
  }

  /** Starts to connect if a message waits and another connection is allowed. */
  advance(now: number): void {
    if (this.state !== "idle" || this.#all.size >= MAX_CONVERSATIONS) return;
    if (!this.#hooks.hasWork()) return;
    this.state = "connecting";
    this.#attempt++;
    this.#connectBy = now + this.#settings.connectTimeoutMs;
    this.#hooks.changed();
  }

  /** A connection was opened; returns the conversation on it. */
  open(now: number): Conversation {
    const { syncMode, maxMessageBytes } = this.#settings;
    const conversation = new Conversation(
      now,
      syncMode ? maxMessageBytes : undefined,
    );
    this.#connectBy = Infinity;
    this.state = "open";
    this.current = conversation;
    this.#all.add(conversation);
    this.#hooks.opened();
    return conversation;
  }

  /** Gives up the attempt: it has failed, or is no longer wanted. */
  giveUp(): void {
    this.#connectBy = Infinity;
    if (this.state === "connecting") this.state = "idle";
    this.#hooks.changed();
  }

  /** Whether the attempt under way has taken too long. */
  isTooLate(now: number): boolean {
    return this.#connectBy <= now;
  }

  /** Writes nothing more on this connection; the next event opens another. */
  stopWriting(conversation: Conversation, now: number): void {
    if (conversation.state === "open") conversation.state = "reading";
    this.#hooks.changed();
    if (this.current !== conversation) return;
    this.current = undefined;
    this.state = "idle";
    this.advance(now);
  }

  /** Ends the `reading` connections whose deliveries are all settled. */
  closeDone(now: number): void {
    for (const conversation of [...this.#all]) {
      this.closeIfDone(conversation, now);
    }
  }

  /** Ends a `reading` connection once all its deliveries are settled. */
  closeIfDone(conversation: Conversation, now: number): void {
    if (conversation.state !== "reading" || !conversation.isDone) return;
    // All its deliveries are settled, so nobody waits for a write under way.
    const isOver = conversation.reason !== undefined || conversation.isWriting;
    if (isOver) this.close(conversation, now);
    else this.end(conversation, now);
  }

  /** Ends our side of a connection, and gives the server time to close. */
  end(conversation: Conversation, now: number): void {
    if (conversation.state === "ending") return;
    this.stopWriting(conversation, now);
    conversation.state = "ending";
    conversation.closeBy = now + LINGER_MS;
  }

  /** Closes a connection, even if something is under way on it. */
  close(conversation: Conversation, now: number): void {
    this.stopWriting(conversation, now);
    conversation.state = "closed";
    conversation.clear();
    this.#all.delete(conversation);
    this.#hooks.closed(conversation.reason);
    this.advance(now);
  }

  /** Ends all connections. Call it when all deliveries are settled. */
  endAll(now: number): void {
    for (const conversation of [...this.#all]) {
      // All deliveries are settled, so nobody waits for a write under way.
      if (conversation.isWriting) this.close(conversation, now);
      else this.end(conversation, now);
    }
  }

  /** Ends connections that have taken too long to end, or were idle too long. */
  expire(now: number): void {
    for (const conversation of [...this.#all]) {
      if (conversation.closeBy <= now) this.close(conversation, now);
      else if (this.#idleEnd(conversation) <= now) this.end(conversation, now);
      else this.closeIfDone(conversation, now);
    }
  }

  /** When a conversation will have been idle for `maxIdleMs`. */
  #idleEnd(conversation: Conversation): number {
    return conversation.state === "open" && conversation.isIdle
      ? conversation.activeAt + this.#settings.maxIdleMs
      : Infinity;
  }
}
