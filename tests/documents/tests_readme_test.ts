// What tests/README.md names is there.

import { assert } from "@std/assert";

const TESTS = new URL("../", import.meta.url);

Deno.test("tests/README.md names tests that exist", async () => {
  const text = await Deno.readTextFile(new URL("README.md", TESTS));
  const names = [...text.matchAll(/`([\w/]+_test\.ts)`/g)].map(([, n]) => n);
  assert(names.length > 40);
  for (const name of names) {
    const isThere = await Deno.stat(new URL(name, TESTS))
      .then(({ isFile }) => isFile, () => false);
    assert(isThere, name);
  }
});
