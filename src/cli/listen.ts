/** The command `listen`: prints the events that come in. */

import {
  type EventServer,
  type ReceivedEvent,
  serveEvents,
  ServerError,
} from "../../mod.ts";
import { parseArguments, toInteger, toJson, UsageError } from "./arguments.ts";
import type { Command } from "./main.ts";
import { Output, printable, stderr } from "./output.ts";

const HELP = `Listens to events: prints each as a line, and answers requests.

Usage: event-jsonrpc listen [[host:]port] [options]

  [host]  the address to listen at (default 127.0.0.1); whoever can reach it
          can send events
  [port]  the port (default 8080); 0 picks a free one, and prints it

Options:
  --result <json>           answer requests with this result (default true)
  --error <code>:<message>  answer requests with this error
  --count <n>               stop after n events
  --json                    print each event as one JSON object, with the
                            members method, params, id, peer and time
  -h, --help                print this

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
    string: ["result", "error", "count"],
  });
  if (positional.length > 1) {
    throw new UsageError(
      `${
        JSON.stringify(positional[1])
      } is one argument too many, expected [[host:]port]`,
    );
  }
  const { host, port } = parseAddress(positional[0] ?? "127.0.0.1:8080");
  const answer = toAnswer(text("result"), text("error"));
  let left = toInteger(text("count"), "--count", 1, Number.MAX_SAFE_INTEGER) ??
    Infinity;
  const format = has("json") ? toJsonLine : toLine;

  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const stdout = new Output(Deno.stdout, stop);

  function handle(event: ReceivedEvent): unknown {
    if (left === 0) return; // more than were asked for, before we stopped
    left--;
    const printed = stdout.print(format(event));
    if (left === 0) stop();
    return printed === undefined ? answer() : printed.then(answer);
  }

  let server: EventServer;
  try {
    server = serveEvents({
      host,
      port,
      signal: stopping.signal,
      onError: (error) => stderr.fail((error as Error).message),
    }, handle);
  } catch (error) {
    stderr.fail(
      `Cannot listen at ${host}:${port}: ${(error as Error).message}`,
    );
    await stderr.flush();
    return 1;
  }
  stderr.print(`listening at ${server.socket}`);
  // A second signal finds no listener, and ends the process at once.
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  function onSignal(): void {
    for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
    stop();
  }
  await server.finished;
  await stdout.flush();
  await stderr.flush();
  return 0;
}

function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?([^:]*)$/.exec(text);
  if (match === null) {
    throw new UsageError(
      `cannot listen at ${
        JSON.stringify(text)
      }, expected [[host:]port] with an IPv6 host in brackets`,
    );
  }
  const [, ipv6, name, port] = match;
  return {
    host: ipv6 ?? name ?? "127.0.0.1",
    port: toInteger(port, "the port", 0, 65535)!,
  };
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

function toLine({ method, params, id }: ReceivedEvent): string {
  const line = `${method} ${JSON.stringify(params)}`;
  return printable(id === null ? line : `${line} id ${JSON.stringify(id)}`);
}

function toJsonLine({ method, params, id, peer }: ReceivedEvent): string {
  return JSON.stringify({
    method,
    params,
    id,
    peer: `${peer.host}:${peer.port}`,
    time: new Date().toISOString(),
  });
}
