// Confirmed requests: how many a second, with more and more in flight.

import { Server } from "../processes.ts";
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
import { measureClient, needPackage, OURS, PACKAGES } from "./common.ts";

/** So many requests with 64 and 1024 in flight take about half a second. */
const COUNTS: Record<keyof typeof PACKAGES, number> = {
  "json-rpc-client": 40_000,
  "json-rpc2": 30_000,
  "json-rpc-2.0": 100_000,
  "vscode-jsonrpc": 10_000,
  "jayson": 2000,
};

export async function requests(options: Options): Promise<Section> {
  const server = await Server.start();
  const row = (
    name: string,
    file: string,
    count: number,
    inFlight: number,
    floor: string,
  ): Row => ({
    name: `${name}, ${format.count(inFlight)} in flight`,
    floor,
    measure() {
      if (name in PACKAGES) needPackage(options, name);
      const size = options.isQuick ? Math.ceil(count / 10) : count;
      return measureClient(server, file, "request", size, inFlight);
    },
  });
  const rows = [64, 1024].flatMap((inFlight) => {
    const floor = `floor, ${format.count(inFlight)} in flight`;
    const floorCount = inFlight === 64 ? 400_000 : 3_000_000;
    return [
      row("floor", "floor.ts", floorCount, inFlight, floor),
      row(OURS, "event_jsonrpc.ts", 300_000, inFlight, floor),
      row("plain Deno", "plain.ts", 300_000, inFlight, floor),
      ...Object.entries(PACKAGES)
        // 1024 connections at a time measure the server's queue of those.
        .filter(([name]) => name !== "jayson" || inFlight === 64)
        .map(([name, file]) =>
          row(
            name,
            file,
            COUNTS[name as keyof typeof PACKAGES],
            inFlight,
            floor,
          )
        ),
    ];
  });
  const floor = "floor, 1,024 in flight";
  rows.push(
    row(OURS, "event_jsonrpc.ts", 300_000, 16_384, floor),
    row(OURS, "event_jsonrpc.ts", 300_000, 100_000, floor),
    row("plain Deno", "plain.ts", 300_000, 100_000, floor),
    {
      name: "the server's limit: requests written without waiting",
      floor,
      measure: () =>
        measureClient(
          server,
          "floor.ts",
          "flood",
          options.isQuick ? 300_000 : 3_000_000,
        ),
    },
  );
  const ours = (inFlight: string) => `${OURS}, ${inFlight} in flight`;
  return {
    title: "Confirmed requests",
    columns: [
      compared("rate", "requests/s"),
      LOST,
      PEAK,
    ],
    rows,
    targets: [
      ratioTarget(
        "of the floor with 64 in flight",
        { atLeast: 0.8 },
        ours("64"),
        "floor, 64 in flight",
        "rate",
      ),
      ratioTarget(
        "of the floor with 1,024 in flight",
        { atLeast: 0.35 },
        ours("1,024"),
        floor,
        "rate",
      ),
      ratioTarget(
        "of 1,024 in flight with 16,384",
        { atLeast: 0.8 },
        ours("16,384"),
        ours("1,024"),
        "rate",
      ),
      ratioTarget(
        "of 1,024 in flight with 100,000",
        { atLeast: 0.8 },
        ours("100,000"),
        ours("1,024"),
        "rate",
      ),
    ],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
