/** The command `listen`: prints the events that come in. */

import {
  type EventServer,
  type ReceivedEvent,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { parseArguments, toInteger, toJson, UsageError } from "./arguments.ts";
import { onInterrupt } from "./interrupt.ts";
import type { Command } from "./command.ts";
import { Output, printable, stderr, whileRead } from "./output.ts";
import { toCertified } from "./tls.ts";

const HELP = `Listens to events: prints each as a line, and answers requests.

Usage: event-jsonrpc listen [[host:]port] [options]

  [host]  the address to listen at (default 127.0.0.1); whoever can reach it
          can send events
  [port]  the port (default 8080); 0 picks a free one, and prints it

Options:
  --result <json>           answer requests with this result (default true)
  --error <code>:<message>  answer requests with this error
  --count <n>               stop after n events
  --cert <file>             speak TLS, with this certificate
  --key <file>              the private key of that
  --json                    print each event as one JSON object, with the
                            members method, params, id, peer and time
  -h, --help                print this

Ctrl-C ends it when the answers under way are sent; a second one ends it at
once. The exit code is 0, or 1 if it cannot listen at that address.

Examples:
  event-jsonrpc listen
  event-jsonrpc listen 0.0.0.0:8080 --json | jq .params
  event-jsonrpc listen 0 --count 1
  event-jsonrpc listen 8080 --error '404:No such user'
`;

/** See `HELP`. */
export const listen: Command = {
  summary: "print the events that come in",
  help: HELP,
  run,
};

async function run(args: string[]): Promise<number> {
  const { positional, has, text } = parseArguments(args, {
    boolean: ["json"],
    string: ["result", "error", "count", "cert", "key"],
  });
  const { hostname, port } = parseAddress(positional, 8080);
  const answer = toAnswer(text("result"), text("error"));
  let left = toInteger(text("count"), "--count", 1, Number.MAX_SAFE_INTEGER) ??
    Infinity;
  const print = has("json") ? printJson : printLine;

  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const stdout = new Output(Deno.stdout, stop);

  function handle(event: ReceivedEvent): unknown {
    if (left === 0) { // the rest of a batch; nobody will print it
      throw new ServerError(-32000, "Not listening any more");
    }
    const printed = print(stdout, event);
    if (--left === 0) stop();
    return printed === undefined ? answer() : printed.then(answer);
  }

  const complain = whileRead((dropped) =>
    stderr.print(`${dropped} refusals were not printed`)
  );
  const tls = toCertified(text);
  if (tls === undefined && positional[0]?.startsWith("jsonrpcs:")) {
    throw new UsageError(
      `${positional[0]} is over TLS, expected --cert and --key with it`,
    );
  }
  let server: EventServer;
  try {
    server = serveEvents({
      hostname,
      port,
      tls,
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
    stderr.fail(
      `Cannot listen at ${formatAddress({ hostname, port })}: ${
        (error as Error).message
      }`,
    );
    await stderr.flush();
    return 1;
  }
  stderr.print(`listening at ${server.socket}`);
  onInterrupt(stop);
  await server.finished;
  await stdout.flush();
  await stderr.flush();
  return 0;
}

/** How requests are answered: a function that returns a result, or throws. */
function toAnswer(
  result: string | undefined,
  error: string | undefined,
): () => unknown {
  if (error === undefined) {
    const value = result === undefined ? true : toJson(result, "--result");
    return () => value;
  }
  if (result !== undefined) {
    throw new UsageError(
      "both --result and --error are given, expected one of them",
    );
  }
  const match = /^(-?[0-9]{1,10}):(.*)$/s.exec(error);
  if (match === null) {
    throw new UsageError(
      `--error is ${
        JSON.stringify(error)
      }, expected <code>:<message> with an integer code`,
    );
  }
  const [, code, message] = match;
  return () => {
    throw new ServerError(Number(code), message);
  };
}

function printLine(stdout: Output, { method, params, id }: ReceivedEvent) {
  const line = `${method} ${JSON.stringify(params)}`;
  return stdout.print(
    printable(id === null ? line : `${line} id ${JSON.stringify(id)}`),
  );
}

function printJson(
  stdout: Output,
  { method, params, id, peer }: ReceivedEvent,
) {
  return stdout.printJson({
    method,
    params,
    id,
    peer: formatAddress(peer),
    time: new Date().toISOString(),
  });
}
