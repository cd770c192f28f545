import { assert } from "@std/assert";
import { newSeed } from "../helpers/random.ts";
import { crash } from "./crash.ts";

for (const [kills, window] of [[12, 1], [8, 16]]) {
  Deno.test(`Outbox loses nothing when it is killed ${kills} times, with window ${window}`, async () => {
    const seed = newSeed();
    try {
      const { acknowledged } = await crash(kills, window, seed);
      assert(acknowledged > 0);
    } catch (error) {
      throw new Error(`With seed ${seed}`, { cause: error });
    }
  });
}
