// How a server speaks to the benchmark: it prints {"ports":[…]} first, and for
// each line on standard input what it received since the line before.

import { cpuUsage } from "node:process";
import type { Received } from "../processes.ts";

/** Tells the ports and, when asked, what was received; ends with the parent. */
export async function reportToParent(
  ports: number[],
  received: Pick<Received, "messages" | "requests" | "oddBytes">,
): Promise<void> {
  console.log(JSON.stringify({ ports }));
  const decoder = new TextDecoder();
  let last = cpuUsage();
  for await (const chunk of Deno.stdin.readable) {
    if (!decoder.decode(chunk, { stream: true }).includes("\n")) continue;
    const { user, system } = cpuUsage(last);
    const answer: Received = { ...received, cpuMicros: user + system };
    console.log(JSON.stringify(answer));
    Object.assign(received, { messages: 0, requests: 0, oddBytes: 0 });
    last = cpuUsage();
  }
  Deno.exit();
}

/** The number of a flag such as `--pieces=4`. */
export function flag(name: string, absent: number): number {
  const text = Deno.args.find((arg) => arg.startsWith(`--${name}=`));
  return text === undefined ? absent : Number(text.split("=")[1]);
}
