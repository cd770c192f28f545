// The project's command, run as users run it.

import {
  type ClientResult,
  linesOf,
  pathOf,
  peakBytesOf,
  type Server,
} from "../processes.ts";
import type { Sample } from "../section.ts";
import { SHAPES } from "../shapes.ts";

/** How often the memory of a running process is looked at. */
const LOOK_MS = 20;
/** How long `listen` may take to end after the last event. */
const MAX_END_MS = 5000;

/** The arguments of Deno that run the command. */
export function commandArgs(...args: string[]): string[] {
  return ["run", "--quiet", "--allow-net", pathOf("../../cli.ts"), ...args];
}

/** Makes a file of so many events, a line each, as `pump` reads them. */
export async function writeEvents(count: number): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".ndjson" });
  const { event, params } = SHAPES.one;
  let lines = "";
  for (let i = 0; i < count; i++) {
    lines += JSON.stringify({ event, params: params(i) }) + "\n";
  }
  await Deno.writeTextFile(path, lines);
  return path;
}

/** Pumps a file of `count` events. */
export async function pumpFile(
  server: Server,
  path: string,
  count: number,
): Promise<Sample> {
  const start = performance.now();
  // By exec the shell becomes the command, whose memory is looked at.
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      'exec "$@" < "$0"',
      path,
      Deno.execPath(),
      ...commandArgs("pump", `jsonrpc:127.0.0.1:${server.port}`, "--quiet"),
    ],
    stdout: "null",
  }).spawn();
  let peakBytes: number | undefined;
  const timer = setInterval(() => {
    peakBytes = peakBytesOf(child.pid) ?? peakBytes;
  }, LOOK_MS);
  const { success } = await child.status;
  clearInterval(timer);
  const seconds = (performance.now() - start) / 1000;
  if (!success) throw new Error("pump has failed");
  const { messages } = await server.received();
  return { rate: count / seconds, lost: count - messages, peakBytes };
}

/**
 * Has `listen` print events, its output thrown away, until it has `count` of
 * them. `send` is told its port, and what it returns is returned; that `listen`
 * ends tells that none was lost. `viewer`, if given, is told the address of its
 * page before, and has to end when the page does.
 */
export async function listenTo(
  count: number,
  send: (port: number) => Promise<ClientResult>,
  viewer?: (page: string) => Promise<void>,
): Promise<ClientResult> {
  const page = viewer === undefined ? [] : ["--page", "0"];
  const child = new Deno.Command(Deno.execPath(), {
    args: commandArgs("listen", "0", "--count", String(count), ...page),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = linesOf(child.stderr).getReader();
  const { value } = await lines.read();
  const looking = viewer?.(
    /http:\S+/.exec((await lines.read()).value ?? "")![0],
  );
  const result = await send(Number(/:(\d+)$/.exec(value ?? "")?.[1]));
  const lost = setTimeout(() => child.kill(), MAX_END_MS);
  const { success } = await child.status;
  clearTimeout(lost);
  await looking;
  await lines.cancel();
  if (!success) throw new Error(`listen has not got all of ${count} events`);
  return result;
}

/** Looks at a page as a browser does, without drawing it. */
export async function view(page: string): Promise<void> {
  const { body } = await fetch(new URL("/events", page));
  try {
    for await (const _ of body!);
  } catch { /* the process has ended */ }
}
