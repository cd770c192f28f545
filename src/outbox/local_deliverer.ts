/**
 * Gives the events of a table to those who deliver them.
 *
 * @module
 */

import type { Commits } from "./commits.ts";
import { Lane } from "./lane.ts";
import type { Row } from "./row.ts";
import type { Deliverer, DeliverOptions, KeptEvent, Refusal } from "./store.ts";
import type { Change, Table } from "./table.ts";

/** A lane, and who waits at it. */
interface Place {
  readonly lane: Lane;
  /** Ends the wait of a `take`. */
  wake(): void;
}

/** What is out of one table; see {@linkcode Deliverer}. */
export class LocalDeliverer implements Deliverer {
  readonly #table: Table;
  readonly #commits: Commits;
  readonly #window: number;
  readonly #onTarget: (target: string) => void;
  readonly #onClose: () => void;
  readonly #places = new Map<string, Place>();
  #isClosed = false;

  /** Constructs one; `onClose` is called once. */
  constructor(
    table: Table,
    commits: Commits,
    { window, onTarget }: DeliverOptions,
    onClose: () => void,
  ) {
    this.#table = table;
    this.#commits = commits;
    this.#window = window;
    this.#onTarget = onTarget;
    this.#onClose = onClose;
  }

  /** Tells who delivers of targets that have something. */
  announce(targets: Iterable<string>): void {
    for (const target of targets) {
      if (!this.#places.has(target)) this.#onTarget(target);
    }
  }

  async take(
    target: string,
    max: number,
    signal: AbortSignal,
  ): Promise<readonly KeptEvent[]> {
    const place = this.#placeOf(target);
    for (;;) {
      if (this.#isClosed || signal.aborted) return [];
      const rows = place.lane.take(max, performance.now());
      if (rows.length > 0) return rows;
      if (place.lane.isEmpty) {
        this.#places.delete(target);
        return [];
      }
      await wait(place, signal);
    }
  }

  done(event: KeptEvent): Promise<void> {
    return this.#commits.change({ kind: "done", row: event as Row });
  }

  setAside(event: KeptEvent, refusal: Refusal): Promise<void> {
    const row = event as Row;
    row.attempts++;
    row.lastError = refusal.message;
    return this.#commits.change({ kind: "aside", row, refusal });
  }

  async postpone(
    event: KeptEvent,
    delayMs: number,
    error: string,
  ): Promise<void> {
    const row = event as Row;
    row.attempts++;
    row.lastError = error;
    const due = performance.now() + delayMs;
    await this.#commits.change({ kind: "postponed", row });
    const place = this.#places.get(row.target);
    place?.lane.postpone(row, due);
    place?.wake();
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#wakeAll();
      this.#places.clear();
      this.#onClose();
    }
    return Promise.resolve();
  }

  /** Takes note of rows that were stored after all others. */
  stored(rows: readonly Row[]): void {
    const byTarget = Map.groupBy(rows, ({ target }) => target);
    for (const [target, rows] of byTarget) {
      const place = this.#places.get(target);
      if (place === undefined) {
        this.#onTarget(target);
        continue;
      }
      place.lane.push(rows);
      place.wake();
    }
  }

  /** Takes note of what is gone. */
  changed(changes: readonly Change[]): void {
    for (const { kind, row } of changes) {
      if (kind === "postponed") continue;
      const place = this.#places.get(row.target);
      place?.lane.remove(row);
      place?.wake();
    }
  }

  /** Reads all anew: somebody else has changed what is kept. */
  rewind(targets: Iterable<string>): void {
    for (const { lane } of this.#places.values()) lane.rewind();
    this.#wakeAll();
    this.announce(targets);
  }

  #wakeAll(): void {
    for (const place of this.#places.values()) place.wake();
  }

  #placeOf(target: string): Place {
    let place = this.#places.get(target);
    if (place === undefined) {
      const lane = new Lane(
        this.#window,
        (after, max) => this.#table.read(target, after, max),
      );
      place = { lane, wake() {} };
      this.#places.set(target, place);
    }
    return place;
  }
}

/** Waits until something is new at a place, or is due, or to be given up. */
function wait(place: Place, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const { due } = place.lane;
    const timer = due === Infinity
      ? undefined
      : setTimeout(end, Math.max(0, due - performance.now()));
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      place.wake = () => {};
      resolve();
    }
    place.wake = end;
    signal.addEventListener("abort", end);
  });
}
