/**
 * Statements, transactions and errors of one open database.
 *
 * @module
 */

import type { Database, SqlRow, SqlValue, Statement } from "./builtin.ts";
import { StoreError } from "./errors.ts";
import { codeOf, isFull } from "./sqlite_disk.ts";

const BUSY = 5, CORRUPT = 11, NOT_A_DATABASE = 26;

/** An open database. */
export class SqliteConnection {
  readonly #path: string;
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(path: string, database: Database) {
    this.#path = path;
    this.#database = database;
  }

  /** Returns a statement, which is prepared once. */
  sql(text: string): Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** All rows of a query; an error says what could not be done. */
  all(what: string, text: string, ...values: SqlValue[]): SqlRow[] {
    return this.attempt(what, () => this.sql(text).all(...values));
  }

  /** Runs what has no result. */
  exec(text: string): void {
    this.#database.exec(text);
  }

  /** Does all that `run` does, or, when it throws, nothing of it. */
  transaction<T>(run: () => T): T {
    this.sql("BEGIN IMMEDIATE").run();
    try {
      const result = run();
      this.sql("COMMIT").run();
      return result;
    } catch (error) {
      try {
        this.sql("ROLLBACK").run();
      } catch { /* SQLite has done so already */ }
      throw error;
    }
  }

  /** The same, with an error that says what could not be done. */
  write(what: string, run: () => void): void {
    this.attempt(what, () => this.transaction(run));
  }

  /** Runs something; an error says what could not be done. */
  attempt<T>(what: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw this.explain(what, error);
    }
  }

  /** Makes the error that a caller of the store gets. */
  explain(what: string, error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    const code = codeOf(error) % 256;
    const reason = isFull(error)
      ? "full"
      : code === BUSY
      ? "busy"
      : code === CORRUPT || code === NOT_A_DATABASE
      ? "damaged"
      : "failed";
    return new StoreError(
      reason,
      `Cannot ${what} in ${JSON.stringify(this.#path)}: ${
        (error as Error).message
      }`,
      { cause: error },
    );
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}
