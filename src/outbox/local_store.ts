/**
 * A store on this machine: rows in a table, committed together.
 *
 * @module
 */

import { afterTurn } from "./builtin.ts";
import { Commits } from "./commits.ts";
import { StoreError } from "./errors.ts";
import { LocalDeliverer } from "./local_deliverer.ts";
import { type Row, rowOf } from "./row.ts";
import type {
  Appended,
  Deliverer,
  DeliverOptions,
  EventFilter,
  EventStore,
  KeptEvent,
  KeptSubscription,
  NewEvent,
  TargetStats,
} from "./store.ts";
import type { Change, Count, Table } from "./table.ts";

/** How much a store on this machine may keep. */
export interface StoreBounds {
  /**
   * How many events may be kept for one target, those that are set aside
   * among them.
   *
   * @default {1000000}
   */
  maxEvents?: number | undefined;
  /**
   * How many bytes the events may take that are kept for one target, those
   * that are set aside among them.
   *
   * @default {268435456}
   */
  maxBytes?: number | undefined;
}

/** How often to look whether another process has changed something. */
const LOOK_MS = 500;
/** How many rows are listed at once. */
const PAGE = 100;

/** An {@linkcode EventStore} over a table. */
export class LocalStore implements EventStore {
  readonly #table: Table;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #commits: Commits;
  /** Targets that had no room for an event in this turn of the event loop. */
  readonly #refusing = new Set<string>();
  /** Counted when they are first needed. */
  #counts: Map<string, Count> | undefined;
  #deliverer: LocalDeliverer | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;
  #state: "open" | "claimed" | "closed" = "open";

  /**
   * Constructs a store.
   *
   * @throws {TypeError} if a bound is not a number.
   * @throws {RangeError} if a bound is not a whole number from 1, or `Infinity`.
   */
  constructor(table: Table, bounds: StoreBounds = {}) {
    const { maxEvents = 1_000_000, maxBytes = 256 * 1024 * 1024 } = bounds;
    checkBound("maxEvents", maxEvents);
    checkBound("maxBytes", maxBytes);
    this.#table = table;
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
    this.#commits = new Commits(table, {
      stored: (rows) => this.#deliverer?.stored(rows),
      notStored: (rows) => {
        for (const row of rows) this.#count(row, -1);
      },
      changed: (changes, isAll) => this.#changed(changes, isAll),
    });
  }

  append(events: readonly NewEvent[]): Promise<readonly Appended[]> {
    try {
      return this.#append(events);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // deno-lint-ignore require-await -- what it throws is to be a rejection
  async deliver(options: DeliverOptions): Promise<Deliverer> {
    this.#claim();
    if (this.#deliverer !== undefined) {
      throw new StoreError(
        "busy",
        "Cannot deliver: another outbox of this process delivers from the store",
      );
    }
    const deliverer = this.#deliverer = new LocalDeliverer(
      this.#table,
      this.#commits,
      options,
      () => this.#stopDelivering(),
    );
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
    // Not now: the caller does not have the deliverer yet.
    afterTurn(() => deliverer.announce(this.#targets()));
    return deliverer;
  }

  async *list(filter: EventFilter = {}): AsyncGenerator<KeptEvent> {
    let after = 0;
    for (;;) {
      await this.#settled();
      const rows = this.#table.list(filter, after, PAGE);
      yield* rows;
      if (rows.length < PAGE) return;
      after = rows[rows.length - 1]!.seq;
    }
  }

  async retry(filter: EventFilter = {}): Promise<number> {
    await this.#settled();
    const count = this.#table.retry(filter, Date.now());
    this.#recount();
    return count;
  }

  async drop(filter: EventFilter = {}): Promise<number> {
    await this.#settled();
    const count = this.#table.drop(filter);
    this.#recount();
    return count;
  }

  async stats(): Promise<TargetStats[]> {
    await this.#settled();
    // Who does not hold the store does not see each change.
    if (this.#state === "open" || this.#table.hasChanged()) this.#recount();
    return Array.from(this.#allCounts(), ([target, count]) => {
      const [first] = count.kept === 0 ? [] : this.#table.read(target, 0, 1);
      const attempts = first?.attempts ?? 0;
      return { target, ...count, oldest: first?.raisedAt, attempts };
    });
  }

  async subscriptions(): Promise<KeptSubscription[]> {
    await this.#settled();
    return this.#table.notes.subscriptions(Date.now());
  }

  async subscribe(subscription: KeptSubscription): Promise<void> {
    await this.#settled();
    this.#table.notes.subscribe(subscription);
  }

  async unsubscribe(event: string, socket: string): Promise<void> {
    await this.#settled();
    this.#table.notes.unsubscribe(event, socket);
  }

  async recall(name: string): Promise<string | undefined> {
    await this.#settled();
    return this.#table.notes.recall(name, Date.now());
  }

  async remember(name: string, text: string, until: number): Promise<void> {
    this.#checkOpen();
    await this.#commits.remember(name, text, until);
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    await this.#deliverer?.close();
    this.#commits.close();
    this.#state = "closed";
    this.#table.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #append(events: readonly NewEvent[]): Promise<readonly Appended[]> {
    this.#claim();
    const rows = events.map(rowOf);
    const fitting = rows.filter((row) => this.#reserve(row));
    if (fitting.length === rows.length) return this.#commits.append(rows);
    return this.#appendSome(rows, fitting);
  }

  async #appendSome(
    rows: readonly Row[],
    fitting: readonly Row[],
  ): Promise<readonly Appended[]> {
    // Who is told that some found no room gives the key, and raises it again.
    for (const row of fitting) row.isKeyGiven = true;
    const outcomes = fitting.length === 0
      ? []
      : await this.#commits.append(fitting);
    let next = 0;
    return rows.map((row) =>
      row === fitting[next] ? outcomes[next++]! : "full"
    );
  }

  #checkOpen(): void {
    if (this.#state !== "closed") return;
    throw new StoreError("closed", "Cannot use the store: it is closed");
  }

  /** Waits for what was asked before, so that each call sees what came before it. */
  async #settled(): Promise<void> {
    this.#checkOpen();
    await this.#commits.settle();
    this.#checkOpen();
  }

  /** Only one process appends and delivers. */
  #claim(): void {
    this.#checkOpen();
    if (this.#state === "claimed") return;
    this.#table.claim();
    this.#state = "claimed";
    this.#counts = undefined;
  }

  #stopDelivering(): void {
    this.#deliverer = undefined;
    clearInterval(this.#looking);
  }

  #allCounts(): Map<string, Count> {
    return this.#counts ??= this.#table.counts();
  }

  #targets(): string[] {
    if (this.#state === "closed") return [];
    return [...this.#allCounts()].filter(([, { kept }]) => kept > 0)
      .map(([target]) => target);
  }

  /**
   * Counts a row in, if it may be kept. A smaller one that is raised in the same
   * turn must not take the place of one that found no room, and may find it later:
   * it would come first.
   */
  #reserve(row: Row): boolean {
    if (this.#refusing.has(row.target)) return false;
    if (this.#hasRoom(row)) {
      this.#count(row, 1);
      return true;
    }
    if (row.bytes > this.#maxBytes) return false;
    if (this.#refusing.size === 0) afterTurn(() => this.#refusing.clear());
    this.#refusing.add(row.target);
    return false;
  }

  #hasRoom({ target, bytes }: Row): boolean {
    const count = this.#allCounts().get(target);
    if (count === undefined) return bytes <= this.#maxBytes;
    return count.kept + count.setAside < this.#maxEvents &&
      count.bytes + bytes <= this.#maxBytes;
  }

  #count(row: Row, change: 1 | -1): void {
    const counts = this.#allCounts();
    let count = counts.get(row.target);
    if (count === undefined) {
      counts.set(row.target, count = { kept: 0, setAside: 0, bytes: 0 });
    }
    count.kept += change;
    count.bytes += change * row.bytes;
    if (count.kept <= 0 && count.setAside <= 0) counts.delete(row.target);
  }

  #changed(changes: readonly Change[], isAll: boolean): void {
    if (!isAll) this.#counts = undefined; // some were dropped before
    else {
      for (const { kind, row } of changes) {
        if (kind === "done") this.#count(row, -1);
        else if (kind === "aside") {
          const count = this.#allCounts().get(row.target);
          if (count === undefined) continue;
          count.kept--;
          count.setAside++;
        }
      }
    }
    this.#deliverer?.changed(changes);
  }

  /** Looks for what another process has changed. */
  #look(): void {
    try {
      if (this.#table.hasChanged()) this.#recount();
    } catch { /* the next look may see more */ }
  }

  #recount(): void {
    this.#counts = undefined;
    this.#refusing.clear();
    this.#deliverer?.rewind(this.#targets());
  }
}

function checkBound(name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(
      `Cannot use ${name} ${JSON.stringify(value)}: expected a number`,
    );
  }
  if (value !== Infinity && !(Number.isInteger(value) && value >= 1)) {
    throw new RangeError(
      `Cannot use ${name} ${value}: expected a whole number from 1, or Infinity`,
    );
  }
}
