// The largest resident memory, as the operating system accounts for it.

import { runClient, Server } from "../processes.ts";
import {
  LOST,
  type Options,
  PEAK,
  type Results,
  type Sample,
  type Section,
  UNDONE,
} from "../section.ts";
import { pumpFile, writeEvents } from "./command.ts";
import { dispose, FILES, measureClient, OURS, PLAIN } from "./common.ts";

const MIB = 1024 * 1024;
/** The client's default bound when the targets were set; now it is 64 MiB of text. */
const BOUND_MIB = 16;

const BARE = "bare script that writes one message";
const STYLES = ["tight", "macrotask", "microtask"];
/** What allows a million events to wait. */
const ROOMY = { maxQueueBytes: 1024 * MIB, timeoutMs: 60_000 };

export async function memory(options: Options): Promise<Section> {
  const server = await Server.start();
  const mute = await Server.start("--mute");
  const count = options.isQuick ? 20_000 : 1_000_000;
  const path = await writeEvents(count);
  const atOnce = `${count.toLocaleString("en-US")} events in one go`;
  const plain = `${atOnce}: ${PLAIN}`, defaults = `${atOnce}: ${OURS}`;
  const roomy = `${defaults}, maxQueueBytes 1 GiB, timeoutMs 60,000`;
  const pump = `${count.toLocaleString("en-US")} lines through pump`;
  const stalled = (style: string) =>
    `until the queue is full, server not reading, no time-out, ${
      style === "tight" ? "tight loop" : `one per ${style}`
    }`;
  const raised = async (file: string, options = {}): Promise<Sample> => {
    const { peakBytes, lost, refused, late } = await measureClient({
      server,
      file,
      mode: "notify at once",
      shape: "one",
      count,
      options,
    });
    return { peakBytes, lost, refused, late };
  };
  const peakOf = async (sample: Promise<{ peakBytes?: number }>) => {
    const { peakBytes } = await sample;
    return { peakBytes, lost: 0 };
  };
  const mib = (results: Results, row: string) => {
    const bytes = results.median(row, PEAK.key);
    return bytes && bytes / MIB;
  };
  return {
    title: "Memory",
    columns: [{ ...PEAK, hasSpread: true }, LOST, ...UNDONE],
    rows: [
      {
        name: BARE,
        measure: () =>
          peakOf(runClient("one_message.ts", server.port, "memory")),
      },
      { name: plain, measure: () => raised(FILES.plain) },
      { name: defaults, measure: () => raised(FILES.ours) },
      { name: roomy, measure: () => raised(FILES.ours, ROOMY) },
      { name: pump, measure: () => peakOf(pumpFile(server, path, count)) },
      ...STYLES.map((style) => ({
        name: stalled(style),
        measure: () => peakOf(runClient("stalled.ts", mute.port, style)),
      })),
    ],
    targets: [
      {
        text: `MiB: ${roomy}`,
        atMost: 200,
        value: (results) => mib(results, roomy),
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
      await dispose(server, mute);
      await Deno.remove(path);
    },
  };
}
