import { assertEquals } from "@std/assert";
import { DeadlineQueue } from "../../src/transport/deadline_queue.ts";
import { newSeed, randomFrom } from "../helpers/random.ts";

const pure = { permissions: "none" } as const;

interface Item {
  timeoutMs: number;
  deadline: number;
}

Deno.test(
  "DeadlineQueue tells the earliest deadline and what is due",
  pure,
  () => {
    const deadlines = new DeadlineQueue<Item>();
    assertEquals(deadlines.next(), undefined);
    const slow = { timeoutMs: 100, deadline: 100 };
    const fast = { timeoutMs: 10, deadline: 15 };
    deadlines.add(slow);
    deadlines.add(fast);
    assertEquals(deadlines.next(), 15);
    assertEquals(deadlines.due(14), []);
    assertEquals(deadlines.due(15), [fast]);
    assertEquals(deadlines.due(1000), [slow, fast]);
    assertEquals(deadlines.delete(fast), true);
    assertEquals(deadlines.delete(fast), false);
    assertEquals(deadlines.next(), 100);
    assertEquals(deadlines.all(), [slow]);
    assertEquals(deadlines.size, 1);
    deadlines.delete(slow);
    assertEquals(deadlines.next(), undefined);
    assertEquals(deadlines.size, 0);
  },
);

Deno.test("DeadlineQueue agrees with a plain list at random", pure, () => {
  const seed = newSeed();
  const random = randomFrom(seed);
  const deadlines = new DeadlineQueue<Item>();
  let list: Item[] = [];
  let now = 0;
  for (let i = 0; i < 5000; i++) {
    now += Math.floor(random() * 3);
    if (random() < 0.6) {
      const timeoutMs = [1, 5, 5, 20][Math.floor(random() * 4)];
      const item = { timeoutMs, deadline: now + timeoutMs };
      deadlines.add(item);
      list.push(item);
    } else if (list.length > 0) {
      const [item] = list.splice(Math.floor(random() * list.length), 1);
      deadlines.delete(item);
    }
    const where = `seed ${seed}, step ${i}`;
    assertEquals(
      deadlines.next(),
      list.length === 0 ? undefined : Math.min(...list.map((x) => x.deadline)),
      where,
    );
    const due = deadlines.due(now);
    assertEquals(
      new Set(due),
      new Set(list.filter((x) => x.deadline <= now)),
      where,
    );
    for (const item of due) deadlines.delete(item);
    list = list.filter((x) => x.deadline > now);
    assertEquals(deadlines.size, list.length, where);
  }
});
