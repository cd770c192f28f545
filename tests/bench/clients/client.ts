// What all clients have in common: the command line, the warm-up, and the
// result, which is printed as one line of JSON.
//
//     deno run -A tests/bench/clients/<client>.ts <port> <mode> <shape> <count>
//         [<in flight> [<options>]]
//
// Modes: "notify" (bursts in tight loops), "notify at once" (all in one go),
// "notify each" (each is awaited), "notify thousandth" (every thousandth is),
// "request", "fault request", "fault notify". A client may have more of its own.

import { cpuUsage } from "node:process";
import {
  type ClientResult,
  peakBytesOf,
  residentBytesOf,
} from "../processes.ts";
import { type Shape, type ShapeName, SHAPES } from "../shapes.ts";
import { fault } from "./fault.ts";
import { keepInFlight } from "./in_flight.ts";

/** What the command line says. */
export interface Task {
  /** A number; of some clients a list of them. */
  port: string;
  mode: string;
  shape: Shape;
  count: number;
  inFlight: number;
  /** What is told to the library beside its defaults, as JSON. */
  options: string;
  /** With one in flight: takes the milliseconds of each. */
  latencies?: Float64Array;
}

/** A connection of a client. */
export interface Session {
  /** Sends a notification; the promise tells that it is out, if any does. */
  notification?(i: number): unknown;
  /** Resolves when all notifications are out; without it, nobody can tell. */
  flush?(): Promise<unknown>;
  /** Sends a request; the promise resolves to its result. */
  request?(i: number): Promise<unknown>;
  /** Sends all notifications, by another way than one after another. */
  notifications?(task: Task): Promise<unknown>;
  /** Does all requests, and returns how many failed. */
  requests?(task: Task): Promise<number>;
  /** Ends the connection, and resolves when the server has read everything. */
  close(): Promise<unknown>;
  /** What of this was not done, as it is seen without awaiting each. */
  undone?(): { refused: number; late: number };
}

/** Opens a connection. */
export type Open = (task: Task) => Promise<Session> | Session;

/** So many notifications are sent in one tight loop; then they are flushed. */
export const BURST = 100_000;

/** Runs a client as its command line says. */
export async function main(open: Open): Promise<void> {
  const [port, mode, shape, count, inFlight = "1", options = "{}"] = Deno.args;
  const task = {
    port,
    mode,
    shape: SHAPES[shape as ShapeName],
    count: Number(count),
    inFlight: Number(inFlight),
    options,
  };
  const result = mode.startsWith("fault ")
    ? await fault(await open(task), task)
    : await measure(open, task);
  // Not by console.log(), which a peer that prints may have been denied.
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(result)));
  Deno.exit(); // some peers keep the process alive
}

async function measure(open: Open, task: Task): Promise<ClientResult> {
  const { mode, count, inFlight } = task;
  const residentBytes = residentBytesOf("self");
  const few = { ...task, count: Math.ceil(count / 10) };
  const warmUp = await run(await open(few), few);
  if (mode === "request" && inFlight === 1) {
    task.latencies = new Float64Array(count);
  }
  const session = await open(task);
  const start = performance.now(), cpu = cpuUsage();
  const { refused, late, failed } = await run(session, task);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = cpuUsage(cpu);
  const peakBytes = peakBytesOf("self");
  const sorted = task.latencies?.sort();
  return {
    seconds,
    cpuMicros: user + system,
    delivered: count - refused - late - failed,
    sent: few.count + count,
    refused: warmUp.refused + refused,
    late: warmUp.late + late,
    failed: warmUp.failed + failed,
    p50: sorted?.[Math.floor(count * 0.5)],
    p99: sorted?.[Math.floor(count * 0.99)],
    peakBytes,
    grownBytes: peakBytes && residentBytes && peakBytes - residentBytes,
  };
}

/** Does what is measured; returns what was not done. */
async function run(
  session: Session,
  task: Task,
): Promise<{ refused: number; late: number; failed: number }> {
  const { mode, count } = task;
  let failed = 0;
  if (mode === "request") {
    failed = await (session.requests?.(task) ??
      keepInFlight(task, (i) => session.request!(i)));
  } else if (session.notifications !== undefined) {
    await session.notifications(task);
  } else if (mode === "notify each") {
    for (let i = 0; i < count; i++) await session.notification!(i);
  } else if (mode === "notify thousandth") {
    for (let i = 1; i <= count; i++) {
      const sent = session.notification!(i);
      if (i % 1000 === 0) await sent;
    }
  } else if (mode === "notify at once" || session.flush === undefined) {
    for (let i = 0; i < count; i++) session.notification!(i);
  } else {
    for (let i = 0; i < count;) {
      const end = Math.min(i + BURST, count);
      for (; i < end; i++) session.notification!(i);
      await session.flush();
    }
  }
  await session.close();
  const { refused, late } = session.undone?.() ?? { refused: 0, late: 0 };
  if (mode === "request") failed -= refused + late; // those rejected as well
  return { refused, late, failed };
}
