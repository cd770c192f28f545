// How clients are measured, and by which rows.

import { type ClientResult, runClient, type Server } from "../processes.ts";
import type { Options, Sample } from "../section.ts";

export const OURS = "event-jsonrpc";

/** By name, the packages and the files of their clients. */
export const PACKAGES = {
  "json-rpc-client": "json_rpc_client.ts",
  "json-rpc2": "json_rpc2.ts",
  "json-rpc-2.0": "json_rpc_2_0.ts",
  "vscode-jsonrpc": "vscode_jsonrpc.ts",
  "jayson": "jayson.ts",
};

/** Runs a client, and sees what the server received of what it sent. */
export async function measureClient(
  server: Server,
  file: string,
  mode: string,
  count: number,
  ...rest: (string | number)[]
): Promise<Sample & ClientResult> {
  const ports = server.ports.join();
  await server.received(); // what is left of a client that failed
  const result = await runClient(file, ports, mode, count, ...rest);
  const { messages, requests, oddBytes } = await server.received();
  const arrived = messages + requests;
  // Half a message that arrived is a message that was lost.
  const lost = result.sent - arrived + result.failed + (oddBytes > 0 ? 1 : 0);
  return { ...result, lost, rate: count / result.seconds };
}

/** Throws why a package cannot be had, if so. */
export function needPackage({ missing }: Options, name: string): void {
  const why = missing.get(name);
  if (why !== undefined) throw why;
}
