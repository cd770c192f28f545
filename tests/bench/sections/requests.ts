// Confirmed requests: how many a second, by how many are in flight, by how the
// responses come, and by the events' shape. The responses differ from each other.

import { Server } from "../processes.ts";
import {
  compared,
  CPU,
  format,
  LOST,
  type Options,
  PEAK,
  ratioTarget,
  type Row,
  type Section,
  type Target,
  UNDONE,
} from "../section.ts";
import type { ShapeName } from "../shapes.ts";
import {
  clientRow,
  dispose,
  FILES,
  OURS,
  type PackageName,
  packageRow,
  PACKAGES,
  PLAIN,
} from "./common.ts";

/** How many are in flight, and the ratio to plain Deno that is wanted. */
const IN_FLIGHT: [inFlight: number, atLeast?: number, aim?: number][] = [
  [1],
  [64, 1, 1.15],
  [256, 0.9, 1.1],
  [1024, 0.9, 1.05],
  [100_000, 1],
];
/** Plain Deno's processor time of a request, so many times. */
const MOST_CPU = 1.4;
const PIECES = 4;
const WAYS = ["together", "in pieces"] as const;
type Way = typeof WAYS[number];
const SHAPES: ShapeName[] = ["one", "contact", "utf8", "nested", "unnamed"];
const SHAPES_IN_FLIGHT = 256;
const COUNT = 300_000, COUNT_ONE_IN_FLIGHT = 10_000;
/** What is told to the library where all 100,000 are to be done. */
const ROOMY = { maxQueueBytes: 128 * 1024 * 1024, timeoutMs: 60_000 };

const COUNTS: Record<PackageName, number> = {
  "json-rpc-client": 40_000,
  "json-rpc2": 30_000,
  "json-rpc-2.0": 100_000,
  "vscode-jsonrpc": 10_000,
  "jayson": 2000,
};

function nameOf(
  who: string,
  shape: ShapeName,
  inFlight: number,
  way: Way,
): string {
  return `${shape}, ${format.count(inFlight)} in flight, ${way}: ${who}`;
}

export async function requests(options: Options): Promise<Section> {
  const servers = {
    "together": await Server.start(),
    "in pieces": await Server.start(`--pieces=${PIECES}`),
  };
  const both = (shape: ShapeName, inFlight: number, way: Way): Row[] => {
    const yardstick = nameOf(PLAIN, shape, inFlight, way);
    const run = {
      server: servers[way],
      mode: "request",
      shape,
      count: inFlight === 1 ? COUNT_ONE_IN_FLIGHT : COUNT,
      inFlight,
    };
    const row = (who: string, file: string) =>
      clientRow(options, nameOf(who, shape, inFlight, way), yardstick, {
        ...run,
        file,
      });
    return [row(PLAIN, FILES.plain), row(OURS, FILES.ours)];
  };
  return {
    title: "Confirmed requests",
    columns: [compared("rate", "requests/s"), CPU, LOST, ...UNDONE, PEAK],
    rows: [
      ...WAYS.flatMap((way) =>
        IN_FLIGHT.flatMap(([inFlight]) => both("number", inFlight, way))
      ),
      roomy(options, servers.together),
      ...SHAPES.flatMap((shape) => both(shape, SHAPES_IN_FLIGHT, "together")),
      ...others(options, servers.together),
    ],
    targets: WAYS.flatMap((way) =>
      IN_FLIGHT.flatMap((wanted) => targetsOf(way, ...wanted))
    ),
    note:
      `The server sends back a number that each request brings (of the shape "one" nothing but true), and a client that gets another number has lost a request. Together: one write for all responses to what one read brought; in pieces: ${PIECES} writes, cut anywhere. The ratio is that to plain Deno with the same shape and as many in flight.`,
    [Symbol.asyncDispose]: () => dispose(...Object.values(servers)),
  };
}

function targetsOf(
  way: Way,
  inFlight: number,
  atLeast?: number,
  aim?: number,
): Target[] {
  if (atLeast === undefined) return [];
  const mine = nameOf(OURS, "number", inFlight, way);
  const yardstick = nameOf(PLAIN, "number", inFlight, way);
  const text = `of plain Deno: ${format.count(inFlight)} in flight, ${way}`;
  const full = aim === undefined ? text : `${text}, the aim is ${aim}`;
  const rate = ratioTarget(full, { atLeast }, mine, yardstick, "rate");
  const bound = { atMost: MOST_CPU };
  return [
    rate,
    ratioTarget(`times the CPU ${text}`, bound, mine, yardstick, "cpu"),
  ];
}

/** What the library does with 100,000 in flight when its bounds allow it. */
function roomy(options: Options, server: Server): Row {
  const most = 100_000;
  const name = nameOf(OURS, "number", most, "together");
  const yardstick = nameOf(PLAIN, "number", most, "together");
  return clientRow(
    options,
    `${name}, maxQueueBytes 128 MiB, timeoutMs 60,000`,
    yardstick,
    {
      server,
      file: FILES.ours,
      mode: "request",
      shape: "number",
      count: COUNT,
      inFlight: most,
      options: ROOMY,
    },
  );
}

function others(options: Options, server: Server): Row[] {
  const run = { server, mode: "request", shape: "number" as const };
  const rows = [64, 1024].flatMap((inFlight) => {
    const yardstick = nameOf(PLAIN, "number", inFlight, "together");
    const name = (who: string) => nameOf(who, "number", inFlight, "together");
    return [
      clientRow(options, name("floor"), yardstick, {
        ...run,
        file: FILES.floor,
        count: inFlight === 64 ? 400_000 : 1_000_000,
        inFlight,
      }),
      ...(Object.keys(PACKAGES) as PackageName[])
        // 1024 connections at a time measure the server's queue of those.
        .filter((name) => name !== "jayson" || inFlight === 64)
        .map((packageName) =>
          packageRow(options, name(packageName), yardstick, packageName, {
            ...run,
            count: COUNTS[packageName],
            inFlight,
          })
        ),
    ];
  });
  return [
    ...rows,
    clientRow(
      options,
      "the server's limit: requests written without waiting",
      nameOf(PLAIN, "number", 1024, "together"),
      { ...run, mode: "flood", file: FILES.floor, count: 1_000_000 },
    ),
  ];
}
