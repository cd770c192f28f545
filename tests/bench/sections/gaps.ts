// What each `responseGapMs` gives: to OpenSIPS, whose ids step by four, and to
// clients whose ids step by one.

import { clientArgs, output } from "../processes.ts";
import { type Column, format, type Section } from "../section.ts";

const GAPS = ["0", "0.5", "1", "auto"];
const STEPS = [[4, "as of OpenSIPS"], [1, "as of most clients"]] as const;
const COLUMNS: Column[] = [
  { key: "ms", title: "ms for all", format: format.millis, hasSpread: true },
  { key: "most", title: "most in one read", format: format.count },
];

export function gaps(): Promise<Section> {
  return Promise.resolve({
    title: "Responses to OpenSIPS",
    columns: COLUMNS,
    rows: GAPS.flatMap((gap) =>
      STEPS.map(([step, whose]) => ({
        name: `responseGapMs ${gap}, ids step by ${step} (${whose})`,
        async measure() {
          const args = clientArgs("gaps.ts", gap, `${step}`);
          return JSON.parse(await output(Deno.execPath(), args));
        },
      }))
    ),
    targets: [],
    note:
      "100 requests come in one write. OpenSIPS 4.0 loses events when more than five responses come in one of its reads.",
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
