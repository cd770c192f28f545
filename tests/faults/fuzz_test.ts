// Ten thousand cases for each pure function; `deno task soak` has a million.

import { newSeed } from "../helpers/random.ts";
import { FUZZ, fuzz } from "./fuzz.ts";

for (const row of FUZZ) {
  Deno.test(`A plain reference agrees on ${row.name}`, {
    permissions: "none",
  }, () => fuzz(row, newSeed(), 10_000));
}
