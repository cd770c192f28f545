/**
 * How rows stand in a file.
 *
 * @module
 */

import type { SqlRow, SqlValue } from "./builtin.ts";
import { checksumOf, hash, type Row } from "./row.ts";
import type { EventFilter, KeptSubscription } from "./store.ts";

/** Marks a file as one of ours: "EvtO". */
export const APPLICATION_ID = 0x4576744f;
/** The version of the tables. */
export const VERSION = 1;

/** The tables. */
export const SCHEMA: string = `
CREATE TABLE events(
  seq INTEGER PRIMARY KEY,
  target TEXT NOT NULL,
  event TEXT NOT NULL,
  params TEXT NOT NULL,
  key TEXT NOT NULL,
  raisedAt INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  since INTEGER,
  attempts INTEGER,
  lastError TEXT,
  refusal TEXT,
  code INTEGER
);
CREATE INDEX waiting ON events(target, seq) WHERE refusal IS NULL;
CREATE TABLE keys(
  key TEXT NOT NULL,
  target TEXT NOT NULL,
  seq INTEGER NOT NULL,
  raisedAt INTEGER NOT NULL,
  PRIMARY KEY(key, target)
) WITHOUT ROWID;
CREATE TABLE subscriptions(
  event TEXT NOT NULL,
  socket TEXT NOT NULL,
  expiresAt INTEGER,
  sum INTEGER NOT NULL,
  PRIMARY KEY(event, socket)
);
CREATE TABLE seen(
  name TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE holder(only INTEGER PRIMARY KEY, pid INTEGER NOT NULL);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${VERSION};
`;

/**
 * The highest number that was given to an event which is removed, so that none
 * is given twice. It is noted with the removal: to keep an event costs no more.
 * Files that were made before are without it.
 */
export const LAST_SCHEMA =
  "CREATE TABLE IF NOT EXISTS last(only INTEGER PRIMARY KEY, seq INTEGER NOT NULL)";

/** The highest number of what is kept, or was noted. */
export const LAST_SEQ =
  "max(coalesce((SELECT max(seq) FROM events), 0), coalesce((SELECT seq FROM last), 0))";

/** The columns that a new event fills. */
export const COLUMNS: readonly string[] = [
  "seq",
  "target",
  "event",
  "params",
  "key",
  "raisedAt",
  "bytes",
  "sum",
];

/** Adds the values of these columns. */
export function pushValues(values: SqlValue[], row: Row): void {
  const { seq, target, event, params, key, raisedAt, bytes } = row;
  values.push(seq, target, event, params, key, raisedAt, bytes);
  values.push(checksumOf(row));
}

/** Reads a row; `isWhole` is false when it is not what was written. */
export function readRow(values: SqlRow): { row: Row; isWhole: boolean } {
  const seq = Number(values["seq"]);
  const raisedAt = Number(values["raisedAt"]);
  const { refusal, code, lastError } = values;
  const row: Row = {
    id: String(seq),
    seq,
    target: String(values["target"]),
    event: String(values["event"]),
    params: String(values["params"]),
    key: String(values["key"]),
    isKeyGiven: false,
    raisedAt,
    since: Number(values["since"] ?? raisedAt),
    attempts: Number(values["attempts"] ?? 0),
    lastError: typeof lastError === "string" ? lastError : undefined,
    refusal: typeof refusal !== "string" ? undefined : {
      message: refusal,
      ...typeof code === "number" ? { code } : {},
    },
    bytes: Number(values["bytes"]),
  };
  return { row, isWhole: values["sum"] === checksumOf(row) };
}

/** A checksum of what must not change in a subscription. */
export function sumOf(
  { event, socket, expiresAt }: KeptSubscription,
): number {
  return hash(String(expiresAt), hash(socket, hash(event, 0)));
}

/** Reads a subscription, unless it is not what was written. */
export function readSubscription(values: SqlRow): KeptSubscription[] {
  const { event, socket, expiresAt, sum } = values;
  const subscription = {
    event: String(event),
    socket: String(socket),
    expiresAt: typeof expiresAt === "number" ? expiresAt : undefined,
  };
  return sum === sumOf(subscription) ? [subscription] : [];
}

/** A condition in SQL, and the values of its question marks. */
export function conditionOf(
  filter: EventFilter,
): { sql: string; values: SqlValue[] } {
  const { ids, target, event, key, raisedBefore, isSetAside } = filter;
  const values: SqlValue[] = [];
  const parts: string[] = ["1"];
  function add(part: string, value: SqlValue | undefined): void {
    if (value === undefined) return;
    parts.push(part);
    values.push(value);
  }
  // As text: an id that is no number matches nothing.
  add(
    "CAST(seq AS TEXT) IN (SELECT value FROM json_each(?))",
    ids && JSON.stringify(ids),
  );
  add("target = ?", target);
  add("event = ?", event);
  add("key = ?", key);
  add("raisedAt < ?", raisedBefore);
  if (isSetAside !== undefined) {
    parts.push(isSetAside ? "refusal IS NOT NULL" : "refusal IS NULL");
  }
  return { sql: parts.join(" AND "), values };
}
