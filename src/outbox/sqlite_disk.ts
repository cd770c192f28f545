/**
 * What is done about a disk that is full, and to keep a file small.
 *
 * @module
 */

import { type Database, files, type Statement } from "./builtin.ts";
import { StoreError } from "./errors.ts";

/** The log is written back when it has so many pages of 4 KiB. */
export const CHECKPOINT_PAGES = 250;
/** The log's file does not stay longer, in bytes. */
export const LOG_BYTES: number = 2 * 1024 * 1024;
/** Larger than the log grows: what it holds can be written back then. */
const BALLAST_BYTES = 2 * 1024 * 1024;
/** So much must be free, the ballast counted, before events are stored again. */
const FREE_BYTES = 3 * 1024 * 1024;
/** How often to try whether there is room again. */
const TRY_MS = 1000;
/** How many pages may be unused; they are filled first. */
const SPARE_PAGES = 256;
/** How many pages are given back at once, and after how many removals. */
const VACUUM_PAGES = 200, REMOVALS = 64;

const FULL = 13, IO_ERROR = 10;
/** The codes of SQLite when there is no room for a write, or for its index. */
const NO_ROOM: readonly number[] = [
  FULL,
  IO_ERROR | 3 << 8,
  IO_ERROR | 19 << 8,
];

/** The code of an error of SQLite; 0 if it has none. */
export function codeOf(error: unknown): number {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode : 0;
}

/** Whether an error says that the disk is full. */
export function isFull(error: unknown): boolean {
  return NO_ROOM.includes(codeOf(error)) || codeOf(error) % 256 === FULL;
}

/**
 * The disk below a database. SQLite cannot even remove a row when the disk is
 * full: so a file that holds nothing, the ballast, is given up for that, and
 * made anew when there is room for it.
 *
 *     roomy -> full (no room for an event, or for a removal)
 *     full -> roomy (the ballast is whole, and there was room for more)
 */
export class Disk {
  readonly #path: string;
  readonly #database: Database;
  readonly #vacuum: Statement;
  readonly #unused: Statement;
  #state: "roomy" | "full" = "roomy";
  #triedAt = -Infinity;
  #removals = 0;

  constructor(path: string, database: Database) {
    this.#path = path;
    this.#database = database;
    this.#vacuum = database.prepare(
      `PRAGMA incremental_vacuum(${VACUUM_PAGES})`,
    );
    this.#unused = database.prepare("PRAGMA freelist_count");
  }

  /** Makes the ballast, unless it is there. */
  prepare(): void {
    if (!files().existsSync(this.#path)) this.#recover();
  }

  /** Keeps room for the next start, once the database is closed. */
  end(): void {
    if (this.#state === "full") makeBallast(this.#path);
  }

  /**
   * Makes sure that events may be stored.
   *
   * @throws {StoreError} if the disk is full.
   */
  check(): void {
    if (this.#state === "full") this.#tryToRecover();
    if (this.#state === "full") {
      throw new StoreError("full", "Cannot keep events: the disk is full");
    }
  }

  /** Stores no more events until there is room. */
  refuse(): void {
    this.#state = "full";
    this.#triedAt = performance.now();
  }

  /** Gives the ballast up, so that something can be removed. */
  giveUp(): void {
    this.refuse();
    files().rmSync(this.#path, { force: true });
    this.#checkpoint();
  }

  /** Gives room back that rows took which are removed. */
  removed(count: number): void {
    this.#removals += count;
    const isFull = this.#state === "full";
    if (this.#removals < REMOVALS && !isFull) return;
    this.#removals = 0;
    try {
      const pages = Number(this.#unused.get()?.["freelist_count"]);
      if (pages > SPARE_PAGES || isFull) this.#vacuum.all(); // get() frees one
    } catch { /* they are given back later */ }
    if (isFull) this.#tryToRecover();
  }

  #tryToRecover(): void {
    const now = performance.now();
    if (now - this.#triedAt < TRY_MS) return;
    this.#triedAt = now;
    this.#checkpoint();
    this.#recover();
  }

  #recover(): void {
    this.#state = makeBallast(this.#path) ? "roomy" : "full";
  }

  #checkpoint(): void {
    try {
      this.#database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").all();
    } catch { /* there is no room for that either */ }
  }
}

/**
 * Writes a ballast, as large as can be; returns whether there was room for it
 * and for more.
 */
function makeBallast(path: string): boolean {
  const { openSync, writeSync, ftruncateSync, closeSync } = files();
  // Not zeros, for which some file systems take no room.
  const piece = crypto.getRandomValues(new Uint8Array(64 * 1024));
  let file: number | undefined, length = 0;
  try {
    file = openSync(path, "w");
    while (length < FREE_BYTES) length += writeSync(file, piece);
  } catch { /* there is no more room */ }
  if (file === undefined) return false;
  ftruncateSync(file, Math.min(length, BALLAST_BYTES));
  closeSync(file);
  return length >= FREE_BYTES;
}
