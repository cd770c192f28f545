// How clients are measured, and by which rows.

import { runClient, type Server } from "../processes.ts";
import type { Options, Row, Sample } from "../section.ts";
import type { ShapeName } from "../shapes.ts";

export const OURS = "event-jsonrpc";
export const PLAIN = "plain Deno";

export const FILES = {
  ours: "event_jsonrpc.ts",
  plain: "plain.ts",
  floor: "floor.ts",
  interface: "event_interface.ts",
};

/** By name, the packages and the files of their clients. */
export const PACKAGES = {
  "json-rpc-client": "json_rpc_client.ts",
  "json-rpc2": "json_rpc2.ts",
  "json-rpc-2.0": "json_rpc_2_0.ts",
  "vscode-jsonrpc": "vscode_jsonrpc.ts",
  "jayson": "jayson.ts",
};
export type PackageName = keyof typeof PACKAGES;

/** What a client is to do. */
export interface Run {
  server: Server;
  file: string;
  mode: string;
  shape: ShapeName;
  count: number;
  inFlight?: number;
  /** What is told to the library beside its defaults. */
  options?: unknown;
}

/** Runs a client, and sees what the server received of what it sent. */
export async function measureClient(
  { server, file, mode, shape, count, inFlight = 1, options = {} }: Run,
): Promise<Sample> {
  await server.received(); // what is left of a client that failed
  const result = await runClient(
    file,
    server.ports.join(),
    mode,
    shape,
    count,
    inFlight,
    JSON.stringify(options),
  );
  const { messages, requests, oddBytes, cpuMicros } = await server.received();
  const { sent, refused, late, failed, delivered, seconds } = result;
  let lost = sent - refused - messages - requests;
  // Of what is late it is not known whether it arrived.
  if (late > 0) lost = Math.max(lost - late, 0);
  // Half a message that arrived is a message that was lost.
  lost += failed + (oddBytes > 0 ? 1 : 0);
  return {
    lost,
    refused,
    late,
    rate: delivered / seconds,
    cpu: delivered > 0 ? result.cpuMicros / delivered : undefined,
    serverCpu: cpuMicros / sent,
    p50: result.p50,
    p99: result.p99,
    peakBytes: result.peakBytes,
    grownEach: result.grownBytes && result.grownBytes / count,
  };
}

/** A row of a client; a quick run does a part of it only. */
export function clientRow(
  { isQuick }: Options,
  name: string,
  yardstick: string | undefined,
  run: Run,
): Row {
  const count = isQuick ? Math.ceil(run.count / 20) : run.count;
  return { name, yardstick, measure: () => measureClient({ ...run, count }) };
}

/** A row of a package, which may not be there. */
export function packageRow(
  options: Options,
  name: string,
  yardstick: string,
  packageName: PackageName,
  run: Omit<Run, "file">,
): Row {
  const file = PACKAGES[packageName];
  const row = clientRow(options, name, yardstick, { ...run, file });
  return {
    ...row,
    async measure() {
      needPackage(options, packageName);
      return await row.measure();
    },
  };
}

/** Throws why a package cannot be had, if so. */
export function needPackage({ missing }: Options, name: string): void {
  const why = missing.get(name);
  if (why !== undefined) throw why;
}

/** Ends servers. */
export async function dispose(...servers: Server[]): Promise<void> {
  for (const server of servers) await server[Symbol.asyncDispose]();
}
