/** A thread of the soak that draws the cases of the pure functions. */

/// <reference lib="deno.worker" />

import { FUZZ, fuzz } from "./fuzz.ts";

self.onmessage = ({ data: { seed, cases } }: MessageEvent) => {
  for (const row of FUZZ) {
    fuzz(row, seed, cases);
    self.postMessage(row.name);
  }
  self.close();
};
