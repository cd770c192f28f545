/**
 * Who may deliver from a file.
 *
 * @module
 */

import { type Database, openDatabase } from "./builtin.ts";

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

  /** Acquires the lock; returns whether it could. */
  acquire(): boolean {
    if (this.#database !== undefined) return true;
    const database = openDatabase(this.#path);
    try {
      // A command that looks at the file may hold it for a moment.
      database.prepare("PRAGMA busy_timeout = 500").all();
      database.prepare("BEGIN IMMEDIATE").run();
    } catch {
      database.close();
      return false;
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
