/** The command `hub`: the Event Interface, for applications of any make. */

import {
  type DeliveryReport,
  EventInterface,
  type EventSocket,
  parseSocket,
  ServerError,
} from "../../mod.ts";
import { manageOverHttp } from "../opensips/mod.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { parseArguments, toInteger, UsageError } from "./arguments.ts";
import { onInterrupt } from "./interrupt.ts";
import type { Command } from "./command.ts";
import { describe, explain } from "./outcome.ts";
import { Output, printable, stderr, whileRead } from "./output.ts";
import { toTls } from "./tls.ts";

const HELP =
  `Serves the Event Interface: applications raise events by HTTP, and servers
subscribe to them, by the management commands of OpenSIPS.

Usage: event-jsonrpc hub [[host:]port] [options]

  [host]  the address to listen at (default 127.0.0.1); whoever can reach it
          can raise events, and decides where they go
  [port]  the port (default 8888); 0 picks a free one, and prints it

Options:
  --publish <event>             an event that servers may subscribe to; may come
                                more than once, as may the next two
  --subscribe <event>=<socket>  a subscriber from the start, for ever
  --allow <host[:port]>         send events there only (default: anywhere)
  --sync                        send requests, and have them confirmed
  --timeout <ms>                how long an event may take (default 1000)
  --event-param <name>          send the event's name too, as a param of this name
  --ca <file>                   of a jsonrpcs: socket, an authority to trust besides
  --cert <file>                 the certificate to show to its server
  --key <file>                  the private key of that
  --server-name <name>          the name that its server's certificate is for
  --json                        print what failed as JSON objects
  -h, --help                    print this

Each delivery that fails is printed as a line. Ctrl-C ends it when deliveries
under way are done; a second one ends it at once.

Examples:
  event-jsonrpc hub --publish E_PIKE_BLOCKED
  event-jsonrpc hub 8888 --sync --allow 127.0.0.1 \\
      --subscribe E_PIKE_BLOCKED=jsonrpc:127.0.0.1:8080/block_ip
  curl http://127.0.0.1:8888/mi -H 'content-type: application/json' -d '
      {"jsonrpc":"2.0","id":1,"method":"raise_event",
       "params":{"event":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}}'
`;

/** How long requests and output under way may take at the end. */
const GRACE_MS = 1000;

/** See `HELP`. */
export const hub: Command = {
  summary: "let others raise events, and subscribe, by HTTP",
  help: HELP,
  run,
};

async function run(args: string[]): Promise<number> {
  const { positional, has, text, texts } = parseArguments(args, {
    boolean: ["sync", "json"],
    string: ["timeout", "event-param", "ca", "cert", "key", "server-name"],
    list: ["publish", "subscribe", "allow"],
  });
  const { hostname, port } = parseAddress(positional, 8888);
  const allow = toPredicate(texts("allow"));
  const stdout = new Output(Deno.stdout, () => stop());
  const events = new EventInterface({
    tls: toTls(text),
    syncMode: has("sync"),
    timeoutMs: toInteger(text("timeout"), "--timeout", 1, 0x7fffffff),
    eventParam: text("event-param"),
    onWarning: (message) => stderr.print(printable(`warning: ${message}`)),
  });
  // A reader that is too slow for the log must not cost memory without end.
  const log = whileRead((dropped) =>
    stderr.print(`${dropped} failures were not printed`)
  );
  events.addEventListener("failed", ({ detail: { event, report } }) => {
    log(() =>
      has("json")
        ? stdout.printJson(toLog(event, report))
        : stdout.print(printable(toLine(event, report)))
    );
  });
  for (const event of texts("publish")) events.publish(event);
  for (const subscription of texts("subscribe")) {
    const [, event, socket] = /^([^=]+)=(.*)$/s.exec(subscription) ?? [];
    if (event === undefined) {
      throw new UsageError(
        `--subscribe is ${
          JSON.stringify(subscription)
        }, expected <event>=<socket>`,
      );
    }
    events.subscribe(event, socket);
  }

  const stopping = Promise.withResolvers<void>();
  const stop = () => stopping.resolve();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      hostname,
      port,
      onListen: ({ hostname, port }) => {
        const address = formatAddress({ hostname, port });
        stderr.print(`listening at http://${address}`);
      },
    }, manageOverHttp(events, { allow }));
  } catch (error) {
    stderr.fail(
      `Cannot listen at ${formatAddress({ hostname, port })}: ${
        (error as Error).message
      }`,
    );
    await stderr.flush();
    return 1;
  }
  onInterrupt(stop);
  await stopping.promise;
  // Neither who sends half a request nor who reads no log may hold it up.
  await within(GRACE_MS, server.shutdown());
  await events.close();
  await within(GRACE_MS, stdout.flush());
  await stderr.flush();
  return 0;
}

/** Waits for `done`, but no longer than `ms`. */
async function within(ms: number, done: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([done, promise]);
  clearTimeout(timer);
}

/** Whether a socket is of one of these hosts, or hosts and ports. */
function toPredicate(places: string[]): (socket: EventSocket) => boolean {
  if (places.length === 0) return () => true;
  const allowed = places.map((place) => {
    const hasPort = /:[0-9]+$/.test(place);
    const text = `jsonrpc:${place}${hasPort ? "" : ":1"}`;
    try {
      const { host, port, method } = parseSocket(text);
      if (method === undefined) {
        return { host, port: hasPort ? port : undefined };
      }
    } catch { /* said below */ }
    throw new UsageError(
      `--allow is ${JSON.stringify(place)}, expected <host> or <host>:<port>`,
    );
  });
  return ({ host, port }) =>
    allowed.some((a) => a.host === host && (a.port ?? port) === port);
}

/** Most errors say of which event they are; a server's own does not. */
function toLine(event: string, { socket, error }: DeliveryReport): string {
  const text = explain(error);
  return error instanceof ServerError
    ? `Cannot deliver ${JSON.stringify(event)} to ${socket}: ${text}`
    : text;
}

function toLog(event: string, { socket, error, ms }: DeliveryReport) {
  return {
    time: new Date().toISOString(),
    event,
    socket,
    error: describe(error),
    ms: Math.round(ms * 10) / 10,
  };
}
