/**
 * Metrics in the text format of Prometheus.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/ and, for names and
 * units, https://prometheus.io/docs/practices/naming/
 *
 * @module
 */

/** Names and values of labels. */
export type Labels = Readonly<Record<string, string>>;

/** One value of a metric. */
export interface Sample {
  /** Its labels. */
  readonly labels?: Labels | undefined;
  /** The value. */
  readonly value: number;
}

/** A metric, and its values: one for each set of labels. */
export interface Metric {
  /** Its name, with its unit, and `_total` if it is a counter. */
  readonly name: string;
  /** What it says, in one sentence. */
  readonly help: string;
  /** A counter goes up only. */
  readonly type: "counter" | "gauge";
  /** The values. */
  readonly samples: readonly Sample[];
}

/** A metric of values counted by size. */
export interface HistogramMetric {
  /** Its name, with its unit. */
  readonly name: string;
  /** What it says, in one sentence. */
  readonly help: string;
  /** Values counted by size, for each set of labels. */
  readonly histograms: readonly {
    readonly labels?: Labels | undefined;
    readonly histogram: Histogram;
  }[];
}

/** The upper bounds of durations, in seconds: 1 ms to 10 s. */
const SECONDS: readonly number[] = [
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** Durations in seconds, counted by size. */
export class Histogram {
  readonly #counts: number[] = new Array(SECONDS.length + 1).fill(0);
  #sum = 0;

  /** Counts a duration, `count` times. */
  observe(seconds: number, count = 1): void {
    let i = 0;
    while (i < SECONDS.length && seconds > SECONDS[i]!) i++;
    this.#counts[i]! += count;
    this.#sum += seconds * count;
  }

  /** The sum of all durations, in seconds. */
  get sum(): number {
    return this.#sum;
  }

  /** For each upper bound in seconds, how many durations are not longer. */
  buckets(): (readonly [bound: number, count: number])[] {
    let count = 0;
    return [...SECONDS, Infinity].map((bound, i) => {
      count += this.#counts[i]!;
      return [bound, count] as const;
    });
  }
}

/** Counts by label, up to a bound; what is beyond is counted as `other`. */
export class Labeled<T> {
  readonly #make: () => T;
  readonly #max: number;
  readonly #values = new Map<string, T>();

  /** Constructs it; `make` makes the value of a label, `max` is the bound. */
  constructor(make: () => T, max: number) {
    this.#make = make;
    this.#max = max;
  }

  /** The value of a label, or of `other`. */
  at(text: string): T {
    // Two labels must not become the same one on the way.
    const label = text.slice(0, MAX_LABEL).toWellFormed();
    const name = this.#values.has(label) || this.#values.size < this.#max
      ? label
      : OTHER;
    let value = this.#values.get(name);
    if (value === undefined) this.#values.set(name, value = this.#make());
    return value;
  }

  /** The labels and their values. */
  entries(): Iterable<[string, T]> {
    return this.#values.entries();
  }
}

/** What a peer sends may be of any length. */
const MAX_LABEL = 100;
/** The label of what is beyond a bound. */
const OTHER = "other";

/** Formats metrics. A metric without values is left out. */
export function formatMetrics(
  metrics: readonly (Metric | HistogramMetric)[],
): string {
  return metrics.map((metric) =>
    "histograms" in metric ? formatHistogram(metric) : formatMetric(metric)
  ).join("");
}

function formatMetric({ name, help, type, samples }: Metric): string {
  if (samples.length === 0) return "";
  return headOf(name, help, type) +
    samples.map(({ labels, value }) =>
      `${name}${labelsText(labels)} ${numberText(value)}\n`
    ).join("");
}

function formatHistogram({ name, help, histograms }: HistogramMetric): string {
  if (histograms.length === 0) return "";
  return headOf(name, help, "histogram") +
    histograms.map(({ labels = {}, histogram }) => {
      const buckets = histogram.buckets();
      const lines = buckets.map(([bound, count]) =>
        `${name}_bucket${
          labelsText({ ...labels, le: numberText(bound) })
        } ${count}\n`
      );
      const total = buckets.at(-1)![1];
      const text = labelsText(labels);
      return `${lines.join("")}${name}_sum${text} ${
        numberText(histogram.sum)
      }\n${name}_count${text} ${total}\n`;
    }).join("");
}

function headOf(name: string, help: string, type: string): string {
  const text = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n`;
}

function labelsText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const text = value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
      .replaceAll('"', '\\"');
    return `${name}="${text}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
