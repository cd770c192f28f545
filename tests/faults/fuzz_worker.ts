/** A thread of the soak: cases of the pure functions, steps of the client's core. */

/// <reference lib="deno.worker" />

import { modelDestination } from "./destination_model.ts";
import { FUZZ, fuzz } from "./fuzz.ts";

/** How many steps the core takes before it begins anew. */
const STEPS = 500;

self.onmessage = ({ data: { seed, cases } }: MessageEvent) => {
  for (const row of FUZZ) {
    fuzz(row, seed, cases);
    self.postMessage(row.name);
  }
  for (let n = 0; n < cases / STEPS; n++) modelDestination(seed + n, STEPS);
  self.postMessage("steps of the client's core");
  self.postMessage(undefined); // the end
  self.close();
};
