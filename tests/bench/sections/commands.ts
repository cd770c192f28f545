// The command's `pump` and `listen`, and the server for events.

import { runClient, Server } from "../processes.ts";
import {
  compared,
  LOST,
  type Options,
  PEAK,
  ratioTarget,
  type Results,
  type Section,
} from "../section.ts";
import { listenTo, pumpFile, writeEvents } from "./command.ts";
import { measureClient, OURS } from "./common.ts";

const IN_MEMORY = `${OURS}, raised in memory`;
const PUMP = "pump, from a file";
const LISTEN = "listen, its output to /dev/null";
const SERVE = "serveEvents, a handler that counts";

export async function commands(options: Options): Promise<Section> {
  const size = (count: number) => options.isQuick ? count / 50 : count;
  const server = await Server.start();
  const handling = await Server.startFile("clients/serve_events.ts");
  const count = size(1_000_000);
  const path = await writeEvents(count);
  return {
    title: "Commands, and receiving",
    columns: [
      compared("rate", "events/s"),
      LOST,
      PEAK,
    ],
    rows: [
      {
        name: IN_MEMORY,
        floor: IN_MEMORY,
        measure: () =>
          measureClient(server, "event_jsonrpc.ts", "notify", count),
      },
      {
        name: PUMP,
        floor: IN_MEMORY,
        measure: () => pumpFile(server, path, count),
      },
      {
        name: LISTEN,
        async measure() {
          const warmUp = count / 10; // as the sender does it
          const { seconds } = await listenTo(
            count + warmUp,
            (port) => runClient("floor.ts", port, "notify", count),
          );
          return { rate: count / seconds, lost: 0 };
        },
      },
      {
        name: SERVE,
        async measure() {
          const { rate, lost } = await measureClient(
            handling,
            "floor.ts",
            "notify",
            count,
          );
          return { rate, lost }; // the memory is the sender's
        },
      },
    ],
    targets: [
      ratioTarget(
        "of raising in memory: pump",
        { atLeast: 0.5 },
        PUMP,
        IN_MEMORY,
        "rate",
      ),
      ...[LISTEN, SERVE].map((row) => ({
        text: `events/s: ${row}`,
        atLeast: 1_000_000,
        value: (results: Results) => results.median(row, "rate"),
      })),
    ],
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await handling[Symbol.asyncDispose]();
      await Deno.remove(path);
    },
  };
}
