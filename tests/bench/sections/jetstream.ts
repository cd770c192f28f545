// The outbox on NATS JetStream: how fast events are stored and delivered, beside
// a bare client of JetStream that does the same.

import { findNatsServer, NatsServer } from "../../helpers/nats.ts";
import { runClient, Server, Skipped } from "../processes.ts";
import {
  compared,
  LOST,
  type Options,
  type Row,
  type Sample,
  type Section,
} from "../section.ts";

/** What a deliverer prints. */
interface Delivered {
  start: number;
  end: number;
  delivered: number;
}

export async function jetstream({ isQuick }: Options): Promise<Section> {
  const server = await Server.start();
  const command = await findNatsServer();
  const nats = command === undefined
    ? undefined
    : await NatsServer.start(command);
  const count = isQuick ? 500 : 5000;
  let runs = 0;

  /** Stores, then delivers by `deliverers` processes at once. */
  async function measure(
    kind: "" | "bare-",
    targets: number,
    deliverers: number,
  ): Promise<Sample> {
    if (nats === undefined) throw new Skipped("there is no nats-server");
    const name = `bench-${++runs}`;
    const run = (mode: string) =>
      runClient(
        "jetstream.ts",
        kind + mode,
        ...[nats.port, name, server.port, targets, count],
      ) as unknown;
    const stored = await run("store") as Sample;
    if (deliverers === 0) return { ...stored, lost: 0 };
    const all = await Promise.all(
      Array.from({ length: deliverers }, () => run("deliver")),
    ) as Delivered[];
    const delivered = all.reduce((sum, { delivered }) => sum + delivered, 0);
    const begin = Math.min(...all.map(({ start }) => start));
    const end = Math.max(...all.map(({ end }) => end));
    return {
      rate: delivered / (end - begin) * 1000,
      lost: Math.max(0, count + targets - delivered),
    };
  }

  const rows: Row[] = [];
  for (const targets of [1, 100]) {
    const to = targets === 1 ? "one target" : `${targets} targets`;
    for (const deliverers of [0, 1, 3]) {
      const what = deliverers === 0
        ? `stored for ${to}, 100 at once`
        : `delivered to ${to} by ${deliverers}`;
      const bare = `bare JetStream, ${what}`;
      rows.push(
        { name: bare, measure: () => measure("bare-", targets, deliverers) },
        {
          name: what,
          yardstick: bare,
          measure: () => measure("", targets, deliverers),
        },
      );
    }
  }
  return {
    title: "The outbox on NATS JetStream",
    columns: [compared("rate", "events/s"), LOST],
    rows,
    targets: [],
    note:
      "An event takes about 200 bytes. Each target has one event out at a time, so that its order is kept.",
    maxRounds: 3,
    async [Symbol.asyncDispose]() {
      await nats?.[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
