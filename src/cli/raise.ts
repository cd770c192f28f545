/** The command `raise`: one event to one socket. */

import { buildMessage, EventInterface } from "../../mod.ts";
import { parseArguments, toInteger, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { describe, exitCodeOf, explain } from "./outcome.ts";
import { Output, printable, stderr } from "./output.ts";
import { parseJsonParams, parseParams } from "./params.ts";
import { toSockets } from "./sockets.ts";
import { toTls } from "./tls.ts";

const HELP = `Raises an event: sends it to a JSON-RPC server.

Usage: event-jsonrpc raise <socket> <event> [param ...] [options]

  <socket>  jsonrpc:host:port[/method], over TLS jsonrpcs:host:port[/method];
            or tcp:host:port[/method] for the
            messages of OpenSIPS 3.1 and later;
            or several in one argument, 'virtual:POLICY socket socket ...',
            where POLICY is PARALLEL, FAILOVER or ROUND-ROBIN
  <event>   the event's name; it is the method, unless the socket has one
  [param]   name=text or name:=json, or without names: text or :=json

Options:
  --params <json>       the params as one JSON object or array
  --sync                send a request, and wait for the server to confirm it;
                        its result is printed
  --timeout <ms>        how long the event may take (default 1000); with several
                        sockets, at each
  --event-param <name>  send the event's name too, as a param of this name
  --ca <file>           of a jsonrpcs: socket, an authority to trust besides
  --cert <file>         the certificate to show to its server
  --key <file>          the private key of that
  --server-name <name>  the name that its server's certificate is for
  --dry-run             print the message and send nothing
  --json                print what became of it as one JSON object
  --quiet               print errors and the result only
  -h, --help            print this

Examples:
  event-jsonrpc raise jsonrpc:127.0.0.1:8080 E_PIKE_BLOCKED ip=192.168.2.11
  event-jsonrpc raise jsonrpc:127.0.0.1:8080/block_ip E_PIKE_BLOCKED \\
      ip=192.168.2.11 --sync --timeout 200
  event-jsonrpc raise jsonrpc:[::1]:8080 E_MY_EVENT :=3 :=5
  event-jsonrpc raise --sync \\
      'virtual:FAILOVER jsonrpc:127.0.0.1:8080 jsonrpc:127.0.0.1:8081' E_MY_EVENT
  event-jsonrpc raise jsonrpc:127.0.0.1:8080 E_X --params '{"n":[1,2]}' --dry-run
`;

/** See `HELP`. */
export const raise: Command = {
  summary: "send an event to a server",
  help: HELP,
  run,
};

async function run(args: string[]): Promise<number> {
  const { positional, has, text } = parseArguments(args, {
    boolean: ["sync", "dry-run", "json", "quiet"],
    string: [
      "timeout",
      "event-param",
      "params",
      "ca",
      "cert",
      "key",
      "server-name",
    ],
  });
  const [socket, event, ...words] = positional;
  if (socket === undefined) {
    throw new UsageError(
      "no socket is given, expected jsonrpc:host:port[/method]",
    );
  }
  if (event === undefined || event === "") {
    throw new UsageError(
      "no event is given, expected a name such as E_PIKE_BLOCKED",
    );
  }
  const json = text("params");
  if (json !== undefined && words.length > 0) {
    throw new UsageError(
      `both --params and param ${
        JSON.stringify(words[0])
      } are given, expected one of them`,
    );
  }
  if (event.includes("=")) {
    throw new UsageError(
      `the event is ${
        JSON.stringify(event)
      }, expected a name such as E_PIKE_BLOCKED before the params`,
    );
  }
  const params = json === undefined
    ? parseParams(words)
    : parseJsonParams(json);
  const syncMode = has("sync");
  const eventParam = text("event-param");
  const timeoutMs = toInteger(text("timeout"), "--timeout", 1, 0x7fffffff);

  const sockets = toSockets(socket);
  const id = syncMode ? 1 : undefined;
  const messages = sockets.map((target) =>
    buildMessage(target, event, params, { id, eventParam })
  );
  const warn = (message: string) => {
    if (!has("quiet")) stderr.print(printable(`warning: ${message}`));
  };
  const stdout = new Output(Deno.stdout);
  if (has("dry-run")) {
    for (const message of messages) stdout.print(message);
    await stdout.flush();
    return 0;
  }

  const events = new EventInterface({
    tls: toTls(text, sockets),
    syncMode,
    timeoutMs,
    eventParam,
    onWarning: warn,
  });
  events.subscribe(event, socket);
  const [report] = await events.raise(event, params);
  const { result, error, via } = report;
  const ms = Math.round(report.ms * 10) / 10;
  const bytes = events.stats().reduce((sum, { bytes }) => sum + bytes, 0);
  await events.close();

  if (has("json")) {
    const delivered = error === undefined;
    stdout.printJson({
      event,
      socket,
      delivered,
      ...syncMode && delivered && { result },
      ...via !== undefined && { via },
      ...!delivered && { error: describe(error) },
      ms,
    });
  } else if (error !== undefined) {
    stderr.fail(explain(error));
  } else {
    if (syncMode) stdout.printJson(result);
    if (!has("quiet")) {
      stderr.print(
        `${syncMode ? "confirmed" : "sent"} ${printable(event)} ${
          syncMode ? "by" : "to"
        } ${printable(via ?? socket)} (${bytes} bytes, ${ms} ms)`,
      );
    }
  }
  await stdout.flush();
  await stderr.flush();
  return exitCodeOf(error);
}
