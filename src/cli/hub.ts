/** The command `hub`: the Event Interface, for applications of any make. */

import { EventInterface } from "../../mod.ts";
import { DeliveryTally, joinHooks, startTelemetry } from "../monitor/mod.ts";
import { printable } from "../protocol/printable.ts";
import { parseAddress } from "./address.ts";
import { toAllow } from "./allow.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { DELIVERY_OPTIONS, toDeliveryOptions } from "./delivery_options.ts";
import { raiserOf } from "./hub_deliveries.ts";
import { HUB_HTTP_OPTIONS, type HubHttp, hubHttpOf } from "./hub_http.ts";
import { HubLog, toLogLevel } from "./hub_log.ts";
import type { HubOutbox, HubOutboxSettings } from "./hub_outbox.ts";
import { interruption, within } from "./interrupt.ts";
import { stderr } from "./output.ts";

const HELP = String
  .raw`Serves the Event Interface: applications raise events by HTTP, and servers
subscribe to them, with the management commands of OpenSIPS.

Usage: event-jsonrpc hub [[host:]port] [options]

Examples:
  event-jsonrpc hub --publish E_PIKE_BLOCKED
  event-jsonrpc hub 8888 --sync --allow 127.0.0.1 \
      --subscribe E_PIKE_BLOCKED=jsonrpc:127.0.0.1:8080/block_ip
  curl http://127.0.0.1:8888/mi -H 'content-type: application/json' -d '
      {"jsonrpc":"2.0","id":1,"method":"raise_event",
       "params":{"event":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}}'

  [host]  the address to listen at (default 127.0.0.1); who is on this machine
          or, elsewhere, has the token can raise events, and decides where they
          go
  [port]  the port (default 8888); 0 picks a free one, and it is printed

Options:
  --publish <event>             an event that servers may subscribe to; may come
                                more than once, like the next two
  --subscribe <event>=<socket>  a subscriber from the start, for ever
  --allow <host[:port]>         send events there only (default: anywhere)
  --sync                        send requests, which servers confirm
  --timeout <ms>                how long an event may take (default 1000)
  --event-param <name>          send the event's name too, as a param
  --delimiter <text>            white space after each message, such as '\n'
  --ca <file>                   of jsonrpcs: sockets, an authority to trust too
  --cert <file>                 the certificate to show to their servers
  --key <file>                  the private key of that certificate
  --server-name <name>          the name that their certificates are for
  --token <text>                the token that requests need (default: none on
                                127.0.0.1, elsewhere one is drawn)
  --metrics <address>           serve /metrics and /health there too
  --log-level <level>           debug (each delivery), info (the default), warn
                                or error
  --outbox <file>               keep events in this file until servers have
                                confirmed them, and keep who subscribed; --sync
                                goes without saying
  --key-param <name>            with --outbox, send the event's key too, as a
                                param
  --json                        log JSON objects
  -h, --help                    print this

GET / is a page for a browser, GET /metrics is for Prometheus, GET /health says
whether the hub is ready; all else is management, by POST. A token stands in the
address, ?token=…, or in a header, Authorization: Bearer …; health and metrics
need none.

The log on standard output tells when a socket goes down or refuses events, and
when it is back, instead of each event that fails meanwhile. The hub goes on
when the log cannot be written; it counts the lines that are lost, and says how
many when the log can be written again. Ctrl-C ends it when the deliveries under
way are done, after two seconds at most. A second Ctrl-C ends it at once.

With --outbox an event that is raised is safe when that is answered, and so is a
subscription, also those of --subscribe: after a restart, and after a crash, the
hub goes on with both. An event may come twice after a crash, never be lost; the
server knows it again by its key. Events that a server answers with an error are
set aside: see "event-jsonrpc outbox --help". The log has a line for each of
those, and one when a server is not reached. The outbox needs --allow-read and
--allow-write of the file, and of those beside it that have -wal, -shm, -lock
and -ballast behind its name; best of a folder of its own.

Exit codes:
  0         stopped by Ctrl-C or by SIGTERM
  1         it cannot listen at that address, or cannot use the outbox
  2         wrong use
  130, 143  interrupted (by Ctrl-C, by SIGTERM) with deliveries under way
`;

/** How long output may take to be read when the process has to end. */
const LAST_WORDS_MS = 200;

/** See `HELP`. */
export const hub: Command = {
  help: HELP,
  options: {
    ...DELIVERY_OPTIONS,
    publish: "list",
    subscribe: "list",
    allow: "list",
    outbox: "text",
    "key-param": "text",
    json: "flag",
    "log-level": "text",
    ...HUB_HTTP_OPTIONS,
  },
  run,
};

async function run(given: Arguments): Promise<number> {
  const { positional, has, text, texts } = given;
  const address = parseAddress(positional, 8888);
  const allow = toAllow(texts("allow"));
  const log = new HubLog(Deno.stdout, {
    level: toLogLevel(text("log-level")),
    isJson: has("json"),
    onFailure: ({ message }) => stderr.fail(`cannot write the log: ${message}`),
  });
  // Once it listens, standard error is for errors alone.
  let isListening = false;
  const warn = (message: string) => {
    if (isListening) log.warn(message);
    else stderr.print(printable(`warning: ${message}`));
  };
  const serve = hubHttpOf(given, address);
  const options = await toDeliveryOptions(given);
  const path = text("outbox");
  if (path === undefined && has("key-param")) {
    throw new UsageError(
      "--key-param is given without --outbox, expected both",
    );
  }
  const tally = new DeliveryTally();
  const telemetry = startTelemetry();
  const events = new EventInterface({
    ...options,
    ...path !== undefined && { syncMode: true },
    onWarning: warn,
    onDelivery: joinHooks(tally.onDelivery, telemetry?.onDelivery),
  });
  const outbox = path === undefined ? undefined : await openHubOutbox(
    given,
    { path, events, options, log },
  );
  for (const event of texts("publish")) events.publish(event);
  for (const text of texts("subscribe")) {
    const { event, socket } = toSubscription(text);
    if (outbox === undefined) events.subscribe(event, socket);
    else await outbox.subscribe(event, socket, {});
  }

  const raise = raiserOf(events, log);
  let http: HubHttp;
  try {
    http = serve({ events, tally, outbox, management: { allow, raise } });
  } catch (error) { // a ListenError
    stderr.fail((error as Error).message);
    await stderr.flush();
    return 1;
  }
  for (const line of http.said) stderr.print(line);
  isListening = true;

  const stopping = Promise.withResolvers<void>();
  let isDelivered = outbox !== undefined; // what it keeps is not lost
  async function end(): Promise<number> {
    await stopping.promise;
    await http.end(); // a request may be half sent
    await outbox?.close();
    await events.flush();
    isDelivered = true;
    await events.close();
    return 0;
  }
  const code = await Promise.race([end(), interruption(stopping.resolve)]);
  await within(LAST_WORDS_MS, log.flush());
  if (log.lost > 0) stderr.fail(`${log.lost} lines could not be logged`);
  if (!isDelivered) stderr.fail("interrupted while deliveries were under way");
  await within(LAST_WORDS_MS, stderr.flush());
  return isDelivered ? 0 : code;
}

async function openHubOutbox(
  given: Arguments,
  settings: HubOutboxSettings,
): Promise<HubOutbox> {
  const { HubOutbox } = await import("./hub_outbox.ts");
  return await HubOutbox.open(given, settings);
}

function toSubscription(text: string): { event: string; socket: string } {
  const [, event, socket] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (event === undefined || socket === undefined) {
    throw new UsageError(
      `--subscribe is ${JSON.stringify(text)}, expected <event>=<socket>`,
    );
  }
  return { event, socket };
}
