/**
 * Who may deliver from a file.
 *
 * @module
 */

import { type Database, openDatabase } from "./builtin.ts";
import { codeOf } from "./sqlite_disk.ts";

const BUSY = 5;

/**
 * A lock that ends with its process, however that ends: the lock of a write to
 * an empty database that is never written, beside the file of the events. The
 * operating system gives it back, so none is left over.
 */
export class FileLock {
  readonly #path: string;
  #database: Database | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Acquires the lock; returns whether it could. Throws if it cannot be had. */
  acquire(): boolean {
    if (this.#database !== undefined) return true;
    const database = openDatabase(this.#path);
    try {
      // A command that looks at the file may hold it for a moment.
      database.prepare("PRAGMA busy_timeout = 500").all();
      // The disk may be full.
      database.prepare("PRAGMA journal_mode = MEMORY").all();
      database.prepare("BEGIN IMMEDIATE").run();
    } catch (error) {
      database.close();
      if (codeOf(error) % 256 === BUSY) return false;
      throw error;
    }
    this.#database = database;
    return true;
  }

  /** Gives the lock back. */
  release(): void {
    this.#database?.close();
    this.#database = undefined;
  }
}
