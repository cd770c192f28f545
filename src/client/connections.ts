/**
 * The connections of one destination: which of them takes messages, when another
 * is opened, and how each ends.
 *
 * @module
 */

import type { DeliveryError } from "../protocol/errors.ts";
import { Conversation } from "./conversation.ts";
import type { ClientSettings } from "./options.ts";

/**
 * | state | meaning | next |
 * |---|---|---|
 * | `idle` | none takes messages, and none is asked for | `connecting` |
 * | `connecting` | an attempt to open one is under way | `open`; it fails: `idle` |
 * | `open` | the current one takes messages | it ends: `idle`, `connecting` |
 */
export type ConnectionsState = "idle" | "connecting" | "open";

/** How long the server may take to end a connection after we did. */
const LINGER_MS = 1000;
/** How many connections of one destination may be open or ending. */
const MAX_CONVERSATIONS = 64;

/** What happens to connections. */
export interface ConnectionsHooks {
  /** Whether a message waits that could be written at once. */
  hasWork(): boolean;
  /** The state of something here has changed. */
  changed(): void;
  /** A connection was opened. */
  opened(): void;
  /** A connection is closed; why, unless we ended it. */
  closed(error: DeliveryError | undefined): void;
}

/** See the module. It does no I/O and reads no clock. */
export class Connections {
  state: ConnectionsState = "idle";
  /** The one that takes messages. */
  current: Conversation | undefined;
  readonly #all: Set<Conversation> = new Set();
  readonly #settings: ClientSettings;
  readonly #hooks: ConnectionsHooks;
  /** When the attempt under way is to be given up. */
  #connectBy = Infinity;
  #attempt = 0;

  constructor(settings: ClientSettings, hooks: ConnectionsHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
  }

  /** The number of the attempt to connect that is wanted; 0: none is. */
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

  /** Asks for a connection, if a message waits for one. */
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

  /** The attempt has failed, or is not wanted any more. */
  giveUp(): void {
    this.#connectBy = Infinity;
    if (this.state === "connecting") this.state = "idle";
    this.#hooks.changed();
  }

  /** Whether the attempt under way has taken too long. */
  isTooLate(now: number): boolean {
    return this.#connectBy <= now;
  }

  /** No more goes out on this connection; the next event opens another. */
  stopWriting(conversation: Conversation, now: number): void {
    if (conversation.state === "open") conversation.state = "reading";
    this.#hooks.changed();
    if (this.current !== conversation) return;
    this.current = undefined;
    this.state = "idle";
    this.advance(now);
  }

  /** Ends those that are only read, once nothing waits on them. */
  closeDone(now: number): void {
    for (const conversation of [...this.#all]) {
      this.closeIfDone(conversation, now);
    }
  }

  /** Ends one that is only read, once nothing waits on it. */
  closeIfDone(conversation: Conversation, now: number): void {
    if (conversation.state !== "reading" || !conversation.isDone) return;
    // A write under way is one that all have given up: the server cannot read it.
    const isOver = conversation.reason !== undefined || conversation.isWriting;
    if (isOver) this.close(conversation, now);
    else this.end(conversation, now);
  }

  /** Tells the server that no more comes, and gives it time to end too. */
  end(conversation: Conversation, now: number): void {
    if (conversation.state === "ending") return;
    this.stopWriting(conversation, now);
    conversation.state = "ending";
    conversation.closeBy = now + LINGER_MS;
  }

  /** Closes one, whatever is under way on it. */
  close(conversation: Conversation, now: number): void {
    this.stopWriting(conversation, now);
    conversation.state = "closed";
    conversation.drop();
    this.#all.delete(conversation);
    this.#hooks.closed(conversation.reason);
    this.advance(now);
  }

  /** Ends all in an orderly way. */
  endAll(now: number): void {
    for (const conversation of [...this.#all]) {
      // A write under way is one that all have given up: there is no use in it.
      if (conversation.isWriting) this.close(conversation, now);
      else this.end(conversation, now);
    }
  }

  /** Time has passed: ends what has taken too long, or was idle for too long. */
  expire(now: number): void {
    for (const conversation of [...this.#all]) {
      if (conversation.closeBy <= now) this.close(conversation, now);
      else if (this.#idleEnd(conversation) <= now) this.end(conversation, now);
      else this.closeIfDone(conversation, now);
    }
  }

  /** When a conversation has been idle for long enough to end it. */
  #idleEnd(conversation: Conversation): number {
    return conversation.state === "open" && conversation.isIdle
      ? conversation.activeAt + this.#settings.maxIdleMs
      : Infinity;
  }
}
