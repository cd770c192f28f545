/**
 * A process that raises events, and prints what became of them:
 *
 *     raiser.ts <socket> <count> <from, or "stopped">
 */

import { EventClient } from "../../mod.ts";
import { nameOf } from "./model.ts";

const [socket, count, from] = Deno.args;
const isStopped = from === "stopped"; // while it raises
const first = isStopped ? 0 : Number(from);

const client = new EventClient(socket, { syncMode: true, timeoutMs: 60_000 });
const raise = (n: number, timeoutMs = 60_000) =>
  client.raise("E_X", { n }, { timeoutMs }).then(
    (result) => result === n ? "delivered" : `the result ${result}`,
    nameOf,
  );
const outcomes = await Promise.all(
  Array.from(
    { length: Number(count) },
    (_, n) => raise(first + n, isStopped && n % 2 === 1 ? 200 : undefined),
  ),
);
if (isStopped) await new Response(Deno.stdin.readable).text();
const next = await raise(first + Number(count));
await client.close();
console.log(JSON.stringify({ outcomes, next, stats: client.stats }));
