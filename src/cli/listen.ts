/** The command `listen`: prints the events that come in. */

import {
  type EventServer,
  type ReceivedEvent,
  serveEvents,
  type ServeEventsOptions,
  ServerError,
} from "../../mod.ts";
import { formatAddress, listenProblem, parseAddress } from "./address.ts";
import { type Arguments, toInteger, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { formatJson, formatLine } from "./event_format.ts";
import { interruption, within } from "./interrupt.ts";
import { Output, stderr } from "./output.ts";
import { printable } from "./printable.ts";
import { toResponse } from "./response.ts";
import { whileRead } from "./while_read.ts";

const HELP =
  `Listens to events: prints each as a line, and responds to requests.

Usage: event-jsonrpc listen [[host:]port] [options]

Examples:
  event-jsonrpc listen
  event-jsonrpc listen 0.0.0.0:8080 --json | jq .params
  event-jsonrpc listen 0 --count 1
  event-jsonrpc listen :8080 --error '404:No such user'

  [host]  the address to listen at (default 127.0.0.1); everybody who can reach
          it can send events
  [port]  the port (default 8080); 0 picks a free one, and it is printed

Options:
  --result <json>           respond to requests with this result (default true)
  --error <code>:<message>  respond to requests with this error
  --count <n>               stop after n events
  --cert <file>             speak TLS, with this certificate
  --key <file>              the private key of that certificate
  --json                    print each event as one JSON object with the members
                            method, params, id, peer and time; "pump" takes it
  -h, --help                print this

Ctrl-C ends it: responses that are due go out, for at most two seconds. A second
Ctrl-C ends it at once.

Exit codes:
  0         stopped by Ctrl-C, by --count, or as nobody reads the output
  1         it cannot listen at that address, or the output cannot be written
  2         wrong use
  130, 143  interrupted (by Ctrl-C, by SIGTERM) with something left to do
`;

/** How long messages may take to be read when the process has to end. */
const LAST_WORDS_MS = 200;

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
  },
  run,
};

async function run(given: Arguments): Promise<number> {
  const { positional, has, text } = given;
  const address = parseAddress(positional, 8080);
  const respond = toResponse(text("result"), text("error"));
  let left = toInteger(text("count"), "--count", 1, Number.MAX_SAFE_INTEGER) ??
    Infinity;
  const format = has("json") ? formatJson : formatLine;
  const tls = await toListenerTls(given);

  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const stdout = new Output(Deno.stdout, stop);

  function handle(event: ReceivedEvent): unknown {
    if (left === 0) { // the rest of a batch; nobody will print it
      throw new ServerError(-32000, "Not listening any more");
    }
    const printed = stdout.print(format(event));
    if (--left === 0) stop();
    return printed === undefined ? respond() : printed.then(respond);
  }

  const complain = whileRead((dropped) =>
    stderr.print(`${dropped} refusals were not printed`)
  );
  let server: EventServer;
  try {
    server = serveEvents({
      ...address,
      ...tls !== undefined && { tls },
      signal: stopping.signal,
      onError: (error) => stderr.fail((error as Error).message),
      onInvalid: (reason, peer) =>
        complain(() =>
          stderr.print(
            printable(`refused from ${formatAddress(peer)}: ${reason}`),
          )
        ),
    }, handle);
  } catch (error) {
    stderr.fail(listenProblem(error as Error, address));
    await stderr.flush();
    return 1;
  }
  stderr.print(`listening at ${server.socket}`);

  async function end(): Promise<number> {
    await server.finished;
    await stdout.flush();
    await stderr.flush();
    return 0;
  }
  const code = await Promise.race([end(), interruption(stop)]);
  if (code > 0) {
    stderr.fail("interrupted before all events were printed and responded to");
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
