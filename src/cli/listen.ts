/** The command `listen`: prints the events that come in. */

import {
  type EventServer,
  type ReceivedEvent,
  serveEvents,
  type ServeEventsOptions,
  ServerError,
} from "../../mod.ts";
import { formatAddress } from "../protocol/socket.ts";
import { listenProblem, parseAddress } from "./address.ts";
import {
  type Arguments,
  type OptionKinds,
  toInteger,
  UsageError,
} from "./arguments.ts";
import type { Command } from "./command.ts";
import { formatOf } from "./event_format.ts";
import { interruption, within } from "./interrupt.ts";
import { Output, stderr } from "./output.ts";
import { matcherOf } from "../protocol/patterns.ts";
import { printable } from "../protocol/printable.ts";
import { toResponse } from "./response.ts";
import { WATCH_OPTIONS, watchOf } from "./watch.ts";
import { whileRead } from "./while_read.ts";

const HELP =
  `Listens to events: prints each as a line, and responds to requests.

Usage: event-jsonrpc listen [[host:]port] [options]

Examples:
  event-jsonrpc listen
  event-jsonrpc listen 8080 --page 8081
  event-jsonrpc listen 0.0.0.0:8080 --json | jq .params
  event-jsonrpc listen 0 --count 1
  event-jsonrpc listen :8080 --error '404:No such user'
  event-jsonrpc listen 8080 --at http://127.0.0.1:8888/mi --event 'E_UL_*'

  [host]  the address to listen at (default 127.0.0.1, or all addresses if --at
          names another machine); everybody who can reach it can send events
  [port]  the port (default 8080); 0 picks a free one, and it is printed

Options:
  --result <json>           respond to requests with this result (default true)
  --error <code>:<message>  respond to requests with this error
  --count <n>               stop after n events
  --cert <file>             speak TLS, with this certificate
  --key <file>              the private key of that certificate
  --only <pattern>          print events of this name only, such as E_CALL_START
                            or 'E_UL_*'; may come more than once
  --raw                     print each message as it came
  --json                    print each event as one JSON object with the members
                            method, params, id, peer and time; "pump" takes it;
                            a member paramsText has params that were escaped
  --verbose                 tell of connections and responses, and at the end of
                            how many events of which names came
  --page <address>          show events in a browser, at an address such as 8081
                            or 0.0.0.0:8081; the one to open is printed
  --token <text>            the token that those who look need (default: none on
                            127.0.0.1, elsewhere one is drawn)
  --metrics <address>       serve /metrics for Prometheus and /health there
  --at <url>                subscribe at the OpenSIPS whose mi_http this is, and
                            stay subscribed
  --event <name>            an event to subscribe, or a pattern such as
                            'E_UL_*'; may come more than once
  --advertise <host[:port]>
                            the address by which OpenSIPS reaches this (default:
                            found out; not so in a container)
  --expire <seconds>        for how long to subscribe; it is renewed in time
                            (default 3600)
  --check <ms>              how often to look whether OpenSIPS was restarted
                            (default 10000)
  -h, --help                print this

With --at, what becomes of the subscriptions is told on standard error, with the
time in which events may have been missed.

Ctrl-C ends it: subscriptions end, and responses that are due go out, within two
seconds at most. A second Ctrl-C ends it at once.

Exit codes:
  0         stopped by Ctrl-C, by --count, or as nobody reads the output
  1         it cannot listen at that address, or the output cannot be written
  2         wrong use
  130, 143  interrupted (by Ctrl-C, by SIGTERM) with something left to do
`;

/** How long subscriptions may take to end when there will be no page. */
const GIVE_UP_MS = 1000;
/** How long messages may take to be read when the process has to end. */
const LAST_WORDS_MS = 200;

/** What only `--at` needs: see listen_at.ts. */
const AT_OPTIONS: OptionKinds = {
  at: "text",
  event: "list",
  advertise: "text",
  expire: "text",
  check: "text",
};

/** See `HELP`. */
export const listen: Command = {
  help: HELP,
  options: {
    result: "text",
    error: "text",
    count: "text",
    cert: "text",
    key: "text",
    json: "flag",
    raw: "flag",
    only: "list",
    ...WATCH_OPTIONS,
    ...AT_OPTIONS,
  },
  run,
};

async function run(given: Arguments): Promise<number> {
  const { positional, has, text, texts } = given;
  const isAt = Object.keys(AT_OPTIONS).some(has);
  const address = parseAddress(positional, 8080, isAt ? "" : undefined);
  const respond = toResponse(text("result"), text("error"));
  let left = toInteger(text("count"), "--count", 1, Number.MAX_SAFE_INTEGER) ??
    Infinity;
  const format = await formatOf(given);
  const wanted = texts("only").map(matcherOf);
  const tls = isAt ? undefined : await toListenerTls(given);

  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const stdout = new Output(Deno.stdout, stop);

  function handle(event: ReceivedEvent): unknown {
    if (left === 0) { // the rest of a batch; nobody will print it
      throw new ServerError(-32000, "Not listening any more");
    }
    if (wanted.length > 0 && !wanted.some((fits) => fits(event.method))) {
      return respond();
    }
    const printed = stdout.print(format(event));
    if (--left === 0) stop();
    return printed === undefined ? respond() : printed.then(respond);
  }

  const tell = whileRead((dropped) =>
    stderr.print(`${dropped} messages were not printed`)
  );
  const say = (line: string) => tell(() => stderr.print(printable(line)));
  const watch = await watchOf(given, handle, say);
  const options: ServeEventsOptions = {
    signal: stopping.signal,
    onError: (error) => stderr.fail((error as Error).message),
    onInvalid(reason, peer) {
      watch.refuse(reason, peer);
      say(`refused from ${formatAddress(peer)}: ${reason}`);
    },
  };
  let server: EventServer, leftBehind: (() => string | undefined) | undefined;
  try {
    if (isAt) {
      const { listenAt } = await import("./listen_at.ts");
      ({ server, leftBehind } = listenAt(
        given,
        address,
        watch.handle,
        options,
      ));
    } else {
      server = serveEvents({
        ...options,
        ...address,
        ...tls !== undefined && { tls },
      }, watch.handle);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    stderr.fail(listenProblem(error as Error, address));
    await stderr.flush();
    return 1;
  }
  stderr.print(`listening at ${server.socket}`);
  try {
    for (const line of watch.begin(server)) stderr.print(line);
  } catch (error) { // a ListenError
    stderr.fail((error as Error).message);
    stop();
    await within(GIVE_UP_MS, server.finished);
    await stderr.flush();
    return 1;
  }

  async function end(): Promise<number> {
    await server.finished;
    await Promise.all([stdout.flush(), watch.end()]);
    for (const line of watch.summary()) stderr.print(printable(line));
    await stderr.flush();
    return 0;
  }
  const code = await Promise.race([end(), interruption(stop)]);
  if (code > 0) {
    stderr.fail(
      leftBehind?.() ??
        "interrupted before all events were printed and responded to",
    );
    await within(LAST_WORDS_MS, stderr.flush());
  }
  return code;
}

async function toListenerTls(
  { positional, text }: Arguments,
): Promise<ServeEventsOptions["tls"]> {
  if (text("cert") !== undefined || text("key") !== undefined) {
    return (await import("./tls.ts")).toCertified(text);
  }
  if (positional[0]?.startsWith("jsonrpcs:")) {
    throw new UsageError(
      `${positional[0]} is over TLS, expected --cert and --key with it`,
    );
  }
  return undefined;
}
