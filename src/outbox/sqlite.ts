/**
 * A store in a file, by the SQLite that the runtime has built in.
 *
 * @module
 */

import { type Database, files, openDatabase } from "./builtin.ts";
import { StoreError } from "./errors.ts";
import { LocalStore, type StoreBounds } from "./local_store.ts";
import {
  CHECKPOINT_PAGES,
  codeOf,
  Disk,
  isFull,
  LOG_BYTES,
} from "./sqlite_disk.ts";
import { FileLock } from "./sqlite_lock.ts";
import { APPLICATION_ID, LAST_SCHEMA, SCHEMA, VERSION } from "./sqlite_rows.ts";
import { salvage } from "./sqlite_salvage.ts";
import { SqliteTable } from "./sqlite_table.ts";
import type { EventStore } from "./store.ts";

/** Options of {@linkcode openSqlite}. */
export interface SqliteOptions extends StoreBounds {
  /**
   * How long a given key is remembered after its event was raised, in
   * milliseconds. While the event is kept, it always is.
   *
   * @default {86400000}
   */
  rememberKeysMs?: number | undefined;
  /**
   * Called when a part of the file is damaged.
   *
   * @default {console.warn}
   */
  onWarning?: ((message: string) => void) | undefined;
}

const DAY_MS = 86_400_000;

/**
 * Opens a store in a file, or makes one. It is checked: from a file that is
 * damaged, what can be read is taken over into a new one, the damaged one stays
 * beside it (`-damaged` behind its name), and `onWarning` is called.
 *
 * Beside the file stand others, with `-wal`, `-shm`, `-lock` and `-ballast`
 * behind its name. Deno needs the permission to read and to write all of them:
 * best give the file a folder of its own, and the permission for that.
 *
 * One process appends and delivers; others may look, retry and drop meanwhile.
 *
 * @throws {StoreError} if the file cannot be opened, holds something else, or
 * is damaged and another process has it; or the runtime has no `node:sqlite`.
 * @throws {TypeError} if an option has the wrong type.
 * @throws {RangeError} if an option is out of its range.
 *
 * @example An event that outlives its process
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient } from "../../mod.ts";
 * import { openSqlite, Outbox } from "./mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await using store = openSqlite(`${folder}/events.db`);
 * await using client = new EventClient("jsonrpc:127.0.0.1:1", { syncMode: true });
 * await using outbox = new Outbox(store, client);
 * await outbox.raise("E_CALL_ENDED", { seconds: 61 }, { key: "call-17" });
 *
 * // Nobody listens at port 1. The event stays, for the next process too.
 * const [{ kept }] = await store.stats();
 * assertEquals(kept, 1);
 * ```
 */
export function openSqlite(
  path: string,
  options: SqliteOptions = {},
): EventStore {
  const { rememberKeysMs = DAY_MS, onWarning = console.warn } = options;
  if (typeof path !== "string" || path === "") {
    throw new TypeError(
      `Cannot open ${JSON.stringify(path)}: expected the path of a file`,
    );
  }
  if (!(rememberKeysMs >= 0)) {
    throw new RangeError(
      `Cannot use rememberKeysMs ${rememberKeysMs}: expected milliseconds from 0`,
    );
  }
  const lock = new FileLock(`${path}-lock`);
  const ballast = `${path}-ballast`;
  const database = openWithRoom(
    ballast,
    () => openChecked(path, lock, onWarning),
  );
  const disk = new Disk(ballast, database);
  const parts = { path, database, lock, disk, rememberKeysMs, onWarning };
  try {
    return new LocalStore(new SqliteTable(parts), options);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens a file; where there is no room for that, gives the ballast up. */
function openWithRoom(ballast: string, open: () => Database): Database {
  try {
    return open();
  } catch (error) {
    const isFull = error instanceof StoreError && error.reason === "full";
    if (!isFull || !files().existsSync(ballast)) throw error;
    files().rmSync(ballast, { force: true });
    return open();
  }
}

/** Opens a file, and mends it when it is damaged. */
function openChecked(
  path: string,
  lock: FileLock,
  onWarning: (message: string) => void,
): Database {
  let database: Database | undefined, problem: string | undefined;
  try {
    database = openDatabase(path);
    setUp(database, path);
    problem = problemOf(database);
    if (problem === undefined) return database;
  } catch (error) {
    database?.close();
    database = undefined;
    if (error instanceof StoreError) throw error;
    if (!isDamage(error)) {
      throw new StoreError(
        isFull(error) ? "full" : "failed",
        `Cannot open ${JSON.stringify(path)}: ${(error as Error).message}`,
        { cause: error },
      );
    }
    problem = (error as Error).message;
  }
  database?.close();
  if (!lock.acquire()) {
    throw new StoreError(
      "damaged",
      `Cannot open ${
        JSON.stringify(path)
      }: it is damaged (${problem}), and another process delivers from it`,
    );
  }
  try {
    return mend(path, problem, onWarning);
  } finally {
    lock.release();
  }
}

function mend(
  path: string,
  problem: string,
  onWarning: (message: string) => void,
): Database {
  try {
    const { database, events, subscriptions, movedTo } = salvage(
      path,
      (database) => setUp(database, path),
    );
    onWarning(
      `${
        JSON.stringify(path)
      } is damaged (${problem}): ${events} events and ${subscriptions} subscriptions could be read and are kept; the damaged file is now ${
        JSON.stringify(movedTo)
      }`,
    );
    return database;
  } catch (cause) {
    throw new StoreError(
      "damaged",
      `Cannot open ${
        JSON.stringify(path)
      }: it is damaged (${problem}), and cannot be mended: ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
}

const CORRUPT = 11;

/**
 * Whether an error says that a file is damaged. One whose beginning is not that
 * of a database may be anything: it is left as it is.
 */
function isDamage(error: unknown): boolean {
  return codeOf(error) % 256 === CORRUPT;
}

/** Makes the tables unless they are there, and sets how the file is used. */
function setUp(database: Database, path: string): void {
  database.prepare("PRAGMA busy_timeout = 2000").all();
  const application = pragma(database, "application_id");
  const isNew = application === 0 && pragma(database, "schema_version") === 0;
  if (!isNew && application !== APPLICATION_ID) {
    throw new StoreError(
      "failed",
      `Cannot open ${JSON.stringify(path)}: it is a database of something else`,
    );
  }
  const version = pragma(database, "user_version");
  if (version > VERSION) {
    throw new StoreError(
      "failed",
      `Cannot open ${
        JSON.stringify(path)
      }: its version is ${version}, expected ${VERSION} at most`,
    );
  }
  // Must come before there is a table.
  database.prepare("PRAGMA auto_vacuum = INCREMENTAL").all();
  database.prepare("PRAGMA journal_mode = WAL").all();
  for (
    const setting of [
      "synchronous = FULL",
      `wal_autocheckpoint = ${CHECKPOINT_PAGES}`,
      `journal_size_limit = ${LOG_BYTES}`,
      "cell_size_check = ON",
      "trusted_schema = OFF",
    ]
  ) database.prepare(`PRAGMA ${setting}`).all();
  if (isNew) makeTables(database);
  database.prepare(LAST_SCHEMA).run();
}

function makeTables(database: Database): void {
  database.prepare("BEGIN IMMEDIATE").run();
  try {
    // Another process may have come first.
    if (pragma(database, "schema_version") === 0) database.exec(SCHEMA);
    database.prepare("COMMIT").run();
  } catch (error) {
    try {
      database.prepare("ROLLBACK").run();
    } catch { /* SQLite has done so already */ }
    throw error;
  }
}

function pragma(database: Database, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** What is wrong with the structure of a file, if anything is. */
function problemOf(database: Database): string | undefined {
  // Not quick_check: an event that its index misses would wait for ever.
  const [first] = database.prepare("PRAGMA integrity_check(1)").all();
  const text = String(Object.values(first ?? {})[0]);
  if (text !== "ok") return text.split("\n").at(-1);
  return undefined;
}
