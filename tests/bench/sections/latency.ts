// One request in flight: how long a confirmation takes, at a server that sleeps
// until something arrives, and at one that never does.

import { Server } from "../processes.ts";
import {
  compared,
  format,
  LOST,
  type Options,
  ratioTarget,
  type Row,
  type Section,
} from "../section.ts";
import { measureClient, needPackage, OURS, PACKAGES } from "./common.ts";

export async function latency(options: Options): Promise<Section> {
  const sleeping = await Server.start();
  const spinning = await Server.start("--spin");
  const row = (
    name: string,
    server: Server,
    file: string,
    count: number,
  ): Row => {
    const kind = server === spinning ? "spinning" : "sleeping";
    return {
      name: `${name}, ${kind} server`,
      floor: `floor, ${kind} server`,
      measure() {
        if (file === PACKAGES[name as keyof typeof PACKAGES]) {
          needPackage(options, name);
        }
        const size = options.isQuick ? Math.ceil(count / 10) : count;
        return measureClient(server, file, "request", size, 1);
      },
    };
  };
  const rows = [sleeping, spinning].flatMap((server) => [
    row("floor", server, "floor.ts", 5000),
    row(OURS, server, "event_jsonrpc.ts", 5000),
    row("plain Deno", server, "plain.ts", 5000),
    ...Object.entries(PACKAGES).map(([name, file]) =>
      row(name, server, file, name === "jayson" ? 500 : 3000)
    ),
  ]);
  rows.push({
    name: "vscode-jsonrpc as it comes (Nagle on), sleeping server",
    floor: "floor, sleeping server",
    measure() {
      needPackage(options, "vscode-jsonrpc");
      const file = PACKAGES["vscode-jsonrpc"];
      return measureClient(sleeping, file, "request", 20, 1, "nagle");
    },
  });
  const targets = ["sleeping", "spinning"].flatMap((kind) =>
    ([["p50", 1.1], ["p99", 1.25]] as const).map(([key, atMost]) =>
      ratioTarget(
        `of the floor's ${key}, ${kind} server`,
        { atMost },
        `${OURS}, ${kind} server`,
        `floor, ${kind} server`,
        key,
      )
    )
  );
  return {
    title: "One request in flight",
    columns: [
      compared("p50", "p50 µs", format.micros),
      compared("p99", "p99 µs", format.micros),
      LOST,
    ],
    rows,
    targets,
    note:
      "A thread of the spinning server keeps the processors from falling asleep.",
    async [Symbol.asyncDispose]() {
      await sleeping[Symbol.asyncDispose]();
      await spinning[Symbol.asyncDispose]();
    },
  };
}
