// The splitter, JsonStream: how fast it is by what it reads and how that is cut.

import { clientArgs, output } from "../processes.ts";
import {
  compared,
  LOST,
  type Options,
  type Results,
  type Row,
  type Section,
} from "../section.ts";

const INPUTS = ["small replies", "1 MiB texts", "1 MiB texts full of escapes"];
/** By name, the bytes of a piece. */
const CUTS = { "64 KiB": 64 * 1024, "7 bytes": 7, "1 byte": 1 };
const MIB = 32;

export function splitter({ isQuick }: Options): Promise<Section> {
  const mib = isQuick ? 2 : MIB;
  const cuts = { "whole": mib * 1024 * 1024, ...CUTS };
  const nameOf = (input: string, cut: string) => `${input}, pieces: ${cut}`;
  const rows: Row[] = INPUTS.flatMap((input) =>
    Object.entries(cuts).map(([cut, bytes]) => ({
      name: nameOf(input, cut),
      floor: nameOf(input, "whole"),
      async measure() {
        const args = clientArgs("json_stream.ts", input, bytes, mib);
        return JSON.parse(await output(Deno.execPath(), args));
      },
    }))
  );
  return Promise.resolve({
    title: "The splitter",
    columns: [
      compared("rate", "MB/s", (value) => value.toFixed(0)),
      LOST,
    ],
    rows,
    targets: [
      ...INPUTS.map((input) => ({
        text: `MB/s: ${nameOf(input, "64 KiB")}`,
        atLeast: 300,
        value: (results: Results) =>
          results.median(nameOf(input, "64 KiB"), "rate"),
      })),
      ...INPUTS.map((input) => ({
        text: `times: the best cut to the worst, ${input}`,
        atMost: 3,
        value(results: Results) {
          const rates = Object.keys(cuts)
            .map((cut) => results.median(nameOf(input, cut), "rate"))
            .filter((rate) => rate !== undefined);
          return Math.max(...rates) / Math.min(...rates);
        },
      })),
    ],
    async [Symbol.asyncDispose]() {},
  });
}
