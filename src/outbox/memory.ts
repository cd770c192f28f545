/**
 * A store in memory, for tests: nothing of it outlives the process.
 *
 * @module
 */

import { LocalStore, type StoreBounds } from "./local_store.ts";
import type { Row } from "./row.ts";
import type { EventFilter, EventStore, KeptSubscription } from "./store.ts";
import type { Change, Count, NotedText, Notes, Table } from "./table.ts";

/**
 * Makes a store in memory, which does what one in a file does, except that it
 * is lost with the process.
 *
 * @throws {TypeError} if a bound is not a number.
 * @throws {RangeError} if a bound is not a whole number from 1, or `Infinity`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EventClient, serveEvents } from "../../mod.ts";
 * import { memoryStore, Outbox } from "./mod.ts";
 *
 * const seen: unknown[] = [];
 * await using server = serveEvents({ port: 0 }, ({ params }) => {
 *   seen.push(params);
 * });
 *
 * await using store = memoryStore();
 * await using client = new EventClient(server.socket, { syncMode: true });
 * await using outbox = new Outbox(store, client);
 * await outbox.raise("E_CALL_ENDED", { seconds: 61 });
 * await outbox.flush();
 * assertEquals(seen, [{ seconds: 61 }]);
 * ```
 */
export function memoryStore(bounds: StoreBounds = {}): EventStore {
  return new LocalStore(new MemoryTable(), bounds);
}

class MemoryTable implements Table {
  readonly notes = new MemoryNotes();
  #lastSeq = 0;
  readonly #rows = new Map<number, Row>();
  /** By target, those that wait, in order. */
  readonly #waiting = new Map<string, Row[]>();
  readonly #givenKeys = new Set<string>();

  hasChanged(): boolean {
    return false;
  }

  claim(): void {}

  append(rows: readonly Row[]): readonly Row[] {
    return rows.filter((row) => {
      if (row.isKeyGiven) {
        const key = JSON.stringify([row.target, row.key]);
        if (this.#givenKeys.has(key)) return false;
        this.#givenKeys.add(key);
      }
      row.seq = ++this.#lastSeq;
      row.id = String(row.seq);
      this.#rows.set(row.seq, row);
      this.#waitingOf(row.target).push(row);
      return true;
    });
  }

  change(changes: readonly Change[]): boolean {
    let isAll = true;
    for (const change of changes) {
      const { row } = change;
      if (change.kind === "postponed") continue; // it is the same object
      this.#removeWaiting(row);
      isAll &&= this.#rows.has(row.seq);
      if (change.kind === "done") this.#rows.delete(row.seq);
      else row.refusal = change.refusal;
    }
    return isAll;
  }

  read(target: string, after: number, max: number): Row[] {
    const rows = this.#waiting.get(target) ?? [];
    const start = indexAfter(rows, after);
    return rows.slice(start, start + max);
  }

  list(filter: EventFilter, after: number, max: number): Row[] {
    return [...this.#rows.values()]
      .filter((row) => row.seq > after && matches(row, filter))
      .sort((a, b) => a.seq - b.seq)
      .slice(0, max)
      .map((row) => ({ ...row }));
  }

  retry(filter: EventFilter, now: number): number {
    if (filter.isSetAside === false) return 0;
    const rows = this.#matching({ ...filter, isSetAside: true });
    for (const row of rows) {
      row.refusal = undefined;
      row.since = now;
      const waiting = this.#waitingOf(row.target);
      waiting.splice(indexAfter(waiting, row.seq), 0, row);
    }
    return rows.length;
  }

  drop(filter: EventFilter): number {
    const rows = this.#matching(filter);
    for (const row of rows) {
      this.#removeWaiting(row);
      this.#rows.delete(row.seq);
    }
    return rows.length;
  }

  counts(): Map<string, Count> {
    const counts = new Map<string, Count>();
    for (const { target, refusal, bytes } of this.#rows.values()) {
      const count = counts.get(target) ?? { kept: 0, setAside: 0, bytes: 0 };
      counts.set(target, count);
      count[refusal === undefined ? "kept" : "setAside"]++;
      count.bytes += bytes;
    }
    return counts;
  }

  close(): void {}

  #waitingOf(target: string): Row[] {
    let rows = this.#waiting.get(target);
    if (rows === undefined) this.#waiting.set(target, rows = []);
    return rows;
  }

  #removeWaiting({ target, seq }: Row): void {
    const rows = this.#waiting.get(target) ?? [];
    const index = indexAfter(rows, seq - 1);
    if (rows[index]?.seq !== seq) return;
    rows.splice(index, 1);
    if (rows.length === 0) this.#waiting.delete(target);
  }

  #matching(filter: EventFilter): Row[] {
    return [...this.#rows.values()].filter((row) => matches(row, filter));
  }
}

class MemoryNotes implements Notes {
  readonly #subscriptions = new Map<string, KeptSubscription>();
  readonly #texts = new Map<string, { text: string; until: number }>();

  subscriptions(now: number): KeptSubscription[] {
    return [...this.#subscriptions.values()]
      .filter(({ expiresAt = Infinity }) => expiresAt > now);
  }

  subscribe(subscription: KeptSubscription): void {
    const { event, socket } = subscription;
    this.#subscriptions.set(JSON.stringify([event, socket]), subscription);
  }

  unsubscribe(event: string, socket: string): void {
    this.#subscriptions.delete(JSON.stringify([event, socket]));
  }

  recall(name: string, now: number): string | undefined {
    const found = this.#texts.get(name);
    return found !== undefined && found.until > now ? found.text : undefined;
  }

  remember(
    texts: readonly NotedText[],
  ): void {
    for (const { name, text, until } of texts) {
      this.#texts.set(name, { text, until });
    }
  }
}

/** The index of the first row after `seq`, of rows in order. */
function indexAfter(rows: readonly Row[], seq: number): number {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.seq > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}

function matches(row: Row, filter: EventFilter): boolean {
  const { ids, target, event, key, raisedBefore, isSetAside } = filter;
  return (ids === undefined || ids.includes(row.id)) &&
    (target === undefined || target === row.target) &&
    (event === undefined || event === row.event) &&
    (key === undefined || key === row.key) &&
    (raisedBefore === undefined || row.raisedAt < raisedBefore) &&
    (isSetAside === undefined || isSetAside === (row.refusal !== undefined));
}
