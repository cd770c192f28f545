/**
 * A process with many connections to one server, of which every other one is
 * silent. It prints what came of each, and ends with its standard input:
 *
 *     crowd.ts <port> <count>
 */

import { send, TextReader } from "../helpers/tcp.ts";
import { inGroups } from "./model.ts";

const [port, count] = Deno.args.map(Number);
const conns: Deno.TcpConn[] = [];
let served = 0, refused = 0, silent = 0;

async function join(n: number): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conns.push(conn);
  // Each tells by a first request whether it was let in.
  const request = { id: n, jsonrpc: "2.0", method: "m", params: { n } };
  try {
    await send(conn, JSON.stringify(request));
    const { result, error } = await new TextReader(conn).message();
    if (result === n) served++;
    else if (error.code === -32000) refused++;
  } catch {
    refused++; // what it was told may be lost: it was sending
  }
}

await inGroups(
  Array.from({ length: count }, (_, n) => n),
  200,
  async (n) => {
    if (n % 2 === 1) return await join(n);
    conns.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    silent++;
  },
);
console.log(JSON.stringify({ served, refused, silent }));
await new Response(Deno.stdin.readable).text();
for (const conn of conns) conn.close();
