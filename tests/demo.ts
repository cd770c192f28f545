// The main job, on a server in this process: OpenSIPS's own examples, and for
// each what went over the wire and what came back. Run it by `deno task demo`.

import {
  type Connect,
  connectDeno,
  EventClient,
  type EventClientOptions,
  EventInterface,
  type EventParams,
  serveEvents,
} from "../mod.ts";

interface Example {
  title: string;
  method?: string;
  event: string;
  params: EventParams;
  options?: EventClientOptions;
}

const EXAMPLES: Example[] = [
  {
    title: "A notification: the event's name is the method, nobody answers",
    event: "E_PIKE_BLOCKED",
    params: { ip: "192.168.2.11" },
  },
  {
    title: "A socket with a method: that is called, whatever the event",
    method: "block_ip",
    event: "E_PIKE_BLOCKED",
    params: { ip: "192.168.2.11" },
  },
  {
    title: "Sync mode: a request, which the server confirms",
    event: "E_PIKE_BLOCKED",
    params: { ip: "192.168.2.11" },
    options: { syncMode: true, timeoutMs: 200 },
  },
  {
    title: "An event param: the event's name goes along",
    method: "handle_cmd",
    event: "E_PIKE_BLOCKED",
    params: { ip: "192.168.2.11" },
    options: { eventParam: "opensips_event" },
  },
  {
    title: "Values without names: an array",
    event: "E_MY_EVENT",
    params: [3, 5],
  },
];

const BOLD = "\x1b[1m", PLAIN = "\x1b[0m";
const isColored = Deno.stdout.isTerminal() && !Deno.noColor;
const bold = (text: string) => isColored ? BOLD + text + PLAIN : text;

/** Connects by `connectDeno`, and shows all bytes, each way. */
function tapped(onBytes: (arrow: string, text: string) => void): Connect {
  const decoder = new TextDecoder();
  return async (host, port, options) => {
    const connection = await connectDeno(host, port, options);
    return {
      async read(buffer) {
        const length = await connection.read(buffer);
        if (length === null) return null;
        onBytes("<-", decoder.decode(buffer.subarray(0, length)));
        return length;
      },
      write(bytes) {
        onBytes("->", decoder.decode(bytes));
        return connection.write(bytes);
      },
      closeWrite: () => connection.closeWrite(),
      close: () => connection.close(),
    };
  };
}

let received = 0;
let arrived = Promise.withResolvers<void>();
await using server = serveEvents({ hostname: "127.0.0.1", port: 0 }, () => {
  received++;
  arrived.resolve();
  return 8; // what OpenSIPS's own example is answered with
});

console.log(`A JSON-RPC server listens at ${server.socket}
-> is what the client writes to the TCP connection, <- what it reads from it`);

for (const [i, example] of EXAMPLES.entries()) {
  const { title, method, event, params, options } = example;
  const socket = server.socket + (method === undefined ? "" : `/${method}`);
  const lines: string[] = [];
  arrived = Promise.withResolvers<void>();

  await using client = new EventClient(socket, {
    ...options,
    connect: tapped((arrow, text) => lines.push(`   ${arrow} ${text}`)),
  });
  const result = await client.raise(event, params);
  await arrived.promise;

  console.log(`\n${bold(`${i + 1}. ${title}`)}
   new EventClient("${socket}"${
    options === undefined ? "" : `, ${Deno.inspect(options)}`
  })
   .raise("${event}", ${Deno.inspect(params)})
${lines.join("\n")}
   ${
    options?.syncMode
      ? `confirmed, with the result ${JSON.stringify(result)}`
      : "sent, and nothing comes back"
  }`);
}

// Failover: the Event Interface, two servers, and one of them ends.

const second = serveEvents({ hostname: "127.0.0.1", port: 0 }, () => "second");
const first = serveEvents({ hostname: "127.0.0.1", port: 0 }, () => "first");
const socket = `virtual:FAILOVER ${first.socket} ${second.socket}`;
await using events = new EventInterface({ syncMode: true });
events.subscribe("E_PIKE_BLOCKED", socket);
console.log(`
${
  bold(
    `${
      EXAMPLES.length + 1
    }. Failover: when the first server is gone, the second gets the event`,
  )
}
   new EventInterface({ syncMode: true })
   .subscribe("E_PIKE_BLOCKED", "${socket}")`);

async function raiseTo(expected: string): Promise<void> {
  const params = { ip: "192.168.2.11" };
  const [{ via, result }] = await events.raise("E_PIKE_BLOCKED", params);
  console.log(`   .raise("E_PIKE_BLOCKED", ${Deno.inspect(params)})
   confirmed by ${via}, the ${result} server`);
  if (result === expected) received++;
}
await raiseTo("first");
console.log("   the first server ends");
await first.shutdown();
await raiseTo("second");
await events.close();
await second.shutdown();

const raised = EXAMPLES.length + 2;
console.log(`\n${received} of ${raised} events arrived.`);
if (received !== raised) Deno.exit(1);
