// Requests that come in one write, as OpenSIPS sends them in a tick: how their
// responses come back. Both ends are in this process.
//
//     gaps.ts <responseGapMs> <step of the ids>

import { JsonStream, serveEvents } from "../../../mod.ts";

const COUNT = 100;
const [gap, step] = Deno.args;
await using server = serveEvents({
  port: 0,
  responseGapMs: gap === "auto" ? gap : Number(gap),
}, () => true);
const { hostname, port } = server.addr;
const conn = await Deno.connect({ hostname, port });
conn.setNoDelay(true);

const buffer = new Uint8Array(64 * 1024);
const encoder = new TextEncoder();
const stream = new JsonStream();
let id = 0;

/** Sends all, and reads all responses: how long that takes, and the most in one read. */
async function tick(): Promise<{ ms: number; most: number }> {
  let text = "";
  for (let n = 0; n < COUNT; n++) {
    id += Number(step);
    text += `{"id":${id},"jsonrpc":"2.0","method":"E_X","params":{"n":${n}}}`;
  }
  const start = performance.now();
  await conn.write(encoder.encode(text));
  let most = 0;
  for (let responses = 0; responses < COUNT;) {
    const length = await conn.read(buffer);
    stream.push(buffer.subarray(0, length!));
    let together = 0;
    while (stream.next() !== undefined) together++;
    most = Math.max(most, together);
    responses += together;
  }
  return { ms: performance.now() - start, most };
}

await tick(); // the server learns how the ids step
console.log(JSON.stringify(await tick()));
conn.close();
