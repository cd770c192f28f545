// What all clients have in common: the command line, the warm-up, and the
// result, which is printed as one line of JSON.
//
//     deno run -A tests/bench/clients/<client>.ts <port> <mode> <count> [<in flight>]

import { type ClientResult, peakBytesOf } from "../processes.ts";

export const EVENT = "E_PIKE_BLOCKED";
export const PARAMS = { ip: "192.168.2.11" };

/** What is to be done. */
export interface Task {
  count: number;
  inFlight: number;
  /** With one in flight: takes the milliseconds of each. */
  latencies?: Float64Array;
}

/** A connection of a client. */
export interface Session {
  /** Sends one notification; the promise tells that it is out, if any does. */
  notification(): unknown;
  /** Sends one request; the promise tells that it is confirmed. */
  request?(): Promise<unknown>;
  /** Sends all notifications, by another way than one after another. */
  notifications?(task: Task): Promise<unknown>;
  /** Does all requests, and returns how many failed. */
  requests?(task: Task): Promise<number>;
  /** Ends the connection, and resolves when the server has read everything. */
  close(): Promise<unknown>;
}

/** Opens a connection; the mode is for what only one client has. */
export type Open = (port: number, mode: string) => Promise<Session>;

/** How long promises may take to settle after the server has died. */
const SETTLE_MS = 3000;

/** Runs a client as its command line says. */
export async function main(open: Open): Promise<void> {
  const [port, mode, count, inFlight = "1"] = Deno.args;
  const task = { count: Number(count), inFlight: Number(inFlight) };
  const result = mode.startsWith("fault ")
    ? await fault(open, Number(port), mode, task.count)
    : await measure(open, Number(port), mode, task);
  // Not by console.log(), which a peer that prints may have been denied.
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(result)));
  Deno.exit(); // some peers keep the process alive
}

async function measure(
  open: Open,
  port: number,
  mode: string,
  task: Task,
): Promise<ClientResult> {
  const { count, inFlight } = task;
  const warmUp = Math.ceil(count / 10);
  await run(await open(port, mode), mode, { count: warmUp, inFlight });
  if (mode === "request" && inFlight === 1) {
    task.latencies = new Float64Array(count);
  }
  const session = await open(port, mode);
  const start = performance.now();
  const failed = await run(session, mode, task);
  const seconds = (performance.now() - start) / 1000;
  const peakBytes = peakBytesOf("self");
  const sorted = task.latencies?.sort();
  return {
    seconds,
    sent: warmUp + count,
    failed,
    p50: sorted?.[Math.floor(count * 0.5)],
    p99: sorted?.[Math.floor(count * 0.99)],
    peakBytes,
  };
}

/** Does what is measured; returns how many requests failed. */
async function run(
  session: Session,
  mode: string,
  task: Task,
): Promise<number> {
  let failed = 0;
  if (mode === "request") {
    failed = await (session.requests?.(task) ??
      keepInFlight(task, () => session.request!()));
  } else if (mode === "notify each") {
    for (let i = 0; i < task.count; i++) await session.notification();
  } else if (mode === "notify thousandth") {
    for (let i = 1; i <= task.count; i++) {
      const sent = session.notification();
      if (i % 1000 === 0) await sent;
    }
  } else if (session.notifications !== undefined) {
    await session.notifications(task);
  } else {
    for (let i = 0; i < task.count; i++) session.notification();
  }
  await session.close();
  return failed;
}

/** Does something `count` times, `inFlight` of them at a time. */
export async function keepInFlight(
  { count, inFlight, latencies }: Task,
  request: () => Promise<unknown>,
): Promise<number> {
  let started = 0, failed = 0;
  async function oneAfterAnother(): Promise<void> {
    while (started < count) {
      const i = started++;
      const start = latencies && performance.now();
      try {
        await request();
      } catch {
        failed++;
      }
      if (latencies) latencies[i] = performance.now() - start!;
    }
  }
  await Promise.all(Array.from({ length: inFlight }, oneAfterAnother));
  return failed;
}

/** Sends everything at once to a server that dies, and counts what it hears. */
async function fault(
  open: Open,
  port: number,
  mode: string,
  count: number,
): Promise<ClientResult> {
  // What nobody handles must not end this process before the count.
  globalThis.addEventListener("unhandledrejection", (e) => e.preventDefault());
  globalThis.addEventListener("error", (e) => e.preventDefault());
  const session = await open(port, mode);
  const send = mode === "fault request"
    ? () => session.request!()
    : () => session.notification();
  let resolved = 0, rejected = 0;
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    try {
      Promise.resolve(send()).then(() => resolved++, () => rejected++);
    } catch {
      rejected++;
    }
  }
  while (
    resolved + rejected < count && performance.now() - start < SETTLE_MS
  ) await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    seconds: (performance.now() - start) / 1000,
    sent: count,
    failed: 0,
    resolved,
    rejected,
    pending: count - resolved - rejected,
  };
}
