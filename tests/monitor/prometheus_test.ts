import { assertEquals } from "@std/assert";
import {
  formatMetrics,
  Histogram,
  Labeled,
} from "../../src/monitor/prometheus.ts";
import { checkMetrics, findPromtool } from "../helpers/promtool.ts";

const promtool = await findPromtool();
if (promtool === undefined) {
  console.log("promtool is not here: tests with it are skipped");
}

/** Text of all sorts as it may come as a name. */
const HOSTILE = [
  'a"b',
  "a\\b",
  "a\nb",
  "a\\n",
  "\0",
  "\ud800",
  "\udfff",
  "…",
  "",
  "x".repeat(5000),
];

Deno.test("formatMetrics() writes counters, gauges and histograms", () => {
  const histogram = new Histogram();
  histogram.observe(0.002);
  histogram.observe(0.0025, 2);
  histogram.observe(60);
  const text = formatMetrics([
    {
      name: "x_total",
      help: "Back\\slash\nand line.",
      type: "counter",
      samples: [{ value: 3 }, { labels: { a: 'q"', b: "c" }, value: 0.5 }],
    },
    { name: "none", help: "None.", type: "gauge", samples: [] },
    {
      name: "y_seconds",
      help: "Time.",
      histograms: [{ labels: { a: "b" }, histogram }],
    },
  ]);
  const lines = text.split("\n");
  assertEquals(lines.slice(0, 7), [
    "# HELP x_total Back\\\\slash\\nand line.",
    "# TYPE x_total counter",
    "x_total 3",
    'x_total{a="q\\"",b="c"} 0.5',
    "# HELP y_seconds Time.",
    "# TYPE y_seconds histogram",
    'y_seconds_bucket{a="b",le="0.001"} 0',
  ]);
  assertEquals(lines[7], 'y_seconds_bucket{a="b",le="0.0025"} 3');
  assertEquals(lines.slice(-5), [
    'y_seconds_bucket{a="b",le="10"} 3',
    'y_seconds_bucket{a="b",le="+Inf"} 4',
    'y_seconds_sum{a="b"} 60.007',
    'y_seconds_count{a="b"} 4',
    "",
  ]);
});

Deno.test("Labeled counts what is beyond its bound as other", () => {
  const counts = new Labeled(() => ({ value: 0 }), 3);
  for (let i = 0; i < 10; i++) counts.at(`label ${i}`).value++;
  counts.at("label 0").value++;
  assertEquals(
    Array.from(counts.entries(), ([name, { value }]) => [name, value]),
    [["label 0", 2], ["label 1", 1], ["label 2", 1], ["other", 7]],
  );
});

Deno.test("Labeled makes no two labels that are the same on the wire", () => {
  const counts = new Labeled(() => ({ value: 0 }), 100);
  for (const name of HOSTILE) counts.at(name);
  const names = Array.from(counts.entries(), ([name]) => name);
  const encoder = new TextEncoder(), decoder = new TextDecoder();
  const decoded = names.map((name) => decoder.decode(encoder.encode(name)));
  assertEquals(new Set(decoded).size, names.length);
  assertEquals(decoded, names);
});

Deno.test({
  name: "promtool finds nothing wrong with hostile labels",
  ignore: promtool === undefined,
  async fn() {
    const counts = new Labeled(() => ({ value: 1 }), 100);
    for (const name of HOSTILE) counts.at(name);
    const text = formatMetrics([{
      name: "event_jsonrpc_x_total",
      help: "Things.",
      type: "counter",
      samples: Array.from(
        counts.entries(),
        ([method, { value }]) => ({ labels: { method }, value }),
      ),
    }]);
    assertEquals(await checkMetrics(promtool!, text), "");
  },
});
