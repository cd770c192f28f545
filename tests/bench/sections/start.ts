// How long the command takes from its start to its end, and the module to load.

import { clientArgs, output, pathOf, Server } from "../processes.ts";
import {
  compared,
  format,
  type Options,
  ratioTarget,
  type Row,
  type Section,
} from "../section.ts";
import { bundle } from "../../packages/bundle.ts";
import { commandArgs } from "./command.ts";

/** So many runs in a row make one sample, their shortest: most is noise. */
const RUNS = 5;

const BARE = "bare script that writes one line";
const RAISE = "raise … --quiet";
const BUNDLE = "raise … --quiet, of `deno task bundle`";
const IMPORT = "importing mod.ts, within a process";

export async function start(options: Options): Promise<Section> {
  const server = await Server.start();
  const folder = await Deno.makeTempDir();
  const bundled = `${folder}/event-jsonrpc.js`;
  await bundle(bundled);
  const raising = [
    "raise",
    `jsonrpc:127.0.0.1:${server.port}`,
    "E_PIKE_BLOCKED",
    "ip=192.168.2.11",
    "--quiet",
  ];
  const runs = options.isQuick ? 1 : RUNS;
  const wall = (name: string, args: string[]): Row => ({
    name,
    yardstick: BARE,
    async measure() {
      let ms = Infinity;
      for (let i = 0; i < runs; i++) {
        const start = performance.now();
        await output(Deno.execPath(), args);
        ms = Math.min(ms, performance.now() - start);
      }
      return { ms };
    },
  });
  return {
    title: "Start",
    columns: [
      compared(
        "ms",
        runs === 1 ? "ms" : `ms, shortest of ${runs}`,
        format.millis,
      ),
    ],
    rows: [
      wall(BARE, [
        "run",
        "--quiet",
        "--allow-net",
        pathOf("clients/one_message.ts"),
        String(server.port),
      ]),
      wall(RAISE, commandArgs(...raising)),
      wall(BUNDLE, ["run", "--quiet", "--allow-net", bundled, ...raising]),
      {
        name: IMPORT,
        async measure() {
          let ms = Infinity;
          for (let i = 0; i < runs; i++) {
            const args = clientArgs("import_module.ts");
            const result = await output(Deno.execPath(), args);
            ms = Math.min(ms, JSON.parse(result).ms);
          }
          return { ms };
        },
      },
    ],
    targets: [
      ratioTarget(
        "times the bare script: raise",
        { atMost: 1.6 },
        RAISE,
        BARE,
        "ms",
      ),
      ratioTarget(
        "times the bare script: raise, of the bundle",
        { atMost: 1.6 },
        BUNDLE,
        BARE,
        "ms",
      ),
      {
        text: "ms: importing mod.ts",
        atMost: 5,
        value: (results) => results.median(IMPORT, "ms"),
      },
    ],
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
