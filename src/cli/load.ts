/** `raise --count --rate`: one event many times, and what became of it. */

import { isVirtual } from "../protocol/virtual_socket.ts";
import {
  buildMessage,
  EventClient,
  EventInterface,
  type EventInterfaceOptions,
  type EventSocket,
  type JsonText,
} from "../../mod.ts";
import { type Arguments, toInteger, UsageError } from "./arguments.ts";
import { hintOf } from "./hint.ts";
import { onInterrupt, within } from "./interrupt.ts";
import { LoadRun } from "./load_run.ts";
import { explain } from "./outcome.ts";
import { Output, stderr } from "./output.ts";
import { printable } from "../protocol/printable.ts";

const PROGRESS_MS = 1000;
/** How long events that are under way may take when it is interrupted. */
const GRACE_MS = 1000;
const MAX_RATE = 1_000_000;

/** What is raised. */
export interface Load {
  readonly socket: string;
  /** The same, or all those of a virtual one. */
  readonly sockets: readonly EventSocket[];
  readonly event: string;
  readonly params: JsonText;
  readonly options: EventInterfaceOptions;
}

/**
 * Raises an event as often as `--count` and `--rate` say, and prints rates and
 * times. Resolves to the exit code of the worst that happened.
 *
 * @throws {UsageError} if one of the options is wrong.
 */
export async function raiseMany(
  { has, text }: Arguments,
  load: Load,
): Promise<number> {
  const { sockets, event, params } = load;
  const { syncMode: isSync = false, eventParam, delimiter } = load.options;
  const count =
    toInteger(text("count"), "--count", 1, Number.MAX_SAFE_INTEGER) ?? Infinity;
  const rate = toRate(text("rate"));
  if (has("dry-run")) {
    throw new UsageError(
      "--dry-run is given with --count or --rate, expected one of them",
    );
  }
  // Wrong params are refused before anything is sent.
  buildMessage(sockets[0]!, event, params, { eventParam });

  const { raise, close } = open(load, (message) => {
    if (!has("quiet")) stderr.print(printable(`warning: ${message}`));
  });
  const stopping = new AbortController();
  const run = new LoadRun({
    count,
    rate,
    signal: stopping.signal,
    raise,
    onFailure(error) {
      const raised = { sockets, isSync, delimiter, event, params: params.text };
      stderr.fail(explain(error) + hintOf(error, raised));
    },
  });

  const start = performance.now();
  const timer = has("quiet") ? undefined : tellProgress(run, start);
  const done = run.run();
  const interrupt = Promise.withResolvers<number>();
  onInterrupt((code) => {
    stopping.abort();
    interrupt.resolve(code);
  });
  const interrupted = await Promise.race([
    done.then(() => 0),
    interrupt.promise,
  ]);
  if (interrupted > 0) await within(GRACE_MS, done);
  const seconds = (performance.now() - start) / 1000;
  clearInterval(timer);
  if (run.underWay === 0) await close();
  const stdout = new Output(Deno.stdout);
  const summary = summaryOf(run, load, seconds);
  if (has("json")) stdout.printJson(JSON.stringify(summary));
  else for (const line of toLines(summary, isSync)) stdout.print(line);
  await stdout.flush();
  await stderr.flush();
  // Without a count, Ctrl-C is how it ends.
  const hasAll = count === Infinity || run.raised === count;
  return interrupted > 0 && !(hasAll && run.underWay === 0)
    ? interrupted
    : run.code;
}

function toRate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rate = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : NaN;
  if (rate > 0 && rate <= MAX_RATE) return rate;
  throw new UsageError(
    `--rate is ${
      JSON.stringify(text)
    }, expected events per second, more than 0 and at most ${MAX_RATE}`,
  );
}

/** Opens the way to a plain socket or to a virtual one. */
function open(
  { socket, event, params, options }: Load,
  onWarning: (message: string) => void,
): { raise(): Promise<Error | undefined>; close(): Promise<void> } {
  if (!isVirtual(socket)) {
    const { onWarning: _, ...rest } = options;
    const client = new EventClient(socket, rest);
    const raw = { rawResult: true } as const;
    return {
      raise: () =>
        client.raise(event, params, raw).then(
          () => undefined,
          (error) => error,
        ),
      close: () => client.close(),
    };
  }
  const events = new EventInterface({ ...options, onWarning });
  events.subscribe(event, socket);
  return {
    raise: async () => (await events.raise(event, params))[0]!.error,
    close: () => events.close(),
  };
}

/** Tells each second what became of the events so far. */
function tellProgress(
  run: LoadRun,
  start: number,
): ReturnType<typeof setInterval> {
  let settled = 0;
  return setInterval(() => {
    const { raised, delivered, failed, latencies } = run;
    const seconds = Math.round((performance.now() - start) / 1000);
    const rate = delivered + failed - settled;
    settled = delivered + failed;
    stderr.print(
      `${seconds} s: ${raised} raised, ${delivered} delivered, ${failed} failed, ` +
        `${rate}/s, p50 ${round(latencies.quantile(0.5))} ms, ` +
        `p99 ${round(latencies.quantile(0.99))} ms`,
    );
  }, PROGRESS_MS);
}

interface Summary {
  readonly event: string;
  readonly socket: string;
  readonly raised: number;
  readonly delivered: number;
  readonly failed: number;
  /** How many are neither, as it was interrupted. */
  readonly underWay: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** How many were delivered in a second. */
  readonly rate: number;
  readonly ms: {
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
  };
}

function summaryOf(
  { raised, delivered, failed, underWay, failures, latencies }: LoadRun,
  { event, socket }: Load,
  seconds: number,
): Summary {
  return {
    event,
    socket,
    raised,
    delivered,
    failed,
    underWay,
    failures: Object.fromEntries(failures),
    seconds: round(seconds),
    rate: Math.round(delivered / seconds * 10) / 10,
    ms: {
      p50: round(latencies.quantile(0.5)),
      p99: round(latencies.quantile(0.99)),
      max: round(latencies.max),
    },
  };
}

function toLines(summary: Summary, isSync: boolean): string[] {
  const { event, socket, raised, delivered, underWay, failures } = summary;
  const { seconds, rate, ms } = summary;
  const times = delivered === 0
    ? []
    : [`  p50 ${ms.p50} ms, p99 ${ms.p99} ms, max ${ms.max} ms`];
  return [
    printable(
      `${isSync ? "confirmed" : "sent"} ${delivered} of ${raised} ${event} ${
        isSync ? "by" : "to"
      } ${socket} in ${seconds} s (${rate}/s)`,
    ),
    ...times,
    ...underWay > 0 ? [`  still under way ${underWay}`] : [],
    ...Object.entries(failures).map(([kind, n]) => `  failed ${n}: ${kind}`),
  ];
}

/** To three digits behind the point: microseconds, of milliseconds. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
