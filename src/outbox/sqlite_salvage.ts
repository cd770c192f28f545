/**
 * What can still be read of a damaged file.
 *
 * @module
 */

import { type Database, files, openDatabase, type SqlRow } from "./builtin.ts";
import { COLUMNS, readRow, readSubscription, sumOf } from "./sqlite_rows.ts";

/** What was saved, and where the damaged file is. */
export interface Salvaged {
  database: Database;
  events: number;
  subscriptions: number;
  movedTo: string;
}

/** How often reading may fail before the rest is given up. */
const MAX_FAILURES = 10_000;
/** How many rows are read at once. */
const PAGE = 100;

/** All columns of an event, the others behind those that a new one fills. */
const ALL_COLUMNS: readonly string[] = [
  ...COLUMNS,
  "since",
  "attempts",
  "lastError",
  "refusal",
  "code",
];

/**
 * Moves a damaged file away, and makes a new one of what can be read of it.
 * Only rows whose checksum is right are taken.
 */
export function salvage(
  path: string,
  setUp: (database: Database) => void,
): Salvaged {
  const movedTo = moveAway(path);
  const damaged = openDatabase(movedTo);
  try {
    const database = openDatabase(path);
    try {
      setUp(database);
      database.prepare("BEGIN IMMEDIATE").run();
      const events = copyEvents(damaged, database);
      const subscriptions = copySubscriptions(damaged, database);
      copyKeys(damaged, database);
      copyLast(damaged, database);
      database.prepare("COMMIT").run();
      return { database, events, subscriptions, movedTo };
    } catch (error) {
      database.close();
      throw error;
    }
  } finally {
    damaged.close();
  }
}

function moveAway(path: string): string {
  const { existsSync, renameSync } = files();
  let movedTo = `${path}-damaged`;
  for (let n = 2; existsSync(movedTo); n++) movedTo = `${path}-damaged-${n}`;
  renameSync(path, movedTo);
  for (const end of ["-wal", "-shm"]) {
    if (existsSync(path + end)) renameSync(path + end, movedTo + end);
  }
  return movedTo;
}

function copyEvents(from: Database, to: Database): number {
  const insert = to.prepare(
    `INSERT OR IGNORE INTO events(${ALL_COLUMNS.join()}) VALUES (${
      ALL_COLUMNS.map(() => "?").join()
    })`,
  );
  let count = 0;
  for (const values of readable(from)) {
    if (!readRow(values).isWhole) continue;
    insert.run(...ALL_COLUMNS.map((name) => values[name] ?? null));
    count++;
  }
  return count;
}

/** The rows that can be read, in order; others are passed over. */
function* readable(from: Database): Generator<SqlRow> {
  let after = 0, max = PAGE, step = 0;
  for (let failures = 0; failures < MAX_FAILURES;) {
    try {
      const rows = from.prepare(
        // Its index may be damaged too.
        "SELECT * FROM events NOT INDEXED WHERE seq > ? ORDER BY seq LIMIT ?",
      ).all(after + step, max);
      if (rows.length === 0) return;
      yield* rows;
      const last = Number(rows[rows.length - 1]!["seq"]);
      if (!(last > after + step)) return;
      after = last;
      max = PAGE;
      step = 0;
    } catch {
      failures++;
      // First one by one up to the place, then past it, ever further.
      if (max > 1) max = 1;
      else step = step === 0 ? 1 : step * 2;
      if (!Number.isSafeInteger(after + step)) return;
    }
  }
}

function copySubscriptions(from: Database, to: Database): number {
  const insert = to.prepare(
    "INSERT OR IGNORE INTO subscriptions(event, socket, expiresAt, sum) VALUES (?, ?, ?, ?)",
  );
  let count = 0;
  for (const values of readAll(from, "SELECT * FROM subscriptions")) {
    for (const subscription of readSubscription(values)) {
      const { event, socket, expiresAt = null } = subscription;
      insert.run(event, socket, expiresAt, sumOf(subscription));
      count++;
    }
  }
  return count;
}

function copyKeys(from: Database, to: Database): void {
  const key = to.prepare("INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)");
  for (const row of readAll(from, "SELECT * FROM keys")) {
    key.run(row["key"]!, row["target"]!, row["seq"]!, row["raisedAt"]!);
  }
  const seen = to.prepare("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)");
  for (const row of readAll(from, "SELECT * FROM seen")) {
    seen.run(row["name"]!, row["text"]!, row["until"]!);
  }
}

function copyLast(from: Database, to: Database): void {
  const insert = to.prepare("INSERT INTO last VALUES (1, ?)");
  for (const { seq } of readAll(from, "SELECT seq FROM last")) insert.run(seq!);
}

/** What a query gives; nothing if it cannot be read. */
function readAll(from: Database, sql: string): SqlRow[] {
  try {
    return from.prepare(sql).all();
  } catch {
    return [];
  }
}
