/** The command `pump`: events from standard input, a line each. */

import {
  buildMessage,
  type DeliveryReport,
  EventInterface,
  type EventParams,
} from "../../mod.ts";
import { parseArguments, toInteger, UsageError } from "./arguments.ts";
import { parseEventLine } from "./event_line.ts";
import { onInterrupt } from "./interrupt.ts";
import { LineError, MAX_LINE_BYTES, readLines } from "./lines.ts";
import type { Command } from "./command.ts";
import { exitCodeOf, explain } from "./outcome.ts";
import { Output, printable, stderr } from "./output.ts";
import { toSockets } from "./sockets.ts";
import { toTls } from "./tls.ts";

const HELP = `Raises events from standard input, one for each line.

Usage: event-jsonrpc pump <socket> [options] < events.ndjson

  <socket>  as of "raise"

A line is {"event":"E_PIKE_BLOCKED","params":{"ip":"192.168.2.11"}}; the params
are an object, an array, or absent. It goes out when it comes in. Lines are read
as fast as the server takes them.

Options:
  --sync                send requests, and have them confirmed
  --timeout <ms>        how long an event may take (default 1000)
  --event-param <name>  send the event's name too, as a param of this name
  --ca <file>           of a jsonrpcs: socket, an authority to trust besides
  --cert <file>         the certificate to show to its server
  --key <file>          the private key of that
  --server-name <name>  the name that its server's certificate is for
  --window <n>          how many events may be under way (default 1000)
  --strict              stop at a line that is wrong, instead of skipping it
  --json                print the summary as one JSON object
  --quiet               print errors only, or with --json also the summary
  -h, --help            print this

The exit code tells the worst that happened: 1 not delivered, or nobody knows;
4 timed out; 3 the server answered with an error; 2 a line was wrong; 0 nothing.

Examples:
  event-jsonrpc pump jsonrpc:127.0.0.1:8080 --sync < events.ndjson
  tail -F events.ndjson | event-jsonrpc pump jsonrpc:127.0.0.1:8080
`;

/** How many errors are printed; the summary counts all. */
const MAX_SHOWN = 10;
/** What an event may take in a queue, beside its line. */
const EVENT_BYTES = 1024;
/** How many names of events are kept; the one that came first has to go. */
const MAX_NAMES = 1000;
/** How many characters of lines may be under way, beside the window. */
const MAX_LENGTH_UNDER_WAY = 4 * 1024 * 1024;
const PROGRESS_MS = 500;
/** Any, to see whether params are right: they are the same for all. */
const DIALECT = { protocol: "jsonrpc" } as const;
/** Exit codes, the worst last. */
const SEVERITY = [0, 2, 3, 4, 1];

/** See `HELP`. */
export const pump: Command = {
  summary: "send events from standard input, a line each",
  help: HELP,
  run,
};

async function run(args: string[]): Promise<number> {
  const { positional, has, text } = parseArguments(args, {
    boolean: ["sync", "strict", "json", "quiet"],
    string: [
      "timeout",
      "event-param",
      "window",
      "ca",
      "cert",
      "key",
      "server-name",
    ],
  });
  const [socket, extra] = positional;
  if (socket === undefined) {
    throw new UsageError(
      "no socket is given, expected jsonrpc:host:port[/method]",
    );
  }
  if (extra !== undefined) {
    throw new UsageError(
      `${JSON.stringify(extra)} is one argument too many, expected one socket`,
    );
  }
  const window = toInteger(text("window"), "--window", 1, 1_000_000) ?? 1000;
  const eventParam = text("event-param");
  const sockets = toSockets(socket);
  const warnings = new Set<string>();
  function warn(message: string): void {
    // It is the same for each event's name.
    if (has("quiet") || warnings.has(message)) return;
    warnings.add(message);
    stderr.print(printable(`warning: ${message}`));
  }
  const events = new EventInterface({
    tls: toTls(text, sockets),
    syncMode: has("sync"),
    timeoutMs: toInteger(text("timeout"), "--timeout", 1, 0x7fffffff),
    eventParam,
    maxQueueBytes: 4 * MAX_LINE_BYTES + window * EVENT_BYTES,
    onWarning: warn,
  });
  const subscribed = new Set<string>();
  const stopping = new AbortController();
  const counts = { events: 0, delivered: 0, failed: 0, badLines: 0 };
  let code = 0, shown = 0;
  let underWay = 0, lengthUnderWay = 0;
  let room = Promise.withResolvers<void>();
  let last: Lines | undefined;
  const start = performance.now();

  function report(number: number, problem: string, severity: number): void {
    if (SEVERITY.indexOf(severity) > SEVERITY.indexOf(code)) code = severity;
    shown++;
    if (shown <= MAX_SHOWN) stderr.fail(`line ${number}: ${problem}`);
    else if (shown === MAX_SHOWN + 1) {
      stderr.print("(further errors are counted only)");
    }
  }

  function subscribe(event: string): void {
    events.subscribe(event, socket);
    subscribed.add(event);
    if (subscribed.size <= MAX_NAMES) return;
    const [first] = subscribed;
    subscribed.delete(first);
    events.unpublish(first);
  }

  function badLine(number: number, problem: string): void {
    counts.badLines++;
    report(number, problem, 2);
    if (has("strict")) stopping.abort();
  }

  function take(line: string | LineError, number: number): void {
    if (line instanceof LineError) return badLine(number, line.message);
    if (line.trim() === "") return;
    let event: string, params: EventParams | undefined;
    try {
      ({ event, params } = parseEventLine(line));
      // Otherwise what is wrong with params is known only after other lines.
      if (has("strict")) buildMessage(DIALECT, event, params, { eventParam });
      if (!subscribed.has(event)) subscribe(event);
    } catch (error) {
      return badLine(number, (error as Error).message);
    }
    const { length } = line;
    underWay++;
    lengthUnderWay += length;
    const reports = events.raise(event, params);
    if (reports !== last?.reports) {
      last = { reports, numbers: [], length: 0 };
      settle(last);
    }
    last.numbers.push(number);
    last.length += length;
  }

  /**
   * Waits for what becomes of lines: of all at once that share their reports,
   * as those raised in one go do. To wait for each takes 0.4 us, and 40 MiB.
   */
  async function settle(lines: Lines): Promise<void> {
    const { numbers } = lines;
    try {
      const [{ outcome, error }] = await lines.reports;
      counts.events += numbers.length;
      if (outcome !== "failed") {
        counts.delivered += numbers.length;
      } else {
        counts.failed += numbers.length;
        for (const n of numbers) report(n, explain(error), exitCodeOf(error));
      }
    } catch (error) {
      for (const n of numbers) badLine(n, (error as Error).message);
    }
    if (lines === last) last = undefined;
    underWay -= numbers.length;
    lengthUnderWay -= lines.length;
    room.resolve();
  }

  const hasProgress = Deno.stderr.isTerminal() && !has("quiet");
  const progress = hasProgress
    ? setInterval(() => {
      const { events, failed } = counts;
      const text = `${events} events, ${
        rate(events, start)
      }/s, ${failed} failed, ${underWay} in flight`;
      Deno.stderr.writeSync(new TextEncoder().encode(`\r${text}\x1b[K`));
    }, PROGRESS_MS)
    : undefined;

  onInterrupt(() => stopping.abort());
  let number = 0;
  try {
    for await (const lines of readLines(Deno.stdin.readable, stopping.signal)) {
      for (const line of lines) {
        while (underWay >= window || lengthUnderWay > MAX_LENGTH_UNDER_WAY) {
          room = Promise.withResolvers();
          await room.promise;
        }
        if (stopping.signal.aborted) break;
        take(line, ++number);
      }
    }
  } catch (error) {
    stderr.fail(`cannot read standard input: ${(error as Error).message}`);
    code = 1;
  }
  await events.close();
  clearInterval(progress);
  if (hasProgress) stderr.print("\r\x1b[K");

  const stdout = new Output(Deno.stdout);
  const ms = Math.round(performance.now() - start);
  if (has("json")) {
    stdout.printJson({ ...counts, ms });
  } else if (!has("quiet")) {
    const { events, delivered, failed, badLines } = counts;
    stderr.print(
      printable(
        `${events} events: ${delivered} delivered, ${failed} failed; ${badLines} bad lines; ${
          ms / 1000
        } s, ${rate(events, start)}/s`,
      ),
    );
  }
  await stdout.flush();
  await stderr.flush();
  return code;
}

/** Lines whose events were raised in one go. */
interface Lines {
  readonly reports: Promise<readonly DeliveryReport[]>;
  readonly numbers: number[];
  /** How many characters they have. */
  length: number;
}

function rate(events: number, start: number): number {
  return Math.round(events / (performance.now() - start) * 1000);
}
