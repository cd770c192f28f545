/**
 * What is used of the modules that Deno, Node and Bun have built in, got
 * without an import: who has no outbox loads nothing, and no runtime needs it.
 *
 * @module
 */

import { StoreError } from "./errors.ts";

/** A value of a column. */
export type SqlValue = string | number | null;

/** A row of a result. */
export type SqlRow = Record<string, SqlValue>;

/** A prepared statement of `node:sqlite`. */
export interface Statement {
  run(...values: SqlValue[]): { changes: number | bigint };
  all(...values: SqlValue[]): SqlRow[];
  get(...values: SqlValue[]): SqlRow | undefined;
}

/** A database of `node:sqlite`. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface NodeSqlite {
  DatabaseSync: new (path: string) => Database;
}

/** What is used of `node:fs`. */
export interface Files {
  existsSync(path: string): boolean;
  renameSync(from: string, to: string): void;
  rmSync(path: string, options: { force: boolean }): void;
  openSync(path: string, flags: string): number;
  writeSync(file: number, bytes: Uint8Array): number;
  ftruncateSync(file: number, length: number): void;
  closeSync(file: number): void;
}

interface Process {
  readonly pid: number;
  getBuiltinModule?(name: string): unknown;
}

function processOf(): Process | undefined {
  return (globalThis as { process?: Process }).process;
}

function builtin(name: string): unknown {
  const module = processOf()?.getBuiltinModule?.(name);
  if (module !== undefined) return module;
  throw new StoreError(
    "failed",
    `Cannot open a store: this runtime has no ${name}; Deno, Node from 22.13 and Bun have it`,
  );
}

/** Opens a database. */
export function openDatabase(path: string): Database {
  const { DatabaseSync } = builtin("node:sqlite") as NodeSqlite;
  return new DatabaseSync(path);
}

/** The files of this machine. */
export function files(): Files {
  return builtin("node:fs") as Files;
}

/** Calls `run` when this turn of the event loop is over. */
export function afterTurn(run: () => void): void {
  const { setImmediate } = globalThis as {
    setImmediate?: (run: () => void) => unknown;
  };
  if (setImmediate === undefined) setTimeout(run, 0);
  else setImmediate(run);
}

/** The number of this process; 0 if it has none. */
export function ownPid(): number {
  return processOf()?.pid ?? 0;
}
