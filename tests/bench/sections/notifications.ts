// Notifications: how many a second, raised in a tight loop and in others.

import { Server } from "../processes.ts";
import {
  compared,
  LOST,
  type Options,
  PEAK,
  ratioTarget,
  type Row,
  type Section,
} from "../section.ts";
import { measureClient, needPackage, OURS, PACKAGES } from "./common.ts";

const FLOOR = "floor: 64 KiB chunks built beforehand";
const GO = "Go, buffered";

/** So many that each takes about half a second. */
const COUNTS: Record<keyof typeof PACKAGES, number> = {
  "json-rpc-client": 100_000,
  "json-rpc2": 100_000,
  "json-rpc-2.0": 200_000,
  "vscode-jsonrpc": 15_000,
  "jayson": 1000,
};

export async function notifications(options: Options): Promise<Section> {
  const { isQuick, native } = options;
  const server = await Server.start();
  const size = (count: number) => isQuick ? Math.ceil(count / 20) : count;
  const client = (name: string, file: string, mode: string, count: number) => ({
    name,
    floor: FLOOR,
    measure: () => measureClient(server, file, mode, size(count)),
  });
  const program = (
    name: string,
    path: string | Error,
    mode: string,
    count: number,
  ): Row => ({
    name,
    floor: FLOOR,
    measure() {
      if (path instanceof Error) throw path;
      return measureClient(server, path, mode, size(count));
    },
  });
  const { c, go } = native;
  const rows = [
    client(FLOOR, "floor.ts", "notify", 10_000_000),
    client(
      "the same, chunks of 60 KiB",
      "floor.ts",
      "notify 60 KiB",
      10_000_000,
    ),
    client(OURS, "event_jsonrpc.ts", "notify", 1_000_000),
    client("plain Deno, 60 lines", "plain.ts", "notify", 1_000_000),
    client(
      "plain Deno, batched by hand",
      "plain.ts",
      "notify by hand",
      2_000_000,
    ),
    ...Object.entries(PACKAGES).map(([name, file]) => ({
      name,
      floor: FLOOR,
      measure() {
        needPackage(options, name);
        const count = COUNTS[name as keyof typeof PACKAGES];
        return measureClient(server, file, "notify", size(count));
      },
    })),
    program("C, one send() each", c, "notify", 300_000),
    program("C, one send() each, Nagle on", c, "notify nagle", 300_000),
    program(GO, go, "notify", 1_000_000),
    program("C, 64 KiB chunks: the server's limit", c, "chunks", 10_000_000),
    client(
      `${OURS}, awaiting each`,
      "event_jsonrpc.ts",
      "notify each",
      50_000,
    ),
    client("plain Deno, awaiting each", "plain.ts", "notify each", 50_000),
    client(
      `${OURS}, awaiting every thousandth`,
      "event_jsonrpc.ts",
      "notify thousandth",
      500_000,
    ),
    client(
      "plain Deno, awaiting every thousandth",
      "plain.ts",
      "notify thousandth",
      500_000,
    ),
  ];
  return {
    title: "Notifications",
    columns: [
      compared("rate", "events/s"),
      LOST,
      PEAK,
    ],
    rows,
    targets: [
      ratioTarget("of the floor", { atLeast: 0.25 }, OURS, FLOOR, "rate"),
      {
        text: "times the fastest npm package",
        atLeast: 5,
        value(results) {
          const ratios = Object.keys(PACKAGES)
            .map((name) => results.ratio(OURS, name, "rate"))
            .filter((ratio) => ratio !== undefined);
          return ratios.length === 0 ? undefined : Math.min(...ratios);
        },
      },
      ratioTarget("times buffered Go", { atLeast: 1 }, OURS, GO, "rate"),
    ],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
