// What is raised in one turn is stored together.

import { assertEquals } from "@std/assert";
import { Commits } from "../../src/outbox/commits.ts";
import { type Row, rowOf } from "../../src/outbox/row.ts";
import type { Notes, Table } from "../../src/outbox/table.ts";
import { newEvent } from "./helpers.ts";

/** A table that notes how many rows it gets at once. */
function counting(): { table: Table; counts: number[] } {
  const counts: number[] = [];
  let seq = 0;
  const nothing = () => {
    throw new Error("It is not asked for");
  };
  const table: Table = {
    notes: {} as Notes,
    append(rows) {
      counts.push(rows.length);
      for (const row of rows) row.seq = ++seq;
      return rows;
    },
    hasChanged: nothing,
    claim: nothing,
    change: nothing,
    read: nothing,
    list: nothing,
    retry: nothing,
    drop: nothing,
    counts: nothing,
    close: nothing,
  };
  return { table, counts };
}

const rowsOf = (count: number, bytes = 100): Row[] =>
  Array.from({ length: count }, (_, n) => ({ ...rowOf(newEvent(n)), bytes }));

/** How many rows are stored at once, of calls of one turn. */
async function committed(calls: Row[][]): Promise<number[]> {
  const { table, counts } = counting();
  const stored: Row[] = [];
  const commits = new Commits(table, {
    stored: (rows) => stored.push(...rows),
    notStored() {},
    changed() {},
  });
  const outcomes = await Promise.all(calls.map((rows) => commits.append(rows)));
  commits.close();
  assertEquals(stored, calls.flat());
  assertEquals(
    outcomes,
    calls.map((rows) => rows.map(() => "stored" as const)),
  );
  return counts;
}

const each = (rows: Row[]) => rows.map((row) => [row]);

Deno.test("Commits stores what is raised in one turn together, some 1,000 at once", async () => {
  assertEquals(await committed(each(rowsOf(1))), [1]);
  assertEquals(await committed(each(rowsOf(700))), [700]);
  assertEquals(await committed(each(rowsOf(2500))), [1000, 1000, 500]);
  // The rows of one call share a fate, however many they are.
  const calls = [400, 500, 200, 3000, 1].map((count) => rowsOf(count));
  assertEquals(await committed(calls), [900, 200, 3000, 1]);
});

Deno.test("Commits stores no more than some 1 MiB at once", async () => {
  const large = (count: number) => each(rowsOf(count, 400 * 1024));
  assertEquals(await committed(large(5)), [2, 2, 1]);
  assertEquals(await committed(each(rowsOf(2, 5e6))), [1, 1]);
});

Deno.test("Commits stores what is raised in other turns apart", async () => {
  const { table, counts } = counting();
  const commits = new Commits(table, {
    stored() {},
    notStored() {},
    changed() {},
  });
  for (const count of [3, 5]) {
    await Promise.all(rowsOf(count).map((row) => commits.append([row])));
  }
  commits.close();
  assertEquals(counts, [3, 5]);
});
