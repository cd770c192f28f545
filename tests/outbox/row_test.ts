import { assert, assertEquals } from "@std/assert";
import { checksumOf, type Row, rowOf } from "../../src/outbox/row.ts";
import { newEvent } from "./helpers.ts";

const pure = { permissions: "none" } as const;

Deno.test("checksumOf() differs when one bit of a row does", pure, () => {
  const row = {
    ...rowOf(newEvent(7, { params: '{"a":"zażółć","b":[1]}' })),
    seq: 5,
  };
  const sum = checksumOf(row);
  assertEquals(checksumOf({ ...row, attempts: 3 }), sum);
  const names = ["target", "event", "params", "key"] as const;
  for (const name of names) {
    const text = row[name];
    for (let i = 0; i < text.length; i++) {
      for (let bit = 0; bit < 16; bit++) {
        const c = String.fromCharCode(text.charCodeAt(i) ^ 1 << bit);
        const other = text.slice(0, i) + c + text.slice(i + 1);
        assert(checksumOf({ ...row, [name]: other }) !== sum, other);
      }
    }
  }
  const others: Partial<Row>[] = [
    { seq: 4 },
    { raisedAt: row.raisedAt + 1 },
    { target: row.target + row.event[0], event: row.event.slice(1) },
    { params: row.params + " " },
    { params: "" },
  ];
  for (const other of others) assert(checksumOf({ ...row, ...other }) !== sum);
});
