// Prints the numbers of all events that a file keeps: what a power cut has left.
//
//     power_cut.ts <file>

import { openSqlite } from "../../src/outbox/mod.ts";

await using store = openSqlite(Deno.args[0]);
for await (const { params } of store.list()) {
  console.log(`kept ${JSON.parse(params).n}`);
}
