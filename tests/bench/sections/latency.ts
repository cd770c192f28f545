// One request in flight: how long a confirmation takes, at a server that sleeps
// until something arrives, and at one that never does.

import { Server } from "../processes.ts";
import {
  compared,
  CPU,
  format,
  LOST,
  type Options,
  ratioTarget,
  type Section,
  UNDONE,
} from "../section.ts";
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

const COUNT = 10_000;
const KINDS = ["sleeping", "spinning"] as const;
type Kind = typeof KINDS[number];
/** Times plain Deno's. */
const MOST = [["p50", 1.1], ["p99", 1.25]] as const;

const nameOf = (who: string, kind: Kind) => `${who}, ${kind} server`;

export async function latency(options: Options): Promise<Section> {
  const servers = {
    sleeping: await Server.start(),
    spinning: await Server.start("--spin"),
  };
  const run = { mode: "request", shape: "number", inFlight: 1 } as const;
  const rows = KINDS.flatMap((kind) => {
    const server = servers[kind], yardstick = nameOf(PLAIN, kind);
    const row = (who: string, file: string) =>
      clientRow(options, nameOf(who, kind), yardstick, {
        ...run,
        server,
        file,
        count: COUNT,
      });
    return [
      row(PLAIN, FILES.plain),
      row(OURS, FILES.ours),
      row("floor", FILES.floor),
      ...(Object.keys(PACKAGES) as PackageName[]).map((name) =>
        packageRow(options, nameOf(name, kind), yardstick, name, {
          ...run,
          server,
          count: name === "jayson" ? 500 : 3000,
        })
      ),
    ];
  });
  const nagle = "vscode-jsonrpc as it comes (Nagle on)";
  rows.push(
    packageRow(
      options,
      nameOf(nagle, "sleeping"),
      nameOf(PLAIN, "sleeping"),
      "vscode-jsonrpc",
      { ...run, server: servers.sleeping, count: 20, options: "nagle" },
    ),
  );
  return {
    title: "One request in flight",
    columns: [
      compared("p50", "p50 µs", format.micros),
      compared("p99", "p99 µs", format.micros),
      CPU,
      LOST,
      ...UNDONE,
    ],
    rows,
    targets: KINDS.flatMap((kind) =>
      MOST.map(([key, atMost]) =>
        ratioTarget(
          `times plain Deno's ${key}, ${kind} server`,
          { atMost },
          nameOf(OURS, kind),
          nameOf(PLAIN, kind),
          key,
        )
      )
    ),
    note:
      "A thread of the spinning server keeps the processors from falling asleep.",
    [Symbol.asyncDispose]: () => dispose(...Object.values(servers)),
  };
}
