/**
 * Counts what is set aside for a target into its bounds, which the server holds
 * for the events that wait.
 *
 * @module
 */

import type { Target, Targets } from "./jetstream_targets.ts";

/** For how long a count holds. */
const FRESH_MS = 1000;

/** What was counted for a target. */
interface Count {
  events: number;
  bytes: number;
  isAnyAside: boolean;
  at: number;
}

/** See the module. */
export class JetStreamRoom {
  readonly #targets: Targets;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #counts = new Map<Target, Count>();
  /** The last of each target that asked: who asked first is told first. */
  readonly #turns = new Map<Target, Promise<unknown>>();

  constructor(
    targets: Targets,
    bounds: { maxEvents: number; maxBytes: number },
  ) {
    this.#targets = targets;
    this.#maxEvents = bounds.maxEvents;
    this.#maxBytes = bounds.maxBytes;
  }

  /** Whether there is room for an event of this size, which is counted then. */
  has(target: Target, bytes: number): Promise<boolean> {
    const before = this.#turns.get(target) ?? Promise.resolve();
    const turn = before.catch(() => {}).then(() => this.#has(target, bytes));
    this.#turns.set(target, turn);
    return turn;
  }

  /** Counts anew the next time. */
  forget(target: Target): void {
    this.#counts.delete(target);
  }

  async #has(target: Target, bytes: number): Promise<boolean> {
    const known = this.#counts.get(target);
    if (known !== undefined && performance.now() - known.at < FRESH_MS) {
      if (this.#reserve(known, bytes)) return true;
    }
    // Meanwhile some may be delivered.
    const count = await this.#count(target);
    this.#counts.set(target, count);
    return this.#reserve(count, bytes);
  }

  #reserve(count: Count, bytes: number): boolean {
    if (!count.isAnyAside) return true; // the server knows best
    if (count.events >= this.#maxEvents) return false;
    if (count.bytes + bytes > this.#maxBytes) return false;
    count.events++;
    count.bytes += bytes;
    return true;
  }

  async #count({ name }: Target): Promise<Count> {
    const at = performance.now();
    const count = { events: 0, bytes: 0, isAnyAside: false, at };
    for (const { kind, info } of await this.#targets.kept(name)) {
      const { messages, bytes } = info.state;
      count.events += messages;
      count.bytes += bytes;
      if (kind === "aside") count.isAnyAside = messages > 0;
    }
    return count;
  }
}
