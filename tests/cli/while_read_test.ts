import { assertEquals } from "@std/assert";
import { whileRead } from "../../src/cli/while_read.ts";

Deno.test("whileRead() leaves out what is not read, and tells how much", async () => {
  const told: number[] = [], printed: number[] = [];
  const print = whileRead((dropped) => told.push(dropped));
  const { promise, resolve } = Promise.withResolvers<void>();
  for (let n = 0; n < 5; n++) {
    print(() => {
      printed.push(n);
      return n === 1 ? promise : undefined;
    });
  }
  assertEquals([printed, told], [[0, 1], []]);
  resolve();
  await promise;
  assertEquals(told, [3]);
  print(() => void printed.push(5));
  assertEquals([printed, told], [[0, 1, 5], [3]]);
});
