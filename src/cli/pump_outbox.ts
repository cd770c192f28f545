/** `pump --outbox`: events are kept in a file until the server has confirmed them. */

import { MAX_TIMEOUT_MS } from "../protocol/checks.ts";
import { EventInterface, type EventInterfaceOptions } from "../../mod.ts";
import type { Outbox } from "../outbox/mod.ts";
import { type Arguments, toInteger } from "./arguments.ts";
import type { FailedFile } from "./failed_file.ts";
import { Failures } from "./failures.ts";
import { onInterrupt } from "./interrupt.ts";
import { KeepRun } from "./keep_run.ts";
import { readLines } from "./lines.ts";
import { exitCodeOf, worse } from "./outcome.ts";
import { startOutbox, toKeyParam } from "./outbox_file.ts";
import {
  failureText,
  keptMessage,
  recoveryText,
  watchOutbox,
} from "./outbox_news.ts";
import { Output, stderr } from "./output.ts";
import { printable } from "../protocol/printable.ts";
import { Progress } from "./progress.ts";

/** What `pump` has read of its arguments. */
export interface PumpOutboxSettings {
  /** The outbox's file. */
  readonly path: string;
  readonly socket: string;
  readonly options: EventInterfaceOptions;
  /** How many events may be under way to one target. */
  readonly window: number;
  readonly failedFile: FailedFile | undefined;
}

/** Takes all lines, and delivers all that is kept; resolves to the exit code. */
export async function pumpByOutbox(
  given: Arguments,
  { path, socket, options, window, failedFile }: PumpOutboxSettings,
): Promise<number> {
  const { has, text } = given;
  const keyParam = toKeyParam(given);
  const giveUpAfter = toInteger(
    text("give-up-after"),
    "--give-up-after",
    0,
    MAX_TIMEOUT_MS,
  );
  const tell = (message: string) => {
    if (!has("quiet")) stderr.print(printable(message));
  };
  let code = 0;
  const failures = new Failures({
    fail: (message) => void stderr.fail(message),
    count: (message) => void stderr.fail(message),
  });
  const fail = (message: string, exitCode: number) => {
    code = worse(code, exitCode);
    failures.failed(message);
  };
  const start = performance.now();
  const { timeoutMs, eventParam } = options;
  const events = new EventInterface({ ...options, syncMode: true });
  const { outbox, store } = await startOutbox(path, events, {
    window,
    keyParam,
    timeoutMs,
    onWarning: (message) => void stderr.fail(message),
  });
  watchOutbox(outbox, {
    failed(event, error, isSetAside) {
      const text = failureText(event, error, isSetAside);
      if (isSetAside) fail(text, exitCodeOf(error));
      else tell(text);
    },
    recovered(target, ms) {
      tell(recoveryText(target, ms));
      failures.succeeded();
    },
    problem: ({ message }) => fail(message, 1),
  });

  const stdout = new Output(Deno.stdout);
  const stopping = new AbortController();
  let interruptedBy: number | undefined;
  onInterrupt((code) => {
    interruptedBy = code;
    stopping.abort();
  });
  const run = new KeepRun({
    outbox,
    socket,
    eventParam,
    isStrict: has("strict"),
    signal: stopping.signal,
    safe: (line) => has("ack") ? stdout.print(String(line)) : undefined,
    wrong(number, line, problem) {
      fail(`line ${number}: ${problem}`, 2);
      failedFile?.write([line]);
    },
    full: ({ message }) => tell(`${message}; waiting for room`),
  });
  let delivered = 0;
  outbox.addEventListener("delivered", () => delivered++);
  const progress = Deno.stderr.isTerminal() && !has("quiet")
    ? new Progress(stderr, () => `${run.events} kept, ${delivered} delivered`)
    : undefined;

  let isAtEnd = false;
  try {
    isAtEnd = await takeLines(run, stopping.signal);
    if (isAtEnd) await deliverAll(outbox, giveUpAfter, stopping.signal);
  } catch (error) {
    fail((error as Error).message, 1);
  }
  await outbox.close();
  await events.close();
  const { kept, setAside, stored, known } = await outbox.stats();
  await store.close();
  progress?.stop();
  failures.countHeld();
  failedFile?.close();

  const { lines, badLines } = run;
  if (interruptedBy !== undefined && !isAtEnd) {
    stderr.fail(
      `interrupted before the end of the input: ${lines} lines are safe, line ${
        lines + 1
      } is the next`,
    );
  }
  const message = keptMessage({ kept, setAside }, path);
  if (kept > 0) {
    code = 1;
    stderr.fail(message!);
  } else if (message !== undefined) tell(message);

  const ms = Math.round(performance.now() - start);
  const counts = { stored, known, badLines, delivered, setAside, kept };
  if (has("json")) {
    stdout.printJson(JSON.stringify({ lines, ...counts, ms }));
  } else {
    tell(
      `${lines} lines: ${stored} events stored, ${known} known already, ${badLines} bad lines; ${delivered} delivered; ${
        ms / 1000
      } s`,
    );
  }
  await stdout.flush();
  await stderr.flush();
  const isInterrupted = interruptedBy !== undefined && (!isAtEnd || kept > 0);
  return isInterrupted ? interruptedBy! : code;
}

/** Resolves to whether all lines were taken, or all that are to be. */
async function takeLines(run: KeepRun, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const lines of readLines(Deno.stdin.readable, signal)) {
      await run.take(lines);
      if (signal.aborted) return false;
      if (run.isOver) return true;
    }
    return !signal.aborted;
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      `cannot take line ${run.lines + 1}, all before it are safe: ${message}`,
      { cause: error },
    );
  }
}

/** Resolves when all is delivered or set aside, or that is given up. */
async function deliverAll(
  outbox: Outbox,
  giveUpAfter: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController();
  const end = () => ending.abort();
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  const timer = giveUpAfter === undefined
    ? undefined
    : setTimeout(end, giveUpAfter);
  try {
    await outbox.flush({ signal: ending.signal });
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}
