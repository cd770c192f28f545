/** The command `outbox`: what is kept in the file of an outbox. */

import type { EventFilter, EventStore, KeptEvent } from "../outbox/mod.ts";
import { parseTarget } from "../protocol/virtual_socket.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { openOutboxFile } from "./outbox_file.ts";
import { Output, stderr } from "./output.ts";
import { printable } from "../protocol/printable.ts";

const HELP =
  `Shows what is kept in the file of an outbox, and changes it: also while "hub" or
"pump" runs on the file, which notices it within a second.

Usage: event-jsonrpc outbox <action> <file> [id ...] [options]

Examples:
  event-jsonrpc outbox list events.db
  event-jsonrpc outbox show events.db 17
  event-jsonrpc outbox retry events.db --target jsonrpc:127.0.0.1:8080
  event-jsonrpc outbox drop events.db --set-aside --older-than 7d

  <action>  list   one line for each event: its number, its state, when it was
                   raised, its target, name and key, how often it was tried in
                   vain, and the last error
            show   all of each event, its params too
            retry  deliver again what is set aside, in its old place
            drop   remove events; one on its way may still arrive
  <file>    as of "hub --outbox" and "pump --outbox"
  [id]      the numbers of events, as "list" prints them; default: all that the
            options leave, but "drop" wants an id, an option, or --all

Options:
  --target <socket>   events for this socket only
  --event <name>      events of this name only
  --older-than <age>  events raised longer ago only: 500ms, 30s, 10m, 12h or 7d
  --set-aside         events that are set aside only
  --all               drop all events
  --json              print one JSON object for each event; of retry and drop,
                      one that says how many
  -h, --help          print this

An event is "kept", and will be delivered, or "set aside": the server answered
with an error, or the event was too old. It needs --allow-read and --allow-write
of the file, and of those beside it that have -wal, -shm, -lock and -ballast
behind its name.

Exit codes:
  0  done, also when there was no such event
  1  the file cannot be used
  2  wrong use
`;

/** What can be done, by its name. */
type Action = (
  store: EventStore,
  filter: EventFilter,
  print: Print,
) => Promise<void>;

/** How the outcome is printed. */
interface Print {
  isJson: boolean;
  stdout: Output;
}

/** See `HELP`. */
export const outbox: Command = {
  help: HELP,
  options: {
    target: "text",
    event: "text",
    "older-than": "text",
    "set-aside": "flag",
    all: "flag",
    json: "flag",
  },
  run,
};

const ACTIONS: Readonly<Record<string, Action>> = {
  list: (store, filter, print) => printAll(store, filter, print, lineOf),
  show: (store, filter, print) =>
    printAll(store, filter, print, textOf, ({ params }) => params),
  retry: async (store, filter, print) =>
    printCount("retried", await store.retry(filter), print),
  drop: async (store, filter, print) =>
    printCount("dropped", await store.drop(filter), print),
};

async function run(given: Arguments): Promise<number> {
  const { positional: [name, path, ...ids], has } = given;
  const action = name !== undefined && Object.hasOwn(ACTIONS, name)
    ? ACTIONS[name]
    : undefined;
  if (action === undefined) throw unknownAction(name);
  if (path === undefined) {
    throw new UsageError("no file is given, expected that of an outbox");
  }
  const filter = toFilter(given, ids);
  if (name === "drop" && !has("all") && Object.keys(filter).length === 0) {
    throw new UsageError(
      "drop would remove all events, expected ids, an option that says which, or --all",
    );
  }
  checkFile(path);
  const store = openOutboxFile(path, (message) => void stderr.fail(message));
  const stdout = new Output(Deno.stdout);
  try {
    await action(store, filter, { isJson: has("json"), stdout });
  } finally {
    await store.close();
  }
  await stdout.flush();
  await stderr.flush();
  return 0;
}

function unknownAction(name: string | undefined): UsageError {
  const expected = "expected list, show, retry or drop";
  if (name === undefined) {
    return new UsageError(`no action is given, ${expected}`);
  }
  return new UsageError(`the action is ${JSON.stringify(name)}, ${expected}`, {
    name,
    known: Object.keys(ACTIONS),
  });
}

/** To open a file that is not there would make it. */
function checkFile(path: string): void {
  try {
    Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) return; // to open it tells more
    throw new UsageError(
      `cannot use the outbox ${JSON.stringify(path)}: there is no such file`,
    );
  }
}

function toFilter({ has, text }: Arguments, ids: string[]): EventFilter {
  for (const id of ids) {
    if (/^[1-9][0-9]*$/.test(id)) continue;
    throw new UsageError(
      `the id is ${JSON.stringify(id)}, expected the number of an event`,
    );
  }
  const target = text("target"), event = text("event");
  const age = toMs(text("older-than"));
  return {
    ...ids.length > 0 && { ids },
    ...target !== undefined && { target: parseTarget(target).socket },
    ...event !== undefined && { event },
    ...age !== undefined && { raisedBefore: Date.now() - age },
    ...has("set-aside") && { isSetAside: true },
  };
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function toMs(age: string | undefined): number | undefined {
  if (age === undefined) return undefined;
  const [, digits, unit] = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(age) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new UsageError(
      `--older-than is ${
        JSON.stringify(age)
      }, expected an age such as 500ms, 30s, 10m, 12h or 7d`,
    );
  }
  return Number(digits) * UNITS[unit]!;
}

async function printAll(
  store: EventStore,
  filter: EventFilter,
  { isJson, stdout }: Print,
  format: (event: KeptEvent) => string,
  paramsOf?: (event: KeptEvent) => string,
): Promise<void> {
  let kept = 0, setAside = 0;
  for await (const event of store.list(filter)) {
    if (event.refusal === undefined) kept++;
    else setAside++;
    await (isJson
      ? stdout.printJson(jsonOf(event, paramsOf?.(event)))
      : stdout.print(format(event)));
  }
  if (!isJson) stderr.print(`${kept} kept, ${setAside} set aside`);
}

function printCount(
  what: string,
  count: number,
  { isJson, stdout }: Print,
): void {
  if (isJson) stdout.printJson(JSON.stringify({ [what]: count }));
  else {
    stdout.print(
      `${count === 1 ? "1 event is" : `${count} events are`} ${what}`,
    );
  }
}

/** Why it is not delivered, as far as it is known. */
function problemOf({ refusal, lastError }: KeptEvent): string | undefined {
  if (refusal === undefined) return lastError;
  const { code, message } = refusal;
  return code === undefined ? message : `error ${code}: ${message}`;
}

const stateOf = ({ refusal }: KeptEvent) =>
  refusal === undefined ? "kept" : "set aside";

const timeOf = ({ raisedAt }: KeptEvent) => new Date(raisedAt).toISOString();

function lineOf(event: KeptEvent): string {
  const { id, target, event: name, key, attempts } = event;
  const problem = problemOf(event);
  const times = attempts === 1 ? "once" : `${attempts} times`;
  const tried = attempts === 0 ? "" : `, tried in vain ${times}`;
  return printable(
    `${id}  ${stateOf(event)}  ${
      timeOf(event)
    }  ${target}  ${name}  ${key}${tried}${
      problem === undefined ? "" : `: ${problem}`
    }`,
  );
}

function textOf(event: KeptEvent): string {
  const { id, target, event: name, key, params, attempts } = event;
  const problem = problemOf(event);
  const rows: [string, string][] = [
    ["id", id],
    ["state", stateOf(event)],
    ["raised at", timeOf(event)],
    ["target", target],
    ["event", name],
    ["key", key],
    ["params", params],
    ["attempts", `${attempts} failed`],
    ...problem === undefined ? [] : [["problem", problem] as [string, string]],
  ];
  return rows.map(([name, value]) =>
    `${`${name}:`.padEnd(11)}${printable(value)}`
  ).join("\n") + "\n";
}

/** As JSON; params go in as they stand. */
function jsonOf(event: KeptEvent, params: string | undefined): string {
  const { id, target, event: name, key, attempts, lastError, refusal } = event;
  const members = JSON.stringify({
    id,
    state: refusal === undefined ? "kept" : "setAside",
    raisedAt: timeOf(event),
    target,
    event: name,
    key,
    attempts,
    lastError,
    refusal,
  });
  return params === undefined
    ? members
    : `${members.slice(0, -1)},"params":${params}}`;
}
