// Subscribing at an OpenSIPS: one that responds as recorded from OpenSIPS 4.0, and
// raises an event. Run it by `deno task demo`.

import { EventClient } from "../mod.ts";
import { receiveFrom } from "../src/opensips/mod.ts";
import { FakeOpenSips } from "./opensips/fake_opensips.ts";

const EVENT = "E_PIKE_BLOCKED";

await using opensips = new FakeOpenSips("4.0", [EVENT]);
console.log(`
7. A stand-in for an OpenSIPS 4.0, which responds as recorded; its mi_http is ${opensips.url}
   receiveFrom("${opensips.url}", { ${EVENT}: … })`);

const arrived = Promise.withResolvers<unknown>();
await using receiver = receiveFrom(opensips.url, {
  [EVENT]: ({ params }) => arrived.resolve(params),
}, { listen: { hostname: "127.0.0.1", port: 0 } });
await receiver.ready;
for (const { method, params } of opensips.calls) {
  console.log(`   -> ${method} ${JSON.stringify(params)}`);
}

const [socket] = opensips.subscribers(EVENT);
await using client = new EventClient(socket, { syncMode: true });
await client.raise(EVENT, { ip: "192.168.2.11" });
console.log(
  `   (-> are commands, by HTTP.) It raises ${EVENT}; the handler has its params:
   ${JSON.stringify(await arrived.promise)}

1 of 1 events arrived.`,
);
