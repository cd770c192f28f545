// The receiving end, beside a listener of plain Deno. The sender is the floor,
// which takes less time than any receiver.

import { Server } from "../processes.ts";
import {
  compared,
  CPU,
  format,
  LOST,
  type Options,
  ratioTarget,
  type Row,
  type Section,
} from "../section.ts";
import type { ShapeName } from "../shapes.ts";
import { dispose, FILES, measureClient, PLAIN } from "./common.ts";

const OURS = "serveEvents";
/**
 * By shape: how many take some 0.5 seconds, and the ratio to the plain listener
 * that is to be kept: the lowest of three runs on 2026-11-25.
 */
const SHAPES: [ShapeName, count: number, atLeast: number][] = [
  ["one", 1_000_000, 0.93],
  ["contact", 200_000, 0.93],
  ["utf8", 500_000, 0.74],
  ["nested", 300_000, 1.01],
  ["unnamed", 1_000_000, 0.88],
];
const IN_FLIGHT = [1, 64, 1024];
const COUNT = 300_000, COUNT_ONE_IN_FLIGHT = 10_000;

const notified = (who: string, shape: ShapeName) => `${shape}: ${who}`;
const answered = (who: string, inFlight: number) =>
  `requests, ${format.count(inFlight)} in flight: ${who}`;

export async function receiving(options: Options): Promise<Section> {
  const listeners = {
    [PLAIN]: await Server.startFile("clients/plain_listener.ts"),
    [OURS]: await Server.startFile("clients/serve_events.ts"),
  };
  const row = (
    nameOf: (who: string) => string,
    run: { mode: string; shape: ShapeName; count: number; inFlight?: number },
  ): Row[] =>
    Object.entries(listeners).map(([who, server]) => ({
      name: nameOf(who),
      yardstick: nameOf(PLAIN),
      async measure() {
        const count = options.isQuick ? Math.ceil(run.count / 20) : run.count;
        const file = FILES.floor;
        const { rate, lost, serverCpu } = await measureClient(
          { ...run, server, file, count },
        );
        return { rate, lost, cpu: serverCpu };
      },
    }));
  return {
    title: "Receiving",
    columns: [compared("rate", "events/s"), CPU, LOST],
    rows: [
      ...SHAPES.flatMap(([shape, count]) =>
        row((who) => notified(who, shape), { mode: "notify", shape, count })
      ),
      ...IN_FLIGHT.flatMap((inFlight) =>
        row((who) => answered(who, inFlight), {
          mode: "request",
          shape: "number",
          count: inFlight === 1 ? COUNT_ONE_IN_FLIGHT : COUNT,
          inFlight,
        })
      ),
    ],
    targets: [
      ...SHAPES.map(([shape, , atLeast]) =>
        ratioTarget(
          `of the plain listener, as it was when this was set: ${shape}`,
          { atLeast },
          notified(OURS, shape),
          notified(PLAIN, shape),
          "rate",
        )
      ),
      ...IN_FLIGHT.slice(1).map((inFlight) =>
        ratioTarget(
          `of the plain listener: ${answered(OURS, inFlight)}`,
          { atLeast: 1 },
          answered(OURS, inFlight),
          answered(PLAIN, inFlight),
          "rate",
        )
      ),
    ],
    note:
      "The processor time is the listener's; it includes that of the warm-up, as do the events by which it is divided.",
    [Symbol.asyncDispose]: () => dispose(...Object.values(listeners)),
  };
}
