// The table for people, in Markdown.

import type { Machine } from "./machine.ts";
import { Skipped } from "./processes.ts";
import type { Column, Results, Row, Section, Target } from "./section.ts";

/** What a target came to. */
export interface Verdict {
  text: string;
  bound: string;
  value?: number;
  /** `undefined`: it was not measured. */
  isReached?: boolean;
}

export function judge(target: Target, results: Results): Verdict {
  const { text, atLeast, atMost } = target;
  const value = target.value(results);
  const bound = atLeast !== undefined
    ? `at least ${shown(atLeast)}`
    : `at most ${shown(atMost!)}`;
  if (value === undefined || !Number.isFinite(value)) return { text, bound };
  const isReached = value >= (atLeast ?? -Infinity) &&
    value <= (atMost ?? Infinity);
  return { text, bound, value, isReached };
}

/** Where and with what it was measured, as a list. */
export function machineText(machine: Machine): string {
  return Object.entries(machine)
    .map(([name, value]) => `- ${name}: ${value}\n`).join("");
}

/** A section's table, and its targets below; a quick run judges nothing. */
export function sectionText(
  section: Section,
  results: Results,
  rounds: number,
  isQuick: boolean,
): string {
  const { title, rows, targets, note } = section;
  const columns = section.columns.filter(({ key, isRare }) =>
    !isRare || rows.some(({ name }) => results.values(name, key).some(Boolean))
  );
  const head = [
    rounds === 1 ? "one round" : `medians of ${rounds} rounds`,
    ...columns.flatMap((column) => [
      column.title,
      ...column.hasSpread && rounds > 1 ? ["min – max"] : [],
      ...column.hasRatio ? ["ratio"] : [],
    ]),
  ];
  const lines = [
    head,
    head.map((_, i) => i === 0 ? "---" : "---:"),
    ...rows.map((row) => rowCells(row, columns, results, rounds)),
  ];
  const table = lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
  const verdicts = (isQuick ? [] : targets).map((target) => {
    const { text, bound, value, isReached } = judge(target, results);
    return value === undefined
      ? `- not measured: ${text} (${bound})\n`
      : `- ${isReached ? "reached" : "missed"}: ${
        shown(value)
      } ${text} (${bound})\n`;
  });
  return [`### ${title}\n`, note ? `${note}\n` : "", table, verdicts.join("")]
    .filter((part) => part !== "").join("\n");
}

function rowCells(
  { name, yardstick }: Row,
  columns: Column[],
  results: Results,
  rounds: number,
): string[] {
  const problem = results.problems.get(name);
  if (problem !== undefined) {
    const kind = problem instanceof Skipped ? "skipped" : "FAILED";
    return [name, `${kind}: ${problem.message.replaceAll("\n", " ")}`];
  }
  return [
    name,
    ...columns.flatMap((column) => {
      const { key, format } = column;
      const values = results.values(name, key);
      if (values.length === 0) {
        return [
          column.isRare ? "" : "unknown",
          ...column.hasSpread && rounds > 1 ? [""] : [],
          ...column.hasRatio ? [""] : [],
        ];
      }
      const value = column.isTotal
        ? values.reduce((sum, value) => sum + value)
        : results.median(name, key)!;
      const ratio = yardstick && results.ratio(name, yardstick, key);
      return [
        format(value),
        ...column.hasSpread && rounds > 1
          ? [`${format(Math.min(...values))} – ${format(Math.max(...values))}`]
          : [],
        ...column.hasRatio ? [ratio ? shown(ratio) : ""] : [],
      ];
    }),
  ];
}

/** A number with as many digits as tell something. */
function shown(value: number): string {
  return value.toLocaleString("en-US", {
    maximumFractionDigits: value < 0.1 ? 4 : value < 100 ? 2 : 0,
  });
}
