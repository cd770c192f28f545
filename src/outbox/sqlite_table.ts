/**
 * Rows in a file of SQLite.
 *
 * @module
 */

import { type Database, ownPid, type SqlValue } from "./builtin.ts";
import { StoreError } from "./errors.ts";
import type { Row } from "./row.ts";
import { SqliteConnection } from "./sqlite_connection.ts";
import { type Disk, isFull } from "./sqlite_disk.ts";
import type { FileLock } from "./sqlite_lock.ts";
import { SqliteNotes } from "./sqlite_notes.ts";
import {
  COLUMNS,
  conditionOf,
  LAST_SEQ,
  pushValues,
  readRow,
} from "./sqlite_rows.ts";
import type { EventFilter } from "./store.ts";
import type { Change, Count, Table } from "./table.ts";

/** How many rows one statement inserts, where there are so many. */
const ROWS_AT_ONCE = 50;
/** How many rows are retried or dropped at once: others must come in between. */
const CHUNK = 1000;
/** After how many given keys those are removed that are too old. */
const KEYS_BETWEEN = 1000;

/** What a table is made of. */
export interface SqliteParts {
  path: string;
  database: Database;
  lock: FileLock;
  disk: Disk;
  rememberKeysMs: number;
  onWarning: (message: string) => void;
}

/** See {@linkcode Table}. */
export class SqliteTable implements Table {
  readonly #parts: SqliteParts;
  readonly #connection: SqliteConnection;
  readonly notes: SqliteNotes;
  #nextSeq = 1;
  #version = 0;
  #keysSince = 0;

  constructor(parts: SqliteParts) {
    this.#parts = parts;
    this.#connection = new SqliteConnection(parts.path, parts.database);
    this.notes = new SqliteNotes(this.#connection);
    this.#version = this.#dataVersion();
  }

  hasChanged(): boolean {
    const version = this.#dataVersion();
    if (version === this.#version) return false;
    this.#version = version;
    return true;
  }

  claim(): void {
    const { disk, path } = this.#parts;
    if (!this.#acquire()) {
      const pid = Number(
        this.#connection.sql("SELECT pid FROM holder").get()?.["pid"],
      );
      const holder = pid === ownPid()
        ? "another store of this process"
        : pid > 0
        ? `process ${pid}`
        : "another process";
      throw new StoreError(
        "busy",
        `Cannot deliver from ${JSON.stringify(path)}: ${holder} does`,
        { pid: pid > 0 ? pid : undefined },
      );
    }
    disk.prepare();
    const [last] = this.#connection.all(
      "read events",
      `SELECT max(${LAST_SEQ}, (SELECT coalesce(max(seq), 0) FROM keys)) AS seq`,
    );
    this.#nextSeq = Number(last?.["seq"]) + 1;
    try {
      this.#connection.sql("INSERT OR REPLACE INTO holder VALUES (1, ?)").run(
        ownPid(),
      );
      this.#forgetKeys();
    } catch { /* the disk may be full; what is kept can be delivered */ }
  }

  append(rows: readonly Row[]): readonly Row[] {
    this.#parts.disk.check();
    const first = this.#nextSeq;
    try {
      return this.#connection.transaction(() => {
        const stored = rows.filter((row) => this.#giveSeq(row));
        this.#insert(stored);
        return stored;
      });
    } catch (error) {
      this.#nextSeq = first;
      for (const row of rows) row.seq = 0;
      if (!isFull(error)) throw this.#connection.explain("keep events", error);
      this.#parts.disk.refuse();
      throw new StoreError("full", "Cannot keep events: the disk is full", {
        cause: error,
      });
    }
  }

  change(changes: readonly Change[]): boolean {
    return this.#connection.attempt("change events", () => {
      try {
        return this.#changeUnsynced(changes);
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#parts.disk.giveUp();
        return this.#changeUnsynced(changes);
      }
    });
  }

  read(target: string, after: number, max: number): Row[] {
    return this.#connection.attempt(
      "read events",
      () => this.#read(target, after, max),
    );
  }

  #read(target: string, after: number, max: number): Row[] {
    for (;;) {
      const found = this.#connection.sql(
        "SELECT * FROM events WHERE target = ? AND seq > ? AND refusal IS NULL ORDER BY seq LIMIT ?",
      ).all(target, after, max).map(readRow);
      const whole = found.filter(({ isWhole }) => isWhole);
      if (whole.length < found.length) {
        this.#setDamagedAside(found.filter(({ isWhole }) => !isWhole));
        if (whole.length === 0) {
          after = found[found.length - 1]!.row.seq;
          continue;
        }
      }
      return whole.map(({ row }) => row);
    }
  }

  list(filter: EventFilter, after: number, max: number): Row[] {
    const { sql, values } = conditionOf(filter);
    const rows = this.#connection.all(
      "list events",
      `SELECT * FROM events WHERE ${sql} AND seq > ? ORDER BY seq LIMIT ?`,
      ...values,
      after,
      max,
    );
    return rows.map((values) => readRow(values).row);
  }

  retry(filter: EventFilter, now: number): number {
    if (filter.isSetAside === false) return 0;
    return this.#inChunks(
      { ...filter, isSetAside: true },
      `UPDATE events SET refusal = NULL, code = NULL, since = ${now}`,
    );
  }

  drop(filter: EventFilter): number {
    const count = this.#inChunks(filter, "DELETE FROM events", () => {
      this.#connection.sql(
        `INSERT OR REPLACE INTO last SELECT 1, ${LAST_SEQ}`,
      ).run();
    });
    this.#parts.disk.removed(count);
    return count;
  }

  counts(): Map<string, Count> {
    const rows = this.#connection.all(
      "count events",
      "SELECT target, count(*) AS count, count(refusal) AS setAside, sum(bytes) AS bytes FROM events GROUP BY target",
    );
    return new Map(rows.map((row) => {
      const setAside = Number(row["setAside"]);
      const kept = Number(row["count"]) - setAside;
      const count = { kept, setAside, bytes: Number(row["bytes"]) };
      return [String(row["target"]), count];
    }));
  }

  close(): void {
    this.#connection.close();
    this.#parts.disk.end();
    this.#parts.lock.release();
  }

  #dataVersion(): number {
    return Number(
      this.#connection.sql("PRAGMA data_version").get()?.["data_version"],
    );
  }

  #acquire(): boolean {
    return this.#connection.attempt(
      "lock events",
      () => this.#parts.lock.acquire(),
    );
  }

  /** Gives a row its place; returns whether it is to be stored. */
  #giveSeq(row: Row): boolean {
    const seq = this.#nextSeq;
    if (row.isKeyGiven) {
      const { changes } = this.#connection.sql(
        "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)",
      )
        .run(row.key, row.target, seq, row.raisedAt);
      if (Number(changes) === 0) return false;
      if (++this.#keysSince >= KEYS_BETWEEN) this.#forgetKeys();
    }
    this.#nextSeq++;
    row.seq = seq;
    row.id = String(seq);
    return true;
  }

  #insert(rows: readonly Row[]): void {
    let next = 0;
    while (next < rows.length) {
      const count = rows.length - next < ROWS_AT_ONCE ? 1 : ROWS_AT_ONCE;
      const values: SqlValue[] = [];
      for (let i = 0; i < count; i++) pushValues(values, rows[next++]!);
      const marks = `(${COLUMNS.map(() => "?").join()})`;
      this.#connection.sql(
        `INSERT INTO events(${COLUMNS.join()}) VALUES ${
          Array(count).fill(marks).join()
        }`,
      ).run(...values);
    }
  }

  /** A key is remembered for a time, and while its event is kept. */
  #forgetKeys(): void {
    this.#keysSince = 0;
    this.#connection.sql(
      "DELETE FROM keys WHERE raisedAt < ? AND NOT EXISTS (SELECT 1 FROM events WHERE events.seq = keys.seq)",
    ).run(Date.now() - this.#parts.rememberKeysMs);
  }

  /** What a power cut may undo need not be waited for. */
  #changeUnsynced(changes: readonly Change[]): boolean {
    this.#connection.exec("PRAGMA synchronous = NORMAL");
    try {
      return this.#connection.transaction(() => this.#changeAll(changes));
    } finally {
      this.#connection.exec("PRAGMA synchronous = FULL");
      this.#parts.disk.removed(changes.length);
    }
  }

  #changeAll(changes: readonly Change[]): boolean {
    let isAll = true;
    for (const change of changes) {
      const { seq, attempts, lastError = null } = change.row;
      if (change.kind === "done") {
        // Of all others, a higher one is there or was noted.
        if (seq === this.#nextSeq - 1) this.#noteLast(seq);
        const { changes } = this.#connection.sql(
          "DELETE FROM events WHERE seq = ?",
        ).run(
          seq,
        );
        isAll &&= Number(changes) === 1;
        continue;
      }
      const refusal = change.kind === "aside" ? change.refusal : undefined;
      const { changes } = this.#connection.sql(
        "UPDATE events SET attempts = ?, lastError = ?, refusal = ?, code = ? WHERE seq = ?",
      ).run(
        attempts,
        textOf(lastError),
        textOf(refusal?.message ?? null),
        refusal?.code ?? null,
        seq,
      );
      isAll &&= Number(changes) === 1;
    }
    return isAll;
  }

  #noteLast(seq: number): void {
    this.#connection.sql("INSERT OR REPLACE INTO last VALUES (1, ?)").run(seq);
  }

  #setDamagedAside(found: readonly { row: Row }[]): void {
    for (const { row } of found) {
      this.#connection.sql("UPDATE events SET refusal = ? WHERE seq = ?")
        .run("It is damaged: its checksum is wrong", row.seq);
    }
    this.#version = -1; // so that all is counted anew
    this.#parts.onWarning(
      `${JSON.stringify(this.#parts.path)} is damaged: ${found.length} ${
        found.length === 1 ? "event is" : "events are"
      } set aside`,
    );
  }

  #inChunks(
    filter: EventFilter,
    action: string,
    before: () => void = () => {},
  ): number {
    const { sql, values } = conditionOf(filter);
    const statement = this.#connection.sql(
      `${action} WHERE seq IN (SELECT seq FROM events WHERE ${sql} LIMIT ${CHUNK})`,
    );
    let total = 0;
    for (;;) {
      let count = 0;
      this.#connection.write("change events", () => {
        before();
        count = Number(statement.run(...values).changes);
      });
      total += count;
      if (count < CHUNK) return total;
    }
  }
}

/** A text by somebody else, which SQLite would end at a NUL. */
function textOf(text: string | null): string | null {
  return text === null ? null : text.toWellFormed().replaceAll("\0", "");
}
