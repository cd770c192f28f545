// Events that outlive their raiser: a server that is down, a raiser that is
// killed, and every event there at the end. Run it by `deno task demo`.

import { EventClient, serveEvents } from "../mod.ts";
import { openSqlite, Outbox } from "../src/outbox/mod.ts";

const COUNT = 5;
const [file, socket] = Deno.args;

/** Raises events until it is killed: the program that is started below. */
async function raise(): Promise<void> {
  const store = openSqlite(file);
  const client = new EventClient(socket, { syncMode: true });
  const outbox = new Outbox(store, client);
  for (let call = 1; call <= COUNT; call++) {
    await outbox.raise("E_CALL_ENDED", { call });
    console.log(call);
  }
}

async function demonstrate(): Promise<void> {
  const folder = await Deno.makeTempDir();
  const events = `${folder}/events.db`;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const socket = `jsonrpc:127.0.0.1:${port}`;
  console.log(`\n8. An outbox: the server at ${socket} is down`);

  const raiser = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-all",
      import.meta.filename!,
      events,
      socket,
    ],
    stdout: "piped",
  }).spawn();
  let acknowledged = "";
  const decoder = new TextDecoder();
  for await (const bytes of raiser.stdout) {
    acknowledged += decoder.decode(bytes);
    if (acknowledged.endsWith(`${COUNT}\n`)) break;
  }
  console.log(
    `   .raise("E_CALL_ENDED", { call: 1 }) to ${COUNT} are safe on disk`,
  );
  raiser.kill("SIGKILL");
  await raiser.status;
  console.log("   the raiser is killed, the server comes back");

  const calls: unknown[] = [];
  await using _server = serveEvents({ port }, ({ params }) => {
    calls.push((params as { call: number }).call);
  });
  await using store = openSqlite(events);
  await using client = new EventClient(socket, { syncMode: true });
  await using outbox = new Outbox(store, client);
  await outbox.flush();
  console.log(`   the next outbox delivers calls ${calls.join(", ")}

${calls.length} of ${COUNT} events arrived.

Where to look next: README.md, and tests/recipes/README.md for programs to copy.`);
  await Deno.remove(folder, { recursive: true });
  if (calls.length !== COUNT) Deno.exit(1);
}

await (file === undefined ? demonstrate() : raise());
