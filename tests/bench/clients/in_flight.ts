// Requests, so many of them at a time.

import { resultOf, type Shape } from "../shapes.ts";

/**
 * Does `count` requests, `inFlight` of them at a time. Returns how many failed;
 * one that gets the result of another has failed, too.
 */
export async function keepInFlight(
  { count, inFlight, shape, latencies }: {
    count: number;
    inFlight: number;
    shape: Shape;
    latencies?: Float64Array;
  },
  request: (i: number) => Promise<unknown>,
): Promise<number> {
  let started = 0, failed = 0;
  async function oneAfterAnother(): Promise<void> {
    while (started < count) {
      const i = started++;
      const start = latencies && performance.now();
      try {
        if (await request(i) !== resultOf(shape, i)) failed++;
      } catch {
        failed++;
        // It is not tried again. The next one comes after what is under way.
        await new Promise((resolve) => setTimeout(resolve));
      }
      if (latencies) latencies[i] = performance.now() - start!;
    }
  }
  await Promise.all(Array.from({ length: inFlight }, oneAfterAnother));
  return failed;
}
