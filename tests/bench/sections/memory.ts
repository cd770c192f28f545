// The largest resident memory, as the operating system accounts for it.

import { runClient, Server } from "../processes.ts";
import { type Options, PEAK, type Results, type Section } from "../section.ts";
import { pumpFile, writeEvents } from "./command.ts";
import { measureClient } from "./common.ts";

const MIB = 1024 * 1024;
/** The client's default bound of its queue. */
const BOUND_MIB = 16;

const BARE = "bare script that writes one message";
const STYLES = ["tight", "macrotask", "microtask"];

export async function memory(options: Options): Promise<Section> {
  const server = await Server.start();
  const mute = await Server.start("--mute");
  const count = options.isQuick ? 20_000 : 1_000_000;
  const path = await writeEvents(count);
  const tight = `${count.toLocaleString("en-US")} events in a tight loop`;
  const pump = `${count.toLocaleString("en-US")} lines through pump`;
  const stalled = (style: string) =>
    `until the queue is full, server not reading, ${
      style === "tight" ? "tight loop" : `one per ${style}`
    }`;
  const peak = async (sample: Promise<{ peakBytes?: number }>) => {
    const { peakBytes } = await sample;
    return { peakBytes };
  };
  const mib = (results: Results, row: string) => {
    const bytes = results.median(row, PEAK.key);
    return bytes && bytes / MIB;
  };
  return {
    title: "Memory",
    columns: [{ ...PEAK, hasSpread: true }],
    rows: [
      {
        name: BARE,
        measure: () => peak(runClient("one_message.ts", server.port, "memory")),
      },
      {
        name: tight,
        measure: () =>
          peak(measureClient(server, "event_jsonrpc.ts", "notify", count)),
      },
      { name: pump, measure: () => peak(pumpFile(server, path, count)) },
      ...STYLES.map((style) => ({
        name: stalled(style),
        measure: () => peak(runClient("stalled.ts", mute.port, style)),
      })),
    ],
    targets: [
      {
        text: `MiB: ${tight}`,
        atMost: 200,
        value: (results) => mib(results, tight),
      },
      {
        text: `MiB: ${pump}`,
        atMost: 80,
        value: (results) => mib(results, pump),
      },
      ...STYLES.map((style) => ({
        text: `MiB over the bare script: ${stalled(style)}`,
        atMost: BOUND_MIB + 40,
        value(results: Results) {
          const bare = mib(results, BARE), peak = mib(results, stalled(style));
          return bare && peak && peak - bare;
        },
      })),
    ],
    maxRounds: 3,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await mute[Symbol.asyncDispose]();
      await Deno.remove(path);
    },
  };
}
