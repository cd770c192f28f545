/** The command `raise`: one event to one socket. */

import { buildMessage, type JsonText } from "../../mod.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { DELIVERY_OPTIONS, toDeliveryOptions } from "./delivery_options.ts";
import { type Delivered, deliverOnce } from "./deliver_once.ts";
import { describe, exitCodeOf, explain, resultText } from "./outcome.ts";
import { Output, stderr } from "./output.ts";
import { parseParams, parseParamsOption } from "./params.ts";
import { printable } from "./printable.ts";
import { toSockets } from "./sockets.ts";

const HELP = String.raw`Raises an event: sends it to a JSON-RPC server.

Usage: event-jsonrpc raise <socket> <event> [param ...] [options]

Examples:
  event-jsonrpc raise jsonrpc:127.0.0.1:8080 E_PIKE_BLOCKED ip=192.168.2.11
  event-jsonrpc raise jsonrpc:127.0.0.1:8080/block_ip E_PIKE_BLOCKED \
      ip=192.168.2.11 --sync --timeout 200
  event-jsonrpc raise jsonrpc:[::1]:8080 E_MY_EVENT :=3 :=5
  event-jsonrpc raise --sync \
      'virtual:FAILOVER jsonrpc:127.0.0.1:8080 jsonrpc:127.0.0.1:8081' E_X
  event-jsonrpc raise jsonrpc:127.0.0.1:80 E_X --params '{"n":[1,2]}' --dry-run
  event-jsonrpc raise jsonrpc:127.0.0.1:8080 E_X --params @params.json
  event-jsonrpc raise jsonrpc:127.0.0.1:8080 E_X --sync --count 10000 --rate 500

  <socket>  jsonrpc:host:port[/method], over TLS jsonrpcs:host:port[/method];
            or tcp:host:port[/method] for the messages of OpenSIPS 3.1 and
            later; or several sockets in one argument, which is
            'virtual:POLICY socket socket ...', where POLICY is PARALLEL,
            FAILOVER or ROUND-ROBIN
  <event>   the event's name; it is the method, unless the socket has one
  [param]   name=text or name:=json, or without names: text or :=json

Options:
  --params <json>       the params as one JSON object or array; @file reads them
                        from a file, - from standard input
  --sync                send a request and wait until the server confirms it;
                        its result is printed
  --timeout <ms>        how long the event may take (default 1000); with several
                        sockets, at each
  --event-param <name>  send the event's name too, as a param of this name
  --delimiter <text>    white space after the message, such as '\n' for servers
                        that read lines
  --ca <file>           of a jsonrpcs: socket, one more authority to trust
  --cert <file>         the certificate to show to its server
  --key <file>          the private key of that certificate
  --server-name <name>  the name that its server's certificate is for
  --count <n>           raise it n times, and print rates, times and failures
  --rate <per second>   raise it so often, until Ctrl-C if no --count is given
  --dry-run             print the message and send nothing
  --json                print the outcome as one JSON object
  --quiet               print errors and the result only
  -h, --help            print this

Exit codes:
  0         sent or, with --sync, confirmed
  1         not delivered
  2         wrong use, nothing was sent
  3         the server answered with an error
  4         timed out
  130, 143  interrupted (by Ctrl-C, by SIGTERM)
`;

/** See `HELP`. */
export const raise: Command = {
  help: HELP,
  options: {
    ...DELIVERY_OPTIONS,
    params: "text",
    count: "text",
    rate: "text",
    "dry-run": "flag",
    json: "flag",
    quiet: "flag",
  },
  run,
};

async function run(given: Arguments): Promise<number> {
  const { positional: [socket = "", event], has } = given;
  const sockets = toSockets(given.positional[0]);
  checkEvent(event);
  const params = await readParams(given);
  const options = await toDeliveryOptions(given, sockets);
  const { syncMode: isSync = false, eventParam, delimiter } = options;
  if (has("count") || has("rate")) {
    const { raiseMany } = await import("./load.ts");
    const load = { socket, sockets, event, params, options };
    const code = await raiseMany(given, load);
    if (!has("quiet")) await hintAt(event, params);
    await stderr.flush();
    return code;
  }
  const stdout = new Output(Deno.stdout);
  if (has("dry-run")) {
    for (const target of sockets) {
      const id = isSync ? 1 : undefined;
      stdout.print(buildMessage(target, event, params, { id, eventParam }));
    }
    await stdout.flush();
    if (!has("quiet")) await hintAt(event, params);
    await stderr.flush();
    return 0;
  }

  const delivered = await deliverOnce(socket, event, params, {
    ...options,
    onWarning(message) {
      if (!has("quiet")) stderr.print(printable(`warning: ${message}`));
    },
  });
  const { error } = delivered;
  if (has("json")) {
    stdout.printJson(toJson(socket, event, delivered));
  } else if (error !== undefined) {
    const { hintOf } = await import("./hint.ts");
    const raised = { sockets, isSync, delimiter, event, params: params.text };
    stderr.fail(explain(error) + hintOf(error, raised));
  } else {
    if (isSync) stdout.printJson(resultText(delivered.result));
    if (!has("quiet")) stderr.print(toLine(socket, event, delivered));
  }
  if (!has("quiet")) await hintAt(event, params);
  await stdout.flush();
  await stderr.flush();
  return exitCodeOf(error);
}

/** The catalogue of events is loaded for names that look like OpenSIPS's. */
async function hintAt(event: string, params: JsonText): Promise<void> {
  if (!event.startsWith("E_")) return;
  (await import("./param_hints.ts")).printHints(event, params);
}

function checkEvent(event: string | undefined): asserts event is string {
  if (event === undefined || event === "") {
    throw new UsageError(
      "no event is given, expected a name such as E_PIKE_BLOCKED",
    );
  }
  if (event.includes("=")) {
    throw new UsageError(
      `the event is ${
        JSON.stringify(event)
      }, expected a name such as E_PIKE_BLOCKED before the params`,
    );
  }
}

async function readParams(
  { positional: [, , ...words], text }: Arguments,
): Promise<JsonText> {
  const json = text("params");
  if (json === undefined) return parseParams(words);
  if (words.length > 0) {
    throw new UsageError(
      `both --params and param ${
        JSON.stringify(words[0])
      } are given, expected one of them`,
    );
  }
  return await parseParamsOption(json);
}

function toLine(socket: string, event: string, delivered: Delivered): string {
  const { outcome, via = socket, bytes, ms } = delivered;
  const by = outcome === "confirmed" ? "by" : "to";
  return printable(
    `${outcome} ${event} ${by} ${via} (${bytes} bytes, ${round(ms)} ms)`,
  );
}

function toJson(socket: string, event: string, delivered: Delivered): string {
  const { outcome, result, error, via, ms } = delivered;
  // The result goes in as it came.
  const members = {
    event: JSON.stringify(event),
    socket: JSON.stringify(socket),
    outcome: JSON.stringify(outcome),
    result: outcome === "confirmed" ? resultText(result) : undefined,
    via: JSON.stringify(via),
    error: error && JSON.stringify(describe(error)),
    ms: `${round(ms)}`,
  };
  const texts = Object.entries(members).flatMap(([name, json]) =>
    json === undefined ? [] : [`${JSON.stringify(name)}:${json}`]
  );
  return `{${texts.join(",")}}`;
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
