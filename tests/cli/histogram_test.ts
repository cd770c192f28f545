import { assert, assertEquals } from "@std/assert";
import { Histogram } from "../../src/cli/histogram.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";

Deno.test({
  name: "Histogram.quantile() is within a 32nd of the exact one",
  permissions: "none",
  fn() {
    const seed = newSeed();
    const random = randomFrom(seed);
    for (const longest of [0.05, 3, 800, 60_000, 4_000_000]) {
      const histogram = new Histogram();
      const times = Array.from({ length: 2000 }, () => random() * longest);
      for (const ms of times) histogram.add(ms);
      times.sort((a, b) => a - b);
      assertEquals(histogram.count, 2000);
      assertEquals(histogram.max, times.at(-1));
      for (const part of [0.001, 0.5, 0.9, 0.99, 1]) {
        const exact = times[Math.ceil(part * 2000) - 1]!;
        const off = Math.abs(histogram.quantile(part) - exact);
        assert(
          off <= exact / 32 + 0.001,
          `seed ${seed}: ${part} of ${longest}: ${exact}, off by ${off}`,
        );
      }
    }
  },
});

Deno.test({
  name: "Histogram takes any time, and none",
  permissions: "none",
  fn() {
    const empty = new Histogram();
    assertEquals([empty.count, empty.quantile(0.5), empty.max], [0, 0, 0]);
    for (const ms of [0, 0.0001, -1]) {
      const histogram = new Histogram();
      histogram.add(ms);
      assert(histogram.quantile(0.5) <= 0.001, `${ms}`);
    }
    for (const ms of [2 ** 32, Infinity]) {
      const histogram = new Histogram();
      histogram.add(ms);
      assert(histogram.quantile(0.5) > 4_000_000, `${ms}`);
      assertEquals(histogram.max, ms);
    }
  },
});
