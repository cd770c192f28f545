// This project's server for events, with a handler that counts. It speaks to
// its parent as server.ts does.

import { serveEvents } from "../../../mod.ts";
import type { Received } from "../processes.ts";

let messages = 0;
await using server = serveEvents({ port: 0 }, () => {
  messages++;
});
console.log(JSON.stringify({ ports: [server.addr.port] }));
for await (const _line of Deno.stdin.readable) {
  const received: Received = { messages, requests: 0, oddBytes: 0 };
  console.log(JSON.stringify(received));
  messages = 0;
}
