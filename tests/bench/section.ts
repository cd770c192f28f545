// What a section of the benchmark is: rows that are measured in turn, round by
// round, the columns of their table, and the targets that are set for them.

import { median } from "./statistics.ts";

/** What one measurement found, by the keys of the columns. */
export type Sample = Record<string, number | undefined>;

/** A column of a section's table. */
export interface Column {
  key: string;
  title: string;
  format: (value: number) => string;
  /** Also show the smallest and the largest value. */
  hasSpread?: boolean;
  /** Also show the ratio to the row that a row names. */
  hasRatio?: boolean;
  /** Show the sum of all rounds, not their median. */
  isTotal?: boolean;
  /** Leave the column out when it has nothing but zeros. */
  isRare?: boolean;
}

/** What is measured once in each round. */
export interface Row {
  name: string;
  /** The row to whose value of the same round it is compared. */
  yardstick?: string;
  /** Throws `Skipped` when it cannot be measured here. */
  measure(): Promise<Sample>;
}

/** What a section is to reach. */
export interface Target {
  text: string;
  atLeast?: number;
  atMost?: number;
  /** The figure that is compared; `undefined` when it was not measured. */
  value(results: Results): number | undefined;
}

/** A section of the benchmark; disposing ends its servers. */
export interface Section extends AsyncDisposable {
  title: string;
  columns: Column[];
  rows: Row[];
  targets: Target[];
  /** What must be known to read the table. */
  note?: string;
  /** At most so many rounds, when more would tell nothing. */
  maxRounds?: number;
}

/** What sections need to know. */
export interface Options {
  isQuick: boolean;
  /** The programs that could be built, or why not. */
  native: { c: string | Error; go: string | Error };
  /** By name, the packages that cannot be had, and why. */
  missing: Map<string, Error>;
}

/** What became of the rows of a section. */
export class Results {
  readonly samples = new Map<string, Sample[]>();
  readonly problems = new Map<string, Error>();

  /** All values of a row, one for each round. */
  values(row: string, key: string): number[] {
    return (this.samples.get(row) ?? []).map((sample) => sample[key])
      .filter((value) => value !== undefined);
  }

  median(row: string, key: string): number | undefined {
    const values = this.values(row, key);
    return values.length === 0 ? undefined : median(values);
  }

  /** The median of the ratios of two rows in the same round. */
  ratio(row: string, yardstick: string, key: string): number | undefined {
    const values = this.values(row, key), others = this.values(yardstick, key);
    if (values.length === 0 || values.length !== others.length) return;
    return median(values.map((value, i) => value / others[i]));
  }
}

/** A target for the ratio of two rows. */
export function ratioTarget(
  text: string,
  bound: { atLeast: number } | { atMost: number },
  row: string,
  yardstick: string,
  key: string,
): Target {
  const value = (results: Results) => results.ratio(row, yardstick, key);
  return { text, ...bound, value };
}

/** As the table shows numbers. */
export const format = {
  count: (value: number) => Math.round(value).toLocaleString("en-US"),
  mib: (value: number) => (value / 1024 / 1024).toFixed(0),
  kib: (value: number) => (value / 1024).toFixed(2),
  micros: (value: number) => (value * 1000).toFixed(0),
  millis: (value: number) => value.toFixed(value < 10 ? 1 : 0),
  digits: (value: number) => value.toFixed(value < 10 ? 2 : 1),
};

/** A column of figures that rows are compared by. */
export function compared(
  key: string,
  title: string,
  show = format.count,
): Column {
  return { key, title, format: show, hasSpread: true, hasRatio: true };
}

/** The processor time of one event, in microseconds: user and system. */
export const CPU: Column = {
  key: "cpu",
  title: "CPU µs each",
  format: format.digits,
  hasRatio: true,
};
/** What is neither there nor known to have failed. */
export const LOST: Column = {
  key: "lost",
  title: "lost",
  format: format.count,
  isTotal: true,
};
/** What the client told that it did not do: its queue was full, or it was late. */
export const UNDONE: Column[] = ["refused", "late"].map((key) => ({
  key,
  title: key,
  format: format.count,
  isTotal: true,
  isRare: true,
}));
export const PEAK: Column = {
  key: "peakBytes",
  title: "peak MiB",
  format: format.mib,
};
