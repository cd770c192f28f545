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

const SMALL = "small responses", LARGE = "1 MiB texts";
const ESCAPED = "1 MiB texts full of escapes", HUGE = "16 MiB texts";
const INPUTS = [SMALL, LARGE, ESCAPED];
/** By name, the bytes of a piece. */
const CUTS = {
  "64 KiB": 64 * 1024,
  "4 KiB": 4096,
  "1 KiB": 1024,
  "7 bytes": 7,
  "1 byte": 1,
};
/** Of these the slowest may take so many times as long as the fastest. */
const LARGE_CUTS = ["whole", "64 KiB", "4 KiB", "1 KiB"], MOST_TIMES = 3;
const MIB = 32;

const nameOf = (input: string, cut: string) => `${input}, pieces: ${cut}`;

export function splitter({ isQuick }: Options): Promise<Section> {
  const mib = isQuick ? 2 : MIB;
  const cuts = { "whole": mib * 1024 * 1024, ...CUTS };
  const rows: Row[] = [...INPUTS, ...isQuick ? [] : [HUGE]].flatMap((input) =>
    Object.entries(cuts).map(([cut, bytes]) => ({
      name: nameOf(input, cut),
      yardstick: nameOf(input, "64 KiB"),
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
        text: `times: the best cut to the worst from 1 KiB up, ${input}`,
        atMost: MOST_TIMES,
        value(results: Results) {
          const rates = LARGE_CUTS
            .map((cut) => results.median(nameOf(input, cut), "rate"))
            .filter((rate) => rate !== undefined);
          return Math.max(...rates) / Math.min(...rates);
        },
      })),
      ...["64 KiB", "1 KiB", "1 byte"].map((cut) => ({
        // It would be a sixteenth of it if all bytes were looked at again.
        text: `of the speed with 1 MiB texts, with 16 MiB texts: ${cut}`,
        atLeast: 0.25,
        value(results: Results) {
          const huge = results.median(nameOf(HUGE, cut), "rate");
          const large = results.median(nameOf(LARGE, cut), "rate");
          return huge && large && huge / large;
        },
      })),
    ],
    note: "The ratio is that to the same input in pieces of 64 KiB.",
    async [Symbol.asyncDispose]() {},
  });
}
