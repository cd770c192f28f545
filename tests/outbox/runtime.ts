// A store in a file on whatever runtime this is: prints what was so.
//
//     runtime.ts <file>

import { openSqlite } from "../../src/outbox/sqlite.ts";
import { StoreError } from "../../src/outbox/errors.ts";

const { process } = globalThis as unknown as { process: { argv: string[] } };
const path = process.argv.at(-1)!;
const target = "jsonrpc:127.0.0.1:5061";
const seen: unknown[] = [];

let store = openSqlite(path);
const events = Array.from({ length: 120 }, (_, n) => ({
  target,
  event: "E_X",
  params: `{"n":${n},"text":"zażółć"}`,
  key: `key-${n}`,
  isKeyGiven: n % 2 === 0,
  raisedAt: Date.now(),
}));
await store.append(events);
seen.push(await store.append(events.slice(0, 2)));
await store.close();

store = openSqlite(path);
const deliverer = await store.deliver({ window: 10, onTarget() {} });
const second = openSqlite(path);
try {
  await second.deliver({ window: 1, onTarget() {} });
} catch (error) {
  seen.push(error instanceof StoreError && error.reason);
}
seen.push((await second.stats())[0]?.kept);
await second.close();
const params: string[] = [];
for (;;) {
  const { signal } = new AbortController();
  const taken = await deliverer.take(target, 10, signal);
  if (taken.length === 0) break;
  params.push(...taken.map(({ params }) => params));
  await Promise.all(taken.map((event) => deliverer.done(event)));
}
seen.push(params.length, params[119], (await store.stats()).length);
await store.close();
console.log(JSON.stringify(seen));
