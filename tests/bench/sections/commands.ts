// The command's `pump` and `listen`.

import { runClient, Server } from "../processes.ts";
import {
  compared,
  LOST,
  type Options,
  PEAK,
  ratioTarget,
  type Section,
} from "../section.ts";
import { listenTo, pumpFile, view, writeEvents } from "./command.ts";
import { clientRow, FILES, OURS } from "./common.ts";

const IN_MEMORY = `${OURS}, raised in memory`;
const PUMP = "pump, from a file";
const LISTEN = "listen, its output to /dev/null";
const PAGE = "listen --page, with a viewer";

export async function commands(options: Options): Promise<Section> {
  const size = (count: number) => options.isQuick ? count / 50 : count;
  const server = await Server.start();
  const count = size(1_000_000);
  const path = await writeEvents(count);
  const listen = async (viewer?: (page: string) => Promise<void>) => {
    const warmUp = count / 10; // as the sender does it
    const { seconds } = await listenTo(
      count + warmUp,
      (port) => runClient(FILES.floor, port, "notify", "one", count),
      viewer,
    );
    return { rate: count / seconds, lost: 0 };
  };
  return {
    title: "Commands",
    columns: [
      compared("rate", "events/s"),
      LOST,
      PEAK,
    ],
    rows: [
      clientRow(options, IN_MEMORY, IN_MEMORY, {
        server,
        file: FILES.ours,
        mode: "notify",
        shape: "one",
        count: 1_000_000,
      }),
      {
        name: PUMP,
        yardstick: IN_MEMORY,
        measure: () => pumpFile(server, path, count),
      },
      { name: LISTEN, measure: () => listen() },
      { name: PAGE, yardstick: LISTEN, measure: () => listen(view) },
    ],
    targets: [
      ratioTarget(
        "of raising in memory: pump",
        { atLeast: 0.5 },
        PUMP,
        IN_MEMORY,
        "rate",
      ),
      {
        text: `events/s: ${LISTEN}`,
        atLeast: 1_000_000,
        value: (results) => results.median(LISTEN, "rate"),
      },
      ratioTarget(
        "of listen without a page: listen --page, with a viewer",
        { atLeast: 0.8 },
        PAGE,
        LISTEN,
        "rate",
      ),
    ],
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await Deno.remove(path);
    },
  };
}
