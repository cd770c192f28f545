// The page's events, without a document.

import { assertEquals } from "@std/assert";
import { EventStore } from "../../src/monitor/page/store.js";

interface Kept {
  seq: number;
  method: string;
  response: string | null;
  isError: boolean;
}

/** Events as the page takes them, from number `from` on. */
function eventsOf(from: number, ...methods: string[]) {
  return methods.map((method, i) => ({
    seq: from + i,
    time: 0,
    peer: "10.0.0.7:5060",
    method,
    params: "{}",
    id: "7",
    response: null,
    isError: false,
    ms: 0,
  }));
}

const seqs = (events: Iterable<Kept>) => Array.from(events, ({ seq }) => seq);

Deno.test("EventStore shows all events, or those that the filter lets through", () => {
  const store = new EventStore();
  store.take(eventsOf(0, "E_A", "E_B", "E_A"));
  assertEquals(seqs(store.visible), [0, 1, 2]);
  store.filter("event:E_A");
  store.take(eventsOf(3, "E_A", "E_B"));
  assertEquals(seqs(store.visible), [0, 2, 3]);
  assertEquals([...store.counts], [["E_A", 3], ["E_B", 2]]);
  store.filter("");
  assertEquals(seqs(store.visible), [0, 1, 2, 3, 4]);
});

Deno.test("EventStore lets the oldest events go, and says how many of them were visible", () => {
  for (
    const [query, gone] of [["", 3], ["event:E_A", 2], [
      "event:E_B",
      1,
    ]] as const
  ) {
    const store = new EventStore();
    store.maxEvents = 4;
    store.filter(query);
    assertEquals(store.take(eventsOf(0, "E_A", "E_B", "E_A", "E_B")), 0);
    assertEquals(store.take(eventsOf(4, "E_A", "E_A", "E_A")), gone, query);
    assertEquals(seqs(store.all), [3, 4, 5, 6]);
    assertEquals([...store.counts], [["E_A", 3], ["E_B", 1]]);
  }
});

Deno.test("EventStore keeps what comes while it is paused, up to the bound", () => {
  const store = new EventStore();
  store.maxEvents = 3;
  store.take(eventsOf(0, "E_A"));
  store.pause();
  assertEquals(store.take(eventsOf(1, "E_A", "E_A", "E_A", "E_A")), 0);
  assertEquals([seqs(store.all), store.waiting.length], [[0], 3]);
  store.pause(); // again is fine
  assertEquals(store.resume(), 1);
  assertEquals(seqs(store.all), [2, 3, 4]);
});

Deno.test("EventStore takes late responses, which may make an event visible", () => {
  const store = new EventStore();
  store.filter("is:error");
  store.take(eventsOf(0, "E_A", "E_B"));
  store.pause();
  store.take(eventsOf(2, "E_C"));
  assertEquals(store.respond([9, "true", false, 1]), undefined);
  assertEquals(store.respond([2, "true", false, 1]).method, "E_C");
  assertEquals(
    store.respond([1, '{"code":1,"message":"no"}', true, 1]).method,
    "E_B",
  );
  assertEquals(seqs(store.visible), [1]);
  assertEquals(store.event(1).isError, true);
  assertEquals(store.event(9), undefined);
});

Deno.test("EventStore.reset() forgets events, and keeps the filter and the pause", () => {
  const store = new EventStore();
  store.filter("event:E_A");
  store.take(eventsOf(0, "E_A"));
  store.pause();
  store.take(eventsOf(1, "E_A"));
  store.missed = 7;
  store.reset();
  assertEquals([store.all.length, store.waiting.length, store.missed], [
    0,
    0,
    0,
  ]);
  assertEquals(store.isPaused, true);
  store.resume();
  store.take(eventsOf(2, "E_B", "E_A"));
  assertEquals(seqs(store.visible), [3]);
});
