import { assertEquals } from "@std/assert";
import { Pace } from "../../src/server/pace.ts";
import type { RequestId } from "../../src/protocol/request.ts";

const HALF = 0.5;

/** The gap after each of these ids. */
const IDS: [name: string, ids: RequestId[], gaps: number[]][] = [
  ["of OpenSIPS", [17_000, 17_004, 17_008, 17_012], [HALF, HALF, HALF, HALF]],
  // 4.0 makes its ids positive when they have run over, and counts down then.
  ["of OpenSIPS, run over", [9012, 9008, 9004], [HALF, HALF, HALF]],
  [
    "of several processes of OpenSIPS",
    [5001, 77_002, 5005, 77_006, 5009],
    [HALF, HALF, HALF, HALF, HALF],
  ],
  ["that step by one", [41, 42, 43], [HALF, 0, 0]],
  ["that step by one from 0", [0, 1, 2], [HALF, 0, 0]],
  ["that step by one after a hole", [41, 44, 45, 46], [HALF, HALF, 0, 0]],
  ["that step by one, then wrap", [2147483647 - 1, 2147483647, 1], [
    HALF,
    0,
    0,
  ]],
  ["that are the same", [1, 1, 1], [HALF, HALF, HALF]],
  ["that are texts", ["a", "b"], [0, 0]],
  ["beyond 2^53", [8674665223082153551n, 5n], [0, 0]],
];

for (const [name, ids, gaps] of IDS) {
  Deno.test(`Pace knows ids ${name}`, () => {
    const pace = new Pace("auto");
    assertEquals([pace.gapMs, pace.mayBeOpenSips], [HALF, true]);
    assertEquals(
      ids.map((id) => {
        pace.take(id);
        assertEquals(pace.mayBeOpenSips, pace.gapMs > 0);
        return pace.gapMs;
      }),
      gaps,
    );
  });
}

Deno.test("Pace keeps a gap that was given", () => {
  for (const gap of [0, 0.25, 20]) {
    const pace = new Pace(gap);
    for (const id of [1, 2, 6]) pace.take(id);
    assertEquals([pace.gapMs, pace.mayBeOpenSips], [gap, false]);
  }
});
