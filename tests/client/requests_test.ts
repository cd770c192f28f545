import { assertEquals } from "@std/assert";
import { nextId, Requests } from "../../src/client/requests.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "Requests agrees with a Map at random, also when ids wrap",
  pure,
  () => {
    const seed = newSeed();
    const random = randomFrom(seed);
    const requests = new Requests<{ id: number }>();
    const map = new Map<number, { id: number }>();
    let id = 2 ** 31 - 2000;
    for (let i = 0; i < 20_000; i++) {
      // Now more come than go, now more go than come; some stay for long.
      if (random() < (i % 4000 < 2000 ? 0.7 : 0.3)) {
        id = id === 2 ** 31 - 1 ? 1 : id + 1;
        const request = { id };
        requests.add(request);
        map.set(id, request);
      } else if (map.size > 0) {
        const age = random() < 0.99 ? 0 : Math.floor(random() * map.size);
        const [, request] = [...map][age];
        requests.delete(request);
        map.delete(request.id);
      }
      assertEquals(requests.size, map.size, `seed ${seed}`);
      const near = id - Math.floor(random() * 3000);
      for (const any of [near, -near, near + 0.5, near + 2 ** 32, 0]) {
        assertEquals(requests.get(any), map.get(any), `seed ${seed}`);
        assertEquals(requests.has(any), map.has(any), `seed ${seed}`);
      }
    }
    const byId = (a: { id: number }, b: { id: number }) => a.id - b.id;
    assertEquals(
      requests.values().sort(byId),
      [...map.values()].sort(byId),
      `seed ${seed}`,
    );
  },
);

Deno.test(
  "Requests does not grow because of one that stays for long",
  pure,
  () => {
    const requests = new Requests<{ id: number }>();
    const old = { id: 1 };
    requests.add(old);
    for (let id = 2; id < 100_000; id++) {
      const request = { id };
      requests.add(request);
      assertEquals(requests.get(id), request);
      requests.delete(request);
    }
    assertEquals(requests.get(1), old);
    assertEquals(requests.values(), [old]);
  },
);

Deno.test(
  "Requests that were deleted are gone, though there came many",
  pure,
  () => {
    const requests = new Requests<{ id: number }>();
    const [a, b] = [{ id: 1 }, { id: 65 }]; // of the same slot at first
    requests.add(a);
    requests.add(b);
    for (let id = 100; id < 140; id++) requests.add({ id });
    requests.delete(b);
    assertEquals([requests.get(65), requests.get(1)], [undefined, a]);
  },
);

Deno.test("nextId() counts up, wraps, and passes ids in flight", () => {
  const ids = (...ids: number[]) => new Map(ids.map((id) => [id, 0]));
  assertEquals(nextId(1, ids()), 2);
  assertEquals(nextId(2147483646, ids()), 2147483647);
  assertEquals(nextId(2147483647, ids()), 1);
  assertEquals(nextId(2147483646, ids(2147483647, 1, 2)), 3);
  assertEquals(nextId(5, ids(6, 7, 9)), 8);
});
