/**
 * A process that runs out of file descriptors, and comes back. It raises events
 * to the socket given, serves events itself, and prints what becomes of all
 * that, a line each.
 */

import { EventClient, serveEvents } from "../../mod.ts";
import { nameOf } from "./model.ts";

const [socket] = Deno.args;
const say = (what: string, value: unknown) =>
  console.log(JSON.stringify([what, value]));
const path = new URL(import.meta.url).pathname;

const cannotAccept = Promise.withResolvers<string>();
const served = Promise.withResolvers<void>();
await using server = serveEvents({
  port: 0,
  onError: (error) => cannotAccept.resolve(String(error)),
}, () => {
  served.resolve();
  return true;
});

const connected = new EventClient(socket, { syncMode: true });
const late = new EventClient(socket, { syncMode: true });
let n = 0;
const raise = (client: EventClient) =>
  client.raise("E_X", { n: n++ }, { timeoutMs: 60_000 }).then(
    (result) => result === n - 1 ? "delivered" : `the result ${result}`,
    nameOf,
  );
say("connected before", await raise(connected));

const files: Deno.FsFile[] = [];
try {
  for (;;) files.push(Deno.openSync(path));
} catch { /* there are no more */ }
say("exhausted", server.addr.port);
say("connected meanwhile", await raise(connected));
say("late meanwhile", await raise(late));
say("cannot accept", await cannotAccept.promise);

for (const file of files) file.close();
say("late after", await raise(late));
say("connected after", await raise(connected));
await served.promise;
say("served after", true);
await connected.close();
await late.close();
