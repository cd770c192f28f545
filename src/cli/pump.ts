/** The command `pump`: events from standard input, one for each line. */

import { EventInterface, type EventInterfaceOptions } from "../../mod.ts";
import { type Arguments, toInteger, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { DELIVERY_OPTIONS, toDeliveryOptions } from "./delivery_options.ts";
import type { FailedFile } from "./failed_file.ts";
import { Failures } from "./failures.ts";
import { hintOf } from "./hint.ts";
import { onInterrupt } from "./interrupt.ts";
import { MAX_LINE_BYTES, readLines } from "./lines.ts";
import { Outage } from "./outage.ts";
import { Output, stderr } from "./output.ts";
import { printable } from "../protocol/printable.ts";
import { PumpRun } from "./pump_run.ts";
import { toSockets } from "./sockets.ts";

const HELP = String
  .raw`Raises events from standard input, one for each line.

Usage: event-jsonrpc pump <socket> [options] < events.ndjson

Examples:
  event-jsonrpc pump jsonrpc:127.0.0.1:8080 --sync < events.ndjson
  tail -F events.ndjson | event-jsonrpc pump jsonrpc:127.0.0.1:8080
  event-jsonrpc listen 9090 --json | event-jsonrpc pump jsonrpc:127.0.0.1:8080
  event-jsonrpc pump jsonrpc:127.0.0.1:8080 --failed again.ndjson < all.ndjson

  <socket>  as of "raise"

A line is {"event":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}; the params
are an object, an array, or absent. What "listen --json" writes is taken too:
its "method" is the event, and its other members are ignored. An event goes out
when its line comes in. Lines are read as fast as the server takes them.

Options:
  --sync                send requests, which the server confirms
  --timeout <ms>        how long an event may take (default 1000)
  --event-param <name>  send the event's name too, as a param of this name
  --delimiter <text>    white space after each message, such as '\n' for servers
                        that read lines
  --ca <file>           of a jsonrpcs: socket, one more authority to trust
  --cert <file>         the certificate to show to its server
  --key <file>          the private key of that certificate
  --server-name <name>  the name that its server's certificate is for
  --window <n>          how many events may be under way (default 1000)
  --outbox <file>       keep events in this file until the server has confirmed
                        them: what a crash or a dead server leaves goes out at
                        the next start; then --window is 1 by default, so that
                        they arrive in order, and --sync goes without saying
  --ack                 with --outbox, print on standard output the number (from
                        1) of the line up to which all is safe, each time
  --give-up-after <ms>  with --outbox, how long to go on at the end of the input
                        (default: until all is delivered)
  --key-param <name>    with --outbox, send the event's key too, as a param
  --strict              stop at a line that is wrong, instead of skipping it
  --failed <file>       add the lines that failed or were wrong to this file, as
                        they came, with --outbox those that were wrong; it
                        needs --allow-write=<file>
  --json                print the summary as one JSON object
  --quiet               print errors only, or with --json also the summary
  -h, --help            print this

With --outbox a line may have a "key", a text by which its event is known again:
the same key is stored once. An event may come twice after a crash, never be
lost; the server knows it again by its key. An event that the server answers
with an error is set aside: see "event-jsonrpc outbox --help". The outbox needs
--allow-read and --allow-write of the file, and of those beside it that have
-wal, -shm, -lock and -ballast behind its name; best of a folder of its own.

The exit code tells the worst that happened, in the order 1, 4, 3, 2, 0; or that
it was interrupted before the end of its input.

Exit codes:
  0         all events were sent or, with --sync, confirmed
  1         an event was not delivered; with --outbox it is kept
  2         a line was wrong; or wrong use, and nothing was sent
  3         the server answered with an error
  4         an event timed out
  130, 143  interrupted (by Ctrl-C, by SIGTERM) before the end of the input, or
            with --outbox before all was delivered
`;

/** What an event may take in a queue, beside its line. */
const EVENT_BYTES = 1024;

/** See `HELP`. */
export const pump: Command = {
  help: HELP,
  options: {
    ...DELIVERY_OPTIONS,
    window: "text",
    strict: "flag",
    failed: "text",
    outbox: "text",
    ack: "flag",
    "give-up-after": "text",
    "key-param": "text",
    json: "flag",
    quiet: "flag",
  },
  run,
};

async function run(given: Arguments): Promise<number> {
  const { positional: [socket, extra], has, text } = given;
  const sockets = toSockets(socket);
  if (extra !== undefined) {
    throw new UsageError(
      `${JSON.stringify(extra)} is one argument too many, expected one socket`,
    );
  }
  const path = text("outbox");
  checkOutboxOptions(given);
  const window = toInteger(text("window"), "--window", 1, 1_000_000) ??
    (path === undefined ? 1000 : 1);
  const warn = onceEach((message) => {
    if (!has("quiet")) stderr.print(printable(`warning: ${message}`));
  });
  const options: EventInterfaceOptions = {
    ...await toDeliveryOptions(given, sockets),
    maxQueueBytes: 4 * MAX_LINE_BYTES + window * EVENT_BYTES,
    onWarning: warn,
  };
  const tell = (message: string) => {
    if (!has("quiet")) stderr.print(printable(message));
  };
  const { syncMode: isSync = false, delimiter, eventParam } = options;
  const failures = new Failures({
    fail: (message) => void stderr.fail(message),
    count: (message) => void stderr.fail(message),
  });
  let isKept = true;
  const failedFile = await openFailedFile(text("failed"), (error) => {
    isKept = false;
    failures.failed(`cannot write --failed: ${error.message}`);
  });
  if (path !== undefined) {
    const { pumpByOutbox } = await import("./pump_outbox.ts");
    const settings = { path, socket: socket!, options, window, failedFile };
    const code = await pumpByOutbox(given, settings);
    return isKept || code !== 0 ? code : 1;
  }
  const start = performance.now();
  const events = new EventInterface(options);
  const outage = new Outage(socket!, tell);
  const pumping = new PumpRun({
    events,
    socket: socket!,
    eventParam,
    window,
    isStrict: has("strict"),
    failures,
    outage,
    failedFile,
    hintOf: (error) => hintOf(error, { sockets, isSync, delimiter }),
  });
  const progress = Deno.stderr.isTerminal() && !has("quiet")
    ? new (await import("./progress.ts")).Progress(
      stderr,
      () => statusOf(pumping, start),
    )
    : undefined;

  const interruptedBy = await takeLines(pumping, tell);
  await events.close();
  await outage.flush();
  progress?.stop();
  failures.countHeld();
  failedFile?.close();
  if (interruptedBy !== undefined) {
    const { lines } = pumping.counts;
    stderr.fail(
      `interrupted before the end of the input: took ${lines} lines, line ${
        lines + 1
      } is the next`,
    );
  }

  const stdout = new Output(Deno.stdout);
  const ms = Math.round(performance.now() - start);
  if (has("json")) {
    stdout.printJson(JSON.stringify({ ...pumping.counts, ms }));
  } else {
    tell(summaryOf(pumping, isSync, start));
  }
  await stdout.flush();
  await stderr.flush();
  return interruptedBy ?? (isKept ? pumping.code : 1);
}

/** Refuses what has a meaning with an outbox only. */
function checkOutboxOptions({ has }: Arguments): void {
  if (has("outbox")) return;
  for (const name of ["ack", "give-up-after", "key-param"]) {
    if (!has(name)) continue;
    throw new UsageError(`--${name} is given without --outbox, expected both`);
  }
}

/** Takes lines to the end of the input; resolves to an exit code if it is interrupted before. */
async function takeLines(
  pumping: PumpRun,
  tell: (message: string) => void,
): Promise<number | undefined> {
  const stopping = new AbortController();
  let interruptedBy: number | undefined;
  onInterrupt((code) => {
    interruptedBy = code;
    stopping.abort();
    const { underWay } = pumping;
    if (underWay === 0) return;
    tell(
      `interrupted, ${underWay} events are under way; again ends it at once`,
    );
  });
  const isOver = () => stopping.signal.aborted || pumping.isOver;
  try {
    for await (const lines of readLines(Deno.stdin.readable, stopping.signal)) {
      for (const line of lines) {
        if (!pumping.hasRoom) await pumping.waitForRoom();
        if (isOver()) return interruptedBy;
        pumping.take(line);
      }
      if (pumping.isOver) return interruptedBy;
    }
    return interruptedBy;
  } catch (error) {
    stderr.fail(`cannot read standard input: ${(error as Error).message}`);
    pumping.code = 1;
    return interruptedBy;
  }
}

async function openFailedFile(
  path: string | undefined,
  onError: (error: Error) => void,
): Promise<FailedFile | undefined> {
  if (path === undefined) return undefined;
  const { FailedFile } = await import("./failed_file.ts");
  return new FailedFile(path, onError);
}

/** A function that is called once for each message. */
function onceEach(
  call: (message: string) => void,
): (message: string) => void {
  const known = new Set<string>();
  return (message) => {
    if (known.has(message)) return;
    known.add(message);
    call(message);
  };
}

function statusOf({ counts, underWay }: PumpRun, start: number): string {
  const { events, failed } = counts;
  return `${events} events, ${
    rate(events, start)
  }/s, ${failed} failed, ${underWay} in flight`;
}

function summaryOf(
  { counts }: PumpRun,
  isSync: boolean,
  start: number,
): string {
  const { events, sent, confirmed, failed, badLines } = counts;
  const delivered = isSync ? `${confirmed} confirmed` : `${sent} sent`;
  const seconds = Math.round(performance.now() - start) / 1000;
  return `${events} events: ${delivered}, ${failed} failed; ${badLines} bad lines; ${seconds} s, ${
    rate(events, start)
  }/s`;
}

function rate(events: number, start: number): number {
  return Math.round(events / (performance.now() - start) * 1000);
}
