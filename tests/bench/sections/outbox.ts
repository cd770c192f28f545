// The outbox on SQLite: how fast events are stored, beside a write and a sync of
// the same bytes, and how fast they are delivered and confirmed.

import { runClient, Server } from "../processes.ts";
import {
  compared,
  format,
  LOST,
  type Options,
  PEAK,
  ratioTarget,
  type Row,
  type Section,
} from "../section.ts";

const TURNS = [1, 10, 100, 1000];

export async function outbox({ isQuick }: Options): Promise<Section> {
  const server = await Server.start();
  const scale = isQuick ? 20 : 1;
  const client = async (...args: unknown[]) => ({
    ...await runClient("outbox.ts", ...args),
  });
  const rows = TURNS.flatMap((turn): Row[] => {
    const rounds = Math.ceil((turn === 1000 ? 200 : 1000) / scale);
    return [{
      name: `raw write and sync, ${turn} at once`,
      measure: () => client("raw", rounds, turn),
    }, {
      name: `stored, ${turn} at once`,
      yardstick: `raw write and sync, ${turn} at once`,
      measure: () => client("append", rounds, turn),
    }];
  });
  for (const [window, count] of [[1, 10_000], [64, 100_000]]) {
    rows.push({
      name: `stored, delivered and confirmed, window ${window}`,
      measure: () => client("deliver", server.port, count / scale, window),
    });
  }
  const many = isQuick ? 20_000 : 1_000_000;
  const drained = `${format.count(many)} kept, then delivered, window 64`;
  rows.push({
    name: drained,
    measure: () => client("drain", server.port, many),
  });
  return {
    title: "The outbox on SQLite",
    columns: [
      compared("rate", "events/s"),
      { key: "longestStop", title: "longest stop ms", format: format.millis },
      PEAK,
      { key: "fileBytes", title: "file MiB at the end", format: format.mib },
      LOST,
    ],
    rows,
    targets: [
      ...TURNS.slice(0, 3).map((turn) =>
        ratioTarget(
          `of a raw write and sync, ${turn} at once`,
          { atLeast: 0.6 },
          `stored, ${turn} at once`,
          `raw write and sync, ${turn} at once`,
          "rate",
        )
      ),
      {
        text: "stored a second, 1000 at once",
        atLeast: 200_000,
        value: (results) => results.median("stored, 1000 at once", "rate"),
      },
      {
        text: "delivered and confirmed a second, window 64",
        atLeast: 50_000,
        value: (results) => results.median(drained, "rate"),
      },
      {
        text: "bytes of memory, a million kept and drained",
        atMost: 150 * 1024 * 1024,
        value: (results) => results.median(drained, "peakBytes"),
      },
      {
        text: "bytes of the file then",
        atMost: 5 * 1024 * 1024,
        value: (results) => results.median(drained, "fileBytes"),
      },
    ],
    note:
      "An event takes about 200 bytes. The disk decides: compare a row with the raw one of the same round.",
    maxRounds: 3,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
