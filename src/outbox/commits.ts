/**
 * What is asked in one turn of the event loop is done together.
 *
 * @module
 */

import { afterTurn } from "./builtin.ts";
import { StoreError, type StoreFailure } from "./errors.ts";
import type { Row } from "./row.ts";
import type { Appended } from "./store.ts";
import type { Change, NotedText, Table } from "./table.ts";

/** How many events, and bytes, are stored at once: the event loop stops so long. */
const MAX_ROWS = 1000, MAX_BYTES = 1024 * 1024;
/** How long to wait before changes are tried again for which there is no room. */
const RETRY_MS = 100;

/** What is so now, and may soon be otherwise. */
const PASSING: readonly StoreFailure[] = ["full", "busy"];

/** Told what was done. */
export interface CommitHooks {
  /** These rows are stored. */
  stored(rows: readonly Row[]): void;
  /** These rows will not be stored: they were known, or it failed. */
  notStored(rows: readonly Row[]): void;
  /** These changes are made, of rows that were there unless `isAll` is false. */
  changed(changes: readonly Change[], isAll: boolean): void;
}

/** The rows of one call, which share a fate. */
interface Append {
  rows: readonly Row[];
  resolve(outcomes: Appended[]): void;
  reject(error: unknown): void;
}

interface Remember {
  text: NotedText;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Gathers what is to be written, and writes it when the turn is over:
 *
 *     idle -> scheduled -> idle | scheduled (more is there) | waiting (no room)
 *     waiting -> scheduled;  any -> closed
 */
export class Commits {
  readonly #table: Table;
  readonly #hooks: CommitHooks;
  #state: "idle" | "scheduled" | "waiting" | "closed" = "idle";
  #appends: Append[] = [];
  #remembers: Remember[] = [];
  #changes: Change[] = [];
  /** Settles when the changes above are made. */
  #changed = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(table: Table, hooks: CommitHooks) {
    this.#table = table;
    this.#hooks = hooks;
  }

  /** Resolves when the rows are safe, to what became of each. */
  append(rows: readonly Row[]): Promise<Appended[]> {
    return new Promise((resolve, reject) => {
      this.#appends.push({ rows, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when the text is safe. */
  remember(name: string, text: string, until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#remembers.push({ text: { name, text, until }, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when the change is made; with all others of the same turn. */
  change(change: Change): Promise<void> {
    this.#changes.push(change);
    const { promise } = this.#changed;
    this.#schedule();
    return promise;
  }

  /** Resolves when nothing is left to write, or there is no room for it. */
  settle(): Promise<void> {
    if (this.#state !== "scheduled") return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Writes what is left, if it can be; all else rejects. */
  close(): void {
    if (this.#state === "closed") return;
    clearTimeout(this.#timer);
    if (this.#state !== "idle") this.#writeAll();
    this.#state = "closed";
    this.#failAll(
      new StoreError("closed", "Cannot write: the store is closed"),
    );
    this.#tellIdle();
  }

  #schedule(): void {
    if (this.#state === "closed") {
      const problem = "Cannot write: the store is closed";
      return this.#failAll(new StoreError("closed", problem));
    }
    if (this.#state === "scheduled") return;
    clearTimeout(this.#timer);
    this.#state = "scheduled";
    afterTurn(() => this.#run());
  }

  #run(): void {
    if (this.#state !== "scheduled") return;
    this.#state = "idle";
    const isDone = this.#write();
    // What is told may have asked for more, and closed.
    if (this.#stateIs("closed")) return;
    if (this.#appends.length > 0) this.#schedule();
    else if (!isDone && this.#stateIs("idle")) {
      this.#state = "waiting";
      this.#timer = setTimeout(() => this.#schedule(), RETRY_MS);
    }
    if (!this.#stateIs("scheduled")) this.#tellIdle();
  }

  #stateIs(state: "idle" | "scheduled" | "waiting" | "closed"): boolean {
    return this.#state === state;
  }

  #tellIdle(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Returns whether all changes could be made. */
  #write(): boolean {
    // First what makes room.
    const isDone = this.#writeChanges();
    this.#writeAppends();
    this.#writeRemembers();
    return isDone;
  }

  #writeAll(): void {
    do this.#write(); while (this.#appends.length > 0);
  }

  #writeChanges(): boolean {
    const changes = this.#changes;
    if (changes.length === 0) return true;
    let isAll: boolean;
    try {
      isAll = this.#table.change(changes);
    } catch (error) {
      // What was delivered must not come again: it is worth to try anew.
      if (PASSING.includes((error as StoreError).reason)) return false;
      this.#failChanges(error);
      return true;
    }
    this.#changes = [];
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    this.#hooks.changed(changes, isAll);
    resolve();
    return true;
  }

  #writeAppends(): void {
    const batch = this.#nextAppends();
    if (batch.length === 0) return;
    const rows = batch.length === 1
      ? batch[0]!.rows
      : batch.flatMap((append) => append.rows);
    let stored: readonly Row[];
    try {
      stored = this.#table.append(rows);
    } catch (error) {
      this.#hooks.notStored(rows);
      for (const { reject } of batch) reject(error);
      return;
    }
    if (stored.length < rows.length) {
      this.#hooks.notStored(rows.filter(({ seq }) => seq === 0));
    }
    if (stored.length > 0) this.#hooks.stored(stored);
    for (const { rows, resolve } of batch) {
      resolve(rows.map(({ seq }) => seq === 0 ? "known" : "stored"));
    }
  }

  /** As many as are stored at once; at least one. */
  #nextAppends(): Append[] {
    let rows = 0, bytes = 0, end = 0;
    while (end < this.#appends.length) {
      const append = this.#appends[end]!;
      rows += append.rows.length;
      for (const row of append.rows) bytes += row.bytes;
      if (end > 0 && (rows > MAX_ROWS || bytes > MAX_BYTES)) break;
      end++;
    }
    return this.#appends.splice(0, end);
  }

  #writeRemembers(): void {
    const batch = this.#remembers;
    if (batch.length === 0) return;
    this.#remembers = [];
    try {
      this.#table.notes.remember(batch.map(({ text }) => text), Date.now());
    } catch (error) {
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const { resolve } of batch) resolve();
  }

  #failAll(error: StoreError): void {
    for (const { rows, reject } of this.#appends.splice(0)) {
      this.#hooks.notStored(rows);
      reject(error);
    }
    for (const { reject } of this.#remembers.splice(0)) reject(error);
    if (this.#changes.length > 0) this.#failChanges(error);
  }

  #failChanges(error: unknown): void {
    this.#changes = [];
    this.#changed.promise.catch(() => {}); // nobody may wait any more
    this.#changed.reject(error);
    this.#changed = Promise.withResolvers<void>();
  }
}
