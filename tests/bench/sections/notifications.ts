// Notifications: how many a second, by their shape and by what is awaited.

import { Server } from "../processes.ts";
import {
  compared,
  CPU,
  LOST,
  type Options,
  PEAK,
  ratioTarget,
  type Row,
  type Section,
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

/** By shape: how many take some 0.3 seconds, and the ratio to plain Deno that is wanted. */
const SHAPES: [ShapeName, count: number, atLeast: number, aim: number][] = [
  ["one", 2_000_000, 1, 1.15],
  ["contact", 500_000, 0.95, 1.1],
  ["utf8", 500_000, 1, 1.15],
  ["nested", 500_000, 0.95, 1.1],
  ["unnamed", 1_000_000, 0.95, 1.1],
];
const THOUSANDTH = "every thousandth awaited", TIGHT = "tight loop";
const EACH = "each awaited";
const MODES = {
  [THOUSANDTH]: "notify thousandth",
  [TIGHT]: "notify",
  [EACH]: "notify each",
};
type Way = keyof typeof MODES;
const EACH_COUNT = 50_000;
const AT_ONCE = "one, a million in one go";
const GO = "Go, buffered";

const COUNTS: Record<PackageName, number> = {
  "json-rpc-client": 100_000,
  "json-rpc2": 100_000,
  "json-rpc-2.0": 200_000,
  "vscode-jsonrpc": 15_000,
  "jayson": 1000,
};

const plain = (shape: ShapeName, way: Way) => `${shape}, ${way}: ${PLAIN}`;
const ours = (shape: ShapeName, way: Way) => `${shape}, ${way}: ${OURS}`;

export async function notifications(options: Options): Promise<Section> {
  const server = await Server.start();
  const alikeServer = await Server.start("--alike");
  const both = (shape: ShapeName, way: Way, count: number): Row[] => {
    const run = { server, shape, mode: MODES[way], count };
    const yardstick = plain(shape, way);
    return [
      clientRow(options, yardstick, yardstick, { ...run, file: FILES.plain }),
      clientRow(options, ours(shape, way), yardstick, {
        ...run,
        file: FILES.ours,
      }),
    ];
  };
  const ways = [THOUSANDTH, TIGHT] as const;
  return {
    title: "Notifications",
    columns: [compared("rate", "events/s"), CPU, LOST, ...UNDONE, PEAK],
    rows: [
      ...SHAPES.flatMap(([shape, count]) =>
        ways.flatMap((way) => both(shape, way, count))
      ),
      ...both("one", EACH, EACH_COUNT),
      ...both("contact", EACH, EACH_COUNT),
      ...inOneGo(options, server),
      ...others(options, server, alikeServer),
    ],
    targets: [
      ...SHAPES.flatMap(([shape, , atLeast, aim]) =>
        ways.map((way) => target(shape, way, atLeast, aim))
      ),
      target("one", EACH, 1),
      target("contact", EACH, 1),
    ],
    note:
      "In the tight loop 100,000 are sent without awaiting any, then all of them are awaited, and so on. The ratio is that to plain Deno with the same shape.",
    [Symbol.asyncDispose]: () => dispose(server, alikeServer),
  };
}

function target(shape: ShapeName, way: Way, atLeast: number, aim?: number) {
  const text = `of plain Deno: ${shape}, ${way}`;
  return ratioTarget(
    aim === undefined ? text : `${text}, the aim is ${aim}`,
    { atLeast },
    ours(shape, way),
    plain(shape, way),
    "rate",
  );
}

/** More than the queue takes by default. */
function inOneGo(options: Options, server: Server): Row[] {
  const yardstick = `${AT_ONCE}: ${PLAIN}`;
  const run = {
    server,
    shape: "one" as const,
    mode: "notify at once",
    count: 1_000_000,
  };
  return [
    clientRow(options, yardstick, yardstick, { ...run, file: FILES.plain }),
    clientRow(options, `${AT_ONCE}: ${OURS}`, yardstick, {
      ...run,
      file: FILES.ours,
    }),
  ];
}

function others(options: Options, server: Server, alike: Server): Row[] {
  const yardstick = plain("one", TIGHT), shape = "one" as const;
  const floor = (name: string, mode: string) =>
    clientRow(options, name, yardstick, {
      server: alike,
      file: FILES.floor,
      shape,
      mode,
      count: 10_000_000,
    });
  const program = (
    name: string,
    path: string | Error,
    mode: string,
    count: number,
  ): Row => ({
    name,
    yardstick,
    measure() {
      if (path instanceof Error) throw path;
      const of = mode === "notify alike" ? alike : server;
      const run = { server: of, file: path, shape, mode, count };
      return clientRow(options, name, yardstick, run).measure();
    },
  });
  const { c, go } = options.native;
  return [
    floor("floor: 64 KiB chunks built beforehand", "notify alike"),
    floor("floor: 60 KiB chunks built beforehand", "notify alike 60 KiB"),
    ...(Object.keys(PACKAGES) as PackageName[]).map((name) =>
      packageRow(options, `one, tight loop: ${name}`, yardstick, name, {
        server,
        shape,
        mode: "notify",
        count: COUNTS[name],
      })
    ),
    program("C, one send() each", c, "notify", 300_000),
    program("C, one send() each, Nagle on", c, "notify nagle", 300_000),
    program(
      "C, 64 KiB chunks built beforehand",
      c,
      "notify alike",
      10_000_000,
    ),
    program(GO, go, "notify", 1_000_000),
  ];
}
